"""A search for files that hurt: valid ones are broken, and nothing but a picture or a reason may come out.

``python3 dev.py test --fuzz 600 tests/pictures/test_hostile_fuzz.py`` searches for ten minutes from a random seed; with
``--fuzz-seed`` it searches again as before. What was found lies in ``.local/fuzz``.
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
ENOUGH = 20  # finds, after which the search ends


def numbers(seconds: float | None) -> Iterator[int]:
    ends, number = time.monotonic() + (seconds or 0), 0
    while time.monotonic() < ends if seconds else number < USUAL_NUMBER:
        yield number
        number += 1


def kept(source: bytes, verdict: Verdict) -> str:
    folder = LOCAL / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verdict.outcome}-{hashlib.sha256(source).hexdigest()[:12]}"
    path.write_bytes(source)
    return f"{path}: {verdict}"


def test_the_files_to_be_broken_are_whole() -> None:
    with Worker() as worker:
        found = [worker.render(source) for source in files()]
    assert [str(verdict) for verdict in found if verdict.outcome != "picture" or not verdict.is_expected] == []


def test_no_broken_file_gives_anything_but_a_picture_or_a_reason(request: pytest.FixtureRequest) -> None:
    seconds, seed = request.config.getoption("--fuzz"), request.config.getoption("--fuzz-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(2**32) if seconds else USUAL_SEED
    seeds, outcomes, finds = files(), Counter[str](), []
    slowest = largest = (0, Verdict("none"))
    with Worker() as worker:
        for number in numbers(seconds):
            source = damaged(seeds, seed, number)
            verdict = worker.render(source)
            outcomes[verdict.outcome] += 1
            slowest = max(slowest, (number, verdict), key=lambda one: one[1].cpu)
            largest = max(largest, (number, verdict), key=lambda one: one[1].memory)
            if not verdict.is_expected:
                finds.append(f"number {number}: {kept(source, verdict)}")
            if len(finds) == ENOUGH:
                break
    print(f"\n--fuzz-seed {seed}: {dict(outcomes)}")
    for what, (number, verdict) in {"slowest": slowest, "largest": largest}.items():
        print(f"{what}: number {number}: {verdict}")
    assert finds == [], f"again with --fuzz-seed {seed}"
