"""Draws photographs, and adds their items, for trying ``item-pictures backfill`` on the local stack."""

import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from devstack.stack import Stack, loopback_session

_SIZE = (1200, 900)
_LETTERS = 160  # pixels
# How people name files; each means the item with this number.
_NAMES = ("{number}.jpg", "{number}_front.jpg", "{number} (2).jpg", "{number}-1024x768.JPG")


def make(running: Stack, folder: Path, count: int) -> None:
    """Add ``count`` items to the default company, and write a photograph of each into ``folder``, anew."""
    endpoints, session = running.endpoints, loopback_session()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index in range(count):
        number = f"TRY-{index + 1:05}"
        item = {"company_id": endpoints.company_id, "number": number, "displayName": f"Trial item {index + 1}"}
        session.post(f"{endpoints.simulator_control_url}/items", json=item, timeout=10).raise_for_status()
        (folder / _NAMES[index % len(_NAMES)].format(number=number)).write_bytes(_photograph(number, index))


def _photograph(number: str, index: int) -> bytes:
    """Return a picture that shows its item's number, in a colour that differs from its neighbours'."""
    picture = Image.new("RGB", _SIZE, f"hsl({index * 137 % 360}, 45%, 70%)")
    centre = (_SIZE[0] // 2, _SIZE[1] // 2)
    ImageDraw.Draw(picture).text(centre, number, "#202020", ImageFont.load_default(_LETTERS), anchor="mm")
    file = BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()
