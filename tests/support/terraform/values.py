"""Plans a resource of a provider of which only the schema is known: what the configuration leaves to the provider.

A computed value is unknown until Azure has made the resource, or a mark that says of which resource it is which
property (``</subscriptions/…/id-app#client_id>``): marks pass into other resources and settings, where a test can see
them. Pure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgpack import ExtType

UNKNOWN = ExtType(0, b"\x00")
_GROUP = "/subscriptions/{subscription}/resourceGroups/{resource_group_name}"
_STORAGE = "{storage_account_id}"
_INSIGHTS = _GROUP + "/providers/Microsoft.Insights/"
_NETWORK = _GROUP + "/providers/Microsoft.Network/"
# The resource ids that Azure gives, by the names in the configuration.
IDS = {
    "azurerm_resource_group": "/subscriptions/{subscription}/resourceGroups/{name}",
    "azurerm_user_assigned_identity": _GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "azurerm_storage_account": _GROUP + "/providers/Microsoft.Storage/storageAccounts/{name}",
    "azurerm_storage_container": _STORAGE + "/blobServices/default/containers/{name}",
    "azurerm_storage_queue": _STORAGE + "/queueServices/default/queues/{name}",
    "azurerm_storage_management_policy": _STORAGE + "/managementPolicies/default",
    "azurerm_management_lock": "{scope}/providers/Microsoft.Authorization/locks/{name}",
    "azurerm_role_definition": "{scope}/providers/Microsoft.Authorization/roleDefinitions/{role_definition_id}",
    "azurerm_log_analytics_workspace": _GROUP + "/providers/Microsoft.OperationalInsights/workspaces/{name}",
    "azurerm_application_insights": _INSIGHTS + "components/{name}",
    "azurerm_application_insights_workbook": _INSIGHTS + "workbooks/{name}",
    "azurerm_monitor_action_group": _INSIGHTS + "actionGroups/{name}",
    "azurerm_monitor_scheduled_query_rules_alert_v2": _INSIGHTS + "scheduledQueryRules/{name}",
    "azurerm_monitor_metric_alert": _INSIGHTS + "metricAlerts/{name}",
    "azurerm_service_plan": _GROUP + "/providers/Microsoft.Web/serverfarms/{name}",
    "azurerm_eventgrid_system_topic": _GROUP + "/providers/Microsoft.EventGrid/systemTopics/{name}",
    "azurerm_eventgrid_system_topic_event_subscription": _GROUP
    + "/providers/Microsoft.EventGrid/systemTopics/{system_topic}/eventSubscriptions/{name}",
    "azurerm_virtual_network": _NETWORK + "virtualNetworks/{name}",
    "azurerm_subnet": _NETWORK + "virtualNetworks/{virtual_network_name}/subnets/{name}",
    "azurerm_private_dns_zone": _NETWORK + "privateDnsZones/{name}",
    "azurerm_private_dns_zone_virtual_network_link": "{private_dns_zone_id}/virtualNetworkLinks/{name}",
    "azurerm_private_endpoint": _NETWORK + "privateEndpoints/{name}",
}
# Where azapi puts what is exported of Azure's answer, and the attribute that says what that is.
_OUTPUTS = {"output": "response_export_values", "sensitive_output": "sensitive_response_export_values"}
# The keys that computed maps have in Azure, as far as a stack asks for them.
_KEYS = {"app_role_ids": ("API.ReadWrite.All", "app_access")}

Block = Mapping[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Marks:
    """Gives computed values as marks instead of unknown ones."""

    resource: str  # its id

    def of(self, path: str, kind: object) -> object:
        """Return the value of a computed attribute; only texts and maps of texts have a place for a mark."""
        if path == "id":
            return self.resource
        if kind == ["map", "string"] and path in _KEYS:
            return {key: f"<{self.resource}#{path}.{key}>" for key in _KEYS[path]}
        return f"<{self.resource}#{path}>" if kind == "string" else None


def refused(block: Block, config: Values, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of what is set although it is computed and not optional."""
    for name, attribute in block["attributes"].items():
        if attribute.get("computed") and not attribute.get("optional") and config.get(name) is not None:
            yield (*path, name)
    for name, index, nested, value in _children(block, config):
        yield from refused(nested, value, (*path, name) if index is None else (*path, name, index))


def planned(block: Block, config: Values, prior: Values | None, marks: Marks | None, path: str = "") -> Values:
    """Return the configuration with what the provider adds: as it was before, or computed."""
    new = dict(config)
    for name, attribute in block["attributes"].items():
        if config.get(name) is None and attribute.get("computed"):
            before = prior.get(name) if prior else None
            new[name] = before if prior else marks.of(path + name, attribute["type"]) if marks else UNKNOWN
    for name, nested in block["block_types"].items():
        value, before = config.get(name), (prior or {}).get(name)
        if isinstance(value, list):
            olds = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
            pairs = zip(value, olds, strict=True)
            new[name] = [planned(nested["block"], each, old, marks, f"{path}{name}.") for each, old in pairs]
        elif isinstance(value, dict):
            new[name] = planned(nested["block"], value, before, marks, f"{path}{name}.")
    return new


def resource_id(kind: str, config: Values, subscription: str) -> str:
    """Return the id that Azure would give the resource."""
    if kind in IDS:
        texts = {name: value for name, value in config.items() if isinstance(value, str)}
        return IDS[kind].format(subscription=subscription, **texts)
    if kind.startswith("azapi_"):
        *parents, last = config["type"].partition("@")[0].split("/")
        between = f"/{last}" if len(parents) > 1 else f"/providers/{parents[0]}/{last}"
        return f"{config['parent_id']}{between}/{config['name']}"
    return f"a {kind}"


def exported(config: Values, wanted: str, resource: str, answers: Mapping[str, str]) -> object:
    """Return what is exported of Azure's answer: for each path that is wanted what is given for it, or else a mark."""
    output: Values = {}
    # The attribute has any type, so its value comes, and goes, with the type beside it.
    _, paths = config.get(wanted) or (b"", ())
    for path in paths:
        *parents, last = path.split(".")
        place = output
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = answers.get(path, f"<{resource}#{path}>")
    return [json.dumps(_type(output)).encode(), output]


def _type(value: object) -> object:
    return ["object", {name: _type(each) for name, each in value.items()}] if isinstance(value, dict) else "string"


def answered(block: Block, kind: str, config: Values, answers: Mapping[str, str]) -> Values:
    """Return what a data source answers: a mark for every text, and what azapi exports of the answer."""
    query = ",".join(f"{value}" for name, value in sorted(config.items()) if isinstance(value, str))
    new = planned(block, config, None, Marks(f"{kind}({query})"))
    outputs = [name for name in _OUTPUTS if name in block["attributes"]]
    return new | {name: exported(config, _OUTPUTS[name], config["resource_id"], answers) for name in outputs}


def _children(block: Block, values: Values) -> Iterator[tuple[str, int | None, Block, Values]]:
    for name, nested in block["block_types"].items():
        value = values.get(name)
        if isinstance(value, dict):
            yield name, None, nested["block"], value
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, dict):
                    yield name, index, nested["block"], each
