"""Searches for harmful files: breaks valid ones, and expects only pictures and reasons.

``python3 dev.py test --fuzz 600 tests/pictures/test_hostile_fuzz.py`` searches for ten minutes from a random seed;
``--fuzz-seed`` repeats a search. Harmful files are saved in ``.local/fuzz``.
"""

import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from devstack.machine.setup import LOCAL
from tests.support.mutations import damaged, files
from tests.support.render_process import Verdict, Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
USUAL_NUMBER, USUAL_SEED = 6000, 1
ENOUGH = 20  # harmful files, after which the search ends


def numbers(seconds: float | None) -> Iterator[int]:
    ends, number = time.monotonic() + (seconds or 0), 0
    while time.monotonic() < ends if seconds else number < USUAL_NUMBER:
        yield number
        number += 1


def save(source: bytes, verdict: Verdict) -> str:
    """Save a harmful file; return its path and the verdict."""
    folder = LOCAL / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verdict.outcome}-{hashlib.sha256(source).hexdigest()[:12]}"
    path.write_bytes(source)
    return f"{path}: {verdict}"


def test_the_files_are_valid_before_they_are_broken() -> None:
    with Worker() as worker:
        verdicts = [worker.render(source) for source in files()]
    assert [str(verdict) for verdict in verdicts if verdict.outcome != "picture" or not verdict.is_expected] == []


def test_broken_files_give_only_pictures_or_reasons(request: pytest.FixtureRequest) -> None:
    seconds, seed = request.config.getoption("--fuzz"), request.config.getoption("--fuzz-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(2**32) if seconds else USUAL_SEED
    seeds, outcomes, harmful = files(), Counter[str](), []
    slowest = largest = (0, Verdict("none"))
    with Worker() as worker:
        for number in numbers(seconds):
            source = damaged(seeds, seed, number)
            verdict = worker.render(source)
            outcomes[verdict.outcome] += 1
            slowest = max(slowest, (number, verdict), key=lambda render: render[1].cpu)
            largest = max(largest, (number, verdict), key=lambda render: render[1].memory)
            if not verdict.is_expected:
                harmful.append(f"number {number}: {save(source, verdict)}")
            if len(harmful) == ENOUGH:
                break
    print(f"\n--fuzz-seed {seed}: {dict(outcomes)}")
    for extreme, (number, verdict) in {"slowest": slowest, "largest": largest}.items():
        print(f"{extreme}: number {number}: {verdict}")
    assert harmful == [], f"repeat with --fuzz-seed {seed}"
