"""Replays originals one after the other, and says of each what became of it."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from operate.errors import Problem
from shared.errors import Permanent, Reason, Superseded, Transient
from shared.paths import fold_company, parse_path
from shared.replay import Replay, ReplayRefused
from shared.storage.names import ARCHIVE, QUARANTINE, quarantine_name
from shared.storage.originals import Original, Originals, original_of
from shared.storage.uploads import PictureStorage

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Replayed:
    """What became of one original; ``name`` is that of the upload, empty if it is not back."""

    place: str
    name: str
    state: str  # replayed, would be replayed, refused, failed
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An original that somebody asked for, without its metadata: there may be 100,000.

    Of those that ``want`` the same, only one can come back in one run.
    """

    container: str
    name: str
    uploaded_at: datetime
    wants: Hashable


def named(originals: Originals, pictures: PictureStorage, names: Iterable[str]) -> list[Original]:
    """Return each original once: named with its container, or as it was uploaded, if it is in quarantine.

    What is not there where a name says has no metadata; replaying it says so.

    Raises:
        Problem: nothing in quarantine was uploaded under that name, or more than one file was.
        Transient: ``storage``.
    """
    found: dict[tuple[str, str], Original] = {}
    for name in names:
        container, _, rest = name.partition("/")
        is_place = container in (ARCHIVE, QUARANTINE) and rest
        original = _at(pictures, container, rest) if is_place else _only_one(originals, name)
        found[original.container, original.name] = original
    return list(found.values())


def _at(pictures: PictureStorage, container: str, name: str) -> Original:
    try:
        return original_of(pictures.look_at(name, container))
    except Superseded:
        return Original(container, name, timedelta(0), {})


def _only_one(originals: Originals, name: str) -> Original:
    found = in_quarantine(originals, name)
    if not found:
        raise Problem(f"Nothing in quarantine was uploaded as {name!r}. Name an original: archive/… or quarantine/…")
    if len(found) > 1:
        listed = ", ".join(f"{QUARANTINE}/{each.name}" for each in found)
        raise Problem(f"{len(found)} originals in quarantine were uploaded as {name!r}: {listed}. Name one of them.")
    return found[0]


def in_quarantine(originals: Originals, source_name: str) -> list[Original]:
    """Return what quarantine has of a file, whatever the reason: its names there begin alike."""
    found: list[Original] = []
    for reason in Reason:
        prefix = quarantine_name(reason, source_name, "").rpartition("~")[0]
        found += originals.all(QUARANTINE, f"{prefix}~")
    return [original for original in found if original.source_name == source_name]


def replay_all(replay: Replay, originals: Iterable[Original], *, as_new: bool, is_dry: bool) -> Iterator[Replayed]:
    """Replay each original, the oldest first, or only say what would happen.

    Only one of each name comes back: the newest, and as new none of several that mean one item. What goes wrong with
    one does not keep the others.
    """
    asked = sorted((_asked(replay, each, as_new=as_new) for each in originals), key=lambda each: each.uploaded_at)
    times: dict[Hashable, list[datetime]] = defaultdict(list)
    for each in asked:
        times[each.wants].append(each.uploaded_at)
    for each in asked:
        place = f"{each.container}/{each.name}"
        if rivalry := _rivalry(each.uploaded_at, times[each.wants], as_new=as_new):
            yield Replayed(place, "", "refused", rivalry)
            continue
        try:
            if is_dry:
                yield Replayed(place, replay.rehearse(each.container, each.name, as_new=as_new), "would be replayed")
            else:
                yield Replayed(place, replay.replay(each.container, each.name, as_new=as_new), "replayed")
        except ReplayRefused as refusal:
            yield Replayed(place, "", "refused", str(refusal))
        except Transient as failure:
            yield Replayed(place, "", "failed", failure.detail)


def _asked(replay: Replay, original: Original, *, as_new: bool) -> _Asked:
    wants: Hashable = original.container, original.name
    # Replaying refuses all others anyway; of a cut name, nobody knows what it wants.
    if original.uploaded_at and original.has_whole_name and not original.is_settling:
        wants = _item(replay, original.source_name) if as_new else original.source_name
    return _Asked(original.container, original.name, original.uploaded_at or _NEVER, wants)


def _item(replay: Replay, source_name: str) -> Hashable:
    """Return which item a path means, as far as the path itself tells; the path if it means none."""
    try:
        key = parse_path(source_name, replay.templates)
    except Permanent:
        return source_name
    return fold_company(key.company or replay.default_company or ""), key.kind, key.value


def _rivalry(uploaded_at: datetime, times: Sequence[datetime], *, as_new: bool) -> str:
    """Return why an original has to stay for another one's sake; ``times`` are those of all rivals, sorted."""
    if len(times) == 1:
        return ""
    if as_new:
        # Not the newest either: what it leaves behind would be the newest when somebody runs the command again.
        return f"{len(times)} of these originals mean one item. {_NAME_ONE}; without --as-new, the newest upload wins."
    *_, second, newest = times
    if uploaded_at < newest:
        return "A newer original of this name goes first. Run this again once the app has taken that up."
    return f"Another original of this name was uploaded in the same second. {_NAME_ONE}." if second == newest else ""


_NAME_ONE = "Name the one that is to come back"
