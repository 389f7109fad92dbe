"""Says in Resource Manager's words what a plan of Terraform would make, resource by resource. Pure.

Each function names the property that azurerm writes for each attribute; ``Planned`` notices what none of them reads.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.support.facts import ROLES
from tests.support.terraform import as_arm_monitoring as monitoring
from tests.support.terraform import as_arm_network as network
from tests.support.terraform import as_arm_storage as storage
from tests.support.terraform.core import Plan
from tests.support.terraform.planned import Planned, in_arms_words

Resources = Iterator[dict[str, Any]]

_IDS = {name: role for role, name in ROLES.items()}
_ROLE = "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{}"


def as_arm(plan: Plan) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """Return the resources that will exist, the outputs, and the attributes that no function reads."""
    subscription = plan["variables"]["subscription_id"]["value"]
    resources, unread = [], set[str]()
    for change in plan["resource_changes"]:
        if change["mode"] != "managed" or change["change"]["after"] is None:
            continue
        planned = Planned(change)
        if planned.kind == "azurerm_role_assignment":
            resources += [_assignment(planned, subscription)]
        else:
            resources += _KINDS[planned.kind](planned)
        unread.update(planned.unread())
    values = {name: output["value"] for name, output in plan["planned_values"]["outputs"].items()}
    return resources, in_arms_words(values), sorted(unread)


def _group(group: Planned) -> Resources:
    yield group.placed("Resources/resourceGroups")


def _identity(identity: Planned) -> Resources:
    yield identity.placed("ManagedIdentity/userAssignedIdentities")


def _assignment(given: Planned, subscription: str) -> dict[str, Any]:
    name, custom = given["role_definition_name"], given["role_definition_id"]
    role = custom if name is None else _ROLE.format(subscription, _IDS[name])
    properties = {
        "principalId": given["principal_id"],
        "principalType": given["principal_type"],
        "roleDefinitionId": role,
    }
    place = f"{given['scope']}/providers/Microsoft.Authorization/roleAssignments/{given['name']}"
    return {"id": place, "type": "Microsoft.Authorization/roleAssignments", "properties": properties}


def _definition(role: Planned) -> Resources:
    names = {"actions": "actions", "not_actions": "notActions"}
    names |= {"data_actions": "dataActions", "not_data_actions": "notDataActions"}
    permissions = [{arm: each[name] for name, arm in names.items()} for each in role.all("permissions")]
    scope, name = role["scope"], role["role_definition_id"]
    properties = {
        "roleName": role["name"],
        "description": role["description"],
        "type": "CustomRole",
        "assignableScopes": role["assignable_scopes"],
        "permissions": permissions,
    }
    place = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    yield {"id": place, "type": "Microsoft.Authorization/roleDefinitions", "properties": properties}


def _plan(plan: Planned) -> Resources:
    tiers = {"FC1": "FlexConsumption"}
    sku = {"name": plan["sku_name"], "tier": tiers.get(plan["sku_name"])}
    properties = {"reserved": plan["os_type"] == "Linux"}
    yield plan.placed("Web/serverfarms", kind="functionapp", sku=sku, properties=properties)


def _azapi(any_resource: Planned) -> Resources:
    """Say what azapi sends: the body, and what stands beside it."""
    kind, body = any_resource["type"].partition("@")[0].removeprefix("Microsoft."), any_resource["body"]
    any_resource["name"], any_resource["parent_id"]  # in the id
    any_resource["response_export_values"], any_resource["output"]  # what it reads, not what it makes
    yield any_resource.resource(kind, **body)


def _site(app: Planned) -> Resources:
    (resource,) = _azapi(app)
    identities = app["identity.identity_ids"]
    identity = {"type": app["identity.type"], "userAssignedIdentities": {each: {} for each in identities}}
    yield {**resource, "location": app["location"], "tags": app["tags"], "identity": identity}


_KINDS: dict[str, Callable[[Planned], Resources]] = {
    "azapi_resource": _site,
    "azapi_update_resource": _azapi,
    "azurerm_resource_group": _group,
    "azurerm_role_definition": _definition,
    "azurerm_service_plan": _plan,
    "azurerm_user_assigned_identity": _identity,
    **storage.KINDS,
    **monitoring.KINDS,
    **network.KINDS,
}
