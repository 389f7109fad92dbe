"""Runs the second stage's script against a stand-in for Resource Manager."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.azure_api import Answer, Api, Caller, Request, Script, refused, serving

KEY = "the-secret-key"
NAMES = {
    "AZURE_SUBSCRIPTION_ID": "5a7b7c0e-8f5c-4f0e-9a6e-3d1f2b4c5d6e",
    "AZURE_RESOURCE_GROUP": "rg-itempic-test",
    "AZURE_FUNCTION_APP_NAME": "func-itempic-test",
    "AZURE_PICTURES_ACCOUNT_NAME": "stpics",
    "AZURE_SYSTEM_TOPIC_NAME": "egst-itempic-test",
}
GROUP = f"/subscriptions/{NAMES['AZURE_SUBSCRIPTION_ID']}/resourceGroups/rg-itempic-test/providers"
LIST_KEYS = f"{GROUP}/Microsoft.Web/sites/func-itempic-test/host/default/listKeys"
DEPLOYMENT = f"{GROUP}/Microsoft.Resources/deployments/event-subscription"
QUICK = ("--pause", "0.01")
# A template like the compiler's; the real one compiles it in the test of the real module.
COMPILER = "import json, sys; print(json.dumps({'compiled': sys.argv[1:]}))"

# Both as people have pasted them: Azure/azure-cli #11176, MicrosoftDocs/azure-docs #107285.
NOT_STARTED: Answer = (
    400,
    {"Code": "BadRequest", "Message": "Encountered an error (ServiceUnavailable) from host runtime.", "Target": None},
)
NO_FUNCTION: Answer = (200, {"masterKey": "m", "functionKeys": {}, "systemKeys": {}})
WITH_KEY: Answer = (200, {"masterKey": "m", "functionKeys": {}, "systemKeys": {"blobs_extension": KEY}})


def state(name: str, **more: Any) -> Answer:
    return 200, {"properties": {"provisioningState": name, **more}}


def failed(code: str, message: str) -> Answer:
    inner = {
        "code": "ResourceDeploymentFailure",
        "message": "See details.",
        "details": [{"code": code, "message": message}],
    }
    return state("Failed", error={"code": "DeploymentFailed", "message": "See details.", "details": [inner]})


NO_HANDSHAKE = failed(
    "Url validation",
    f"Webhook validation handshake failed for https://func.azurewebsites.net/runtime/webhooks/blobs?code={KEY}. "
    "Http POST request failed with response code Unknown.",
)
OUT_OF_ORDER = "Encountered an error (InternalServerError) from host runtime."
FORBIDDEN = refused(403, "AuthorizationFailed", "The client does not have authorization to perform action 'listKeys'.")


@contextmanager
def azure(
    folder: Path, keys: Script | None = None, states: Script | None = None, accepted: Answer = (201, {})
) -> Iterator[tuple[Api, Caller]]:
    """Stand in for Resource Manager: what it answers about keys, and how each deployment is going."""
    keys, states = keys or Script(WITH_KEY), states or Script(state("Succeeded"))

    def answer(request: Request) -> Answer:
        if (request.method, request.path) == ("POST", LIST_KEYS):
            return keys()
        if request.path == DEPLOYMENT:
            return accepted if request.method == "PUT" else states()
        return refused(404, "NotFound", request.path)

    with serving("management.azure.com", answer, folder) as (api, caller):
        caller.program("bicep", COMPILER)
        yield api, caller


def subscribe(caller: Caller, *arguments: str, **variables: str) -> Any:
    home = str(caller.folder)
    return caller.run(
        "create_event_subscription.py",
        *QUICK,
        *arguments,
        **{**NAMES, "HOME": home, "AZD_CONFIG_DIR": home, **variables},
    )
