"""The demo's contact sheet: every upload before and after, in one HTML file that needs nothing else."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from devstack.contact_sheet_style import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

THUMBNAIL = (360, 360)
DECODED_PIXELS = 30_000_000  # about 90 MB of RGB: what a laptop can spare while the demo runs
NO_PICTURE = {"quarantined": "in quarantine", "waiting": "waits in incoming"}
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One upload and what became of it; expected says whether that is what should have."""

    blob: str
    story: str
    outcome: str
    reason: str | None
    expected: bool
    item_number: str | None
    item_name: str | None
    before: bytes
    after: bytes | None
    detail: str | None
    milliseconds: float | None


@dataclass(frozen=True)
class Preview:
    """What can be shown of an upload: a thumbnail, or words instead of one."""

    pixels: str | None
    thumbnail: bytes | None
    words: str = ""
    transparent: bool = False


def write(path: Path, rows: Sequence[Row], *, title: str) -> None:
    """Write the sheet: no scripts, nothing that is fetched from anywhere."""
    cards = "\n".join(_card(row) for row in rows)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>{_summary(rows)}</header>
<main>
{cards}
</main>
</body>
</html>
"""
    path.write_text(page, encoding="utf-8")


def preview(content: bytes) -> Preview:
    """Return how the upload's pixels lie in the file (EXIF orientation not applied), decoding no more than a laptop can spare."""
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
        return Preview(pixels, None, "breaks off or is damaged")


def _opened(content: bytes) -> Image.Image:
    # Opening reads the header only. What Pillow warns of here (89 million pixels) is over DECODED_PIXELS and is
    # not decoded, so the warning has been answered; it stays in force everywhere else.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(BytesIO(content))


def _thumbnail(image: Image.Image) -> bytes:
    shown = image.convert("RGBA" if image.has_transparency_data else "RGB")
    shown.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    file = BytesIO()
    shown.save(file, "WEBP", quality=82, method=2)
    return file.getvalue()


def _pixels(image: Image.Image) -> str:
    return f"{image.width} × {image.height}"


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.outcome for row in rows)
    badges = " ".join(f"{_badge(outcome, f'{count} {outcome}')}" for outcome, count in counts.most_common())
    astray = sum(not row.expected for row in rows)
    verdict = f"{astray} not as expected" if astray else "every one as expected"
    done = [row for row in rows if row.after is not None]
    sent, kept = sum(len(row.before) for row in done), sum(len(row.after or b"") for row in done)
    sizes = f"; {_size(sent)} of originals became {_size(kept)} of pictures" if done else ""
    return f'<p class="summary">{len(rows)} uploads, {verdict}{sizes}.</p><p>{badges}</p>'


def _card(row: Row) -> str:
    name = " · ".join(part for part in (row.item_number, row.item_name) if part) or "no item"
    reason = f" <code>{escape(row.reason)}</code>" if row.reason else ""
    surprise = "" if row.expected else ' <strong class="surprise">not as expected</strong>'
    time = f'<span class="time">{row.milliseconds:,.0f} ms</span>' if row.milliseconds is not None else ""
    detail = f'<p class="detail">{escape(row.detail)}</p>' if row.detail else ""
    return f"""<article class="{"" if row.expected else "astray"}">
<h2>{escape(name)}</h2>
<p class="blob">{escape(row.blob)}</p>
<div class="pair">{_before(row)}{_after(row)}</div>
<p class="story">{escape(row.story)}</p>
<p class="result">{_badge(row.outcome, row.outcome)}{reason}{surprise}{time}</p>
{detail}</article>"""


def _before(row: Row) -> str:
    shown = preview(row.before)
    facts = " · ".join(part for part in (shown.pixels, _size(len(row.before))) if part)
    if shown.thumbnail is None:
        return _figure("before", f'<span class="tile">{escape(shown.words)}</span>', facts)
    return _figure(
        "before",
        _image("webp", shown.thumbnail, f"{row.blob}, as uploaded"),
        facts,
        checked=shown.transparent,
    )


def _after(row: Row) -> str:
    if row.after is None:
        words = NO_PICTURE.get(row.outcome, "no picture")
        return _figure("after", f'<span class="tile">{escape(words)}</span>', "not in Business Central")
    shown = _image("jpeg", row.after, f"{row.item_number or row.blob}, in Business Central")
    try:
        pixels = _pixels(_opened(row.after))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pixels = "not a picture"
    return _figure("after", shown, f"{pixels} · {_size(len(row.after))}")


def _figure(label: str, content: str, facts: str, *, checked: bool = False) -> str:
    frame = "frame checked" if checked else "frame"
    caption = f"<b>{label}</b> {escape(facts)}"
    return f'<figure><div class="{frame}">{content}</div><figcaption>{caption}</figcaption></figure>'


def _image(kind: str, content: bytes, words: str) -> str:
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{b64encode(content).decode("ascii")}">'


def _badge(outcome: str, words: str) -> str:
    kind = outcome if outcome.isidentifier() else "other"
    return f'<span class="badge {kind}">{escape(words)}</span>'


def _size(count: int) -> str:
    if count < KIB:
        return f"{count} bytes"
    return f"{count / KIB:,.0f} KiB" if count < MIB else f"{count / MIB:,.1f} MiB"
