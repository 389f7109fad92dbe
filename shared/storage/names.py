"""Names containers and blobs, and encodes blob metadata. Pure."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from shared.errors import Reason

INCOMING = "product-images"
ARCHIVE = "archive"
QUARANTINE = "quarantine"
RECORDS = "records"
POISON_QUEUE = "webjobs-blobtrigger-poison"  # the host's name for it, which all apps on an account share

NAME_MAX = 900  # UTF-16 units; storage allows 1,024 characters, and a replay's suffixes need room
_ADDRESS_ROOM = 1800  # bytes of a percent-encoded path; storage copies from addresses of up to 2 KiB
METADATA_VALUE_MAX = 1024  # bytes; storage allows 8 KiB for all names and values together
_FIRST_YEAR = 2000  # of uploads; Azure is younger
_READABLE = "/:,~"  # characters that metadata keep unencoded


def archive_name(company: str, item: str, source: str, etag: str, uploaded_at: datetime) -> str:
    """Return the archive's name for an upload's original: the same at every delivery."""
    name = f"{uploaded_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fingerprint(source, etag)}{_suffix(source)}"
    return f"{archive_folder(company)}{_segment(item)}/{name}"


def archive_folder(company: str) -> str:
    """Return what the archive's names of all originals of a company begin with."""
    return f"{_segment(company)}/"


def is_folder(metadata: Mapping[str, str] | None) -> bool:
    """Return whether a blob stands for a folder: accounts with a hierarchical namespace mark it so, and some tools."""
    return (metadata or {}).get("hdi_isfolder", "").lower() == "true"


def quarantine_name(reason: Reason, source: str, etag: str) -> str:
    """Return the quarantine's name for an upload; its note has the same name with ``.txt`` added."""
    suffix = _suffix(source)
    stem = source[: -len(suffix)] if suffix else source
    tail = f"~{fingerprint(source, etag)}{suffix}"
    folder = f"{reason}/"
    path = "/".join(_segment(part) for part in stem.split("/") if part) or "unnamed"
    room = NAME_MAX - len(folder) - len(tail) - len(".txt")
    return f"{folder}{_shortened(path, room).rstrip('/.')}{tail}"


def _shortened(path: str, units: int) -> str:
    """Return as much of the beginning of ``path`` as fits, in .NET's characters and in an encoded address."""
    beginning = path.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")
    encoded = re.sub(r"%[0-9A-F]?\Z", "", quote(beginning)[:_ADDRESS_ROOM])
    return unquote(encoded, errors="ignore")


def record_name(environment: str, company_id: str, item_id: str) -> str:
    """Return the name of an item's record; ids are lower-case GUIDs."""
    return f"{_segment(environment.lower())}/{company_id}/{item_id}.json"


def sweep_state_name(environment: str) -> str:
    """Return the name of the sweep's state, beside the item records."""
    return f"{_segment(environment.lower())}/sweep.json"


def marks_folder(environment: str) -> str:
    """Return the prefix of the marks of uploads that settle."""
    return f"{_segment(environment.lower())}/settling/"


def mark_name(environment: str, company_id: str, item_id: str, source: str, etag: str) -> str:
    """Return the name of the mark of an upload that settles; ids are lower-case GUIDs."""
    return f"{marks_folder(environment)}{company_id}/{item_id}/{fingerprint(source, etag)}"


def destination_name(source: str, etag: str) -> str:
    """Return the name of what remembers where an upload goes."""
    return f"moves/{fingerprint(source, etag)}.json"


def before_name(company: str, item: str, content: bytes) -> str:
    """Return the archive's name for ``content``, which BC showed before our first upload; it depends on the content."""
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{_segment(company)}/{_segment(item)}/{digest}.before{picture_suffix(content)}"


def picture_suffix(content: bytes) -> str:
    """Return the extension of a picture as BC keeps it."""
    return next((ending for magic, ending in _MAGIC.items() if content.startswith(magic)), ".bin")


# The formats that BC's image module knows.
_MAGIC = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


def fingerprint(source: str, etag: str) -> str:
    """Return 12 hex digits that identify one upload: this name with this content."""
    return hashlib.sha256(f"{source}{unquoted_etag(etag)}".encode()).hexdigest()[:12]


def unquoted_etag(etag: str) -> str:
    """Return ``etag`` without its quotes: headers have them, listings and events do not."""
    return etag.strip('"')


def _suffix(source: str) -> str:
    extension = re.search(r"\.[A-Za-z0-9]{1,10}\Z", source)
    return extension[0].lower() if extension else ""


def _segment(text: str) -> str:
    """Return ``text`` as one path segment that storage does not change: no slash, no dot at the end."""
    escaped = "".join(c if c.isprintable() and c not in '/\\%?#"' else quote(c, safe="") for c in text)
    return escaped.lstrip(" ").rstrip(" .") or "_"


def printable(text: str) -> str:
    """Escape control characters but line breaks: names may contain any, and people read notes and logs in consoles."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def encode_metadata(values: Mapping[str, str | None]) -> dict[str, str]:
    """Percent-encode ``values`` as blob metadata (headers are ASCII), at most 1 KiB each; leaves out empty ones."""
    return {key: _encoded(value) for key, value in values.items() if value}


def replayed_at(metadata: Mapping[str, str], source: str) -> datetime | None:
    """Return when the original was uploaded, or None if ``source`` is not a replay.

    A replay has the metadata that we gave to the original: they come along when somebody copies it back from archive or
    quarantine. Under another name it is a new upload.
    """
    # Compared in full, not as shortened for metadata: two long names with the same beginning are different uploads.
    if "upload_id" not in metadata or metadata.get("source_name") != quote(source, safe=_READABLE):
        return None
    try:
        uploaded_at = datetime.fromisoformat(unquote(metadata.get("uploaded_at", "")))
        # Anybody can set metadata: a time that cannot be told in UTC, or lies before all storage, is not ours.
        is_ours = uploaded_at.tzinfo is not None and uploaded_at.astimezone(UTC).year >= _FIRST_YEAR
    except (ValueError, OverflowError):
        return None
    return uploaded_at.astimezone(UTC) if is_ours else None


def _encoded(value: str) -> str:
    encoded = quote(value, safe=_READABLE)
    if len(encoded) <= METADATA_VALUE_MAX:
        return encoded
    while len(encoded) > METADATA_VALUE_MAX:  # shorten the text, not its encoding: an escape stays whole
        value = value[: len(value) - (len(encoded) - METADATA_VALUE_MAX + 11) // 12]
        encoded = quote(value, safe=_READABLE)
    return encoded
