"""Decides which item a file means: its readings, and what Business Central knows of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from operate.backfill.maps import MapLine
from operate.backfill.readings import Reading, given, nearest, readings
from operate.backfill.views import PLAIN, View
from operate.catalogue import Catalogue
from shared.business_central.items import Item
from shared.paths import ItemKey, KeyKind

_AT_ONCE = 1000  # files whose readings are in memory together
_KINDS = {"number": KeyKind.NUMBER, "id": KeyKind.ID, "gtin": KeyKind.GTIN}
_WORDS = {KeyKind.NUMBER: "number", KeyKind.ID: "id", KeyKind.GTIN: "GTIN"}
_SHOWN = 3
_NO_VENDOR = (
    "Business Central's API does not tell the vendor's item numbers: give the item's number, id or GTIN, which the "
    "page Items shows"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The item that a file means and the view that its name tells; without an item, ``problem`` says why."""

    item: Item | None = None
    view: View = PLAIN
    problem: str = ""


_Found = Mapping[ItemKey, Sequence[Item]]


def of_names(catalogue: Catalogue, names: Sequence[str]) -> Iterator[Meaning]:
    """Yield what each file's name means, in order."""
    paths = [PurePosixPath(name) for name in names]
    known = catalogue.find(key_of(reading) for path in paths for reading in nearest(path))
    iterator = iter(paths)
    while some := list(islice(iterator, _AT_ONCE)):
        further = {path: readings(path) for path in some if not any(known.get(key_of(r)) for r in nearest(path))}
        keys = (key_of(reading) for possible in further.values() for reading in possible)
        found = {**known, **catalogue.find(key for key in keys if key not in known)}
        for path in some:
            yield decide(further[path], found) if path in further else decide(nearest(path), known)


def of_map_lines(catalogue: Catalogue, lines: Sequence[MapLine]) -> Iterator[Meaning]:
    """Yield what each line of a map means, in order: all its columns have to mean the same item."""
    found = catalogue.find(
        key_of(r)
        for line in lines
        for name, text in line.item.items()
        if name in _KINDS
        for r in given(_KINDS[name], text)
    )
    for line in lines:
        yield _of_columns(line, found)


def key_of(reading: Reading) -> ItemKey:
    """Return the key by which BC is asked."""
    return ItemKey(None, reading.kind, reading.value)


def decide(possible: Iterable[Reading], found: _Found) -> Meaning:
    """Return the one item that ``possible`` names.

    The name as it stands goes before any cut, and the smaller cut before the larger one. Where characters were
    replaced, nothing goes before anything: there one item must be left.
    """
    known = [(reading, item) for reading in possible for item in found.get(key_of(reading), ())]
    exact = [reading.depth for reading, _ in known if reading.is_exact]
    depth = min(exact, default=None)
    chosen = [
        (reading, item)
        for reading, item in known
        if (reading.depth == depth if reading.is_exact else depth != 0 and (depth is None or reading.depth <= depth))
    ]
    items = {item.id: item for _, item in chosen}
    if len(items) == 1:
        reading, item = min(chosen, key=lambda pair: (not pair[0].is_exact, pair[0].depth))
        return Meaning(item, reading.view)
    if not items:
        return Meaning(problem="no item has this name as its number, GTIN or id")
    return Meaning(problem=_two_meanings(chosen))


def _two_meanings(chosen: Sequence[tuple[Reading, Item]]) -> str:
    told = dict.fromkeys(f"{item.number} (by its {_WORDS[reading.kind]} {reading.value})" for reading, item in chosen)
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return f"can mean {' or '.join(list(told)[:_SHOWN])}{more}: name it in a map, or rename the file"


def _of_columns(line: MapLine, found: _Found) -> Meaning:
    if not line.item:
        return Meaning(problem=f"line {line.line} of the map names no item")
    if list(line.item) == ["vendor"]:
        return Meaning(problem=_NO_VENDOR)
    chosen: list[tuple[Reading, Item]] = []
    for name, text in line.item.items():
        if name in _KINDS:
            known = [(r, item) for r in given(_KINDS[name], text) for item in found.get(key_of(r), ())]
            if not known:
                where = f" (line {line.line} of the map)" if line.line else ""
                return Meaning(problem=f"no item has the {_WORDS[_KINDS[name]]} {text!r}{where}")
            chosen += known
    items = {item.id: item for _, item in chosen}
    if len(items) > 1:
        return Meaning(problem=_two_meanings(chosen))
    return Meaning(next(iter(items.values())))
