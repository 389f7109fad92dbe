"""Every wait of the second stage ends, and whatever Azure answers meanwhile is named for what it is."""

from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.support.azure_api import Answer, Script, refused
from tests.support.second_stage import (
    DEPLOYMENT,
    KEY,
    NO_FUNCTION,
    OUT_OF_ORDER,
    WITH_KEY,
    azure,
    failed,
    state,
    subscribe,
)


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
    assert "answered with something other than a JSON object: 200 text/html: '<html>Sign in</html>'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_half_an_answer_does_not_show_the_keys_in_it(tmp_path: Path) -> None:
    with azure(tmp_path, Script((200, f'{{"masterKey": "{KEY}", "systemKeys": {{'))) as (_, caller):
        ended = subscribe(caller)
    assert ended.returncode == 1
    assert "answered with something other than a JSON object: 200 application/json" in ended.stderr
    assert KEY not in ended.stdout + ended.stderr


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


@pytest.mark.parametrize("name", ["..", "group/providers/other", "group?x=1", "grüppe\n"])
def test_a_name_cannot_lead_to_another_address(tmp_path: Path, name: str) -> None:
    with azure(tmp_path) as (api, caller):
        ended = subscribe(caller, AZURE_RESOURCE_GROUP=name)
    assert ended.returncode == 1
    assert f"AZURE_RESOURCE_GROUP is no name that Azure allows: {name!r}" in ended.stderr
    assert api.requests == []
