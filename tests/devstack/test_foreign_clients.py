"""Two independent clients work with the simulator: bc-cli and python-odata from PyPI, both unpatched.

bc-cli, a client of Business Central's API v2.0, knows only the cloud's host: a proxy on loopback leads it here. It gets
a token, so its sign-in is not tested. It has no command for an item's picture: the tests use its transport for
attachments with the picture's URL. python-odata, a client of any OData 4 service, builds its classes from
``$metadata``. It follows links of entity sets but not of contained entities, so it reaches no item's picture.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from bcli import AsyncBCClient, StaticTokenAuth, errors
from bcli.client._transport import BCTransport
from odata import ODataService
from odata.exceptions import ODataError

from devstack import stack
from devstack.identity import TENANT
from tests.support import loopback_proxy
from tests.support.local_stack import DESK_ID, LocalStack, photograph

CLOUD = "api.businesscentral.dynamics.com"
PICTURE = f"items({DESK_ID})/picture"


class BCCli:
    """Calls the simulator with bc-cli."""

    def __init__(self, local: LocalStack) -> None:
        endpoints = local.stack.endpoints
        self._token, self._company = endpoints.business_central_token, endpoints.company_id
        # bc-cli's URLs have no tenant, the simulator's do: it becomes part of the environment's name.
        self._environment = f"{TENANT}/{stack.ENVIRONMENT}"

    def call(self, work: Callable[[AsyncBCClient], Coroutine[Any, Any, Any]], token: str | None = None) -> Any:
        """Run one of bc-cli's own calls."""

        async def calling() -> Any:
            address = {"tenant_id": TENANT, "environment": self._environment, "company_id": self._company}
            async with AsyncBCClient(**address, auth=StaticTokenAuth(token or self._token)) as client:
                return await work(client)

        return asyncio.run(calling())

    def send(self, work: Callable[[BCTransport], Coroutine[Any, Any, Any]]) -> Any:
        """Run a request on the transport that carries all of bc-cli's calls."""

        async def sending() -> Any:
            transport = BCTransport(StaticTokenAuth(self._token))
            try:
                return await work(transport)
            finally:
                await transport.close()

        return asyncio.run(sending())

    def url(self, path: str) -> str:
        """Return a URL in the cloud, in the default company."""
        return f"https://{CLOUD}/v2.0/{self._environment}/api/v2.0/companies({self._company})/{path}"


@pytest.fixture
def bc_cli(local: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BCCli]:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    local.control("POST", "links", origin=f"https://{CLOUD}")
    with loopback_proxy.running([CLOUD], local.stack.endpoints.catalogue_url, tmp_path) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
        yield BCCli(local)
        assert set(proxy.requested_hosts) == {f"{CLOUD}:443"}


def test_bc_cli_lists_the_companies(bc_cli: BCCli) -> None:
    companies = bc_cli.call(lambda client: client.list_companies())
    assert [company["name"] for company in companies] == ["CRONUS USA, Inc.", "NORDWIND"]


def test_bc_cli_finds_an_item_with_its_picture_in_one_request(bc_cli: BCCli, local: LocalStack) -> None:
    def query(client: AsyncBCClient) -> Any:
        return client.query("items").filter("number eq '1896-S'").select("id", "number").expand("picture").get()

    (item,) = bc_cli.call(query)
    assert (item["id"], item["number"]) == (DESK_ID, "1896-S")
    assert (item["picture"]["width"], item["picture"]["contentType"]) == (0, "")
    assert len(local.requests()) == 1


def test_bc_cli_reads_an_item_by_its_id(bc_cli: BCCli) -> None:
    item = bc_cli.call(lambda client: client.get("items", DESK_ID))
    assert item.raw["displayName"] == "Harbour Desk, oak"


def test_bc_cli_follows_the_pages_to_the_end(bc_cli: BCCli, local: LocalStack) -> None:
    async def numbers(client: AsyncBCClient) -> list[list[str]]:
        pages = await client.query("items").select("number").pages()
        return [[item["number"] for item in page] async for page in pages]

    local.control("POST", "paging", page_size=4)
    pages = bc_cli.call(numbers)
    assert [len(page) for page in pages] == [4, 4, 4, 3]
    assert len({number for page in pages for number in page}) == 15


def test_bc_cli_uploads_a_picture_and_downloads_it_by_its_link(
    bc_cli: BCCli, local: LocalStack, tmp_path: Path
) -> None:
    upload, content, download = photograph(), bc_cli.url(f"{PICTURE}/pictureContent"), tmp_path / "desk.jpg"
    assert bc_cli.send(lambda transport: transport.patch_binary(content, content=upload)) == {}
    picture = local.picture()
    assert picture is not None
    assert picture.size == (1600, 1200)
    document = bc_cli.send(lambda transport: transport.get(bc_cli.url(PICTURE)))
    link = document["pictureContent@odata.mediaReadLink"]
    bc_cli.send(lambda transport: transport.download(link, download))
    assert download.read_bytes() == upload


def test_bc_cli_deletes_a_picture(bc_cli: BCCli, local: LocalStack) -> None:
    content = bc_cli.url(f"{PICTURE}/pictureContent")
    bc_cli.send(lambda transport: transport.patch_binary(content, content=photograph()))
    bc_cli.send(lambda transport: transport.delete(bc_cli.url(PICTURE)))
    assert local.picture() is None


def test_bc_cli_understands_errors(bc_cli: BCCli) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(errors.AuthError, match="The server has rejected the client credentials"):
        bc_cli.call(lambda client: client.list_companies(), token="eyJ.not.signed")  # noqa: S106 - not a real token
    with pytest.raises(errors.NotFoundError):
        bc_cli.call(lambda client: client.get("items", unknown))
    with pytest.raises(errors.ValidationError, match="Hint: Run 'bcli endpoint fields items'"):
        bc_cli.call(lambda client: client.query("items").select("colour").get())


def test_bc_cli_reports_a_lost_race(bc_cli: BCCli) -> None:
    content = bc_cli.url(f"{PICTURE}/pictureContent")
    with pytest.raises(errors.BCLIError, match="Another user has already changed the record") as conflict:
        bc_cli.send(lambda transport: transport.patch_binary(content, content=photograph(), etag='W/"stale"'))
    assert conflict.value.status_code == 409


def test_bc_cli_waits_as_long_as_retry_after_says(bc_cli: BCCli, local: LocalStack) -> None:
    local.fault(429, method="GET", headers={"Retry-After": "0.01"})
    assert len(bc_cli.call(lambda client: client.list_companies())) == 2
    assert [request["status"] for request in local.requests("GET")] == [429, 200]


def test_bc_cli_sends_no_token_to_another_host(bc_cli: BCCli, local: LocalStack, tmp_path: Path) -> None:
    """This is why it needs the proxy: it follows no link to the simulator's own address."""
    link = f"{local.stack.endpoints.business_central_url}/companies"
    with pytest.raises(ValueError, match="Refusing to attach BC credentials"):
        bc_cli.send(lambda transport: transport.download(link, tmp_path / "never"))
    assert bc_cli.call(lambda client: client.test_connection())


@pytest.fixture(params=["v2.0", "v1.0"])
def service(request: pytest.FixtureRequest, local: LocalStack) -> ODataService:
    """Connect python-odata to one version of the API; it builds its classes from ``$metadata``."""
    endpoints, session = local.stack.endpoints, stack.loopback_session()
    session.headers["Authorization"] = f"Bearer {endpoints.business_central_token}"
    url = endpoints.business_central_url.removesuffix("v2.0") + request.param
    return ODataService(url, session=session, reflect_entities=True, quiet_progress=True)


def answers(service: ODataService) -> dict[str, dict[str, Any]]:
    """Return an answer for each entity type; a picture in a collection is its only one."""
    company, _ = service.query(service.entities["companies"]).raw({})
    url = f"{service.url}companies({company['id']})/items"
    (item,) = service.default_context.connection.execute_get(url, {"$top": "1", "$expand": "picture"})["value"]
    is_collection = isinstance(item["picture"], list)
    assert service.types["Microsoft.NAV.item"].picture.is_collection is is_collection
    picture = item.pop("picture")
    return {"company": company, "item": item, "picture": picture[0] if is_collection else picture}


@pytest.mark.parametrize("name", ["company", "item", "picture"])
def test_the_schema_names_exactly_what_answers_contain(service: ODataService, name: str) -> None:
    """Streams are not in an answer, but their links are."""
    properties = service.types[f"Microsoft.NAV.{name}"].__odata_schema__["properties"]
    answer = answers(service)[name]
    streams = {key.partition("@")[0] for key in answer if key.endswith("@odata.mediaReadLink")}
    assert {field["name"] for field in properties} == {key for key in answer if "@" not in key} | streams
    assert {field["name"] for field in properties if field["type"] == "Edm.Stream"} == streams
    assert [field["name"] for field in properties if field["is_primary_key"]] == ["id"]


def test_python_odata_follows_a_link_to_a_companys_items(service: ODataService) -> None:
    first, second = service.query(service.entities["companies"])
    assert (len(first.items), len(second.items)) == (15, 5)
    assert {item.displayName for item in second.items} >= {"Vase Wiesengrün", "Teekanne Ostsee"}


def test_python_odata_follows_the_pages_to_the_end(service: ODataService, local: LocalStack) -> None:
    local.control("POST", "paging", page_size=1)
    companies = service.query(service.entities["companies"])
    assert [company.displayName for company in companies] == ["CRONUS USA, Inc.", "Nordwind Möbel GmbH"]


def test_python_odata_finds_a_company_by_its_id_and_by_its_name(service: ODataService) -> None:
    companies = service.entities["companies"]
    (company,) = service.query(companies).filter(companies.name == "NORDWIND")
    assert service.query(companies).get(company.id).displayName == "Nordwind Möbel GmbH"


def test_python_odata_understands_an_error(service: ODataService) -> None:
    with pytest.raises(ODataError, match="Could not find a property named 'colour'") as refusal:
        service.query(service.entities["companies"]).raw({"$select": "colour"})
    assert (refusal.value.status_code, refusal.value.code) == ("HTTP 400", "BadRequest")
