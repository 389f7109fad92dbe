"""Each sample photograph is what its story says, and together they cover what happens to real uploads."""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageStat

from devstack.drawing import encodings, household, pottery
from devstack.drawing.samples import Sample, samples

CATALOGUE = Path(__file__).parents[2] / "devstack" / "business_central" / "catalogue.json"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def drawn() -> dict[str, Sample]:
    return {sample.blob: sample for sample in samples()}


def opened(sample: Sample) -> Image.Image:
    return Image.open(BytesIO(sample.content))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference in levels, seen at thumbnail size."""
    pair = [image.convert("RGB").resize((160, 120), Image.Resampling.BOX) for image in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*pair)).mean)


def item_of(blob: str) -> tuple[str, str]:
    """Return company name and item number as the catalogue writes them."""
    company, _, file = blob.rpartition("/")
    wanted = file.rpartition(".")[0]
    for entry in json.loads(CATALOGUE.read_text(encoding="utf-8"))["companies"]:
        if (company or "CRONUS USA, Inc") not in {entry["name"].rstrip("."), entry["displayName"]}:
            continue
        for item in entry["items"]:
            if wanted.casefold() in {item["number"].casefold(), f"{{{item['id']}}}"}:
                return entry["name"], item["number"]
    raise LookupError(blob)


def test_two_runs_draw_equal_bytes(drawn: dict[str, Sample]) -> None:
    assert list(drawn.values()) == list(samples())


def test_every_updated_sample_has_an_item_of_its_own(drawn: dict[str, Sample]) -> None:
    items = [item_of(blob) for blob, sample in drawn.items() if sample.outcome == "updated"]
    assert len(items) >= 16
    assert len(set(items)) == len(items)


def test_what_must_not_pass_addresses_no_item_that_is_updated(drawn: dict[str, Sample]) -> None:
    updated = {item_of(blob) for blob, sample in drawn.items() if sample.outcome == "updated"}
    assert item_of("NORDWIND/1896-S.jpg") not in updated
    for blob in ("CRONUS USA, Inc/1972-S.png", "CRONUS USA, Inc/9999-X.jpg", "Fabrikam/1000.jpg"):
        with pytest.raises(LookupError):
            item_of(blob)


def test_every_way_to_fail_is_among_them(drawn: dict[str, Sample]) -> None:
    expected = {
        ("updated", None),
        ("quarantined", "too_large"),
        ("quarantined", "not_an_image"),
        ("quarantined", "bad_path"),
        ("quarantined", "ignored"),
        ("waiting", "item_not_found"),
        ("waiting", "company_not_found"),
    }
    assert expected == {(sample.outcome, sample.reason) for sample in drawn.values()}


def test_no_sample_is_over_the_byte_limit(drawn: dict[str, Sample]) -> None:
    assert max(len(sample.content) for sample in drawn.values()) < 64 * MIB


@pytest.mark.parametrize(
    ("blob", "kind", "mode", "size"),
    [
        ("CRONUS USA, Inc/1896-S.jpg", "JPEG", "RGB", (4000, 3000)),
        ("CRONUS USA, Inc/1908-S.jpg", "JPEG", "RGB", (4000, 3000)),
        ("CRONUS USA, Inc/1920-S.jpg", "JPEG", "L", (1600, 1200)),
        ("CRONUS USA, Inc/1925-W.jpg", "PNG", "RGB", (800, 600)),
        ("CRONUS USA, Inc/1960-S.png", "PNG", "RGBA", (800, 600)),
        ("CRONUS USA, Inc/1964-S.jpg", "JPEG", "CMYK", (1600, 1200)),
        ("CRONUS USA, Inc/70 061.png", "PNG", "P", (800, 600)),
        ("NORDWIND/1100.webp", "WEBP", "RGBA", (800, 600)),
        ("NORDWIND/1150.webp", "WEBP", "RGB", (1600, 1200)),
        ("NORDWIND/LS-75.jpg", "JPEG", "RGB", (640, 480)),
    ],
)
def test_format_mode_and_size_are_what_the_story_says(
    drawn: dict[str, Sample], blob: str, kind: str, mode: str, size: tuple[int, int]
) -> None:
    image = opened(drawn[blob])
    assert (kind, mode, size) == (image.format, image.mode, image.size)


def test_every_updated_sample_decodes_completely(drawn: dict[str, Sample]) -> None:
    for sample in drawn.values():
        if sample.outcome == "updated":
            opened(sample).load()


def test_the_phone_photo_lies_on_its_side_and_says_where_it_was_taken(drawn: dict[str, Sample]) -> None:
    image = opened(drawn["CRONUS USA, Inc/1908-S.jpg"])
    exif = image.getexif()
    assert exif[ExifTags.Base.Orientation] == 6
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert b"warehouse" in image.info["comment"]


def test_the_upside_down_photo_says_so(drawn: dict[str, Sample]) -> None:
    assert opened(drawn["CRONUS USA, Inc/1936-S.jpg"]).getexif()[ExifTags.Base.Orientation] == 3


def test_the_progressive_jpeg_is_one(drawn: dict[str, Sample]) -> None:
    assert opened(drawn["CRONUS USA, Inc/1928-S.jpg"]).info["progressive"]


def test_transparent_samples_have_a_clear_background_and_a_solid_product(drawn: dict[str, Sample]) -> None:
    for blob in ("CRONUS USA, Inc/1960-S.png", "NORDWIND/1100.webp"):
        alpha = opened(drawn[blob]).getchannel("A")
        assert (alpha.getpixel((2, 2)), alpha.getpixel((400, 420))) == (0, 255)


def test_inks_mix_to_the_colours_that_were_drawn(drawn: dict[str, Sample]) -> None:
    image = opened(drawn["CRONUS USA, Inc/1964-S.jpg"])
    assert "adobe" in image.info
    assert ImageStat.Stat(image.getchannel("K")).mean[0] > 10, "black ink takes part"
    assert difference(image, pottery.mug().picture) < 3


def test_the_wide_gamut_photo_has_other_numbers_and_the_same_colours(drawn: dict[str, Sample]) -> None:
    image, bowl = opened(drawn["CRONUS USA, Inc/Ä-1100.jpeg"]), household.fruit_bowl().picture
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    seen = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    assert seen is not None
    assert difference(seen, bowl) < 2
    assert difference(image, bowl) > 2 * difference(seen, bowl)
    assert encodings.adobe_rgb_profile() == image.info["icc_profile"]


def test_the_rough_cloth_does_not_fit_at_the_usual_quality(drawn: dict[str, Sample]) -> None:
    picture = opened(drawn["CRONUS USA, Inc/1968-S.jpg"]).resize((1024, 768), Image.Resampling.LANCZOS)
    assert len(encodings.jpeg(picture, quality=85)) > 256 * 1024 > len(encodings.jpeg(picture, quality=50))


def test_the_plan_has_too_many_pixels_in_a_small_file(drawn: dict[str, Sample]) -> None:
    plan = drawn["CRONUS USA, Inc/1972-S.png"]
    with warnings.catch_warnings(), pytest.warns(Image.DecompressionBombWarning):
        size = opened(plan).size
    assert size[0] * size[1] > 100_000_000
    assert len(plan.content) < MIB // 4


def test_the_broken_transfer_has_a_good_header_and_no_end(drawn: dict[str, Sample]) -> None:
    image = opened(drawn["NORDWIND/1896-S.jpg"])
    assert image.format == "JPEG"
    with pytest.raises(OSError, match="truncated"):
        image.load()
