"""The containers, and the names and metadata of what lies in them. Pure."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote

from shared.errors import Reason

INCOMING = "product-images"
ARCHIVE = "archive"
QUARANTINE = "quarantine"
RECORDS = "records"

NAME_MAX = 900  # UTF-16 units; storage allows 1,024 characters, and the suffixes of a replay want room
_ADDRESS_ROOM = 1800  # bytes of a percent-encoded path; storage copies, as a replay does, from addresses up to 2 KiB
METADATA_VALUE_MAX = 1024  # bytes; storage allows 8 KiB for all values and names together
_PLAIN = "/:,~"  # in metadata


def archive_name(company: str, item: str, source: str, etag: str, uploaded_at: datetime) -> str:
    """Return where an upload's original lies for good: the same for every delivery of the same upload."""
    name = f"{uploaded_at:%Y%m%dT%H%M%SZ}-{fingerprint(source, etag)}{_suffix(source)}"
    return f"{_segment(company)}/{_segment(item)}/{name}"


def quarantine_name(reason: Reason, source: str, etag: str) -> str:
    """Return where an upload that cannot succeed lies; its explanation lies beside it, with ``.txt`` added."""
    suffix = _suffix(source)
    stem = source[: -len(suffix)] if suffix else source
    tail = f"~{fingerprint(source, etag)}{suffix}"
    folder = f"{reason}/"
    path = "/".join(_segment(part) for part in stem.split("/") if part) or "unnamed"
    room = NAME_MAX - len(folder) - len(tail) - len(".txt")
    return f"{folder}{_shortened(path, room).rstrip('/.')}{tail}"


def _shortened(path: str, units: int) -> str:
    """Return the beginning of ``path`` that fits, whether characters are counted as in .NET or encoded for an address."""
    kept = path.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")
    encoded = re.sub(r"%[0-9A-F]?\Z", "", quote(kept)[:_ADDRESS_ROOM])
    return unquote(encoded, errors="ignore")


def record_name(environment: str, company_id: str, item_id: str) -> str:
    """Return where the record of an item lies; ids are lower-case GUIDs."""
    return f"{_segment(environment.lower())}/{company_id}/{item_id}.json"


def before_name(company: str, item: str, content: bytes) -> str:
    """Return where ``content`` lies, which BC showed before our first upload: the same for the same content."""
    suffix = next((ending for magic, ending in _MAGIC.items() if content.startswith(magic)), ".bin")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{_segment(company)}/{_segment(item)}/{digest}.before{suffix}"


# What BC's image module knows.
_MAGIC = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


def fingerprint(source: str, etag: str) -> str:
    """Return 12 hex digits that stand for one upload: this name with this content."""
    return hashlib.sha256(f"{source}{unquoted_etag(etag)}".encode()).hexdigest()[:12]


def unquoted_etag(etag: str) -> str:
    """Return ``etag`` without the quotes that it has in headers and not in listings and events."""
    return etag.strip('"')


def _suffix(source: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,10}\Z", source)
    return found[0].lower() if found else ""


def _segment(text: str) -> str:
    """Return ``text`` as one path segment that storage keeps as it is (no slash, no dot at the end)."""
    kept = "".join(c if c.isprintable() and c not in '/\\%?#"' else quote(c, safe="") for c in text)
    return kept.lstrip(" ").rstrip(" .") or "_"


def encode_metadata(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return ``values`` as blob metadata: percent-encoded (headers are ASCII), each at most 1 KiB, none empty."""
    return {key: _encoded(value) for key, value in values.items() if value}


def replayed_at(found: Mapping[str, str], source: str) -> datetime | None:
    """Return when the original was uploaded, if ``found`` are the metadata that we gave to an original of this name.

    Whoever copies it back from the archive or from quarantine copies them along. Under another name it is a new upload.
    """
    # In full, not as shortened for metadata: of two long names that begin alike neither is a replay of the other.
    if "upload_id" not in found or found.get("source_name") != quote(source, safe=_PLAIN):
        return None
    try:
        uploaded_at = datetime.fromisoformat(unquote(found.get("uploaded_at", "")))
    except ValueError:
        return None
    return uploaded_at if uploaded_at.tzinfo else None


def _encoded(value: str) -> str:
    encoded = quote(value, safe=_PLAIN)
    if len(encoded) <= METADATA_VALUE_MAX:
        return encoded
    while len(encoded) > METADATA_VALUE_MAX:  # shorten the text, not its encoding: an escape stays whole
        value = value[: len(value) - (len(encoded) - METADATA_VALUE_MAX + 11) // 12]
        encoded = quote(value, safe=_PLAIN)
    return encoded
