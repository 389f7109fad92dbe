"""Adds up what waits, settles, is stuck or in quarantine, by reason and age."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from operate.incoming import Incoming, Known, State
from shared.errors import Reason
from shared.storage.names import QUARANTINE
from shared.storage.originals import Original, Originals

IN_QUARANTINE = "quarantined"


@dataclass(frozen=True)
class Entry:
    """One file: where it stands, why, and since when."""

    state: str
    reason: str
    name: str
    age: timedelta


@dataclass
class Group:
    """Files in one state for one reason."""

    state: str
    reason: str
    files: int
    youngest: timedelta
    oldest: timedelta
    oldest_name: str

    def add(self, entry: Entry) -> None:
        """Count one more file."""
        self.files += 1
        self.youngest = min(self.youngest, entry.age)
        if entry.age > self.oldest:
            self.oldest, self.oldest_name = entry.age, entry.name


def entries(incoming: Incoming, originals: Originals) -> Iterator[Entry]:
    """Yield each file in incoming and quarantine.

    Raises:
        Transient: ``storage``.
    """
    yield from map(_waiting, incoming.all())
    yield from map(_quarantined, originals.all(QUARANTINE))


def grouped(found: Iterable[Entry]) -> list[Group]:
    """Return the files by state and reason, the states in the order in which somebody should look."""
    groups: dict[tuple[str, str], Group] = {}
    for entry in found:
        key = entry.state, entry.reason
        if key in groups:
            groups[key].add(entry)
        else:
            groups[key] = Group(*key, 1, entry.age, entry.age, entry.name)
    return sorted(groups.values(), key=lambda group: (_ORDER.index(group.state), -group.files, group.reason))


def _waiting(known: Known) -> Entry:
    return Entry(known.state, str(known.reason or ""), known.upload.name, known.upload.age)


def _quarantined(original: Original) -> Entry:
    folder = original.name.partition("/")[0]  # also where the metadata are gone
    reason = original.value("reason") or folder
    return Entry(IN_QUARANTINE, reason if reason in set(Reason) else folder, original.source_name, original.age)


_ORDER = (State.STUCK, State.WAITING, State.SETTLING, State.UNKNOWN, State.ARRIVING, IN_QUARANTINE)
