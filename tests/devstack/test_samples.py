"""Each sample matches its story, and together they cover what happens to real uploads."""

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


def open_sample(sample: Sample) -> Image.Image:
    return Image.open(BytesIO(sample.content))


def difference(first: Image.Image, second: Image.Image) -> float:
    """Return the mean difference in levels, at thumbnail size."""
    pair = [image.convert("RGB").resize((160, 120), Image.Resampling.BOX) for image in (first, second)]
    return max(ImageStat.Stat(ImageChops.difference(*pair)).mean)


def item_of(blob: str) -> tuple[str, str]:
    """Return company name and item number as spelled in the catalogue."""
    company, _, file = blob.rpartition("/")
    name = file.rpartition(".")[0]
    for entry in json.loads(CATALOGUE.read_text(encoding="utf-8"))["companies"]:
        if (company or "CRONUS USA, Inc") not in {entry["name"].rstrip("."), entry["displayName"]}:
            continue
        for item in entry["items"]:
            if name.casefold() in {item["number"].casefold(), f"{{{item['id']}}}"}:
                return entry["name"], item["number"]
    raise LookupError(blob)


def test_two_runs_draw_equal_bytes(drawn: dict[str, Sample]) -> None:
    assert list(drawn.values()) == list(samples())


def test_every_updated_sample_has_its_own_item(drawn: dict[str, Sample]) -> None:
    items = [item_of(blob) for blob, sample in drawn.items() if sample.outcome == "updated"]
    assert len(items) >= 16
    assert len(set(items)) == len(items)


def test_samples_to_reject_address_no_updated_item(drawn: dict[str, Sample]) -> None:
    updated = {item_of(blob) for blob, sample in drawn.items() if sample.outcome == "updated"}
    assert item_of("NORDWIND/1896-S.jpg") not in updated
    for blob in ("CRONUS USA, Inc/1972-S.png", "CRONUS USA, Inc/9999-X.jpg", "Fabrikam/1000.jpg"):
        with pytest.raises(LookupError):
            item_of(blob)


def test_samples_cover_every_way_to_fail(drawn: dict[str, Sample]) -> None:
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
def test_format_mode_and_size_match_the_story(
    drawn: dict[str, Sample], blob: str, kind: str, mode: str, size: tuple[int, int]
) -> None:
    image = open_sample(drawn[blob])
    assert (kind, mode, size) == (image.format, image.mode, image.size)


def test_every_updated_sample_decodes_completely(drawn: dict[str, Sample]) -> None:
    for sample in drawn.values():
        if sample.outcome == "updated":
            open_sample(sample).load()


def test_phone_photo_is_sideways_and_has_a_gps_position(drawn: dict[str, Sample]) -> None:
    image = open_sample(drawn["CRONUS USA, Inc/1908-S.jpg"])
    exif = image.getexif()
    assert exif[ExifTags.Base.Orientation] == 6
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert b"warehouse" in image.info["comment"]


def test_upside_down_photo_has_its_exif_orientation(drawn: dict[str, Sample]) -> None:
    assert open_sample(drawn["CRONUS USA, Inc/1936-S.jpg"]).getexif()[ExifTags.Base.Orientation] == 3


def test_progressive_jpeg_is_progressive(drawn: dict[str, Sample]) -> None:
    assert open_sample(drawn["CRONUS USA, Inc/1928-S.jpg"]).info["progressive"]


def test_transparent_samples_have_a_solid_product(drawn: dict[str, Sample]) -> None:
    for blob in ("CRONUS USA, Inc/1960-S.png", "NORDWIND/1100.webp"):
        alpha = open_sample(drawn[blob]).getchannel("A")
        assert (alpha.getpixel((2, 2)), alpha.getpixel((400, 420))) == (0, 255)


def test_cmyk_mixes_to_the_drawn_colours(drawn: dict[str, Sample]) -> None:
    image = open_sample(drawn["CRONUS USA, Inc/1964-S.jpg"])
    assert "adobe" in image.info
    assert ImageStat.Stat(image.getchannel("K")).mean[0] > 10, "black ink is used"
    assert difference(image, pottery.mug().picture) < 3


def test_wide_gamut_photo_shows_the_same_colours(drawn: dict[str, Sample]) -> None:
    image, bowl = open_sample(drawn["CRONUS USA, Inc/Ä-1100.jpeg"]), household.fruit_bowl().picture
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    in_srgb = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    assert in_srgb is not None
    assert difference(in_srgb, bowl) < 2
    assert difference(image, bowl) > 2 * difference(in_srgb, bowl)
    assert encodings.adobe_rgb_profile() == image.info["icc_profile"]


def test_rough_cloth_does_not_fit_at_the_usual_quality(drawn: dict[str, Sample]) -> None:
    picture = open_sample(drawn["CRONUS USA, Inc/1968-S.jpg"]).resize((1024, 768), Image.Resampling.LANCZOS)
    assert len(encodings.jpeg(picture, quality=85)) > 256 * 1024 > len(encodings.jpeg(picture, quality=50))


def test_plan_has_too_many_pixels_in_a_small_file(drawn: dict[str, Sample]) -> None:
    plan = drawn["CRONUS USA, Inc/1972-S.png"]
    with warnings.catch_warnings(), pytest.warns(Image.DecompressionBombWarning):
        size = open_sample(plan).size
    assert size[0] * size[1] > 120_000_000
    assert len(plan.content) < MIB // 4


def test_interrupted_transfer_has_a_header_and_no_end(drawn: dict[str, Sample]) -> None:
    image = open_sample(drawn["NORDWIND/1896-S.jpg"])
    assert image.format == "JPEG"
    with pytest.raises(OSError, match="truncated"):
        image.load()
