"""Gives a test an item of its own in BC, and shows where each upload's bytes are: our promises are about these."""

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
# Far enough apart to survive JPEG.
COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
_numbers = count(1)


def small(colour: str, picture_format: str = "JPEG") -> bytes:
    """Return a picture that takes next to no time to render."""
    return photograph(colour, (64, 48), picture_format)


class FreshItem:
    """An item that no other test uses; without ``exists``, BC does not have it yet."""

    def __init__(self, local: LocalStack, *, exists: bool = True) -> None:
        self.local, self.number = local, f"ONE-{next(_numbers):05}"
        self.id = ""
        if exists:
            self.appear()

    def appear(self) -> None:
        """Put the item into BC."""
        company = self.local.stack.endpoints.company_id
        item = self.local.control("POST", "items", company_id=company, number=self.number, displayName="One")
        self.id = item["id"]

    def name(self, extension: str = "jpg", *, by_id: bool = False) -> str:
        """Return the path of an upload for this item."""
        return f"{COMPANY}/{self.id if by_id else self.number}.{extension}"

    def upload(self, name: str, content: bytes) -> bytes:
        """Upload a picture, and return its bytes."""
        return self.local.upload(name, content)

    def put_by_hand(self, content: bytes) -> bytes:
        """Put a picture on the item, as a user of BC would, and return it."""
        self.local.control("POST", f"items/{self.id}/pictures", contents=[b64encode(content).decode()])
        return content

    @property
    def media_stored(self) -> int:
        """How many pictures BC has ever stored for the item, equal ones included."""
        if not self.id:
            return 0
        item: dict[str, Any] = self.local.control("GET", f"items/{self.id}")
        return int(item["media_stored"])

    def colour_in_bc(self) -> str | None:
        """Return the colour that BC shows."""
        picture = self.local.picture(self.id)
        return colour_of(picture) if picture else None

    @cached_property
    def worker(self) -> Pipeline:
        """A process of the app that lives as long as the test."""
        return self.local.pipeline()

    def deliver(self, name: str) -> Report | None:
        """Deliver an upload to that process; return None if the delivery fails."""
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
        """Return the pictures that we saved because BC showed them before our first upload."""
        return self._in(names.ARCHIVE, f"{COMPANY}/{self.number}/", lambda name: ".before." in name)

    def quarantined(self) -> list[bytes]:
        """Return the originals in quarantine."""
        return self._in(names.QUARANTINE, "", lambda name: self._is_ours(name) and not name.endswith(".txt"))

    def notes(self) -> list[bytes]:
        """Return the notes in quarantine."""
        return self._in(names.QUARANTINE, "", lambda name: self._is_ours(name) and name.endswith(".txt"))

    def record(self) -> dict[str, Any]:
        """Return the item's record, or an empty one."""
        records = self._in(names.RECORDS, "", lambda name: bool(self.id) and name.endswith(f"{self.id}.json"))
        return json.loads(records[0]) if records else {}

    def is_unsettled(self) -> bool:
        """Whether the record still holds a claim or a doubt."""
        record = self.record()
        return bool(record.get("claim") or record.get("doubt"))

    def _is_ours(self, name: str) -> bool:
        return self.number in name or (bool(self.id) and self.id in name)

    def _in(self, container: str, prefix: str, is_wanted: Callable[[str], bool]) -> list[bytes]:
        client = self.local.storage.get_container_client(container)
        names = client.list_blob_names(name_starts_with=prefix)
        return [client.download_blob(name).readall() for name in names if is_wanted(name)]


def colour_of(picture: Image.Image) -> str:
    """Return the name of the colour that fills the picture."""
    pixel = picture.convert("RGB").getpixel((20, 20))
    return min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], pixel, strict=True)))
