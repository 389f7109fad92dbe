"""No metadata of a source comes out: no place, no camera, no comment."""

from io import BytesIO

import pytest
from PIL import Image

from shared.pictures.render import render
from tests.support.pictures import quarters, saved, with_metadata


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_metadata_comes_out(kind: str) -> None:
    source = with_metadata(kind)
    assert b"SECRET" in source
    content = render(source).content
    for trace in (b"SECRET", b"Exif", b"xmp", b"ICC_PROFILE", b"Adobe RGB", b"Photoshop", b"\xff\xfe"):
        assert trace not in content
    image = Image.open(BytesIO(content))
    assert dict(image.getexif()) == {}
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_a_comment_alone_is_removed_too(kind: str) -> None:
    source = saved(quarters(), kind, comment=b"SECRETCOMMENT")
    assert b"SECRETCOMMENT" in source
    assert b"SECRETCOMMENT" not in render(source).content
