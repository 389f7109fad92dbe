"""Checks what the app's identity may do: its roles on both accounts, on Application Insights, and in the directory."""

from collections.abc import Iterator
from dataclasses import dataclass

from operate.arm import Document, Rest
from operate.doctor.azure import APP, PICTURES_ACCOUNT, DeployedApp, Identity
from operate.doctor.findings import Check, Finding

_AUTHORIZATION = "2022-04-01"
BUSINESS_CENTRAL = "996def3d-b36c-4153-8607-a6fd3c01b89f"  # the same application in every directory
APP_ROLES = ("API.ReadWrite.All", "app_access")


@dataclass(frozen=True)
class Role:
    """A role of Azure, and what fails without it."""

    id: str
    name: str
    without: str


OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
QUEUES = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
HOST_ROLES = (
    Role(OWNER, "Storage Blob Data Owner", "The host cannot start: it keeps its locks, keys and the code there."),
    Role(
        QUEUES, "Storage Queue Data Contributor", "No event becomes a call: the host turns events into messages there."
    ),
    Role("0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Storage Table Data Contributor", "The host keeps no diagnostics."),
)
PICTURES_ROLES = (
    Role(OWNER, "Storage Blob Data Owner", "The app cannot read uploads, nor move originals."),
    Role(QUEUES, "Storage Queue Data Contributor", "The trigger does not start: it writes used-up deliveries there."),
)
INSIGHTS_ROLE = Role(
    "3913510d-42f4-4e42-8a64-420c390055eb", "Monitoring Metrics Publisher", "Nothing arrives in Application Insights."
)
DEAD_LETTER_ROLE = Role(
    CONTRIBUTOR, "Storage Blob Data Contributor", "Events that Event Grid cannot deliver vanish without a trace."
)


@dataclass(frozen=True)
class AccessChecks:
    """The checks of the app's roles; ``graph`` reads the directory."""

    arm: Rest
    graph: Rest
    app: DeployedApp

    def checks(self) -> list[Check]:
        """Return the checks."""
        return [
            Check("The app's roles on the host account", self._on_host, (APP,)),
            Check("The app's roles on the pictures account", self._on_pictures, (APP, PICTURES_ACCOUNT)),
            Check("The app's role on Application Insights", self._on_insights, (APP,)),
            Check("The app's roles in the directory", self._in_directory, (APP,)),
        ]

    def _on_host(self) -> Iterator[Finding]:
        scope = self.app.place.account(self.app.place.host_account)
        yield from self._missing("AzureWebJobsStorage__clientId", scope, HOST_ROLES)

    def _on_pictures(self) -> Iterator[Finding]:
        scope = self.app.place.account(self.app.place.pictures_account)
        yield from self._missing("PICTURE_STORAGE__clientId", scope, PICTURES_ROLES)

    def _on_insights(self) -> Iterator[Finding]:
        for component in self.app.insights():
            yield from self._missing("AZURE_CLIENT_ID", str(component["id"]), (INSIGHTS_ROLE,))

    def _missing(self, setting: str, scope: str, roles: tuple[Role, ...]) -> Iterator[Finding]:
        identity = self.app.identity_of(setting)
        if identity:  # otherwise the check of identities has told
            yield from missing(self.arm, identity.principal_id, scope, roles, "The app's identity")

    def _in_directory(self) -> Iterator[Finding]:
        """Look for the app roles of Business Central, unless an app registration has them in the identity's place."""
        identity = self.app.identity_of("AZURE_CLIENT_ID")
        if identity is None or self.app.settings.get("BC_CLIENT_ID"):
            return
        principal = f"/v1.0/servicePrincipals/{identity.principal_id}/appRoleAssignments"
        business_central = self.graph.get(f"/v1.0/servicePrincipals(appId='{BUSINESS_CENTRAL}')?$select=id,appRoles")
        names = {role["id"]: role["value"] for role in business_central["appRoles"]}
        given = {
            names.get(each["appRoleId"])
            for each in self.graph.all(principal)
            if each["resourceId"] == business_central["id"]
        }
        for role in APP_ROLES:
            if role not in given:
                yield self._without_app_role(role, identity)

    def _without_app_role(self, role: str, identity: Identity) -> Finding:
        return Finding(
            "app_role_missing",
            f"The app's identity does not have the app role {role} of Business Central.",
            "Business Central refuses the app with 401; no picture reaches any item.",
            f"Give it to {identity.principal_id}: docs/business-central.md#2-the-app-roles-in-the-directory.",
        )


def missing(arm: Rest, principal: str, scope: str, roles: tuple[Role, ...], whose: str) -> Iterator[Finding]:
    """Yield each of ``roles`` that a principal has neither at ``scope`` nor above."""
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    listed = arm.all(path, api_version=_AUTHORIZATION, **{"$filter": f"principalId eq '{principal}'"})
    given = {_role_of(each) for each in listed if _covers(each, scope)}
    for role in roles:
        if role.id not in given:
            yield Finding(
                "role_missing",
                f"{whose} does not have the role {role.name} on {_short(scope)}.",
                role.without,
                f"az role assignment create --assignee-object-id {principal} "
                f"--assignee-principal-type ServicePrincipal --role {role.id} --scope {scope}",
            )


def _role_of(assignment: Document) -> str:
    return str(assignment["properties"]["roleDefinitionId"]).rpartition("/")[2].lower()


def _covers(assignment: Document, scope: str) -> bool:
    """Whether an assignment holds at ``scope``: the list also has those below, on a single container."""
    above = str(assignment["properties"].get("scope", "")).rstrip("/").lower()
    return f"{scope.lower()}/".startswith(f"{above}/")


def _short(scope: str) -> str:
    """Return a scope without its group: the name of the resource, and of what lies in it."""
    return scope.partition("/providers/")[2].replace("/blobServices/default/containers/", "/").split("/", 2)[-1]
