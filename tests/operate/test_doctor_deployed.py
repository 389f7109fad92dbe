"""doctor --deployed finds nothing on what Bicep deploys, and names each thing that somebody has changed since."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from devstack import stack
from operate.arm import GRAPH, RESOURCE_MANAGER
from operate.doctor.access import CONTRIBUTOR, OWNER, QUEUES
from operate.doctor.findings import Grade
from shared import config, wiring
from tests.operate.command import Operator
from tests.operate.test_doctor import found
from tests.support.azure_api import Api, leading_to, refused
from tests.support.deployed_azure import PRINCIPAL, TOPIC_PRINCIPAL, DeployedAzure

HOSTS = [address.removeprefix("https://") for address in (RESOURCE_MANAGER, GRAPH)]
FORBIDDEN = refused(403, "AuthorizationFailed", "The client does not have authorization to perform action …")
PICTURES, HOST = "stpics", "sthost"
TABLES, METRICS = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "3913510d-42f4-4e42-8a64-420c390055eb"
CONTAINER, QUEUE = (
    f"Microsoft.Storage/storageAccounts/{kind}" for kind in ("blobServices/containers", "queueServices/queues")
)
COMPONENT = "Microsoft.Insights/components"
SUBSCRIPTION = "Microsoft.EventGrid/systemTopics/eventSubscriptions"
CONTAINERS = "/blobServices/default/containers/"
TELEMETRY = "APPLICATIONINSIGHTS_CONNECTION_STRING"
STRANGER = "0d5f3c0e-7a53-4c1b-8a5c-2f1d9b6a4e10"


@pytest.fixture(scope="module")
def keyless() -> Iterator[stack.Stack]:
    """Run a stack that only tokens open, as in Azure, and whose sweep has run."""
    with stack.running(keyless=True, telemetry=True) as running, pytest.MonkeyPatch.context() as patch:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            patch.setenv(name, running.app_settings[name])
        patch.setenv("REQUESTS_CA_BUNDLE", str(running.accounts.certificate.public))
        wiring.build(config.read(running.app_settings)).sweep.run()
        yield running


@pytest.fixture
def azure(keyless: stack.Stack) -> DeployedAzure:
    """Return a subscription with the app in it, as Bicep deploys it."""
    installation = keyless.endpoints.installation
    assert keyless.ingestion
    telemetry = keyless.ingestion.settings()[TELEMETRY]
    return DeployedAzure(installation["accounts"], telemetry, installation["businessCentral"])


@pytest.fixture
def operator(
    keyless: stack.Stack,
    azure: DeployedAzure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Operator]:
    """Return the command, whose requests to Azure end in the stand-in; signed in by the real azure-identity."""

    def knows(token: str) -> bool:
        return jwt.decode(token, options={"verify_signature": False})["aud"] in (RESOURCE_MANAGER, GRAPH)

    api = Api(azure, knows)
    with leading_to(api, tmp_path, *HOSTS) as proxy:
        bundle = tmp_path / "trusted.pem"
        bundle.write_bytes(proxy.certificate.read_bytes() + keyless.accounts.certificate.public.read_bytes())
        for name, value in {
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            **{name: keyless.app_settings[name] for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")},
        }.items():
            monkeypatch.setenv(name, value)
        yield installed(keyless, azure, tmp_path)
    assert api.unauthorized == 0
    assert {request.method for request in api.requests} <= {"GET", "POST"}


def installed(keyless: stack.Stack, azure: DeployedAzure, folder: Path) -> Operator:
    """Return the command with what the deployment puts out."""
    subscription, group = azure.app["id"].split("/")[2:5:2]
    operator = Operator(folder / "installation.json", folder)
    keyless.endpoints.write(operator.config)
    local = keyless.endpoints.installation
    accounts = {name: azure.account(part)["name"] for name, part in (("host", HOST), ("pictures", PICTURES))}
    operator.configure(
        subscription=subscription,
        resourceGroup=group,
        functionApp=azure.app["name"],
        accounts=local["accounts"] | accounts,
        containers=local["containers"] | {"deadLetter": "dead-letter"},
        local=None,
    )
    return operator


def test_nothing_is_found_on_what_bicep_deploys(operator: Operator) -> None:
    ended = operator.run("--json", "doctor", "--deployed")
    assert (found(ended), ended.code) == ({}, 0)
    assert len(ended.document["checks"]) == 27


def test_everything_that_it_says_is_readable(operator: Operator, azure: DeployedAzure) -> None:
    azure.take(PICTURES, OWNER)
    azure.subscription["filter"]["subjectBeginsWith"] = "/blobServices/default/containers/product-images"
    for columns in (40, 80):
        ended = operator.run("doctor", "--deployed", columns=columns)
        assert ended.code == 1
        assert "lacks its slash at the end" in ended.words
        assert "2 problems found." in ended.words
        assert "\x1b" not in ended.out
        assert [line for line in ended.out.splitlines() if len(line.rstrip()) > columns] == []


def to_nobody(azure: DeployedAzure) -> str:
    """Return where telemetry goes, with a port at which nobody listens."""
    return re.sub(r"127\.0\.0\.1:[0-9]+", "127.0.0.1:9", azure.settings[TELEMETRY])


@dataclass(frozen=True)
class Planted:
    """What somebody changed, and the findings that must tell it: their names, and what their sentences name."""

    change: Callable[[DeployedAzure], object]
    findings: tuple[tuple[str, str], ...]


def planted(change: Callable[[DeployedAzure], object], *findings: str) -> Planted:
    """Describe a change; ``findings`` are names and words in turn."""
    return Planted(change, tuple(zip(findings[::2], findings[1::2], strict=True)))


def without_role(scope: str, role: str, name: str, principal: str = PRINCIPAL) -> Planted:
    return planted(lambda azure: azure.take(scope, role, principal), "role_missing", name)


def with_setting(name: str, value: str, finding: str, words: str) -> Planted:
    return planted(lambda azure: azure.settings.update({name: value}), finding, words)


def with_filter(finding: str, words: str, **changes: Any) -> Planted:
    return planted(lambda azure: azure.subscription["filter"].update(changes), finding, words)


# Changes of one group do not hide each other: all are told, and nothing else is.
PLANTED: dict[str, list[Planted]] = {
    "deleted app": [planted(lambda a: a.delete(a.app), "app_missing", "func-itempic-test")],
    "stopped app": [planted(lambda a: a.app["properties"].update(state="Stopped"), "app_stopped", "is Stopped")],
    "lost identity": [
        planted(lambda a: a.app.update(identity={"type": "None"}), "identity_missing", "no managed identity")
    ],
    "no code": [
        planted(
            lambda a: a.functions.clear(),
            *("function_missing", "item_picture_uploaded"),
            *("function_missing", "sweep_incoming"),
            *("function_missing", "delivery_exhausted"),
        )
    ],
    "deleted account": [planted(lambda a: a.delete(a.account(PICTURES)), "account_missing", PICTURES)],
    "no topic": [planted(lambda a: a.delete(a.topic), "topic_missing", "no system topic")],
    "no subscription": [
        planted(lambda a: a.delete(a.one(SUBSCRIPTION)), "subscription_missing", "leads to func-itempic-test")
    ],
    "settings that stop the app": [
        with_setting("PICTURE_MAX_SIDE", "big", "setting_refused", "PICTURE_MAX_SIDE"),
        planted(lambda a: a.settings.pop("PICTURE_STORAGE__queueServiceUri"), "setting_missing", "__queueServiceUri"),
        with_setting("PICTURE_MAXSIDE", "900", "setting_unknown", "Did you mean PICTURE_MAX_SIDE?"),
        with_setting("AzureWebJobsStorage", "AccountName=x;AccountKey=k", "key_in_setting", "AzureWebJobsStorage"),
        with_setting("BC_ENVIRONMENT", "Production", "setting_differs", "BC_ENVIRONMENT"),
        planted(lambda a: a.settings.pop("OTEL_TRACES_SAMPLER"), "telemetry_incomplete", "OTEL_TRACES_SAMPLER"),
    ],
    "settings that the app accepts": [
        with_setting("PICTURE_TRIGGER_SOURCE", "LogsAndContainerScan", "trigger_source", "LogsAndContainerScan"),
        planted(
            lambda a: a.settings.pop("AzureWebJobsStorage__accountName"),
            *("host_storage_missing", "AzureWebJobsStorage__accountName"),
        ),
        with_setting("AZURE_CLIENT_ID", STRANGER, "identity_mismatch", f"AZURE_CLIENT_ID names {STRANGER}"),
        planted(lambda a: a.functions.update(sweep_incoming=False), "function_disabled", "sweep_incoming"),
    ],
    "roles": [
        without_role(PICTURES, OWNER, "Storage Blob Data Owner on stpics"),
        without_role(PICTURES, QUEUES, "Storage Queue Data Contributor on stpics"),
        without_role(HOST, OWNER, "Storage Blob Data Owner on sthost"),
        without_role(HOST, QUEUES, "Storage Queue Data Contributor on sthost"),
        without_role(HOST, TABLES, "Storage Table Data Contributor on sthost"),
        without_role("appi-", METRICS, "Monitoring Metrics Publisher on appi-"),
        without_role("dead-letter", CONTRIBUTOR, "Storage Blob Data Contributor on stpics", TOPIC_PRINCIPAL),
        planted(lambda a: a.app_roles.remove("app_access"), "app_role_missing", "app_access"),
    ],
    "a role on one container alone": [
        planted(
            lambda a: a.assignment(PICTURES, OWNER)["properties"].update(
                scope=f"{a.account(PICTURES)['id']}/blobServices/default/containers/archive"
            ),
            *("role_missing", "Storage Blob Data Owner on stpics"),
        )
    ],
    "storage": [
        planted(
            lambda a: a.account(PICTURES)["properties"].update(isHnsEnabled=True), "account_hierarchical", PICTURES
        ),
    ],
    "a closed account": [
        planted(
            lambda a: a.account(PICTURES)["properties"]["networkAcls"].update(defaultAction="Deny"),
            *("account_closed", PICTURES),
        ),
    ],
    "events": [
        planted(lambda a: a.delete(a.one(CONTAINER, "/dead-letter")), "container_missing", "container dead-letter"),
        planted(lambda a: a.delete(a.one(QUEUE)), "queue_missing", "webjobs-blobtrigger-poison"),
        planted(lambda a: a.subscription.update(provisioningState="Failed"), "subscription_failed", "is Failed"),
        planted(lambda a: a.send_events_to("/api/uploaded"), "subscription_address", "/runtime/webhooks/blobs"),
        planted(
            lambda a: a.subscription.update(eventDeliverySchema="CloudEventSchemaV1_0"),
            *("subscription_schema", "CloudEventSchemaV1_0"),
        ),
        with_filter("filter_slash", "lacks its slash", subjectBeginsWith=f"{CONTAINERS}product-images"),
        with_filter("filter_ending", "'.jpg'", subjectEndsWith=".jpg"),
        with_filter("event_types", "all types of events", includedEventTypes=None),
        with_filter("filter_api", "CreateFile and SftpCreate", advancedFilters=None),
        planted(lambda a: a.subscription.pop("deadLetterWithResourceIdentity"), "dead_letter_missing", "dead-letter"),
        planted(
            lambda a: a.one(COMPONENT)["properties"].update(InstrumentationKey="another"),
            *("insights_elsewhere", "outside rg-itempic-test"),
        ),
    ],
    "events, otherwise": [
        with_filter("filter_subject", "begins with ''", subjectBeginsWith=""),
        planted(lambda a: a.topic.update(identity=None), "topic_identity_missing", "has no identity"),
        planted(
            lambda a: a.subscription.update(
                deadLetterDestination=a.subscription.pop("deadLetterWithResourceIdentity")["deadLetterDestination"]
            ),
            *("dead_letter_by_key", "by key"),
        ),
        planted(lambda a: a.settings.update({TELEMETRY: to_nobody(a)}), "insights_unreachable", "does not answer"),
    ],
}


@pytest.mark.parametrize("group", PLANTED)
def test_what_somebody_changed_is_named(group: str, operator: Operator, azure: DeployedAzure) -> None:
    expected = [finding for each in PLANTED[group] for finding in each.findings]
    for each in PLANTED[group]:
        each.change(azure)
    ended = operator.run("--json", "doctor", "--deployed")
    told = [(f["name"], f["what"]) for c in ended.document["checks"] for f in c["findings"] if f["grade"] != Grade.NOTE]
    assert [(name, words) for name, words in expected if not any(name == n and words in w for n, w in told)] == []
    assert (len(told), ended.code) == (len(expected), 1), told


def test_so_many_misconfigurations_are_known() -> None:
    assert len([each for group in PLANTED.values() for each in group]) >= 35


def test_no_secret_is_shown(operator: Operator, azure: DeployedAzure) -> None:
    secret = "c2VjcmV0"  # noqa: S105 - opens nothing
    azure.settings["AzureWebJobsStorage"] = f"AccountName=x;AccountKey={secret}"
    azure.settings["PICTURE_STORAGE"] = f"AccountName=x;AccountKey={secret}"
    azure.settings["PICTURE_MAX_SIDE"] = f"AccountKey={secret}"
    for arguments in (
        ("doctor", "--deployed"),
        ("--json", "doctor", "--deployed"),
        ("--debug", "doctor", "--deployed"),
    ):
        ended = operator.run(*arguments)
        assert ended.code == 1
        assert secret not in ended.out + ended.err


@pytest.mark.parametrize("part", ["/config/appsettings/list", "/roleAssignments", "/appRoleAssignments"])
def test_what_it_may_not_look_at_is_not_called_sound(part: str, operator: Operator, azure: DeployedAzure) -> None:
    azure.refusals[part] = FORBIDDEN
    ended = operator.run("--json", "doctor", "--deployed")
    assert ended.code == 3
    assert set(found(ended)) == {"could_not_look"}
    assert "docs/operating.md#rights" in ended.out


def test_a_page_that_leads_elsewhere_gets_no_token(operator: Operator, azure: DeployedAzure) -> None:
    azure.refusals["/systemTopics"] = (200, {"value": [], "nextLink": "https://example.com/next"})
    ended = operator.run("--json", "doctor", "--deployed")
    assert "refers to another host" in found(ended)["could_not_look"]


def test_without_a_sign_in_nothing_is_called_sound(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    ended = operator.run("--json", "doctor")
    grades = {check["title"]: check["grade"] for check in ended.document["checks"]}
    assert (set(found(ended)), ended.code) == ({"not_signed_in"}, 1)
    assert grades == {"Storage answers": "problem", "Business Central answers": "problem"}
    assert "az login" in ended.out
