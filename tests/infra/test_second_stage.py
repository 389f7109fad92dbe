"""The second stage waits for the key, repeats the handshake, and says plainly what is wrong."""

import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.support.azure_api import Answer, Script, refused
from tests.support.bicep import Bicep
from tests.support.second_stage import (
    DEPLOYMENT,
    FORBIDDEN,
    KEY,
    LIST_KEYS,
    NAMES,
    NO_FUNCTION,
    NO_HANDSHAKE,
    NOT_STARTED,
    WITH_KEY,
    azure,
    failed,
    state,
    subscribe,
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


def test_what_terraform_subscribes_is_only_waited_for(tmp_path: Path) -> None:
    with azure(tmp_path, Script(NO_FUNCTION, WITH_KEY)) as (api, caller):
        ended = subscribe(caller, "--only-wait")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "The key blobs_extension of func-itempic-test is there."
    assert [request.path for request in api.requests] == [LIST_KEYS, LIST_KEYS]


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
