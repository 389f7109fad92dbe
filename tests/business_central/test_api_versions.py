"""The client keeps one contract in both versions of the API, modelled on Microsoft's own end-to-end tests."""

import pytest

from shared.business_central.client import BusinessCentral
from shared.business_central.items import Item
from shared.paths import ItemKey, KeyKind
from shared.pipeline import Pipeline
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import DESK, DESK_ID, LocalStack, photograph


@pytest.fixture(params=["v2.0", "v1.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(local: LocalStack, version: str) -> Pipeline:
    url = local.stack.endpoints.business_central_url.replace("/api/v2.0", f"/api/{version}")
    return local.pipeline(BC_API_VERSION=version, BC_BASE_URL=url)


@pytest.fixture
def bc(pipeline: Pipeline) -> BusinessCentral:
    return pipeline.business_central


@pytest.fixture
def desk(bc: BusinessCentral) -> Item:
    company = bc.company("CRONUS USA, Inc.", "x")
    return bc.item(company, ItemKey(None, KeyKind.NUMBER, "1896-S"), "x")


def test_an_item_without_a_picture_has_no_content(bc: BusinessCentral, desk: Item) -> None:
    assert bc.picture(desk, "x") == b""
    assert desk.has_picture is False


def test_an_upload_makes_the_picture(local: LocalStack, bc: BusinessCentral, desk: Item) -> None:
    sent = photograph(size=(640, 480))
    bc.upload_picture(desk, sent, "x")
    assert bc.picture(desk, "x") == sent
    picture = local.picture()
    assert picture is not None
    assert picture.size == (640, 480)


def test_an_upload_replaces_the_picture(bc: BusinessCentral, desk: Item) -> None:
    newer = photograph("#aa2200", size=(300, 200))
    for content in (photograph(), newer):
        bc.upload_picture(desk, content, "x")
    assert bc.picture(desk, "x") == newer


def test_a_reread_item_says_that_it_has_a_picture(bc: BusinessCentral, desk: Item) -> None:
    bc.upload_picture(desk, photograph(), "x")
    assert bc.item(desk.company, ItemKey(None, KeyKind.ID, DESK_ID), "x").has_picture


def test_an_upload_goes_all_the_way(local: LocalStack, pipeline: Pipeline, version: str) -> None:
    local.upload()
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert [request["method"] for request in local.requests()] == ["GET", "GET", "PATCH"]
    assert all(f"/api/{version}/" in request["path"] for request in local.requests())
    picture = local.picture()
    assert picture is not None
    assert picture.size == (1024, 768)


def test_links_to_an_internal_host_do_not_matter(local: LocalStack, bc: BusinessCentral, desk: Item) -> None:
    """On-premises links name the internal host: the token never goes there."""
    local.control("POST", "links", origin="https://bc-internal:7048")
    bc.upload_picture(desk, photograph(size=(64, 64)), "x")
    assert bc.picture(desk, "x") == photograph(size=(64, 64))
