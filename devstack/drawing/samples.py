"""Draws the demo's sample photographs; each shows one thing that happens to real uploads. Pure.

No files, no clock, no network: two runs give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from devstack.drawing import encodings, furniture, household, outdoors, pottery

if TYPE_CHECKING:
    from collections.abc import Iterator

CRONUS = "CRONUS USA, Inc"  # without its final dot: a path segment cannot end in one
NORDWIND = "Nordwind Möbel GmbH"  # the display name of the company NORDWIND
POT_ID = "{ceff513f-9876-531a-a52b-e4c8cdbca413}"
CAMERA = (4000, 3000)


@dataclass(frozen=True)
class Sample:
    """One upload: its path, bytes and story, and the outcome and reason to expect."""

    blob: str
    content: bytes
    story: str
    outcome: str = "updated"
    reason: str | None = None
    is_photograph: bool = False  # a user's own, of which two may be equal


def samples() -> Iterator[Sample]:
    """Yield all samples one at a time, so that only one picture is in memory."""
    yield from _from_cameras()
    yield from _from_print_and_web()
    yield from _with_awkward_names()
    yield from _of_the_second_company()
    yield from _that_must_not_pass()
    yield from _that_must_wait()


def _from_cameras() -> Iterator[Sample]:
    desk = encodings.jpeg(furniture.desk().picture, CAMERA)
    yield Sample(f"{CRONUS}/1896-S.jpg", desk, "12 megapixels from a camera")
    chair = furniture.guest_chair("#e2564f", "#8d1620", "#d9d4cd")
    yield Sample(
        f"{CRONUS}/1900-s.JPG", encodings.jpeg(chair.picture), "item number in lower case, extension in upper case"
    )
    phone = encodings.phone_photo(furniture.swivel_chair().picture, CAMERA)
    yield Sample(f"{CRONUS}/1908-S.jpg", phone, "phone photo, rotated by EXIF, with GPS position")
    chair = furniture.guest_chair("#f7d35c", "#b9851a", "#cfd3d8")
    yield Sample(f"{CRONUS}/1936-S.jpg", encodings.upside_down(chair.picture), "camera held upside down")
    rough = encodings.jpeg(outdoors.backpack().picture, quality=94)
    yield Sample(f"{CRONUS}/1968-S.jpg", rough, "cloth and plaster: too much detail for 256 KiB")


def _from_print_and_web() -> Iterator[Sample]:
    grey = encodings.jpeg(furniture.conference_table().picture.convert("L"))
    yield Sample(f"{CRONUS}/1920-S.jpg", grey, "grayscale JPEG")
    shelf = encodings.png(furniture.shelf().picture.reduce(2))
    yield Sample(f"{CRONUS}/1925-W.jpg", shelf, "PNG named .jpg")
    lamp = encodings.jpeg(household.lamp().picture, progressive=True)
    yield Sample(f"{CRONUS}/1928-S.jpg", lamp, "progressive JPEG")
    clock = encodings.png(household.clock().cut_out().reduce(2))
    yield Sample(f"{CRONUS}/1960-S.png", clock, "PNG with a transparent background")
    mug = encodings.jpeg(encodings.to_cmyk(pottery.mug().picture))
    yield Sample(f"{CRONUS}/1964-S.jpg", mug, "CMYK from a print shop")


def _with_awkward_names() -> Iterator[Sample]:
    pedestal = encodings.jpeg(furniture.pedestal().picture)
    yield Sample("1906-S.jpg", pedestal, "no company folder: default company")
    pot = encodings.jpeg(household.plant_pot().picture)
    yield Sample(f"{CRONUS}/{POT_ID}.jpg", pot, "addressed by item id")
    screws = outdoors.screws().picture.reduce(2).quantize(256)
    yield Sample(f"{CRONUS}/70 061.png", encodings.png(screws), "space in the item number; PNG with a palette")
    pads = encodings.jpeg(outdoors.felt_pads().picture)
    yield Sample(f"{CRONUS}/A&B 50%.jpg", pads, "ampersand and percent sign in the item number")
    bowl, profile = encodings.wide_gamut(household.fruit_bowl().picture)
    bowl_file = encodings.jpeg(bowl, icc_profile=profile)
    yield Sample(f"{CRONUS}/Ä-1100.jpeg", bowl_file, "umlaut in the item number; Adobe RGB with its ICC profile")


def _of_the_second_company() -> Iterator[Sample]:
    bicycle = encodings.jpeg(outdoors.bicycle().picture)
    yield Sample(f"{NORDWIND}/1000.jpg", bicycle, "another company, by display name")
    vase = encodings.webp(pottery.vase().cut_out().reduce(2))
    yield Sample("NORDWIND/1100.webp", vase, "WebP with a transparent background")
    teapot = encodings.webp(pottery.teapot().picture)
    yield Sample("NORDWIND/1150.webp", teapot, "WebP")
    small = encodings.jpeg(outdoors.loudspeaker().picture.resize((640, 480), Image.Resampling.LANCZOS))
    yield Sample("NORDWIND/LS-75.jpg", small, "smaller than the target: not enlarged")


def _that_must_not_pass() -> Iterator[Sample]:
    yield Sample(f"{CRONUS}/1972-S.png", _plan(), "126 million pixels in a small file", "quarantined", "too_large")
    photo = _white_desk()
    half = photo[: len(photo) // 2]
    yield Sample("NORDWIND/1896-S.jpg", half, "half a JPEG: interrupted transfer", "quarantined", "not_an_image")
    stray_path = f"{CRONUS}/2026/summer/harbour-desk.jpg"
    yield Sample(stray_path, photo, "path that matches no template", "quarantined", "bad_path")
    thumbs = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)  # the signature of an OLE compound file
    yield Sample(f"{CRONUS}/Thumbs.db", thumbs, "Windows's own thumbnail file", "quarantined", "ignored")


def _that_must_wait() -> Iterator[Sample]:
    photo = _white_desk()
    yield Sample(f"{CRONUS}/9999-X.jpg", photo, "picture uploaded before its item exists", "waiting", "item_not_found")
    yield Sample("Fabrikam/1000.jpg", photo, "company that does not exist yet", "waiting", "company_not_found")


def _white_desk() -> bytes:
    return encodings.jpeg(furniture.desk("#f3efe8", "#d6cfc2", "#b9c4c9").picture.reduce(2))


def _plan() -> bytes:
    """Return a line drawing with too many pixels for a source."""
    plan = Image.new("1", (14000, 9000), 1)
    draw = ImageDraw.Draw(plan)
    for inset in (600, 700, 2400):
        draw.rectangle((inset, inset, 14000 - inset, 9000 - inset), outline=0, width=40)
    return encodings.png(plan)
