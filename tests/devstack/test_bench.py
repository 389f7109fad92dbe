"""The rendering benchmark: comparing renderers, including those that fail, and measuring them."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from devstack.benchmarks import renderers, results, throughput
from devstack.benchmarks.comparison import Comparison, rounds
from devstack.benchmarks.renderers import NAMES, Command, in_python
from devstack.drawing.encodings import jpeg, png
from devstack.machine.children import ChildFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from devstack.benchmarks.results import Picture

# Pillow stands in for libvips and sharp, which only the benchmark installs.
STAND_INS: dict[str, Command] = {name: in_python("ours" if name == "ours" else "sample") for name in NAMES}
SCRIPTED = """
import json, sys
source = b""
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "load":
        source = open(request["path"], "rb").read()
    if request["do"] == "render" and source == b"deadly":
        sys.exit("out of ink")
    if request["do"] == "render" and source == b"large":
        del (grown := bytearray(b"x") * 70_000_000)[:]
    if request["do"] == "save":
        open(request["path"], "wb").write(b"picture")
    print(json.dumps({"ns": 1_000_000}), flush=True)
"""


class Indifferent:
    """Rates everything as identical; SSIM itself is tested by scikit-image."""

    def __init__(self, source: bytes) -> None:
        self.source = source

    def ssim(self, _rendition: bytes) -> float:
        return 1.0

    def ceiling(self) -> float:
        return 1.0


def compare(folder: Path, commands: dict[str, Command], **sources: bytes) -> list[Picture]:
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    with renderers.running(commands) as running:
        comparison = Comparison(commands, running, Indifferent)
        return [comparison.compare(folder / name) for name in sources]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    small = Image.linear_gradient("L").convert("RGB")
    (tmp_path / "a.jpg").write_bytes(jpeg(small))
    (tmp_path / "b.png").write_bytes(png(small))
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    return sorted(tmp_path.iterdir())


def test_run_reports_every_picture_even_if_all_refuse_it(photos: list[Path], tmp_path: Path) -> None:
    pictures = compare(tmp_path, STAND_INS, **{path.name: path.read_bytes() for path in photos})
    assert [picture.name for picture in pictures] == ["a.jpg", "b.png", "c.jpg"]
    first, second, broken = results.report(pictures)["pictures"]
    for row in (first, second):
        assert row["ratio"] == row["ours_ms"] / min(row["libvips_ms"], row["sharp_ms"])
        assert row["bytes_out"] > 0
        assert row["rounds"] >= 9
    assert (broken["ours_ms"], broken["ratio"]) == (None, None)
    assert set(broken["refused"]) == set(NAMES)
    assert "not_an_image" in broken["refused"]["ours"]


def test_renderer_that_crashes_renders_the_next_picture(tmp_path: Path) -> None:
    scripted = dict.fromkeys(NAMES, (sys.executable, "-c", SCRIPTED))
    deadly, fine = compare(tmp_path, scripted, deadly=b"deadly", fine=b"fine")
    assert "it ended with code 1; last output: out of ink" in deadly.refusals["sharp"]
    assert (fine.refusals, fine.ratio) == ({}, 1)


def test_renderer_that_does_not_start_ends_the_benchmark() -> None:
    with pytest.raises(ChildFailedError, match=r"sharp does not start.*no such module"):
        renderers.Renderer("sharp", (sys.executable, "-c", "import sys; sys.exit('no such module')"))


def test_no_renderer_is_left_running() -> None:
    others = set(psutil.Process().children())
    with renderers.running(STAND_INS):
        family = set(psutil.Process().children()) - others
        assert len(family) == len(STAND_INS)
    assert {child for child in family if child.is_running()} == set()


def test_peak_memory_includes_memory_freed_before_the_end(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"large")
    with renderers.running({"ours": (sys.executable, "-c", SCRIPTED)}) as running:
        running["ours"].ask("load", path=str(tmp_path / "source"))
        peaks = [running["ours"].peak() for _ in range(2)]
    if sys.platform == "darwin":  # only the process itself can read it
        assert peaks == [None, None]
    else:
        assert all(69 <= peak < 75 for peak in peaks if peak is not None)
        assert None not in peaks


@pytest.mark.parametrize(("seconds", "expected"), [(60, 9), (0.9, 11), (0, 15)])
def test_fast_pictures_get_more_rounds_than_slow_ones(seconds: float, expected: int) -> None:
    assert rounds(seconds) == expected


def test_throughput_counts_only_rendered_pictures(photos: list[Path]) -> None:
    result = throughput.measure(photos, 2)
    assert result.pictures == 16, "two of three files, eight renditions per thread"
    assert result.gain == result.by_all / result.by_one > 0


def test_throughput_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    with pytest.raises(SystemExit, match="None of these files"):
        throughput.measure([tmp_path / "c.jpg"], 2)


def test_sample_code_only_decodes_resizes_and_saves(tmp_path: Path) -> None:
    sideways = Image.Exif()
    sideways[0x0112] = 6
    (tmp_path / "wide.jpg").write_bytes(jpeg(Image.new("RGB", (1600, 400), "#884422"), exif=sideways))
    with renderers.running({"sample": in_python("sample")}) as running:
        content = running["sample"].render(tmp_path / "wide.jpg")
    with Image.open(BytesIO(content)) as rendered:
        assert (rendered.format, rendered.size) == ("JPEG", (1024, 256))


def test_no_other_command_needs_the_benchmark_packages() -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'pyvips', 'skimage')))"
    subprocess.run([sys.executable, "-c", f"{hidden}; import devstack.commands"], check=True)
