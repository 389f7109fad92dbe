"""The simulator accepts and refuses uploads and ETags as Business Central does, in API v2.0."""

import re
import socket
from http.client import HTTPConnection
from uuid import uuid4

import pytest

from devstack.business_central.application import LARGEST_BODY
from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    CONTENT,
    DESK,
    ITEMS,
    PICTURE,
    UPLOAD_HEADERS,
    Client,
    assert_refused,
    assumptions,
    picture,
)

evidence = pytest.mark.evidence


@evidence("3P")
def test_links_lead_to_the_content_with_and_without_picture(bc: Client) -> None:
    for _ in range(2):
        metadata = bc.metadata()
        assert bc.base + CONTENT == metadata["pictureContent@odata.mediaEditLink"]
        assert bc.base + CONTENT == metadata["pictureContent@odata.mediaReadLink"]
        bc.patch(metadata["pictureContent@odata.mediaEditLink"], picture(), headers=UPLOAD_HEADERS)


@pytest.mark.parametrize(
    ("image_format", "content_type"),
    [
        pytest.param("JPEG", "image/jpeg", marks=evidence("GT")),
        pytest.param("PNG", "image/png", marks=evidence("UNK")),
        pytest.param("GIF", "image/gif", marks=evidence("UNK")),
        pytest.param("BMP", "image/bmp", marks=evidence("UNK")),
        pytest.param("TIFF", "image/tiff", marks=evidence("UNK")),
    ],
)
def test_size_and_type_are_read_from_the_bytes(bc: Client, image_format: str, content_type: str) -> None:
    bc.patch(CONTENT, picture(image_format, (64, 48)), headers=UPLOAD_HEADERS)
    metadata = bc.metadata()
    assert (64, 48, content_type) == (metadata["width"], metadata["height"], metadata["contentType"])
    assert (Assumption.CONTENT_TYPE in assumptions(bc.get(PICTURE))) is (image_format != "JPEG")


@evidence("GT")
def test_an_upload_replaces_the_picture_and_names_its_item(bc: Client) -> None:
    bc.patch(CONTENT, picture("PNG"), headers=UPLOAD_HEADERS)
    bc.patch(CONTENT, picture(size=(7, 5)), headers=UPLOAD_HEADERS)
    item = bc.control("GET", f"/items/{DESK}").json()
    assert tuple(item["picture"][name] for name in ("description", "width", "height")) == (
        "1896-S Harbour Desk, oak.jpg",
        7,
        5,
    )


@evidence("GT")
def test_identical_bytes_change_the_item_and_store_a_medium(bc: Client) -> None:
    bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    item, metadata = bc.item(), bc.metadata()
    bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    assert item["lastModifiedDateTime"] < bc.item()["lastModifiedDateTime"]
    assert item["@odata.etag"] != bc.item()["@odata.etag"]
    assert metadata["@odata.etag"] != bc.metadata()["@odata.etag"]
    assert bc.control("GET", f"/items/{DESK}").json()["media_stored"] == 2


@evidence("3P")
def test_deleting_needs_no_if_match(bc: Client) -> None:
    assert bc.delete(PICTURE).status_code == 204


@evidence("INF")
def test_an_upload_to_an_unknown_item_is_silently_ignored(bc: Client) -> None:
    unknown = f"{ITEMS}({uuid4()})/picture/pictureContent"
    assert bc.patch(unknown, picture(), headers=UPLOAD_HEADERS).status_code == 204
    assert_refused(bc.get(unknown), 404, "BadRequest_ResourceNotFound")


@pytest.mark.parametrize("body", [b"", b"not a picture", b"RIFF\x1a\0\0\0WEBPVP8L", b"\xff\xd8\xff"])
@evidence("UNK")
def test_an_unknown_format_is_refused_and_changes_nothing(bc: Client, body: bytes) -> None:
    bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    response = bc.patch(CONTENT, body, headers=UPLOAD_HEADERS)
    assert_refused(response, 400, "Application_DialogException")
    assert assumptions(response) == {Assumption.NOT_A_PICTURE}
    assert picture() == bc.get(CONTENT).content


@evidence("DOC")
def test_a_body_over_the_limit_is_refused_before_it_is_read(bc: Client) -> None:
    connection = HTTPConnection(bc.base.split("/")[2], timeout=10)
    headers = {**UPLOAD_HEADERS, "Authorization": bc.headers["Authorization"], "Content-Length": LARGEST_BODY + 1}
    connection.putrequest("PATCH", bc.base.partition(bc.url)[2] + CONTENT)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.sock.shutdown(socket.SHUT_WR)  # the body never comes
    response = connection.getresponse()
    assert (response.status, response.headers["x-simulator-assumed"]) == (413, Assumption.TOO_LARGE)
    connection.close()


@evidence("UNK")
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF"])
def test_a_truncated_picture_is_accepted(bc: Client, image_format: str) -> None:
    assert assumptions(bc.upload(picture(image_format))) == set()
    response = bc.upload(picture(image_format)[:-3])
    assert (response.status_code, assumptions(response)) == (204, {Assumption.HEADER_ONLY})
    assert bc.content() == picture(image_format)[:-3]


def test_a_body_may_come_in_chunks(bc: Client) -> None:
    halves = iter([picture()[:100], picture()[100:]])
    assert bc.patch(CONTENT, halves, headers=UPLOAD_HEADERS).status_code == 204
    assert picture() == bc.get(CONTENT).content


@evidence("LIVE")
def test_an_upload_without_if_match_is_refused(bc: Client) -> None:
    message = assert_refused(bc.patch(CONTENT, picture()), 400, "BadRequest_InvalidToken")
    assert message == (
        "Could not validate the client concurrency token required by the service. "
        "Please provide a valid token in the client request."
    )


@evidence("GT")
def test_the_pictures_own_etag_is_accepted_once(bc: Client) -> None:
    current = {"If-Match": bc.metadata()["@odata.etag"]}
    assert bc.patch(CONTENT, picture(), headers=current).status_code == 204
    message = assert_refused(bc.patch(CONTENT, picture(), headers=current), 409, "Request_EntityChanged")
    assert message == "Another user has already changed the record."


@evidence("DOC")
def test_the_items_etag_is_not_the_pictures(bc: Client) -> None:
    item_etag = {"If-Match": bc.item()["@odata.etag"]}
    assert_refused(bc.patch(CONTENT, picture(), headers=item_etag), 409, "Request_EntityChanged")


@evidence("INF")
def test_a_stale_etag_does_not_delete(bc: Client) -> None:
    stale = {"If-Match": bc.metadata()["@odata.etag"]}
    bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    assert_refused(bc.delete(PICTURE, headers=stale), 409, "Request_EntityChanged")


@evidence("3P")
def test_etags_are_weak_and_opaque(bc: Client) -> None:
    assert re.fullmatch(r'W/"JzIw[A-Za-z0-9+/]+=*"', bc.metadata()["@odata.etag"])
