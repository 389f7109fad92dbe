"""Plans the trouble of a soak from its seed: what fails, and from when to when. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Names what goes wrong."""

    DOWN = "Business Central is down"
    UNAVAILABLE = "Business Central answers 503 to everything"
    NO_PERMISSION = "Business Central denies writing in the second company"
    NO_COMPANY = "Business Central forgets the second company"
    SLOW_ITEMS = "writes to some items take longer than the app waits"
    SLOW_BODIES = "bodies of requests for some items travel slowly"
    FEW_REQUESTS = "Business Central accepts few requests"
    STORAGE_DOWN = "storage refuses all requests"
    KILLED = "a host process is killed"
    WORKER_KILLED = "a worker process is killed"
    FROZEN = "a host's worker process is frozen"


@dataclass(frozen=True)
class Spell:
    """One trouble, from ``start`` to ``end`` (seconds after the start); ``detail`` says which host or items."""

    kind: Kind
    start: float
    end: float
    detail: int = 0


# A request that gets no answer takes effect at most 16 minutes later (queue and operation), and a worker may stop for
# up to 4 minutes at any moment: the app's doubt of 20 minutes covers both together. All of it is shrunk alike.
FROZEN_MOST = 4.0  # seconds
LATE_MOST = 13.0  # seconds
_EPISODE = 60.0  # seconds; each has one of the long troubles

# How often in a hundred requests, and what Business Central does then. The first that strikes counts.
BUSINESS_CENTRAL_FAULTS: tuple[dict[str, object], ...] = (
    {"status": 429, "probability": 0.03},
    {"status": 503, "probability": 0.03},
    {"drop": True, "probability": 0.02},
    {"drop": "unread", "probability": 0.01},
    {"status": 500, "probability": 0.02, "method": "PATCH"},
    {"status": 500, "probability": 0.01, "method": "PATCH", "applied": True},
    {"status": 504, "probability": 0.06, "method": "PATCH", "applied": "later", "delay": LATE_MOST},
    {"status": 504, "probability": 0.02, "method": "PATCH", "applied": "later", "delay": 5.0},
    {"drop": True, "probability": 0.04, "method": "PATCH", "applied": True},
    {"drop": True, "probability": 0.06, "method": "PATCH", "applied": "later", "delay": 9.0},
)
STORAGE_FAULTS = {"busy": 1.5, "failed": 0.5, "refused": 0.5, "lost": 1.0}  # percent
STORAGE_DOWN = {"busy": 70.0, "refused": 30.0}


def make(seconds: float, seed: int, hosts: int) -> list[Spell]:
    """Plan the trouble of ``seconds``; all of it is over by then."""
    chance = random.Random(f"trouble {seed}")  # noqa: S311 - chance for tests, not a secret
    spells = [
        *_of_business_central(seconds, chance),
        *_of_storage(seconds, chance),
        *_of_hosts(seconds, hosts, chance),
    ]
    return sorted(spells, key=lambda spell: (spell.start, spell.kind))


def _of_business_central(seconds: float, chance: random.Random) -> Iterator[Spell]:
    episode = min(_EPISODE, seconds)
    for index in range(round(seconds / episode)):
        start = index * episode
        yield _spell(Kind.NO_PERMISSION, start + 0.10 * episode, 5, chance)
        yield _spell(Kind.FEW_REQUESTS, start + 0.22 * episode, 4, chance)
        yield _spell(Kind.UNAVAILABLE, start + 0.33 * episode, 4, chance)
        yield _spell(Kind.DOWN, start + 0.45 * episode, 9, chance)
        yield _spell(Kind.NO_COMPANY, start + 0.70 * episode, 6, chance)
        for share in (0.05, 0.25, 0.60, 0.80):
            yield _spell(Kind.SLOW_ITEMS, start + share * episode, 4, chance)
            yield _spell(Kind.SLOW_BODIES, start + share * episode, 4, chance)


def _of_storage(seconds: float, chance: random.Random) -> Iterator[Spell]:
    at = 2.0
    while at < seconds - 2:
        yield Spell(Kind.STORAGE_DOWN, at, at + chance.choice((0.3, 0.3, 0.3, 2.0)))
        at += chance.uniform(3, 7)


def _spell(kind: Kind, start: float, seconds: float, chance: random.Random) -> Spell:
    start += chance.uniform(0, 2)
    return Spell(kind, start, start + seconds, chance.randrange(16))


def _of_hosts(seconds: float, hosts: int, chance: random.Random) -> Iterator[Spell]:
    at = 3.0
    while at < seconds - FROZEN_MOST - 1:
        kind = chance.choice((Kind.KILLED, Kind.WORKER_KILLED, Kind.FROZEN, Kind.FROZEN))
        lasts = chance.uniform(1, FROZEN_MOST) if kind is Kind.FROZEN else 0.0
        yield Spell(kind, at, at + lasts, chance.randrange(hosts))
        at += chance.uniform(3, 9)
