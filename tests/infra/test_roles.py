"""Everybody has the roles of the table in docs/security.md, where it says, and no others."""

import re
from collections.abc import Iterator

from devstack.machine.setup import ROOT
from tests.support.bicep import Prediction, Resource
from tests.support.facts import ROLES

ONLY_WRITES = "the role that only writes"
UPLOADERS = {"11111111-1111-4111-8111-111111111111", "33333333-3333-4333-8333-333333333333"}
OPERATORS = {"22222222-2222-4222-8222-222222222222"}

Right = tuple[str, str, str]  # who, role, scope


def documented() -> set[Right]:
    """Return the rights of the table; a row may name several roles."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.partition("| who | role | scope |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {(row[0], role.strip(), row[2]) for row in rows for role in row[1].split(",")}


def assigned(prediction: Prediction) -> set[Right]:
    """Return the rights that the assignments give."""
    assignments = prediction.all("Authorization/roleAssignments")
    rights = {(who(a), role(a, prediction), scope(a, prediction)) for a in assignments}
    assert rights, "nobody has any rights"
    return rights


def who(assignment: Resource) -> str:
    principal = assignment["properties"]["principalId"]
    if principal in UPLOADERS | OPERATORS:
        return "uploaders" if principal in UPLOADERS else "operators"
    assert assignment["properties"]["principalType"] == "ServicePrincipal"
    if re.search(r"/userAssignedIdentities/id-[\w-]+', '[\d-]+'\)\.principalId\]$", principal):
        return "the app's identity"
    assert re.search(r"/systemTopics/egst-[\w-]+', '[\d-]+', 'full'\)\.identity\.principalId\]$", principal), principal
    return "the system topic's identity"


def role(assignment: Resource, prediction: Prediction) -> str:
    definition = assignment["properties"]["roleDefinitionId"]
    own = [resource["id"] for resource in prediction.all("Authorization/roleDefinitions")]
    return ONLY_WRITES if definition in own else ROLES[definition.rpartition("/")[2]]


def scope(assignment: Resource, prediction: Prediction) -> str:
    place = assignment["id"].rpartition("/providers/Microsoft.Authorization/")[0]
    pictures = prediction.account("stpics")["id"]
    groups = prediction.one("Resources/resourceGroups")["name"]
    return {
        prediction.account("sthost")["id"]: "host account",
        pictures: "pictures account",
        **{f"{pictures}/blobServices/default/containers/{name}": f"`{name}`" for name in containers(prediction)},
        prediction.one("Insights/components")["id"]: "Application Insights",
        **{workspace["id"]: "workspace" for workspace in prediction.all("OperationalInsights/workspaces")},
        f"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/{groups}": "resource group",
    }[place]


def containers(prediction: Prediction) -> Iterator[str]:
    yield from prediction.children(prediction.account("stpics"), "blobServices/containers")


def test_everybody_has_the_documented_roles(small: Prediction) -> None:
    assert assigned(small) == {right for right in documented() if right[1] != ONLY_WRITES}


def test_options_change_only_their_own_roles(large: Prediction) -> None:
    contributor = ("uploaders", "Storage Blob Data Contributor", "`product-images`")
    assert assigned(large) == {right for right in documented() if right != contributor and right[2] != "workspace"}


def test_a_right_is_given_to_everybody_it_is_meant_for(large: Prediction) -> None:
    principals = [a["properties"]["principalId"] for a in large.all("Authorization/roleAssignments")]
    assert {principals.count(uploader) for uploader in UPLOADERS} == {2}
    assert {principals.count(operator) for operator in OPERATORS} == {2}


def test_the_role_that_only_writes_can_do_nothing_else(large: Prediction) -> None:
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    definition = large.one("Authorization/roleDefinitions")["properties"]
    assert definition["assignableScopes"] == [large.one("Resources/resourceGroups")["id"]]
    (permission,) = definition["permissions"]
    assert permission["dataActions"] == [f"{blobs}/add/action", f"{blobs}/write"]
    assert permission["actions"] == []
