"""One item of its own in BC, its uploads, and where their bytes lie: what the promises are about."""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cached_property
from itertools import count
from typing import Any

from PIL import Image

from shared.errors import Transient
from shared.pipeline import Pipeline
from shared.report import Report
from shared.storage import names
from tests.support.local_stack import LocalStack, photograph

COMPANY = "CRONUS USA, Inc"
# Colours that survive JPEG far from each other.
COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
_numbers = count(1)


def small(colour: str, picture_format: str = "JPEG") -> bytes:
    """Return a picture that costs next to nothing."""
    return photograph(colour, (64, 48), picture_format)


class FreshItem:
    """An item that nobody else uses; without ``exists`` BC has not got it yet."""

    def __init__(self, local: LocalStack, *, exists: bool = True) -> None:
        self.local, self.number = local, f"ONE-{next(_numbers):05}"
        self.id = ""
        if exists:
            self.appear()

    def appear(self) -> None:
        """Put the item into BC."""
        company = self.local.stack.endpoints.company_id
        made = self.local.control("POST", "items", company_id=company, number=self.number, displayName="One")
        self.id = made["id"]

    def name(self, extension: str = "jpg", *, by_id: bool = False) -> str:
        """Return the path of an upload for this item."""
        return f"{COMPANY}/{self.id if by_id else self.number}.{extension}"

    def upload(self, name: str, content: bytes) -> bytes:
        """Upload a picture; the answer is what was uploaded."""
        return self.local.upload(name, content)

    def put_by_hand(self, content: bytes) -> bytes:
        """Put a picture on the item by hand; the answer is that picture."""
        self.local.control("POST", f"items/{self.id}/pictures", contents=[b64encode(content).decode()])
        return content

    @property
    def media_stored(self) -> int:
        """How many pictures were ever written to the item, equal ones included."""
        if not self.id:
            return 0
        found: dict[str, Any] = self.local.control("GET", f"items/{self.id}")
        return int(found["media_stored"])

    def colour_in_bc(self) -> str | None:
        """Return the colour that the item shows."""
        picture = self.local.picture(self.id)
        return colour_of(picture) if picture else None

    @cached_property
    def worker(self) -> Pipeline:
        """A process of the app that lives as long as the test needs it."""
        return self.local.pipeline()

    def deliver(self, name: str) -> Report | None:
        """Deliver an upload to that process; the answer is None where the delivery failed."""
        try:
            return self.worker.process(names.INCOMING, name)
        except Transient:
            return None

    def incoming(self) -> list[bytes]:
        """Return the originals that are in incoming."""
        return self._in(names.INCOMING, f"{COMPANY}/", self._is_ours)

    def archived(self) -> list[bytes]:
        """Return the originals in the archive."""
        return self._in(names.ARCHIVE, f"{COMPANY}/{self.number}/", lambda name: ".before." not in name)

    def kept_pictures(self) -> list[bytes]:
        """Return what was saved of the pictures that BC had before us."""
        return self._in(names.ARCHIVE, f"{COMPANY}/{self.number}/", lambda name: ".before." in name)

    def quarantined(self) -> list[bytes]:
        """Return the originals in quarantine."""
        return self._in(names.QUARANTINE, "", lambda name: self._is_ours(name) and not name.endswith(".txt"))

    def notes(self) -> list[bytes]:
        """Return the notes that lie beside them."""
        return self._in(names.QUARANTINE, "", lambda name: self._is_ours(name) and name.endswith(".txt"))

    def record(self) -> dict[str, Any]:
        """Return the item's record; an empty one where there is none."""
        found = self._in(names.RECORDS, "", lambda name: bool(self.id) and self.id in name)
        return json.loads(found[0]) if found else {}

    def is_unsettled(self) -> bool:
        """Whether the record still has a claim or a doubt."""
        record = self.record()
        return bool(record.get("claim") or record.get("doubt"))

    def _is_ours(self, name: str) -> bool:
        return self.number in name or (bool(self.id) and self.id in name)

    def _in(self, container: str, prefix: str, wanted: Callable[[str], bool]) -> list[bytes]:
        client = self.local.storage.get_container_client(container)
        names = client.list_blob_names(name_starts_with=prefix)
        return [client.download_blob(name).readall() for name in names if wanted(name)]


def colour_of(picture: Image.Image) -> str:
    """Return the name of the colour that fills the picture."""
    found = picture.convert("RGB").getpixel((20, 20))
    return min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], found, strict=True)))
