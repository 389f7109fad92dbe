"""Subscribes the app to uploads, once its code is deployed: azd runs this after each deployment.

Waits until the app's host has made the key that the subscription needs, then deploys
``infra/bicep/modules/event_subscription.bicep``, and again while the app does not answer Event Grid's handshake. It may
be run at any time, any number of times. The names come from azd's environment: the outputs of ``main.bicep``. With
``--only-wait`` it ends when the key is there: what Terraform has made, Terraform subscribes.
"""

import argparse
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.identity import AzureCliCredential, AzureDeveloperCliCredential
from compiler import compiled
from rest import FORBIDDEN, MISSING, NAME, RESOURCE_MANAGER, Problem, Refused, Rest, run, without_keys
from waiting import Patience, add_options, changes

MODULE = Path(__file__).resolve().parents[1] / "bicep" / "modules" / "event_subscription.bicep"
_KEYS_API, _DEPLOYMENTS_API = "2024-11-01", "2022-09-01"
_ATTEMPTS = 6
_ENDED = ("Succeeded", "Failed", "Canceled")
_LONGEST, _PAUSE = 600, 10  # seconds
# A host that is just starting, or Event Grid's handshake with one: seen to pass within a minute or two.
_STARTING = re.compile(r"url validation|validation handshake|ServiceUnavailable|from host", re.IGNORECASE)
# Trouble of Azure's own, which often passes and may as well last.
_TROUBLE = re.compile(r"InternalServerError|InternalError|DeploymentActive", re.IGNORECASE)
_ATTEMPTS_IN_TROUBLE = 3
_NO_FUNCTION = "the app's host runs, and has not found the function yet"


@dataclass(frozen=True)
class Installation:
    """The names of what is deployed."""

    subscription: str
    resource_group: str
    function_app: str
    pictures_account: str
    system_topic: str

    @property
    def group_path(self) -> str:
        """Return the resource group's path in Azure Resource Manager."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"


_VARIABLES = {
    "subscription": "AZURE_SUBSCRIPTION_ID",
    "resource_group": "AZURE_RESOURCE_GROUP",
    "function_app": "AZURE_FUNCTION_APP_NAME",
    "pictures_account": "AZURE_PICTURES_ACCOUNT_NAME",
    "system_topic": "AZURE_SYSTEM_TOPIC_NAME",
}


def main() -> None:
    """Run the script."""
    options = _options()
    installation = _installation()
    patience = Patience(options.longest, options.pause)
    tenant = os.environ.get("AZURE_TENANT_ID")
    arm = Rest(RESOURCE_MANAGER, tenant, AzureDeveloperCliCredential, AzureCliCredential)
    wait_for_key(arm, installation, patience)
    if not options.only_wait:
        subscribe(arm, installation, compiled(MODULE), patience)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Subscribe the app to uploads.")
    add_options(parser, _LONGEST, _PAUSE)
    parser.add_argument("--only-wait", action="store_true", help="wait for the key; Terraform then subscribes the app")
    return parser.parse_args()


def _installation() -> Installation:
    missing = [variable for variable in _VARIABLES.values() if not os.environ.get(variable)]
    if missing:
        raise Problem(
            f"These variables are missing: {', '.join(missing)}. azd sets them: run 'azd provision', then "
            "'azd hooks run postdeploy'."
        )
    names = {field: os.environ[variable] for field, variable in _VARIABLES.items()}
    for field, name in names.items():
        if not NAME.fullmatch(name):
            raise Problem(f"{_VARIABLES[field]} is no name that Azure allows: {name!r}. 'azd provision' sets it anew.")
    return Installation(**names)


def wait_for_key(arm: Rest, installation: Installation, patience: Patience) -> None:
    """Wait until the app's host has made the key of the blob trigger; the key itself stays in Azure.

    Raises:
        Problem: It takes too long, or a right is missing.
    """
    site = f"{installation.group_path}/providers/Microsoft.Web/sites/{installation.function_app}"
    app = installation.function_app
    tell = changes()
    for _ in patience.looks():
        state = _key_state(arm, f"{site}/host/default/listKeys?api-version={_KEYS_API}", app)
        if state is None:
            print(f"The key blobs_extension of {app} is there.", flush=True)
            return
        tell(f"Waiting for the key blobs_extension of {app}, at most {patience.longest:.0f} s: {state}.")
    advice = (
        "The host makes it when it finds the function item_picture_uploaded. Deploy the code with 'azd deploy'; if it "
        "is deployed, the app's log names the settings that it refuses."
        if state == _NO_FUNCTION
        else "The host does not start. It needs its own storage account: the roles of infra/bicep/modules/roles.bicep, "
        "and the network if the account is closed."
    )
    raise Problem(
        f"{app} has no key blobs_extension after {patience.longest:.0f} s: {state}. {advice} Then run 'azd hooks run "
        "postdeploy'."
    )


def _key_state(arm: Rest, path: str, app: str) -> str | None:
    """Return None if the key is there, otherwise what there is."""
    try:
        keys = arm.call("POST", path).get("systemKeys") or {}
    except Refused as refused:
        if refused.status in FORBIDDEN:
            raise Problem(
                f"You may not list the keys of {app} ({refused}). You need the role Website Contributor or Contributor "
                "on the resource group."
            ) from None
        if refused.code in MISSING:  # another 404 comes from a host that is starting
            raise Problem(f"There is no function app {app} ({refused}). Run 'azd provision'.") from None
        return f"the app's host does not answer yet ({refused})"
    return None if keys.get("blobs_extension") else _NO_FUNCTION


def subscribe(arm: Rest, installation: Installation, template: dict[str, Any], patience: Patience) -> None:
    """Deploy the event subscription; repeat it while the app does not answer Event Grid's handshake.

    Raises:
        Problem: Azure refuses it for a reason that does not pass, or again and again.
    """
    started, attempt = time.monotonic(), 0
    while True:
        attempt += 1
        problem = _deployment_problem(arm, installation, template, patience)
        if problem is None:
            print("The app is subscribed to uploads: a picture in product-images starts it.", flush=True)
            return
        found, attempts = _what_may_pass(problem)
        if attempt >= attempts or time.monotonic() - started > patience.longest:
            break
        print(f"{found}, attempt {attempt} of {attempts}: {problem}", flush=True)
        time.sleep(patience.pause * attempt)
    raise Problem(
        f"The event subscription could not be created: {problem} (attempt {attempt}).\nUntil it is, only the sweep "
        "finds uploads. Run 'azd hooks run postdeploy' again; docs/deployment.md says what else can be wrong."
    )


def _what_may_pass(problem: str) -> tuple[str, int]:
    """Return what a problem is, and how often to try it in all."""
    if _STARTING.search(problem):
        return "Event Grid could not reach the app yet", _ATTEMPTS
    if _TROUBLE.search(problem):
        return "Azure could not do it just now", _ATTEMPTS_IN_TROUBLE
    return "Azure refuses it", 1


def _deployment_problem(
    arm: Rest, installation: Installation, template: dict[str, Any], patience: Patience
) -> str | None:
    """Deploy once and return what went wrong, if anything did."""
    path = (
        f"{installation.group_path}/providers/Microsoft.Resources/deployments/event-subscription"
        f"?api-version={_DEPLOYMENTS_API}"
    )
    parameters = {
        "functionAppName": {"value": installation.function_app},
        "picturesAccountName": {"value": installation.pictures_account},
        "systemTopicName": {"value": installation.system_topic},
    }
    try:
        arm.call("PUT", path, {"properties": {"mode": "Incremental", "template": template, "parameters": parameters}})
        for _ in patience.looks():
            properties = arm.call("GET", path).get("properties") or {}
            if properties.get("provisioningState") in _ENDED:
                break
    except Refused as refused:
        return str(refused)
    state = properties.get("provisioningState")
    if state not in _ENDED:
        return f"the deployment is still {state} after {patience.longest:.0f} s"
    return None if state == "Succeeded" else f"{state}: {_causes(properties.get('error') or {})}"


def _causes(error: dict[str, Any]) -> str:
    """Return the messages at the ends of an error's tree: the ones above only say that something failed."""
    details = error.get("details") or []
    if details:
        return "; ".join(_causes(detail) for detail in details)
    return without_keys(f"{error.get('code', '')}: {error.get('message', '')}")


if __name__ == "__main__":
    run(main)
