"""The client passes the same contract in both versions of the API, after Microsoft's own end-to-end tests of pictures."""

import pytest

from shared import naming
from shared.business_central import BusinessCentral, Item, PictureDocument
from shared.naming import ItemKey, KeyKind
from shared.pipeline import Pipeline
from shared.telemetry import Outcome
from tests.local import DESK, DESK_ID, Local, photograph


@pytest.fixture(params=["v2.0", "v1.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(local: Local, version: str) -> Pipeline:
    url = local.stack.endpoints.business_central_url.replace("/api/v2.0", f"/api/{version}")
    return local.pipeline(BC_API_VERSION=version, BC_BASE_URL=url)


@pytest.fixture
def bc(pipeline: Pipeline) -> BusinessCentral:
    return pipeline.business_central


@pytest.fixture
def desk(bc: BusinessCentral) -> Item:
    company = bc.company("CRONUS USA, Inc.", "x")
    return bc.item(company, ItemKey(None, KeyKind.NUMBER, "1896-S"), "x")


def read(bc: BusinessCentral, desk: Item) -> tuple[PictureDocument, bytes]:
    document = bc.picture(desk, "x")
    return document, bc.picture_content(document, "x")


def test_an_item_without_a_picture_has_a_document_without_content(
    bc: BusinessCentral, desk: Item, version: str
) -> None:
    document, content = read(bc, desk)
    assert (document.id, document.width, document.height, document.content_type) == (DESK_ID, 0, 0, "")
    assert version in document.edit_link
    assert content == b""
    assert not desk.has_picture


def test_an_upload_makes_the_picture(bc: BusinessCentral, desk: Item) -> None:
    sent = photograph(size=(640, 480))
    bc.upload_picture(desk, sent, "x")
    document, content = read(bc, desk)
    assert (document.id, document.width, document.height) == (DESK_ID, 640, 480)
    assert document.content_type == "image/jpeg"
    assert content == sent


def test_an_upload_replaces_the_picture(bc: BusinessCentral, desk: Item) -> None:
    newer = photograph("#aa2200", size=(300, 200))
    for content in (photograph(), newer):
        bc.upload_picture(desk, content, "x")
    document, content = read(bc, desk)
    assert (document.width, document.height) == (300, 200)
    assert content == newer


def test_an_item_that_is_read_again_tells_of_its_picture(bc: BusinessCentral, desk: Item) -> None:
    bc.upload_picture(desk, photograph(), "x")
    assert bc.item(desk.company, ItemKey(None, KeyKind.ID, DESK_ID), "x").has_picture


def test_an_upload_goes_all_the_way(local: Local, pipeline: Pipeline, version: str) -> None:
    local.upload()
    assert pipeline.process(naming.INCOMING, DESK).outcome is Outcome.UPDATED
    assert [request["method"] for request in local.requests()] == ["GET", "GET", "PATCH"]
    assert all(f"/api/{version}/" in request["path"] for request in local.requests())
    picture = local.picture()
    assert picture is not None
    assert picture.size == (1024, 768)


def test_links_are_followed_on_the_configured_origin_only(
    local: Local, bc: BusinessCentral, desk: Item
) -> None:
    """On-premises names its internal host: the path counts, and the token never travels there."""
    local.control("POST", "links", origin="https://bc-internal:7048")
    bc.upload_picture(desk, photograph(size=(64, 64)), "x")
    document, content = read(bc, desk)
    assert "bc-internal" in document.read_link
    assert content == photograph(size=(64, 64))
