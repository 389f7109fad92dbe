"""The same source and settings give the same bytes in every thread and process."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.pictures.render import render
from shared.pictures.rendition import Rendition
from tests.support.formats import KINDS
from tests.support.pictures import saved
from tests.support.wide_gamut import PROFILES, chart

ROOT = Path(__file__).parents[2]
ELSEWHERE = """
import hashlib, json, pathlib, sys
from shared.pictures.render import render
from shared.pictures.rendition import Rendition

digests = {}
for path in pathlib.Path(sys.argv[1]).iterdir():
    for fit in ("inside", "pad"):
        content = render(path.read_bytes(), Rendition(max_side=150, max_bytes=8000, fit=fit)).content
        digests[f"{path.name} {fit}"] = hashlib.sha256(content).hexdigest()
print(json.dumps(digests))
"""


@pytest.fixture(scope="module")
def sources() -> dict[str, bytes]:
    """Return a source of each format, and some whose colours are converted."""
    picture = chart(320, 200)
    unprofiled = {str(number): kind.make(picture) for number, kind in enumerate(KINDS.values())}
    profiled = {name: saved(picture, "PNG", icc_profile=profile) for name, profile in PROFILES.items()}
    return unprofiled | profiled | {"inks": saved(picture.convert("CMYK"), "JPEG")}


def digest(source: bytes, fit: str) -> str:
    content = render(source, Rendition(max_side=150, max_bytes=8000, fit=fit)).content
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def expected(sources: dict[str, bytes]) -> dict[str, str]:
    """Return the digests of all sources, rendered one after the other in this process."""
    return {f"{name} {fit}": digest(sources[name], fit) for name in sources for fit in ("inside", "pad")}


def test_concurrent_threads_make_the_same_bytes(sources: dict[str, bytes], expected: dict[str, str]) -> None:
    tasks = [(name, fit) for name in sources for fit in ("inside", "pad")] * 3
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda task: digest(sources[task[0]], task[1]), tasks))
    assert digests == [expected[f"{name} {fit}"] for name, fit in tasks]


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_another_process_makes_the_same_bytes(
    sources: dict[str, bytes], expected: dict[str, str], seed: str, tmp_path: Path
) -> None:
    for name, source in sources.items():
        (tmp_path / name).write_bytes(source)
    environment = os.environ | {"PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(run.stdout) == expected
