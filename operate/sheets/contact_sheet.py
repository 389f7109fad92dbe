"""Shows pictures before and after, in one HTML file: the demo's uploads, the files of a preview."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from operate.sheets import html_page
from shared.storage.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

THUMBNAIL = (360, 360)
DECODED_PIXELS = 30_000_000  # about 90 MB of RGB, which a laptop can spare while the demo runs
NO_PICTURE = {"quarantined": "in quarantine", "waiting": "waiting in incoming"}
KIB, MIB = 1024, 1024 * 1024
_STYLE = Path(__file__).with_suffix(".css")


@dataclass(frozen=True)
class Row:
    """One file and its result; ``expected`` says whether the result is the right one, None if nobody can know.

    ``before`` is None if nobody should try to show it; ``size`` is that of the file, if ``before`` is not all of it.
    """

    blob: str
    story: str
    outcome: str
    reason: str | None
    expected: bool | None
    item_number: str | None
    item_name: str | None
    before: bytes | None
    after: bytes | None
    detail: str | None
    milliseconds: float | None
    size: int | None = None

    @property
    def bytes_before(self) -> int:
        """The size of the file."""
        return len(self.before or b"") if self.size is None else self.size


@dataclass(frozen=True)
class Preview:
    """A thumbnail of an upload, or words in its place."""

    pixels: str | None
    thumbnail: bytes | None
    words: str = ""
    transparent: bool = False


def write(path: Path, rows: Iterable[Row], *, title: str, noun: str = "upload") -> None:
    """Write the sheet; ``rows`` are taken one by one, so that many large files fit into memory."""
    summary = _Summary()

    def cards() -> Iterator[str]:
        for row in rows:
            summary.count(row)
            yield _card(row)

    html_page.write(path, title=_visible(title), header=lambda: summary.html(noun), main=cards(), style=_STYLE)


@dataclass
class _Summary:
    """Adds up what the sheet shows."""

    outcomes: Counter[str] = field(default_factory=Counter)
    surprises: int = 0
    has_expectations: bool = False
    before: int = 0
    after: int = 0

    def count(self, row: Row) -> None:
        self.outcomes[row.outcome] += 1
        self.surprises += row.expected is False
        self.has_expectations |= row.expected is not None
        if row.after is not None:
            self.before, self.after = self.before + row.bytes_before, self.after + len(row.after)

    def html(self, noun: str) -> str:
        total = self.outcomes.total()
        badges = " ".join(_badge(outcome, f"{count} {outcome}") for outcome, count in self.outcomes.most_common())
        verdict = f", {self.surprises} not as expected" if self.surprises else ", all as expected"
        sizes = f"; {_size(self.before)} of originals became {_size(self.after)} of pictures" if self.after else ""
        count = f"{total} {noun}{'' if total == 1 else 's'}{verdict if self.has_expectations else ''}"
        return f'<p class="summary soft">{count}{sizes}.</p><p>{badges}</p>'


def preview(content: bytes) -> Preview:
    """Return the picture as stored, without applying its EXIF orientation; decodes at most ``DECODED_PIXELS``."""
    try:
        image = _opened(content)
    except Image.DecompressionBombError:
        return Preview(None, None, "more pixels than Pillow opens")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return Preview(None, None, "not a picture")
    pixels = _pixels(image)
    image.draft(image.mode, (THUMBNAIL[0] * 2, THUMBNAIL[1] * 2))  # JPEG only: decodes at a fraction of the size
    if image.width * image.height > DECODED_PIXELS:
        return Preview(pixels, None, f"{pixels} pixels")
    try:
        return Preview(pixels, _thumbnail(image), transparent=image.has_transparency_data)
    except (OSError, SyntaxError, ValueError):
        return Preview(pixels, None, "incomplete or damaged")


def _opened(content: bytes) -> Image.Image:
    # Opening reads only the header. Pillow warns above 89 million pixels; we decode far fewer (DECODED_PIXELS), so
    # the warning is moot here. It stays in force everywhere else.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(BytesIO(content))


def _thumbnail(image: Image.Image) -> bytes:
    thumbnail = image.convert("RGBA" if image.has_transparency_data else "RGB")
    thumbnail.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    file = BytesIO()
    thumbnail.save(file, "WEBP", quality=82, method=2)
    return file.getvalue()


def _pixels(image: Image.Image) -> str:
    return f"{image.width} × {image.height}"


def _card(row: Row) -> str:
    name = " · ".join(part for part in (row.item_number, row.item_name) if part) or "no item"
    reason = f" <code>{_text(row.reason)}</code>" if row.reason else ""
    surprise = ' <strong class="surprise">not as expected</strong>' if row.expected is False else ""
    time = f'<span class="time">{row.milliseconds:,.0f} ms</span>' if row.milliseconds is not None else ""
    detail = f'<p class="detail">{escape(printable(row.detail))}</p>' if row.detail else ""
    return f"""<article class="{"astray" if row.expected is False else ""}">
<h2>{_text(name)}</h2>
<p class="blob">{_text(row.blob)}</p>
<div class="pair">{_before(row)}{_after(row)}</div>
<p class="story">{_text(row.story)}</p>
<p class="result">{_badge(row.outcome, row.outcome)}{reason}{surprise}{time}</p>
{detail}</article>"""


def _before(row: Row) -> str:
    upload = Preview(None, None, "not shown") if row.before is None else preview(row.before)
    facts = " · ".join(part for part in (upload.pixels, _size(row.bytes_before)) if part)
    if upload.thumbnail is None:
        return _figure("before", f'<span class="tile">{escape(upload.words)}</span>', facts)
    image = _image("webp", upload.thumbnail, f"{row.blob}, as uploaded")
    return _figure("before", image, facts, checked=upload.transparent)


def _after(row: Row) -> str:
    if row.after is None:
        words = NO_PICTURE.get(row.outcome, "no picture")
        return _figure("after", f'<span class="tile">{escape(words)}</span>', "not in Business Central")
    image = _image("jpeg", row.after, f"{row.item_number or row.blob}, in Business Central")
    try:
        pixels = _pixels(_opened(row.after))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pixels = "not a picture"
    return _figure("after", image, f"{pixels} · {_size(len(row.after))}")


def _figure(label: str, content: str, facts: str, *, checked: bool = False) -> str:
    frame = "frame checked" if checked else "frame"
    caption = f"<b>{label}</b> {escape(facts)}"
    return f'<figure><div class="{frame}">{content}</div><figcaption>{caption}</figcaption></figure>'


def _image(kind: str, content: bytes, words: str) -> str:
    return f'<img alt="{_text(words)}" src="data:image/{kind};base64,{b64encode(content).decode("ascii")}">'


def _badge(outcome: str, words: str) -> str:
    kind = outcome if outcome.isidentifier() else "other"
    return f'<span class="badge {kind}">{_text(words)}</span>'


def _text(words: str) -> str:
    """Return HTML for words that may have any characters, also those that turn around what follows them."""
    return escape(_visible(words))


def _visible(words: object) -> str:
    return printable(str(words)).replace("\n", "\\n")


def _size(count: int) -> str:
    if count < KIB:
        return f"{count} bytes"
    return f"{count / KIB:,.0f} KiB" if count < MIB else f"{count / MIB:,.1f} MiB"
