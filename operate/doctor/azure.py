"""Reads from Azure Resource Manager how the app is deployed: the app, its identity, its settings, its functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from operate.arm import Document, Refused, Rest
from operate.doctor import settings
from operate.doctor.findings import Check, Finding

APP, PICTURES_ACCOUNT = "Function app", "Pictures account"
_SITES, _INSIGHTS = "2024-11-01", "2020-02-02"
FUNCTIONS = {
    "item_picture_uploaded": "No event brings a picture: the sweep does all of it, minutes later.",
    "sweep_incoming": "What no event brings stays in product-images for ever.",
    "delivery_exhausted": "Nobody logs deliveries that were used up.",
}
# The settings that name the app's identity, and what it opens.
_IDENTITIES = {
    "AZURE_CLIENT_ID": "Business Central",
    "PICTURE_STORAGE__clientId": "the pictures account",
    "AzureWebJobsStorage__clientId": "the host account",
}


@dataclass(frozen=True)
class Place:
    """Where the app is deployed: names as the deployment's outputs give them."""

    subscription: str
    resource_group: str
    function_app: str
    host_account: str
    pictures_account: str

    @property
    def group(self) -> str:
        """The resource group's path."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    @property
    def site(self) -> str:
        """The function app's path."""
        return f"{self.group}/providers/Microsoft.Web/sites/{self.function_app}"

    def account(self, name: str) -> str:
        """Return a storage account's path."""
        return f"{self.group}/providers/Microsoft.Storage/storageAccounts/{name}"


@dataclass(frozen=True)
class Identity:
    """An identity of the app."""

    client_id: str
    principal_id: str


class DeployedApp:
    """The function app as Azure knows it; each fact is asked for once, when it is needed."""

    def __init__(self, arm: Rest, place: Place) -> None:
        self._arm, self.place = arm, place

    @cached_property
    def site(self) -> Document:
        """The app's properties, and its identities."""
        return self._arm.get(self.place.site, api_version=_SITES)

    @cached_property
    def settings(self) -> dict[str, str]:
        """The app settings; some may be secret."""
        answer = self._arm.post(f"{self.place.site}/config/appsettings/list", api_version=_SITES)
        return {str(name): str(value) for name, value in answer.get("properties", {}).items()}

    @cached_property
    def identities(self) -> list[Identity]:
        """The identities that the app has, the user-assigned ones first."""
        document = self.site.get("identity") or {}
        assigned = (document.get("userAssignedIdentities") or {}).values()
        found = [Identity(str(each["clientId"]), str(each["principalId"])) for each in assigned if each.get("clientId")]
        own = document.get("principalId")
        return [*found, *([Identity("", str(own))] if own else [])]

    def identity_of(self, setting: str) -> Identity | None:
        """Return the identity that a setting names; without the setting the app's own, None if the app has no such."""
        wanted = self.settings.get(setting, "").strip().lower()
        return next((each for each in self.identities if each.client_id.lower() == wanted), None)

    @cached_property
    def functions(self) -> dict[str, bool]:
        """Whether each function of the app is turned on."""
        listed = self._arm.all(f"{self.place.site}/functions", api_version=_SITES)
        found = {}
        for each in listed:
            properties = each.get("properties") or {}
            name = str(properties.get("name") or str(each.get("name")).rpartition("/")[2])
            found[name] = not properties.get("isDisabled")
        return found

    def insights(self) -> list[Document]:
        """Return the Application Insights components of the resource group."""
        return list(self._arm.all(f"{self.place.group}/providers/Microsoft.Insights/components", api_version=_INSIGHTS))


@dataclass(frozen=True)
class AppChecks:
    """The checks of the function app; ``expected`` is what --config says about its settings."""

    app: DeployedApp
    expected: Mapping[str, str]

    def checks(self) -> list[Check]:
        """Return the checks in the order in which one explains the next."""
        return [
            Check(APP, self._is_there),
            Check("It runs", self._runs, (APP,)),
            Check("App settings", lambda: settings.findings(self.app.settings, self.expected), (APP,)),
            Check("Identity", self._identity, (APP,)),
            Check("Functions", self._functions, (APP,)),
        ]

    def _is_there(self) -> Iterator[Finding]:
        try:
            self.app.site  # noqa: B018 - asks for it
        except Refused as refused:
            if not refused.is_missing:
                raise
            yield Finding(
                "app_missing",
                f"There is no function app {self.app.place.function_app} in {self.app.place.resource_group}.",
                "Nothing is deployed where --config points to.",
                "Deploy it, or write --config anew: docs/deployment.md.",
            )

    def _runs(self) -> Iterator[Finding]:
        name, properties = self.app.place.function_app, self.app.site.get("properties") or {}
        if properties.get("state") != "Running":
            yield Finding(
                "app_stopped",
                f"{name} is {properties.get('state')}.",
                "Uploads stay in product-images until it runs.",
                f"az functionapp start --name {name} --resource-group {self.app.place.resource_group}",
            )

    def _identity(self) -> Iterator[Finding]:
        if not self.app.identities:
            yield Finding(
                "identity_missing",
                f"{self.app.place.function_app} has no managed identity.",
                "It opens neither storage nor Business Central.",
                "docs/business-central.md#1-the-managed-identity",
            )
            return
        for setting, opens in _IDENTITIES.items():
            if self.app.identity_of(setting) is None:
                named = self.app.settings.get(setting)
                what = (
                    f"{setting} names {named}, which is not an identity"
                    if named
                    else f"{setting} is not set, and there is no system-assigned identity"
                )
                yield Finding(
                    "identity_mismatch",
                    f"{what} of {self.app.place.function_app}.",
                    f"The app gets no token for {opens}.",
                    f"Set {setting} to the client id of its identity: docs/business-central.md#1-the-managed-identity.",
                )

    def _functions(self) -> Iterator[Finding]:
        for name, without in FUNCTIONS.items():
            if name not in self.app.functions:
                yield Finding(
                    "function_missing",
                    f"{self.app.place.function_app} has no function {name}.",
                    without,
                    "Deploy the code; or find the setting at which it stops: docs/deployment.md#what-can-go-wrong.",
                )
            elif not self.app.functions[name]:
                yield Finding(
                    "function_disabled",
                    f"The function {name} is turned off.",
                    without,
                    f"Set AzureWebJobs.{name}.Disabled to false: docs/operations.md#pause-the-app.",
                )
