"""The real azure-identity gets tokens for a managed identity, an app registration that trusts it, or a developer."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient

from devstack import stack
from devstack.identity import EXCHANGE, TENANT
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from tests.conftest import on_posix
from tests.support.local_stack import DESK, LocalStack

APP_REGISTRATION = "3c1f8f0e-2b7a-4f5e-9d7e-6a1d1c0f9b55"
BC = "https://api.businesscentral.dynamics.com"


@pytest.fixture
def federated(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """Provide the stack, whose own authority replaces Microsoft Entra ID."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", local.stack.authority_url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(local.stack.accounts.certificate.public))
    return local


def issued(local: LocalStack) -> list[tuple[str, str]]:
    return [(token["resource"], token["client_id"]) for token in local.tokens()]


def test_an_app_registration_elsewhere_trusts_the_identity(federated: LocalStack) -> None:
    federated.upload()
    before = len(issued(federated))
    pipeline = federated.pipeline(BC_CLIENT_ID=APP_REGISTRATION, BC_TENANT_ID=TENANT)
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assertion, token = issued(federated)[before:]
    assert assertion[0] == EXCHANGE
    assert token == (BC, APP_REGISTRATION)


def test_a_401_leads_to_a_fresh_exchange(federated: LocalStack) -> None:
    federated.upload()
    federated.fault(401, method="PATCH")
    before = len(issued(federated))
    pipeline = federated.pipeline(BC_CLIENT_ID=APP_REGISTRATION, BC_TENANT_ID=TENANT)
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    resources = [resource for resource, _ in issued(federated)[before:]]
    assert resources.count(BC) == 2


def test_an_untrusted_identity_leaves_the_picture_in_incoming(federated: LocalStack) -> None:
    federated.upload()
    pipeline = federated.pipeline(BC_CLIENT_ID=APP_REGISTRATION, BC_TENANT_ID="00000000-0000-0000-0000-00000000dead")
    with pytest.raises(Transient, match="AADSTS90002") as failure:
        pipeline.process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.IDENTITY
    assert federated.incoming().exists()


@on_posix
def test_in_development_the_azure_cli_provides_tokens(
    local: LocalStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A developer's machine has no managed identity: the real credential runs the program ``az``, here our own."""
    token = {"accessToken": local.stack.endpoints.business_central_token, "expires_on": 4_000_000_000}
    arguments = tmp_path / "arguments"
    az = tmp_path / "az"
    az.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        f"pathlib.Path({str(arguments)!r}).write_text(' '.join(sys.argv[1:]))\nprint({json.dumps(token)!r})\n",
        encoding="utf-8",
    )
    az.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    local.upload()
    pipeline = local.pipeline(AZURE_FUNCTIONS_ENVIRONMENT="Development", IDENTITY_ENDPOINT="")
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert BC in arguments.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def keyless_stack() -> Iterator[stack.Stack]:
    with stack.running(keyless=True) as running:
        yield running


@pytest.fixture
def keyless(keyless_stack: stack.Stack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """Provide a stack whose storage accepts tokens, over HTTPS."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.setenv(name, keyless_stack.app_settings[name])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(keyless_stack.accounts.certificate.public))
    local = LocalStack(keyless_stack)
    local.reset()
    return local


def test_storage_and_bc_are_reached_without_any_key(keyless: LocalStack) -> None:
    content = keyless.upload()
    assert keyless.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert [keyless.read(names.ARCHIVE, name) for name in keyless.names(names.ARCHIVE)] == [content]
    assert keyless.names(names.INCOMING) == []
    app_settings = json.dumps(keyless.stack.app_settings)
    assert "AccountKey" not in app_settings
    assert "SharedAccessSignature" not in app_settings


def test_the_hosts_own_account_needs_no_key_either(keyless: LocalStack) -> None:
    settings = keyless.stack.app_settings
    credential = ManagedIdentityCredential()
    host = BlobServiceClient(settings["AzureWebJobsStorage__blobServiceUri"], credential=credential)
    assert settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert [container.name for container in host.list_containers()] == [
        "azure-webjobs-hosts"
    ]  # not the pictures' account
    assert {container.name for container in keyless.storage.list_containers()} >= {names.INCOMING}


def test_quarantine_works_without_any_key(keyless: LocalStack) -> None:
    keyless.upload(content=b"not a picture")
    assert keyless.pipeline().process(names.INCOMING, DESK).outcome is Outcome.QUARANTINED
    assert len(keyless.names(names.QUARANTINE)) == 2


def test_storage_refuses_an_unknown_identity(keyless: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    keyless.upload()
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(Transient) as failure:
        keyless.pipeline().process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.STORAGE
    assert keyless.incoming().exists()
