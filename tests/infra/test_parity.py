"""Terraform makes what Bicep makes, fact by fact, in the same two stages; what only one can say is listed here."""

from pathlib import Path
from typing import Any

import pytest

from devstack.machine.setup import ROOT
from tests.support.arm_expressions import resolved
from tests.support.bicep import Prediction
from tests.support.facts import Difference, Facts, differences, facts
from tests.support.terraform import core
from tests.support.terraform.as_arm import as_arm
from tests.support.terraform.planned import UNKNOWN

SUBSCRIPTION = "azurerm_eventgrid_system_topic_event_subscription.uploads[0]"
FIRST_STAGE = "-var=create_event_subscription=false"

# Values that differ, by the end of the fact's name. They must be the same but for what the reason says.
SPELT_OTHERWISE = {
    "Insights/workbooks: properties.sourceId": "azurerm takes it in lower case only; Azure compares without case",
}
# What stands in a plan and says nothing about what will exist.
ONLY_TERRAFORM = {
    "azurerm_role_assignment.skip_service_principal_aad_check": "how the role is given: azurerm waits for the identity",
}
# Left out on both sides (tests/support/facts.py): versions of APIs, which azurerm chooses; the names of role
# assignments, random in Terraform, and what makes names unique, which Terraform cannot compute as Azure does; names of
# criteria and of zones in a group, labels that azurerm gives itself. Suffixes of names are those of the public cloud.


@pytest.fixture(scope="module")
def deployed(workspace: core.Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, core.Workspace]:
    """Apply the first stage of both examples; Azure's part is played by marks."""
    made = {example: workspace.copy(tmp_path_factory.mktemp("deployed")) for example in core.EXAMPLES}
    for example, each in made.items():
        each.apply(f"-var-file={example}.tfvars", FIRST_STAGE)
    return made


@pytest.fixture(scope="module")
def plans(deployed: dict[str, core.Workspace]) -> dict[str, core.Plan]:
    """Plan the second stage of both."""
    return {example: each.plan(f"-var-file={example}.tfvars", marks=True) for example, each in deployed.items()}


@pytest.fixture(params=core.EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    """Return the name of one example after the other."""
    return str(request.param)


def of_bicep(example: str) -> Facts:
    content = Prediction.read(ROOT, example).content
    return facts([resolved(each) for each in content["predictedResources"]], resolved(content["outputs"]))


def of_terraform(plan: core.Plan) -> Facts:
    return facts(*as_arm(plan)[:2])


def unexplained(plan: core.Plan, example: str) -> list[Difference]:
    found = differences(of_bicep(example), of_terraform(plan))
    return [each for each in found if not is_spelt_otherwise(each) and each.terraform != UNKNOWN]


def is_spelt_otherwise(difference: Difference) -> bool:
    resource, _, path = difference.fact.partition(": ")
    listed = f"{resource.rpartition('/')[0]}: {path}" in SPELT_OTHERWISE
    return listed and str(difference.terraform).endswith(str(difference.bicep).lower())


def test_both_stacks_make_the_same(example: str, plans: dict[str, core.Plan]) -> None:
    found = unexplained(plans[example], example)
    assert UNKNOWN not in of_terraform(plans[example]).values()
    assert not found, "\n".join(["the stacks differ:", *map(str, found)])
    compared = of_bicep(example)
    print(f"{example}: {len(compared)} facts are the same")
    assert len(compared) > 400, "a fact got lost on both sides"


def test_no_part_of_the_plan_stays_unseen(plans: dict[str, core.Plan]) -> None:
    unread = {attribute for plan in plans.values() for attribute in as_arm(plan)[2]}
    assert unread == ONLY_TERRAFORM.keys()


def test_every_spelling_that_is_excused_is_needed(plans: dict[str, core.Plan]) -> None:
    found = [each for name, plan in plans.items() for each in differences(of_bicep(name), of_terraform(plan))]
    assert len(found) == len(SPELT_OTHERWISE) * len(plans)


def changed(plan: core.Plan) -> dict[str, list[str]]:
    everything = {each["address"]: each["change"]["actions"] for each in plan["resource_changes"]}
    return {address: actions for address, actions in everything.items() if actions != ["no-op"]}


def test_the_second_stage_makes_the_subscription_alone(plans: dict[str, core.Plan]) -> None:
    assert [changed(plan) for plan in plans.values()] == [{SUBSCRIPTION: ["create"]}] * len(plans)


def test_without_the_key_there_is_no_subscription(deployed: dict[str, core.Workspace]) -> None:
    """Azure would refuse the handshake, or deliver to nobody."""
    answers = {"systemKeys.blobs_extension": ""}
    said = deployed["main.test"].refused("-var-file=main.test.tfvars", marks=True, answers=answers)
    assert "has no key blobs_extension yet. Deploy the code, wait" in " ".join(said.split())


def test_the_first_stage_again_does_not_delete_it(
    deployed: dict[str, core.Workspace], plans: dict[str, core.Plan], tmp_path: Path
) -> None:
    assert changed(plans["main.test"])
    copy = deployed["main.test"].copy(tmp_path)
    copy.apply("plan.out")  # the second stage
    said = copy.refused("-var-file=main.test.tfvars", FIRST_STAGE, marks=True)
    assert "Error: Instance cannot be destroyed" in said
    assert f"Resource {SUBSCRIPTION} has lifecycle.prevent_destroy set" in " ".join(said.split())


# Each fault is in Terraform's files alone; the facts that it makes different.
FAULTS = {
    "an app setting in one stack only": (
        ("function_app.tf", "    KEEP_EXISTING      = tostring(var.pictures.keep_existing)\n", ""),
        "Web/sites/func-itempic-test-{tok}: properties.siteConfig.appSettings[KEEP_EXISTING].value",
    ),
    "a misspelling inside of azapi's body": (
        ("function_app.tf", "httpsOnly              = true", "httpOnly               = true"),
        "Web/sites/func-itempic-test-{tok}: properties.httpsOnly",
    ),
    "a role with another scope": (
        (
            "roles.tf",
            "scope                            = azurerm_application_insights.main.id",
            "scope = local.workspace_id",
        ),
        (
            "Insights/components/appi-itempic-test-{tok} gives Monitoring Metrics Publisher to "
            "<ManagedIdentity/userAssignedIdentities/id-itempic-test-{tok}#principalId>"
        ),
    ),
    "a filter without its slash": (
        ("event_subscription.tf", "/containers/product-images/", "/containers/product-images"),
        (
            "EventGrid/systemTopics/egst-itempic-test-{tok}/eventSubscriptions/item-picture-uploaded: "
            "properties.filter.subjectBeginsWith"
        ),
    ),
    "a wrong value that the schema does not know": (
        ("storage.tf", 'min_tls_version                  = "TLS1_2"', 'min_tls_version = "TLS1_0"'),
        "Storage/storageAccounts/sthost{token}: properties.minimumTlsVersion",
    ),
}


def test_a_fault_in_one_stack_is_named(deployed: dict[str, core.Workspace], tmp_path: Path) -> None:
    copy = deployed["main.test"].copy(tmp_path)
    for (name, right, wrong), _ in FAULTS.values():
        text = (copy.stack / name).read_text(encoding="utf-8")
        assert right in text
        (copy.stack / name).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    plan: Any = copy.plan("-var-file=main.test.tfvars", marks=True)
    named = [each.fact for each in unexplained(plan, "main.test")]
    assert {fault: fact for fault, (_, fact) in FAULTS.items() if fact not in named} == {}
    # Beside them: the output's copy of the setting, the role's new scope, and the misspelt property.
    assert len(named) == len(FAULTS) + 3, named
