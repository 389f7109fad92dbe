"""doctor names what keeps storage or Business Central from working, and finds nothing on a sound stack."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from devstack.azurite import PICTURES
from devstack.machine.setup import ROOT
from devstack.stack import Stack
from operate.doctor.findings import Grade
from shared.storage import names
from tests.operate.command import Ended, Operator, operator_of
from tests.support.documents import Document
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.item_pictures import BLUE, upload
from tests.support.local_stack import LocalStack

SOURCES = sorted((ROOT / "operate").rglob("*.py"))


@pytest.fixture
def swept(local: LocalStack) -> LocalStack:
    """Return a stack that sweeps, as a running app does."""
    local.app().sweep.run()
    return local


def found(ended: Ended) -> dict[str, str]:
    """Return the names of what was found, notes left out, with what it says."""
    return {
        finding["name"]: finding["what"]
        for check in ended.document["checks"]
        for finding in check["findings"]
        if finding["grade"] != Grade.NOTE
    }


@pytest.mark.usefixtures("swept")
def test_nothing_is_found_on_a_sound_stack(operator: Operator) -> None:
    ended = operator.run("--json", "doctor")
    assert (found(ended), ended.code) == ({}, 0)
    assert len(ended.document["checks"]) == 9


def test_looking_changes_nothing(swept: LocalStack, operator: Operator) -> None:
    upload(swept, BLUE)
    before = {container: swept.names(container) for container in names_of_containers()}
    writes = len(swept.requests("PATCH"))
    operator.asked("doctor")
    assert {container: swept.names(container) for container in names_of_containers()} == before
    assert len(swept.requests("PATCH")) == writes


def names_of_containers() -> tuple[str, ...]:
    return names.INCOMING, names.ARCHIVE, names.QUARANTINE, names.RECORDS


@pytest.mark.parametrize("container", names_of_containers())
def test_a_missing_container_is_named(container: str, swept: LocalStack, operator: Operator) -> None:
    swept.storage.delete_container(container)
    try:
        ended = operator.run("--json", "doctor")
    finally:
        swept.reset()
    assert ended.code == 1
    assert found(ended)["container_missing"] == f"The container {container} does not exist."


@pytest.mark.parametrize(
    ("permissions", "lacking"),
    [
        (AccountSasPermissions(read=True, list=True, delete=True), "write blobs in product-images"),
        (AccountSasPermissions(read=True, list=True, write=True, create=True), "delete blobs in quarantine"),
        (AccountSasPermissions(list=True, write=True, create=True, delete=True), "read blobs in records"),
        (AccountSasPermissions(read=True, write=True, create=True, delete=True), "list blobs in archive"),
    ],
    ids=["write", "delete", "read", "list"],
)
def test_a_missing_right_of_the_operator_is_named(
    permissions: AccountSasPermissions,
    lacking: str,
    swept: LocalStack,
    operator: Operator,
) -> None:
    """Azurite checks the rights of a shared access signature, as Azure checks those of a role."""
    with_signature(swept, operator, permissions)
    ended = operator.run("--json", "doctor")
    told = [
        finding["what"]
        for check in ended.document["checks"]
        for finding in check["findings"]
        if finding["name"] == "right_missing"
    ]
    assert ended.code == 1
    assert f"You may not {lacking}." in told


def with_signature(local: LocalStack, operator: Operator, permissions: AccountSasPermissions) -> None:
    endpoints = local.stack.endpoints
    key = re.search(r"AccountKey=([^;]+)", endpoints.storage_connection_string)
    assert key
    signature = generate_account_sas(
        PICTURES,
        key[1],
        ResourceTypes(service=True, container=True, object=True),
        permissions,
        datetime.now(UTC) + timedelta(hours=1),
        services=Services(blob=True),
        start=datetime.now(UTC) - timedelta(hours=1),
    )
    blobs = endpoints.installation["accounts"]["picturesBlobUrl"]
    string = f"BlobEndpoint={blobs};SharedAccessSignature={signature}"
    operator.configure(local=endpoints.installation["local"] | {"storageConnectionString": string})


@pytest.mark.parametrize("minutes", [6, 600])
def test_a_wrong_clock_is_named(minutes: int, swept: LocalStack, operator: Operator) -> None:
    swept.pass_storage_time(minutes=minutes)
    assert found(operator.run("--json", "doctor"))["clock_skew"] == (
        f"This machine's clock is {minutes} minutes behind storage's."
    )


def test_a_clock_that_differs_by_less_is_none_of_its_business(swept: LocalStack, operator: Operator) -> None:
    swept.pass_storage_time(minutes=4)
    assert found(operator.run("--json", "doctor")) == {}


def test_a_sweep_that_never_ran_is_named(operator: Operator) -> None:
    assert "No sweep has ever ended" in found(operator.run("--json", "doctor"))["no_sweep"]


def test_a_sweep_that_stopped_is_named(swept: LocalStack, operator: Operator) -> None:
    swept.pass_storage_time(minutes=31)
    assert "The last sweep ended at" in found(operator.run("--json", "doctor"))["no_sweep"]


def test_storage_that_does_not_answer_is_named_once(swept: LocalStack, operator: Operator) -> None:
    string = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a"
    local = swept.stack.endpoints.installation["local"] | {"storageConnectionString": string}
    operator.configure(local=local)
    assert list(found(operator.run("--json", "doctor"))) == ["storage_unreachable"]


@pytest.mark.parametrize(
    ("status", "code", "name", "page"),
    [
        (401, "InvalidAuthenticationInfo", "sign_in_refused", "az login"),
        (401, "NoAuthenticationInformation", "sign_in_refused", "az login"),
        (403, "AuthenticationFailed", "sign_in_refused", "az login"),
        (403, "AuthorizationFailure", "storage_closed", "docs/security.md#network"),
    ],
)
def test_storage_that_refuses_whoever_asks_is_not_called_sound(
    status: int, code: str, name: str, page: str, swept: LocalStack, running_stack: Stack, tmp_path: Path
) -> None:
    """A missing role is another thing, and has another code."""
    assert swept.stack is running_stack
    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lambda *_: (status, code)) as storage,
        operator_of(running_stack, tmp_path, storage) as refused,
    ):
        ended = refused.run("--json", "doctor")
    assert (list(found(ended)), ended.code) == ([name], 1)
    assert code in found(ended)[name]
    assert page in ended.out


def test_a_connection_that_breaks_ends_one_check_alone(swept: LocalStack, running_stack: Stack, tmp_path: Path) -> None:
    """The account answers three times; then nothing comes back while its clock is read."""
    assert swept.stack is running_stack
    listings: list[str] = []

    def lose(_method: str, path: str, _headers: object) -> Answer | None:
        if f"/{names.INCOMING}?" in path and "comp=list" in path:
            listings.append(path)
        return Answer.LOST if len(listings) > 3 and path == listings[-1] else None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lose) as storage,
        operator_of(running_stack, tmp_path, storage) as unlucky,
    ):
        ended = unlucky.run("--json", "doctor")
    assert (list(found(ended)), ended.code) == (["could_not_look"], 3), ended.err
    assert found(ended)["could_not_look"].startswith("Clock: ")
    assert len(ended.document["checks"]) == 9


def with_bc(local: LocalStack, operator: Operator, **changes: str) -> None:
    operator.configure(businessCentral=local.stack.endpoints.installation["businessCentral"] | changes)


def test_a_wrong_environment_is_named(swept: LocalStack, operator: Operator) -> None:
    url = swept.stack.endpoints.business_central_url.replace("/sandbox/", "/nowhere/")
    with_bc(swept, operator, baseUrl=url)
    assert {"bc_refused", "bc_unauthorized"} & set(found(operator.run("--json", "doctor")))


def test_bc_that_does_not_answer_is_named_once(swept: LocalStack, operator: Operator) -> None:
    swept.fault(drop=True, count=None)
    assert list(found(operator.run("--json", "doctor"))) == ["bc_unreachable"]


def test_bc_that_does_not_let_the_operator_in_is_named(swept: LocalStack, operator: Operator) -> None:
    swept.fault(401, count=None)
    ended = operator.run("--json", "doctor")
    assert (list(found(ended)), ended.code) == (["bc_unauthorized"], 1)


def test_an_api_version_that_bc_does_not_have_is_named(swept: LocalStack, operator: Operator) -> None:
    swept.fault(404, path="api/v1.0", count=None, code="BadRequest_ResourceNotFound")
    url = swept.stack.endpoints.business_central_url.replace("/api/v2.0", "/api/v1.0")
    with_bc(swept, operator, baseUrl=url, apiVersion="v1.0")
    ended = operator.run("--json", "doctor")
    assert found(ended) == {"api_version": "Business Central has no API v1.0; it has v2.0."}


def test_an_unknown_company_is_named(swept: LocalStack, operator: Operator) -> None:
    with_bc(swept, operator, company="Fabrikam")
    assert "'Fabrikam'" in found(operator.run("--json", "doctor"))["company_unknown"]


def test_items_that_the_operator_may_not_read_are_named(swept: LocalStack, operator: Operator) -> None:
    swept.fault(403, path="/items", count=None)
    assert "CRONUS USA, Inc." in found(operator.run("--json", "doctor"))["items_unreadable"]


def test_what_only_the_first_picture_shows_is_said(swept: LocalStack, operator: Operator) -> None:
    assert "only its first picture shows that" in operator.run("doctor").words
    upload(swept, BLUE)
    assert "it could write then" in operator.run("doctor").words


def test_a_local_stack_has_nothing_deployed(operator: Operator) -> None:
    ended = operator.run("doctor", "--deployed")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "a stack on this machine" in ended.err


@pytest.mark.parametrize("columns", [40, 80])
def test_findings_fit_the_terminal(columns: int, operator: Operator) -> None:
    lines = operator.run("doctor", columns=columns).out.splitlines()
    assert any("No sweep" in line for line in lines)
    assert [line for line in lines if len(line.rstrip()) > columns] == []


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page and anchor that a message names, in the code."""
    for path in SOURCES:
        text = re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")).replace("{_PAGE}", page_of(path))
        yield from re.findall(r"(docs/[\w-]+\.md)(#[\w-]+)?", text)


def page_of(path: Path) -> str:
    match = re.search(r'^_PAGE = "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


def test_every_page_that_a_message_names_exists() -> None:
    named = sorted(set(pages()))
    assert len(named) > 15
    missing = [f"{page}{anchor}" for page, anchor in named if not leads_somewhere(page, anchor)]
    assert missing == []


def leads_somewhere(page: str, anchor: str, root: Path = ROOT) -> bool:
    path = root / page
    return path.is_file() and (not anchor or anchor.removeprefix("#") in Document(path).anchors)
