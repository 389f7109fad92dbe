"""Plans a soak from its seed: the items, and which upload comes when, under which name, with which picture. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from devstack.benchmarks.soak import names, pattern
from devstack.benchmarks.soak.spoilt import Spoilt, spoilt_content

UPLOADS_PER_ITEM = 5
UPLOADS_PER_SECOND = 8
_SHORTEST = 40.0  # seconds; fewer would leave no room for all the trouble

# Of a hundred uploads, so many are …
_SPOILT, _REPLAYS, _SAME_PICTURE, _SAME_NAME, _AT_ONCE = 6, 4, 10, 25, 15
# Of a hundred items, so many …
_COME_LATE, _NEVER_COME, _HAVE_A_PICTURE, _IN_THE_SECOND_COMPANY = 10, 3, 20, 25


@dataclass(frozen=True)
class Company:
    """Names a company by all that a path may call it."""

    id: UUID
    name: str
    spellings: tuple[str, ...]
    is_default: bool


@dataclass(frozen=True)
class Item:
    """Describes an item; it ``appears`` so many seconds after the start, at 0 before it, never if that is None.

    ``by_hand`` is the picture that somebody put there before the start.
    """

    id: UUID
    company: Company
    number: str
    gtin: str
    appears: float | None
    by_hand: int | None


@dataclass(frozen=True)
class Upload:
    """Describes an upload, ``at`` so many seconds after the start; ``item`` is None where the path names none.

    ``replays`` is the number of the upload whose original comes back. ``spoilt`` says how the file or its path is bad.
    """

    number: int
    at: float
    name: str
    item: Item | None
    picture: int | None = None
    spoilt: Spoilt | None = None
    replays: int | None = None

    def content(self) -> bytes:
        """Return the file; no two uploads have the same bytes."""
        extension = self.name.rpartition(".")[2]
        if self.spoilt:
            return spoilt_content(self.spoilt, self.number)
        return pattern.paint(self.picture or 0, extension, self.number)


@dataclass(frozen=True)
class Plan:
    """Holds all that is going to be uploaded, in the order of time."""

    seed: int
    seconds: float
    items: tuple[Item, ...]
    uploads: tuple[Upload, ...]


def make(count: int, seed: int, companies: tuple[Company, Company]) -> Plan:
    """Plan ``count`` uploads; the same seed gives the same plan."""
    chance = random.Random(f"plan {seed}")  # noqa: S311 - chance for tests, not a secret
    seconds = max(_SHORTEST, count / UPLOADS_PER_SECOND)
    items = tuple(_items(max(1, count // UPLOADS_PER_ITEM), seconds, companies, chance))
    return Plan(seed, seconds, items, tuple(_uploads(count, seconds, items, chance)))


def _items(count: int, seconds: float, companies: tuple[Company, Company], chance: random.Random) -> Iterator[Item]:
    for index in range(count):
        fate, appears = chance.randrange(100), 0.0
        if fate < _COME_LATE:
            appears = chance.uniform(seconds / 3, seconds)
        never = _COME_LATE <= fate < _COME_LATE + _NEVER_COME
        yield Item(
            id=UUID(int=chance.getrandbits(128), version=4),
            company=companies[_percent(chance, _IN_THE_SECOND_COMPANY)],
            number=chance.choice(names.NUMBERS).format(index),
            gtin=f"{40_000_000_000 + index:013d}",
            appears=None if never else appears,
            by_hand=1_000_000 + index if not never and not appears and _percent(chance, _HAVE_A_PICTURE) else None,
        )


def _uploads(count: int, seconds: float, items: tuple[Item, ...], chance: random.Random) -> Iterator[Upload]:
    earlier: dict[UUID, list[Upload]] = {item.id: [] for item in items}
    item, at = items[0], 0.0
    for number, planned in enumerate(sorted(chance.uniform(0, seconds) for _ in range(count)), 1):
        if number == 1 or not _percent(chance, _AT_ONCE):  # otherwise one more for the same item, in the same moment
            item, at = chance.choice(items), max(at, planned)
        upload = _upload(number, at, item, earlier[item.id], chance)
        earlier[item.id].append(upload)
        yield upload


def _upload(number: int, at: float, item: Item, earlier: list[Upload], chance: random.Random) -> Upload:
    good = [upload for upload in earlier if not upload.spoilt and upload.replays is None]
    fate = chance.randrange(100)
    if good and fate < _REPLAYS:
        original = chance.choice(good)
        return Upload(number, at, original.name, item, original.picture, replays=original.number)
    name = names.of_item(item, chance)
    if good and _percent(chance, _SAME_NAME):
        name = chance.choice(good).name
    if fate < _REPLAYS + _SPOILT:
        kind = chance.choice(list(Spoilt))
        return Upload(number, at, names.of_spoilt(kind, name, number), item, spoilt=kind)
    same = good and fate < _REPLAYS + _SPOILT + _SAME_PICTURE
    return Upload(number, at, name, item, good[-1].picture if same else number)


def _percent(chance: random.Random, percent: int) -> bool:
    return chance.randrange(100) < percent
