"""Replays originals one after the other, and says of each what became of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from operate.errors import Problem
from shared.errors import Reason, Transient
from shared.replay import Replay, ReplayRefused
from shared.storage.names import ARCHIVE, QUARANTINE, quarantine_name
from shared.storage.originals import Original, Originals

Place = tuple[str, str]  # container and name


@dataclass(frozen=True)
class Replayed:
    """What became of one original; ``name`` is that of the upload, empty if it is not back."""

    place: str
    name: str
    state: str  # replayed, would be replayed, refused, failed
    detail: str = ""


def places(originals: Originals, names: Iterable[str]) -> Iterator[Place]:
    """Yield where each original lies: named with its container, or as it was uploaded, if it is in quarantine.

    Raises:
        Problem: nothing in quarantine was uploaded under that name, or more than one file was.
    """
    for name in names:
        container, _, rest = name.partition("/")
        if container in (ARCHIVE, QUARANTINE) and rest:
            yield container, rest
            continue
        found = in_quarantine(originals, name)
        if not found:
            raise Problem(
                f"Nothing in quarantine was uploaded as {name!r}. Name an original: archive/… or quarantine/…"
            )
        if len(found) > 1:
            listed = ", ".join(f"{QUARANTINE}/{each.name}" for each in found)
            raise Problem(
                f"{len(found)} originals in quarantine were uploaded as {name!r}: {listed}. Name one of them."
            )
        yield QUARANTINE, found[0].name


def in_quarantine(originals: Originals, source_name: str) -> list[Original]:
    """Return what quarantine has of a file, whatever the reason: its names there begin alike."""
    found: list[Original] = []
    for reason in Reason:
        prefix = quarantine_name(reason, source_name, "").rpartition("~")[0]
        found += originals.all(QUARANTINE, f"{prefix}~")
    return [original for original in found if original.source_name == source_name]


def replay_all(replay: Replay, found: Iterable[Place], *, as_new: bool, is_dry: bool) -> Iterator[Replayed]:
    """Replay each original, or only say what would happen; what goes wrong with one does not keep the others."""
    for container, name in found:
        place = f"{container}/{name}"
        try:
            if is_dry:
                yield Replayed(place, replay.rehearse(container, name, as_new=as_new), "would be replayed")
            else:
                yield Replayed(place, replay.replay(container, name, as_new=as_new), "replayed")
        except ReplayRefused as refusal:
            yield Replayed(place, "", "refused", str(refusal))
        except Transient as failure:
            yield Replayed(place, "", "failed", failure.detail)
