"""Stands in for a subscription in which the app is deployed: the resources are those that Bicep predicts.

What Azure adds by itself (ids of identities, keys, addresses, the app's state) is filled in. Tests change
``resources``, ``settings`` and the rest as somebody would in the portal.
"""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from devstack.machine.setup import ROOT
from tests.support.azure_api import Answer, Request, refused

SNAPSHOT = json.loads((ROOT / "infra" / "bicep" / "main.test.snapshot.json").read_text(encoding="utf-8"))
BC_APP, BC = "996def3d-b36c-4153-8607-a6fd3c01b89f", "11f0a5c2-93b4-4d5e-a6f7-8192a3b4c5d6"
CLIENT, PRINCIPAL, TOPIC_PRINCIPAL = (
    str(uuid5(NAMESPACE_URL, f"item-picture-sync/{name}")) for name in ("client", "principal", "topic")
)
APP_ROLES = {"API.ReadWrite.All": "role-api", "app_access": "role-access"}
FUNCTIONS = ("delivery_exhausted", "item_picture_uploaded", "sweep_incoming")
_ASSIGNMENTS = "/providers/microsoft.authorization/roleassignments"
_COLLECTIONS = ("containers", "queues", "systemtopics", "eventsubscriptions", "components", "functions")

Resource = dict[str, Any]


class DeployedAzure:
    """Answers Resource Manager's and Graph's requests about one installation."""

    def __init__(self, pictures: Mapping[str, str], telemetry: str, business_central: Mapping[str, str]) -> None:
        """``pictures`` has the account's two addresses, ``telemetry`` is a connection string."""
        self._known = {
            "primaryEndpoints.blob": pictures["picturesBlobUrl"],
            "primaryEndpoints.queue": pictures["picturesQueueUrl"],
            ".ConnectionString": telemetry,
            "'full').identity.principalId": TOPIC_PRINCIPAL,
            ").principalId": PRINCIPAL,
            ").clientId": CLIENT,
        }
        self.resources: dict[str, Resource] = {
            each["id"].lower(): self._filled(copy.deepcopy(each)) for each in SNAPSHOT["predictedResources"]
        }
        self.refusals: dict[str, Answer] = {}  # by a part of the path
        self.app_roles = list(APP_ROLES)
        self.functions = dict.fromkeys(FUNCTIONS, True)
        self._complete(telemetry)
        self.settings = {s["name"]: s["value"] for s in self.app["properties"]["siteConfig"]["appSettings"]}
        self.settings |= {
            "BC_TENANT_ID": business_central["tenantId"],
            "BC_ENVIRONMENT": business_central["environment"],
            "BC_COMPANY": business_central["company"],
            "BC_BASE_URL": business_central["baseUrl"],
        }

    def one(self, kind: str, part: str = "") -> Resource:
        """Return the only resource of a type whose id contains ``part``."""
        found = [each for each in self.resources.values() if each["type"] == kind and part in each["id"]]
        assert len(found) == 1, f"{len(found)} resources are {kind} {part}"
        return found[0]

    def delete(self, resource: Resource) -> None:
        """Delete a resource; what lay in it cannot be asked for any more."""
        del self.resources[resource["id"].lower()]

    @property
    def app(self) -> Resource:
        return self.one("Microsoft.Web/sites")

    @property
    def topic(self) -> Resource:
        return self.one("Microsoft.EventGrid/systemTopics")

    @property
    def subscription(self) -> Any:
        """The event subscription's properties."""
        return self.one("Microsoft.EventGrid/systemTopics/eventSubscriptions")["properties"]

    def account(self, name: str) -> Resource:
        return self.one("Microsoft.Storage/storageAccounts", name)

    def assignment(self, scope: str, role: str, principal: str = PRINCIPAL) -> Resource:
        """Return the assignment of a role at a scope whose id contains ``scope``."""
        (found,) = (
            each
            for each in self._assignments(principal)
            if scope in each["properties"]["scope"] and each["properties"]["roleDefinitionId"].endswith(role)
        )
        return found

    def send_events_to(self, path: str) -> None:
        """Let the event subscription lead to a path of the app."""
        host = self.app["properties"]["defaultHostName"]
        # Azure shows where events go without the part that has the key.
        place = {"endpointUrl": None, "endpointBaseUrl": f"https://{host}{path}"}
        self.subscription["destination"]["properties"] = place

    def take(self, scope: str, role: str, principal: str = PRINCIPAL) -> None:
        """Take a role away."""
        self.delete(self.assignment(scope, role, principal))

    def __call__(self, request: Request) -> Answer:
        for part, refusal in self.refusals.items():
            if part in request.path:
                return refusal
        if request.path.startswith("/v1.0/"):
            return self._graph(request.path.removeprefix("/v1.0/"))
        path = request.path.lower()
        if path.endswith(_ASSIGNMENTS):
            return self._assigned(path.removesuffix(_ASSIGNMENTS), request.query.get("$filter", [""])[0])
        document = self._document(path)
        missing = refused(404, "ResourceNotFound", f"The Resource '{request.path}' was not found.")
        return (200, document) if document is not None else missing

    def _document(self, path: str) -> Any:
        last = path.rpartition("/")[2]
        if path.endswith("/config/appsettings/list"):
            return {"properties": self.settings}
        if last == "functions":
            return {"value": [self._function(name) for name in self.functions]}
        return self.resources.get(path, {"value": self._members(path)} if last in _COLLECTIONS else None)

    def _function(self, name: str) -> Resource:
        properties = {"name": name, "isDisabled": not self.functions[name]}
        return {"name": f"{self.app['name']}/{name}", "properties": properties}

    def _members(self, collection: str) -> list[Resource]:
        return [
            {**each, "name": each["id"].rpartition("/")[2]}
            for path, each in self.resources.items()
            if path.rpartition("/")[0] == collection
        ]

    def _assignments(self, principal: str) -> list[Resource]:
        return [
            each
            for each in self.resources.values()
            if each["type"] == "Microsoft.Authorization/roleAssignments"
            and each["properties"]["principalId"] == principal
        ]

    def _assigned(self, scope: str, wanted: str) -> Answer:
        """Return the assignments at, above and below a scope, as Azure does for one principal."""
        principal = re.fullmatch(r"principalId eq '([^']+)'", wanted)
        if not principal:
            return refused(400, "InvalidFilter", wanted)
        found = []
        for each in self._assignments(principal[1]):
            at = each["properties"]["scope"].lower()
            if f"{scope}/".startswith(f"{at}/") or f"{at}/".startswith(f"{scope}/"):
                found.append(each)
        return 200, {"value": found}

    def _graph(self, path: str) -> Answer:
        if path == f"servicePrincipals(appId='{BC_APP}')":
            return 200, {"id": BC, "appRoles": [{"value": name, "id": role} for name, role in APP_ROLES.items()]}
        if path == f"servicePrincipals/{PRINCIPAL}/appRoleAssignments":
            return 200, {"value": [{"appRoleId": APP_ROLES[name], "resourceId": BC} for name in self.app_roles]}
        return refused(404, "Request_ResourceNotFound", path)

    def _filled(self, value: Any) -> Any:
        """Return a predicted value with Azure's own knowledge in place of expressions."""
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if not isinstance(value, str) or not value.startswith("["):
            return value
        known = next((text for part, text in self._known.items() if part in value), None)
        if known is None:
            return value
        form = re.match(r"\[format\('([^']*)'", value)
        return form[1].replace("{0}", known) if form else known

    def _complete(self, telemetry: str) -> None:
        """Fill in what Azure makes by itself."""
        self.app["properties"] |= {"state": "Running", "defaultHostName": f"{self.app['name']}.azurewebsites.net"}
        for identity in self.app["identity"]["userAssignedIdentities"].values():
            identity |= {"clientId": CLIENT, "principalId": PRINCIPAL}
        self.topic["identity"]["principalId"] = TOPIC_PRINCIPAL
        self.send_events_to("/runtime/webhooks/blobs")
        self.subscription["provisioningState"] = "Succeeded"
        key = re.search(r"InstrumentationKey=([^;]+)", telemetry)
        assert key
        self.one("Microsoft.Insights/components")["properties"]["InstrumentationKey"] = key[1]
        for each in self.resources.values():
            if each["type"] == "Microsoft.Authorization/roleAssignments":
                each["properties"]["scope"] = each["id"].rpartition("/providers/Microsoft.Authorization/")[0]
