"""Renders files as the app would, and shows them before and after in one HTML page; asks nobody."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from operate.sheets import contact_sheet
from shared.errors import Failure, Permanent, Reason, Transient
from shared.pictures.render import Picture
from shared.pictures.rendition import SourceLimits
from shared.pictures.sources import check_bytes
from shared.rendering import Render

PAGE = "item-pictures-preview.html"
_HEAD = 1024 * 1024  # bytes of a file that is too large, for its header


@dataclass(frozen=True)
class Preview:
    """What would become of a file of ``size`` bytes: its ``picture``, or the ``failure`` in its place.

    ``source`` is the whole file, unless it is too large to be read.
    """

    path: Path
    size: int
    source: bytes
    picture: Picture | None
    failure: Failure | None
    milliseconds: float

    @property
    def facts(self) -> dict[str, object]:
        """What a script wants to know."""
        picture, failure = self.picture, self.failure
        return {
            "file": str(self.path),
            "bytes_in": self.size,
            "width": picture and picture.width,
            "height": picture and picture.height,
            "bytes_out": picture and len(picture.content),
            "quality": picture and picture.quality,
            "reason": failure and str(failure.reason),
            "detail": failure and failure.detail,
        }


def previews(paths: Iterable[Path], render: Render, limits: SourceLimits) -> Iterator[Preview]:
    """Yield what would become of each file, one after the other.

    Raises:
        OSError: a file cannot be read.
    """
    for path in paths:
        started = time.perf_counter()
        size = path.stat().st_size
        with path.open("rb") as file:
            source = file.read() if size <= limits.max_bytes else file.read(_HEAD)
        picture, failure = _rendered(source, size, render, limits)
        yield Preview(path, size, source, picture, failure, (time.perf_counter() - started) * 1000)


def _rendered(
    source: bytes, size: int, render: Render, limits: SourceLimits
) -> tuple[Picture | None, Permanent | Transient | None]:
    try:
        check_bytes(size, limits)
        return render(source), None
    except (Permanent, Transient) as failure:
        return None, failure


def write(page: Path, found: Iterable[Preview], seen: Callable[[Preview], None]) -> None:
    """Write the page, telling ``seen`` about each file once it is on it."""

    def rows() -> Iterator[contact_sheet.Row]:
        for each in found:
            yield _row(each)
            seen(each)

    contact_sheet.write(page, rows(), title="What Business Central would get", noun="file")


def _row(preview: Preview) -> contact_sheet.Row:
    picture, failure = preview.picture, preview.failure
    return contact_sheet.Row(
        blob=str(preview.path.parent),
        story=_story(picture),
        outcome="picture" if picture else "refused",
        reason=str(failure.reason) if failure else None,
        expected=None,
        item_number=None,
        item_name=preview.path.name,
        before=None if failure and failure.reason is Reason.CRASHES_WORKER else preview.source,
        after=picture.content if picture else None,
        detail=failure.detail if failure else None,
        milliseconds=preview.milliseconds,
        size=preview.size,
    )


def _story(picture: Picture | None) -> str:
    if picture is None:
        return ""
    if picture.quality is None:
        return "Goes to Business Central as it is: nothing has to change."
    return f"JPEG, quality {picture.quality}."
