"""Terraform's own core accepts the stack and plans it, knowing no more of the providers than their schemas."""

import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.support.terraform import core, schemas

STACK = ROOT / core.STACK
GRANT = "business_central"
TEST = re.compile(r"^run \"\w+\"", re.MULTILINE)


def test_the_files_are_formatted(terraform: core.Core) -> None:
    assert len(list(STACK.rglob("*.tf*"))) > 10
    ended = terraform.run("fmt", "-check", "-recursive", "-diff", cwd=STACK)
    assert (ended.code, ended.output) == (0, "")


def test_the_stack_is_valid_without_a_warning(workspace: core.Workspace) -> None:
    report = json.loads(workspace.run("validate", "-json").output)
    assert (report["valid"], report["diagnostics"]) == (True, [])


# The same faults as somebody makes them, each in its place, and what Terraform says there.
FAULTS = {
    "a misspelt argument": (
        ("storage.tf", "shared_access_key_enabled        = false", "shared_acces_key_enabled         = false"),
        'An argument named "shared_acces_key_enabled" is not expected here.',
    ),
    "a missing required one": (
        ("function_app.tf", '  sku_name            = "FC1"\n', ""),
        'The argument "sku_name" is required, but no definition was found.',
    ),
    "a wrong type": (
        ("storage.tf", "days = var.retention.soft_delete_days", 'days = "a week"'),
        'Inappropriate value for attribute "days": a number is required.',
    ),
    "a computed attribute that is set": (
        ("identity.tf", "  tags ", '  client_id = "me"\n  tags '),
        '"client_id" is computed: the provider alone sets it.',
    ),
    "a doubled block": (
        ("storage.tf", "  blob_properties {", "  blob_properties {}\n  blob_properties {"),
        'No more than 1 "blob_properties" blocks are allowed',
    ),
    "an unknown resource": (
        ("monitoring.tf", '"azurerm_application_insights" "main"', '"azurerm_app_insights" "main"'),
        'The provider hashicorp/azurerm does not support resource type "azurerm_app_insights".',
    ),
}


def test_faults_are_found_before_anything_is_planned(workspace: core.Workspace, tmp_path: Path) -> None:
    copy = workspace.copy(tmp_path)
    for (name, right, wrong), _ in FAULTS.values():
        text = (copy.stack / name).read_text(encoding="utf-8")
        assert right in text
        (copy.stack / name).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    diagnostics = json.loads(copy.run("validate", "-json").output)["diagnostics"]
    said = [f"{each['range']['filename']}: {each['summary']}. {each['detail']}" for each in diagnostics]
    for fault, ((name, _, _), message) in FAULTS.items():
        assert [each for each in said if each.startswith(name) and message in each], (fault, said)


@pytest.mark.parametrize("example", core.EXAMPLES)
def test_the_plan_needs_to_know_nothing_of_azure(example: str, workspace: core.Workspace) -> None:
    """How many of each there are, and their names, must not depend on what only Azure knows."""
    plan = workspace.plan(f"-var-file={example}.tfvars")
    changes = [each for each in plan["resource_changes"] if each["mode"] == "managed"]
    assert {tuple(each["change"]["actions"]) for each in changes} == {("create",)}
    assert len(changes) > 40
    assert all(each["change"]["after_unknown"]["id"] is True for each in changes)


def test_its_own_tests_pass(workspace: core.Workspace) -> None:
    written = [run for file in (STACK / "tests").glob("*.tftest.hcl") for run in TEST.findall(file.read_text("utf-8"))]
    ended = workspace.run("test", "-no-color")
    assert ended.code == 0, ended.output
    assert f"Success! {len(written)} passed, 0 failed." in ended.output


SCALE = "scale={maximum_instance_count=4,always_ready_instances=1,instance_memory_mb=2048}"
REFUSED = {
    SCALE: "24 uploads at a time; at most 20",
    'pictures={max_side=63,fit="pad"}': "pictures.max_side: 63 must be a whole number from 64 to 8192.",
    "location=West Europe": 'location: "West Europe" must be a region\'s short name, like westeurope.',
}


def test_a_refusal_names_what_is_wrong(workspace: core.Workspace) -> None:
    said = workspace.refused("-var-file=main.test.tfvars", *(f"-var={option}" for option in REFUSED))
    assert [message for message in REFUSED.values() if message not in " ".join(said.split())] == []


def test_the_grant_gives_two_roles_in_business_central(workspace: core.Workspace, tmp_path: Path) -> None:
    copy = workspace.copy(tmp_path)
    assert copy.init(GRANT).code == 0
    ids = {"tenant_id": "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11", "principal_id": "4a3f0c7e-5b0a-4a53-8a0c-1d2e3f405162"}
    plan = copy.plan(*(f"-var={name}={value}" for name, value in ids.items()), marks=True, root=GRANT)
    given = [each["change"]["after"] for each in plan["resource_changes"]]
    # The same application, and roles, as the script's.
    script = (ROOT / "infra" / "scripts" / "grant_business_central.py").read_text(encoding="utf-8")
    (client,) = re.findall(r'BUSINESS_CENTRAL = "([^"]+)"', script)
    asked = f"azuread_service_principal({client})"
    assert {each["app_role_id"] for each in given} == {
        f"<{asked}#app_role_ids.{role}>" for role in ("API.ReadWrite.All", "app_access")
    }
    assert 'ROLES = ("API.ReadWrite.All", "app_access")' in script
    assert {each["principal_object_id"] for each in given} == {ids["principal_id"]}
    assert {each["resource_object_id"] for each in given} == {f"<{asked}#object_id>"}


@pytest.mark.parametrize("provider", schemas.PACKAGES)
def test_the_stand_in_knows_what_the_stacks_use_and_nothing_else(provider: str) -> None:
    schema = json.loads((schemas.SCHEMAS / f"{provider}.json").read_text(encoding="utf-8"))
    outdated = f"{schemas.ANEW} writes it anew"
    assert sorted(schema["resource_schemas"]) == schemas.used("resource", provider), outdated
    assert sorted(schema["data_source_schemas"]) == schemas.used("data", provider), outdated


def test_versions_are_exact_and_those_of_the_schemas() -> None:
    pinned = {}
    for path in STACK.rglob("*.tf"):
        found = re.findall(r'source  = "\w+/(\w+)"\n\s+version = "([^"]+)"', path.read_text(encoding="utf-8"))
        pinned |= dict(found)
    versions = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["version"] for path in schemas.SCHEMAS.glob("*.json")
    }
    assert pinned == versions
    assert sorted(pinned) == sorted(schemas.PACKAGES)
