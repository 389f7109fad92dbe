"""Describes companies and items with their pictures, as Business Central keeps them. Pure."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devstack.business_central.catalogue.media import Medium


@dataclass(frozen=True)
class Company:
    """Names a company of the environment."""

    id: UUID
    name: str
    display_name: str


@dataclass(frozen=True)
class Item:
    """Describes an item at one moment; a write replaces it.

    ``media`` are its pictures: people can add several in BC's client, an upload through the API leaves one.
    ``media_stored`` counts every medium ever stored for it: BC's database stored the replaced ones too.
    """

    id: UUID
    number: str
    display_name: str
    gtin: str
    modified: datetime
    revision: int
    media: tuple[Medium, ...] = ()
    picture_changed: datetime | None = None
    media_stored: int = 0

    @property
    def medium(self) -> Medium | None:
        """Return the picture that the API serves: the item's first."""
        return self.media[0] if self.media else None

    @property
    def etag(self) -> str:
        """Return the ETag of the item itself."""
        return self._etag("item")

    @property
    def picture_etag(self) -> str:
        """Return the ETag that writes of the picture are checked against."""
        return self._etag("picture")

    def _etag(self, kind: str) -> str:
        digest = hashlib.sha256(f"{kind} {self.id} {self.revision}".encode()).digest()
        digits = int.from_bytes(digest[:8], "big")
        return 'W/"' + b64encode(f"'20;{digits:020d}1;00;'".encode()).decode() + '"'


@dataclass(frozen=True)
class PictureWrite:
    """Records one medium that was stored for an item; ``client_request_id`` is None if a person stored it."""

    time: datetime
    client_request_id: str | None
    content: bytes


def as_code(text: str) -> str:
    """Return ``text`` as a Code field stores it: in upper case, character by character ("ß" stays)."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def as_compared(text: str) -> str:
    """Return what all codes share that BC's database takes for equal to ``text``: full-width forms are the others."""
    return as_code("".join(chr(ord(c) - _TO_ASCII) if "\uff01" <= c <= "\uff5e" else c for c in text))


_TO_ASCII = 0xFEE0  # from U+FF01 to U+0021, and so on up to U+FF5E
