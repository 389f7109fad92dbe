"""Parses blob paths into the items that they name. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.errors import Permanent, Reason

NUMBER_MAX = 20  # Code[20], the type of an item's number in BC

_GUID = re.compile(r"(\{)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?(1)\})", re.IGNORECASE)
_TOKEN = re.compile(r"\{([^{}]*)\}")
# A company or an item is one segment; only free text may span folders. The bounds keep matching short for a hostile
# path; BC's own are lower (250 characters for a display name).
_TOKEN_PATTERNS = {
    "company": r"(?P<company>[^/]{1,250})",
    "item": r"(?P<item>[^/]{1,100})",
    "gtin": r"(?P<gtin>(?a:[0-9]{8,14}))",
    "name": r"(?P<name>.+)",
    # Letters first and short: 2016.01 is a number, not the item 2016 with an extension.
    "extension": r"(?P<extension>(?a:[a-z][a-z0-9]{0,4}))",
}
_LEFT_BY_SYSTEMS = re.compile(
    r"\.ds_store|\._.*|\.apdisk|thumbs\.db|ehthumbs\.db|desktop\.ini|~\$.*|\.~lock\..*",
    re.IGNORECASE | re.DOTALL,
)
# Names that a file has while WinSCP, rsync, browsers and copying tools are still writing it.
_TEMPORARY = re.compile(
    r".*\.(filepart|part|partial|tmp|temp|ffs_tmp|crdownload|opdownload|download|upload|uploading|incomplete|inprogress"
    r"|aria2|swp|_copying_)|\.~.*|\..+\.[a-z0-9_-]{6}|\.in\..+|\.pureftpd-upload.*|\.goutputstream-.*|~.*\.tmp|.*~",
    re.IGNORECASE | re.DOTALL,
)


class KeyKind(StrEnum):
    """Names what identifies the item: its id (SystemId), its number, or its GTIN."""

    ID = "id"
    NUMBER = "number"
    GTIN = "gtin"


@dataclass(frozen=True)
class ItemKey:
    """Identifies an item as a blob path does; ``company`` is an id, name or display name, None for the default."""

    company: str | None
    kind: KeyKind
    value: str


@dataclass(frozen=True)
class PathTemplate:
    """Matches paths against one alternative of ``BLOB_PATH_TEMPLATE``."""

    text: str
    pattern: re.Pattern[str]

    @property
    def names_company(self) -> bool:
        """Whether a matching path says which company it means."""
        return "company" in self.pattern.groupindex


def parse_templates(setting: str) -> tuple[PathTemplate, ...]:
    """Parse a ``BLOB_PATH_TEMPLATE``; a ValueError says what is wrong with it."""
    return tuple(_parse_template(text.strip()) for text in setting.split("|"))


def _parse_template(text: str) -> PathTemplate:
    tokens = _TOKEN.findall(text)
    if unknown := [token for token in tokens if token not in _TOKEN_PATTERNS]:
        known = " ".join(f"{{{token}}}" for token in _TOKEN_PATTERNS)
        raise ValueError(f"{text!r} uses {{{unknown[0]}}}; the tokens are {known}")
    if repeated := [token for token in _TOKEN_PATTERNS if tokens.count(token) > 1]:
        raise ValueError(f"{text!r} uses {{{repeated[0]}}} more than once")
    if adjacent := re.search(r"\}\{", text):
        raise ValueError(f"{text!r} must have text between two tokens (position {adjacent.start() + 1})")
    if "extension" in tokens and not text.endswith(".{extension}"):
        raise ValueError(f"{text!r} must have {{extension}} at its end, after a dot")
    pieces = _TOKEN.split(text)  # literal, token, literal, token, …, literal
    if stray := [piece for piece in pieces[::2] if "{" in piece or "}" in piece]:
        raise ValueError(f"{text!r} has a brace without its partner in {stray[0]!r}")
    if ("item" in tokens) == ("gtin" in tokens):
        raise ValueError(f"{text!r} must contain {{item}} or {{gtin}}, and not both")
    regex = "".join(
        _TOKEN_PATTERNS[piece] if index % 2 else re.escape(unicodedata.normalize("NFC", piece))
        for index, piece in enumerate(pieces)
    )
    return PathTemplate(text, re.compile(regex, re.DOTALL | re.IGNORECASE))


def parse_path(path: str, templates: Sequence[PathTemplate]) -> ItemKey:
    """Return the item that ``path`` names by the first template that matches.

    Raises:
        Permanent: ``ignored`` for files that operating systems and tools leave behind, else ``bad_path``.
    """
    forms = "; ".join(template.text for template in templates)
    if has_dot_segment(path):
        raise _bad_path(f"The path {path!r} has a part '.' or '..', which means another folder. Expected forms", forms)
    if _LEFT_BY_SYSTEMS.fullmatch(path.rpartition("/")[2]):
        raise Permanent(
            Reason.IGNORED, f"{path!r} is not a picture but a file that operating systems or tools leave behind."
        )
    normal = unicodedata.normalize("NFC", path)  # macOS sends decomposed letters
    for template in templates:
        if match := template.pattern.fullmatch(normal):
            return _item_key(match.groupdict(), path, template)
    if any("gtin" in template.pattern.groupindex for template in templates):
        forms += " (a GTIN has 8 to 14 digits)"
    problem = f"The path {path!r} fits none of the expected forms"
    if path.count("/") > max(template.text.count("/") for template in templates):
        raise _bad_path(problem, forms, _TOO_MANY_PARTS)
    raise _bad_path(problem, forms)


_TOO_MANY_PARTS = (
    "Upload the picture again under a path that fits. If the item's number has a slash, use the item's id instead."
)


def has_dot_segment(path: str) -> bool:
    """Whether a segment is ``.`` or ``..``: clients normalise such an address, and reach another blob."""
    return any(segment in (".", "..") for segment in re.split(r"[/\\]", path))


def is_temporary(path: str) -> bool:
    """Whether tools use such a name for a file that they have not written to its end."""
    return bool(_TEMPORARY.fullmatch(path.rpartition("/")[2]))


def _bad_path(
    problem: str, expected: str, advice: str = "Upload the picture again under a path that fits."
) -> Permanent:
    return Permanent(Reason.BAD_PATH, f"{problem}: {expected}. {advice}")


def _item_key(tokens: Mapping[str, str], path: str, template: PathTemplate) -> ItemKey:
    try:
        company = _company(tokens.get("company"))
        if "gtin" in tokens:
            return ItemKey(company, KeyKind.GTIN, tokens["gtin"])
        if guid := guid_of(tokens["item"]):
            return ItemKey(company, KeyKind.ID, guid)
        return ItemKey(company, KeyKind.NUMBER, _number(tokens["item"]))
    except ValueError as error:
        raise _bad_path(f"The path {path!r} {error}. The form is", template.text) from None


def _company(text: str | None) -> str | None:
    if text is not None and not fold_company(text):
        raise ValueError("names no company: that part is blank")
    return text


def guid_of(text: str) -> str | None:
    """Return ``text`` as a lower-case GUID without braces, or None if it is not a GUID."""
    match = _GUID.fullmatch(text.strip())
    return str(UUID(match[2])) if match else None


def _number(text: str) -> str:
    number = as_code(text)
    if not number or any(unicodedata.category(c) in ("Cc", "Cs") for c in number):
        raise ValueError("has no readable item number")
    if len(number) > NUMBER_MAX:
        raise ValueError(
            f"has the item number {number!r} of {len(number)} characters; Business Central allows {NUMBER_MAX}"
        )
    return number


def as_code(text: str) -> str:
    """Return ``text`` as BC stores a Code: trimmed, and in upper case character by character ("ß" stays)."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text.strip())


def fold_company(name: str) -> str:
    """Return the form that all spellings of a company's name share.

    A path segment cannot end in a dot, and BC's own demo company is called ``CRONUS USA, Inc.``.
    """
    folded = unicodedata.normalize("NFD", name).casefold()  # canonical caseless matching, Unicode 3.13, D145
    return unicodedata.normalize("NFC", folded).strip(" .")
