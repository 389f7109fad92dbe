"""Microsoft's end-to-end tests of item pictures pass over HTTP, at each address of the API.

After ``APIV2PicturesE2E.Codeunit.al`` and its twin for v1.0 in microsoft/BCApps: the same seven cases.
"""

import pytest

from tests.support.simulator_client import (
    DESK,
    ON_PREMISES_V1,
    ON_PREMISES_V2,
    PICTURE,
    V1,
    V2,
    Client,
    picture,
)

pytestmark = [
    pytest.mark.evidence("GT"),
    pytest.mark.parametrize(
        "bc",
        [V2, V1, ON_PREMISES_V2, ON_PREMISES_V1],
        ids=["v2.0", "v1.0", "on-premises v2.0", "on-premises v1.0"],
        indirect=True,
    ),
]


def facts(bc: Client) -> tuple[object, ...]:
    metadata = bc.metadata()
    return tuple(metadata[name] for name in ("id", "width", "height", "contentType"))


def test_metadata_of_an_item_with_a_picture(bc: Client) -> None:
    bc.put_pictures(picture(size=(64, 48)))
    assert bc.get(PICTURE).status_code == 200
    assert facts(bc) == (DESK, 64, 48, "image/jpeg")


def test_metadata_of_an_item_without_a_picture(bc: Client) -> None:
    assert bc.get(PICTURE).status_code == 200
    assert facts(bc) == (DESK, 0, 0, "")


def test_content_of_an_item_with_a_picture(bc: Client) -> None:
    bc.put_pictures(picture())
    response = bc.get(bc.api.content)
    assert (response.status_code, response.content) == (200, picture())


def test_content_of_an_item_without_a_picture(bc: Client) -> None:
    response = bc.get(bc.api.content)
    assert (response.status_code, response.content) == (204, b"")


def test_an_upload_creates_the_picture(bc: Client) -> None:
    response = bc.upload(picture())
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response.headers
    assert (facts(bc), bc.content()) == ((DESK, 40, 30, "image/jpeg"), picture())


def test_an_upload_replaces_all_pictures(bc: Client) -> None:
    bc.put_pictures(picture(), picture(colour="red"), picture(colour="gold"))
    assert bc.upload(picture(size=(7, 5))).status_code == 204
    assert (facts(bc), bc.content()) == ((DESK, 7, 5, "image/jpeg"), picture(size=(7, 5)))
    assert len(bc.control("GET", f"/items/{DESK}").json()["pictures"]) == 1


def test_a_deleted_picture_leaves_metadata_of_size_zero(bc: Client) -> None:
    bc.put_pictures(picture(), picture(colour="red"))
    response = bc.delete(bc.api.picture, headers={"If-Match": "*"})
    assert (response.status_code, response.content) == (204, b"")
    assert (facts(bc), bc.get(bc.api.content).status_code) == ((DESK, 0, 0, ""), 204)
