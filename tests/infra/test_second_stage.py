"""The second stage waits for the key, repeats the handshake, and says plainly what is wrong."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devstack.machine.setup import ROOT
from tests.support.azure_api import Answer, Api, Caller, Request, Script, refused, serving
from tests.support.bicep import Bicep

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


def test_it_waits_for_the_key_and_then_subscribes(tmp_path: Path) -> None:
    with azure(tmp_path, Script(NOT_STARTED, NOT_STARTED, NO_FUNCTION, WITH_KEY)) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 0, ended.stderr
    assert len(api.named("POST", LIST_KEYS)) == 4
    assert [line.partition(":")[0].partition(",")[0] for line in ended.stdout.splitlines()] == [
        "Waiting for the key blobs_extension of func-itempic-test",
        "Waiting for the key blobs_extension of func-itempic-test",
        "The key blobs_extension of func-itempic-test is there.",
        "The app is subscribed to uploads",
    ]
    (deployment,) = api.named("PUT", DEPLOYMENT)
    assert deployment.body["properties"]["mode"] == "Incremental"
    assert deployment.body["properties"]["template"]["compiled"][0] == "build"


def test_the_real_module_is_deployed_with_its_parameters(tmp_path: Path, bicep: Bicep) -> None:
    with azure(tmp_path) as (api, caller):
        ended = subscribe(caller, AZD_BICEP_TOOL_PATH=str(bicep.program))
    assert ended.returncode == 0, ended.stderr
    properties = api.named("PUT", DEPLOYMENT)[0].body["properties"]
    assert properties["parameters"].keys() == properties["template"]["parameters"].keys()
    assert "Microsoft.EventGrid/systemTopics/eventSubscriptions" in json.dumps(properties["template"]["resources"])


def test_every_name_is_an_output_that_azd_passes_on() -> None:
    main = (ROOT / "infra" / "bicep" / "main.bicep").read_text(encoding="utf-8")
    outputs = set(re.findall(r"^output (\w+) ", main, re.MULTILINE))
    assert NAMES.keys() - outputs == {"AZURE_SUBSCRIPTION_ID"}  # which azd sets itself
    assert "IDENTITY_PRINCIPAL_ID" in outputs


def test_a_handshake_refused_twice_is_repeated(tmp_path: Path) -> None:
    running = state("Running")
    states = Script(running, NO_HANDSHAKE, running, NO_HANDSHAKE, running, state("Succeeded"))
    with azure(tmp_path, states=states) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 0, ended.stderr
    assert len(api.named("PUT", DEPLOYMENT)) == 3
    assert ended.stdout.count("Event Grid could not reach the app yet") == 2


def test_a_handshake_that_never_passes_ends_with_advice(tmp_path: Path) -> None:
    with azure(tmp_path, states=Script(NO_HANDSHAKE)) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert len(api.named("PUT", DEPLOYMENT)) == 6
    assert "Url validation" in ended.stderr
    assert "azd hooks run postdeploy" in ended.stderr


def test_azures_own_trouble_that_passes_is_ridden_out(tmp_path: Path) -> None:
    trouble = failed("InternalServerError", "An error occurred.")
    with azure(tmp_path, states=Script(trouble, trouble, state("Succeeded"))) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 0, ended.stderr
    assert len(api.named("PUT", DEPLOYMENT)) == 3
    assert "Azure could not do it just now, attempt 2 of 3: Failed: InternalServerError" in ended.stdout


@pytest.mark.parametrize(
    ("accepted", "states"),
    [
        ((201, {}), failed("InternalServerError", "An error occurred.")),
        (refused(500, "InternalServerError", "An error occurred."), state("Succeeded")),
    ],
    ids=["of the subscription", "of the deployment"],
)
def test_azures_own_trouble_that_lasts_ends_the_attempts(tmp_path: Path, accepted: Answer, states: Answer) -> None:
    """It is named for what it is, and not taken for an app that is starting."""
    with azure(tmp_path, states=Script(states), accepted=accepted) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert len(api.named("PUT", DEPLOYMENT)) == 3
    assert "InternalServerError: An error occurred. (attempt 3)" in ended.stderr
    assert "Event Grid could not reach the app" not in ended.stdout


def test_a_host_that_stays_out_of_order_is_named(tmp_path: Path) -> None:
    with azure(tmp_path, Script((500, {"Code": "InternalServerError", "Message": OUT_OF_ORDER}))) as (api, caller):
        ended = subscribe(caller, "--longest", "0.05")
    assert ended.returncode == 1
    assert f"(500 InternalServerError: {OUT_OF_ORDER})" in ended.stderr
    assert "The host does not start. It needs its own storage account" in ended.stderr
    assert api.named("PUT", DEPLOYMENT) == []


@pytest.mark.parametrize(
    ("keys", "accepted"),
    [((200, "<html>Sign in</html>"), (201, {})), (WITH_KEY, (200, "<html>Sign in</html>"))],
    ids=["for the keys", "for the deployment"],
)
def test_a_page_instead_of_an_answer_is_shown(tmp_path: Path, keys: Answer, accepted: Answer) -> None:
    with azure(tmp_path, Script(keys), accepted=accepted) as (_, caller):
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert "answered something else than a JSON object: 200 text/html: '<html>Sign in</html>'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_by_itself_it_waits_as_long_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    with azure(tmp_path, Script(NO_FUNCTION, WITH_KEY)) as (_, caller):
        said = subscribe(caller).stdout
    assert "blobs_extension` (at most ten minutes)" in page
    assert f"at most {10 * 60} s: " in said


@pytest.mark.parametrize("option", ["--longest=inf", "--longest=nan", "--longest=0", "--pause=1e9"])
def test_a_wait_without_an_end_is_refused(tmp_path: Path, option: str) -> None:
    with azure(tmp_path) as (api, caller):
        ended = subscribe(caller, option)
    assert ended.returncode == 2
    assert f"{option.partition('=')[2]} is not between 0 and 3600 seconds" in ended.stderr
    assert api.requests == []


def test_it_may_be_run_again(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        first, second = subscribe(caller), subscribe(caller)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    one, other = api.named("PUT", DEPLOYMENT)
    assert one.body == other.body


def test_no_output_shows_a_key(tmp_path: Path) -> None:
    with azure(tmp_path, states=Script(NO_HANDSHAKE)) as (api, caller):
        ended = subscribe(caller)
    assert "code=…" in ended.stdout
    assert KEY not in ended.stdout + ended.stderr + json.dumps([each.body for each in api.requests])


def test_a_key_that_never_comes_ends_the_wait(tmp_path: Path) -> None:
    with azure(tmp_path, Script(NO_FUNCTION)) as (api, caller):
        ended = subscribe(caller, "--longest", "0.05")
    assert ended.returncode == 1
    assert "no key blobs_extension after 0 s: the app's host runs, and has not found the function" in ended.stderr
    assert api.named("PUT", DEPLOYMENT) == []


def test_a_deployment_that_does_not_end_ends_the_wait(tmp_path: Path) -> None:
    with azure(tmp_path, states=Script(state("Running"))) as (_, caller):
        ended = subscribe(caller, "--longest", "0.05")
    assert ended.returncode == 1
    assert "the deployment is still Running" in ended.stderr


@pytest.mark.parametrize(
    ("keys", "accepted", "states", "problem"),
    [
        (FORBIDDEN, (201, {}), state("Succeeded"), "You need the role Website Contributor"),
        (
            refused(404, "ResourceNotFound", "The Resource 'func-itempic-test' was not found."),
            (201, {}),
            state("Succeeded"),
            "There is no function app func-itempic-test",
        ),
        (
            WITH_KEY,
            refused(403, "AuthorizationFailed", "'Microsoft.Resources/deployments/write'"),
            state("Succeeded"),
            "403 AuthorizationFailed: 'Microsoft.Resources/deployments/write'",
        ),
        (
            WITH_KEY,
            (201, {}),
            failed("AuthorizationFailed", "'Microsoft.EventGrid/systemTopics/eventSubscriptions/write'"),
            "Failed: AuthorizationFailed: 'Microsoft.EventGrid/systemTopics/eventSubscriptions/write'",
        ),
    ],
    ids=["no right to the keys", "no app", "no right to deploy", "no right to subscribe"],
)
def test_what_waiting_does_not_mend_is_said_at_once(
    tmp_path: Path, keys: Answer, accepted: Answer, states: Answer, problem: str
) -> None:
    with azure(tmp_path, Script(keys), Script(states), accepted) as (api, caller):
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert len(api.named("POST", LIST_KEYS)) == 1
    assert len(api.named("PUT", DEPLOYMENT)) <= 1


def test_nobody_signed_in_is_told_to_sign_in(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        caller.sign_in()
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert "azd auth login" in ended.stderr
    assert (api.requests, api.unauthorized) == ([], 0)


def test_signed_in_to_the_azure_cli_is_enough(tmp_path: Path) -> None:
    with azure(tmp_path) as (_, caller):
        caller.sign_in("az")
        assert subscribe(caller).returncode == 0


def test_all_missing_names_are_named_together(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        ended = subscribe(caller, AZURE_RESOURCE_GROUP="", AZURE_SYSTEM_TOPIC_NAME="")
    assert ended.returncode == 1
    assert "AZURE_RESOURCE_GROUP, AZURE_SYSTEM_TOPIC_NAME" in ended.stderr
    assert api.requests == []


@pytest.mark.parametrize("name", ["..", "group/providers/other", "group?x=1", "grüppe\n"])
def test_a_name_cannot_lead_to_another_address(tmp_path: Path, name: str) -> None:
    with azure(tmp_path) as (api, caller):
        ended = subscribe(caller, AZURE_RESOURCE_GROUP=name)
    assert ended.returncode == 1
    assert f"AZURE_RESOURCE_GROUP is no name that Azure allows: {name!r}" in ended.stderr
    assert api.requests == []


def test_the_bicep_that_azd_was_told_to_use_is_used(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        own = caller.program("own-bicep", 'print(\'{"by": "azd"}\')')
        subscribe(caller, AZD_BICEP_TOOL_PATH=str(own))
    assert api.named("PUT", DEPLOYMENT)[0].body["properties"]["template"] == {"by": "azd"}


def test_an_error_of_the_compiler_is_shown(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        caller.program("bicep", "raise SystemExit('main.bicep(1,1): Error BCP007')")
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert "Error BCP007" in ended.stderr
    assert api.named("PUT", DEPLOYMENT) == []
