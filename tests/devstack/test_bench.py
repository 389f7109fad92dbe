"""The benchmark of rendering: its arithmetic, its report, its chart, and how it meets renderers that fail."""

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

# libvips and sharp are installed for the benchmark alone; here Pillow stands in for them.
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
    """A judge to whom everything is the same: SSIM itself is scikit-image's."""

    def __init__(self, source: bytes) -> None:
        self.source = source

    def ssim(self, _rendition: bytes) -> float:
        return 1.0

    def ceiling(self) -> float:
        return 1.0


def compared(folder: Path, started_by: dict[str, Command], **sources: bytes) -> list[Picture]:
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    with renderers.running(started_by) as running:
        comparison = Comparison(started_by, running, Indifferent)
        return [comparison.of(folder / name) for name in sources]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    small = Image.linear_gradient("L").convert("RGB")
    (tmp_path / "a.jpg").write_bytes(jpeg(small))
    (tmp_path / "b.png").write_bytes(png(small))
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    return sorted(tmp_path.iterdir())


def test_a_run_reports_every_picture_also_one_that_all_refuse(photos: list[Path], tmp_path: Path) -> None:
    found = compared(tmp_path, STAND_INS, **{path.name: path.read_bytes() for path in photos})
    assert [one.name for one in found] == ["a.jpg", "b.png", "c.jpg"]
    first, second, broken = results.report(found)["pictures"]
    for row in (first, second):
        assert row["ratio"] == row["ours_ms"] / min(row["libvips_ms"], row["sharp_ms"])
        assert row["bytes_out"] > 0
        assert row["rounds"] >= 9
    assert (broken["ours_ms"], broken["ratio"]) == (None, None)
    assert set(broken["refused"]) == set(NAMES)
    assert "not_an_image" in broken["refused"]["ours"]


def test_a_renderer_that_dies_over_a_picture_renders_the_next_one(tmp_path: Path) -> None:
    scripted = dict.fromkeys(NAMES, (sys.executable, "-c", SCRIPTED))
    deadly, fine = compared(tmp_path, scripted, deadly=b"deadly", fine=b"fine")
    assert "it ended with code 1 and said: out of ink" in deadly.refusals["sharp"]
    assert (fine.refusals, fine.ratio) == ({}, 1)


def test_a_renderer_that_does_not_start_ends_the_benchmark_with_its_last_words() -> None:
    with pytest.raises(ChildFailedError, match=r"sharp does not start.*no such module"):
        renderers.Renderer("sharp", (sys.executable, "-c", "import sys; sys.exit('no such module')"))


def test_no_renderer_stays_behind() -> None:
    others = set(psutil.Process().children())
    with renderers.running(STAND_INS):
        family = set(psutil.Process().children()) - others
        assert len(family) == len(STAND_INS)
    assert {child for child in family if child.is_running()} == set()


def test_peak_memory_counts_what_is_given_back_before_the_end(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"large")
    with renderers.running({"ours": (sys.executable, "-c", SCRIPTED)}) as running:
        running["ours"].ask("load", path=str(tmp_path / "source"))
        peaks = [running["ours"].peak() for _ in range(2)]
    if sys.platform == "darwin":  # tells it to nobody but the process itself
        assert peaks == [None, None]
    else:
        assert all(69 <= peak < 75 for peak in peaks if peak is not None)
        assert None not in peaks


@pytest.mark.parametrize(("seconds", "expected"), [(60, 9), (0.9, 11), (0, 15)])
def test_quick_pictures_have_more_rounds_than_slow_ones(seconds: float, expected: int) -> None:
    assert rounds(seconds) == expected


def test_throughput_counts_what_can_be_rendered(photos: list[Path]) -> None:
    found = throughput.measure(photos, 2)
    assert found.pictures == 16, "two of three, eight for each thread"
    assert found.gain == found.by_all / found.by_one > 0


def test_throughput_of_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    with pytest.raises(SystemExit, match="None of these files"):
        throughput.measure([tmp_path / "c.jpg"], 2)


def test_the_sample_code_does_what_samples_do_and_no_more(tmp_path: Path) -> None:
    sideways = Image.Exif()
    sideways[0x0112] = 6
    (tmp_path / "wide.jpg").write_bytes(jpeg(Image.new("RGB", (1600, 400), "#884422"), exif=sideways))
    with renderers.running({"sample": in_python("sample")}) as running:
        content = running["sample"].render(tmp_path / "wide.jpg")
    with Image.open(BytesIO(content)) as rendered:
        assert (rendered.format, rendered.size) == ("JPEG", (1024, 256))


def test_no_other_command_needs_the_benchmarks_packages() -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'pyvips', 'skimage')))"
    subprocess.run([sys.executable, "-c", f"{hidden}; import devstack.commands"], check=True)
