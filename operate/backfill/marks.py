"""Knows what programs and people add to a file's name that says nothing about the item. Pure."""

import re
from dataclasses import dataclass

_EXTENSION = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|tiff?|gif|bmp|avif|hei[cf]|jp2)\Z", re.IGNORECASE)
_COPY = re.compile(  # name (2), name - Copy (2), name copy 2
    r"(?:\s*-?\s*\((?P<a>\d{1,3})\)"
    r"|[ _-]+-?\s*(?:copy|kopie|copie|copia|kopi|kopia)(?:[ _-]*\(?(?P<b>\d{1,3})\)?)?)\Z",
    re.IGNORECASE,
)
_COPY_OF = re.compile(r"(?:copy of|kopie v[ao]n|copie de|copia d[ei])\s+", re.IGNORECASE)
_FACTOR = re.compile(r"@(?P<factor>[1-9])x\Z", re.IGNORECASE)
_SIZE = re.compile(r"[ _-]+(?:(?P<a>\d{2,5})\s?[x×]\s?\d{2,5}|(?P<b>\d{2,5})\s?px)\Z", re.IGNORECASE)
_DATE = re.compile(r"[ _-]+20\d\d([-._]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])\Z")
_EDIT = re.compile(
    r"[ _-]+(?:edited|edit|bearbeitet|final|web|print|hi-?res|high-?res|low-?res|hr|lr|orig|original|retouched|retusche"
    r"|retuschiert|cropped|crop|resized|scaled|rotated|min|optimi[sz]ed|compressed|srgb|rgb|cmyk|cutout|clipped"
    r"|freisteller|freigestellt|transparent|whitebg|new|neu|large|medium|small|thumb|thumbnail|v\d{1,2}|e\d{10,13})\Z",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:art(?:ikel|icle)?|item|product|produkt|sku|ean|gtin|upc|barcode)"
    r"(?:[ ._-]*(?:nr|no|num|number|nummer))?[ .:_#-]+",
    re.IGNORECASE,
)
_GS1_PREFIX = re.compile(r"\(?01\)?(?=\d{14}\Z)")  # the application identifier of a GTIN


@dataclass(frozen=True, slots=True)
class Stripped:
    """A name without one mark; ``copy`` is the number of a copy, ``size`` that of a size (pixels, or a factor)."""

    text: str
    copy: int = 0
    size: int | None = None


def strip(text: str) -> Stripped | None:
    """Return ``text`` without its last mark, or without a label in front; None if it has neither."""
    if match := _at_end(_COPY, text):
        return Stripped(text[: match.start()], copy=int(match["a"] or match["b"] or 1))
    for pattern in (_FACTOR, _SIZE):
        if match := _at_end(pattern, text):
            return Stripped(text[: match.start()], size=int(next(group for group in match.groups() if group)))
    for pattern in (_EXTENSION, _DATE, _EDIT):
        if match := _at_end(pattern, text):
            return Stripped(text[: match.start()])
    for pattern in (_COPY_OF, _LABEL, _GS1_PREFIX):
        if (match := pattern.match(text)) and match.end() < len(text):
            return Stripped(text[match.end() :], copy=1 if pattern is _COPY_OF else 0)
    return None


def _at_end(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the match that ends ``text`` and leaves something in front of it."""
    match = pattern.search(text)
    return match if match and text[: match.start()].strip(" _-") else None
