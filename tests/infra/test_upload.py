"""The package reaches the app as it is, the token nobody else, and whatever goes wrong is said in one sentence."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.conftest import NOT_COPIED
from tests.devstack.dev_commands import command
from tests.support.azure_api import TOKEN, Answer, Script, refused
from tests.support.uploading import (
    ACCEPTED,
    APP,
    DEPLOYMENT,
    DONE,
    GONE,
    GROUP,
    HOST,
    ID,
    MANAGER,
    NO_STORAGE,
    PACKAGE,
    PUBLISH,
    QUICK,
    SUBSCRIPTION,
    azure,
    ended,
    going,
    site,
    upload,
)

OLD_HOST = f"{APP}.scm.azurewebsites.net"
DEPLOYED = f"Azure has deployed the package to {APP}."


def test_the_package_arrives_as_it_is(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        run = upload(caller)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == DEPLOYED
    (sent,) = api.named("POST", "")
    assert (sent.host, sent.path, sent.query) == (HOST, PUBLISH, {"RemoteBuild": ["false"]})
    assert sent.body == PACKAGE


def test_the_token_goes_to_azures_two_hosts_only(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        run = upload(caller)
    assert set(caller.proxy.requested_hosts) == {f"{MANAGER}:443", f"{HOST}:443"}
    assert [request.host for request in api.requests] == [MANAGER, HOST, HOST]
    assert api.unauthorized == 0
    assert TOKEN not in run.stdout + run.stderr


def test_the_documented_command_does_it(tmp_path: Path, project: Path) -> None:
    """Through dev.py, from another folder, with the package that dev.py package leaves."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (typed,) = set(re.findall(r"^python3 dev\.py (upload .*)$", page, re.MULTILINE))
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=NOT_COPIED)
    package = copy / ".local" / "item-picture-sync.zip"
    package.parent.mkdir(exist_ok=True)
    with azure(tmp_path) as (api, caller):
        start = command(copy, *typed.replace("GROUP", GROUP).replace("APP", APP).split(), *QUICK, cwd=tmp_path)
        own = {name: start["env"][name] for name in ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUTF8")}
        start["env"] = caller.environment() | own
        missing = subprocess.run(**start, capture_output=True, timeout=60, check=False)
        package.write_bytes(PACKAGE)
        run = subprocess.run(**start, capture_output=True, timeout=60, check=False)
    assert missing.returncode == 1
    assert missing.stderr == f"There is no package {package}. Run 'python3 dev.py package' first.\n"
    assert run.returncode == 0, run.stderr
    assert [request.body for request in api.named("POST", PUBLISH)] == [PACKAGE]


def test_it_waits_while_azure_is_deploying(tmp_path: Path) -> None:
    states = Script(GONE, going(0), going(2, progress="Uploading"), (200, going(2)[1]), DONE)
    with azure(tmp_path, states) as (api, caller):
        run = upload(caller)
    assert run.returncode == 0, run.stderr
    assert len(api.named("GET", DEPLOYMENT)) == 5
    waiting = "Waiting for Azure to deploy it, at most 600 s: "
    assert [line.removeprefix(waiting) for line in run.stdout.splitlines()[1:]] == [
        "no answer yet (404: Not Found).",
        "pending.",
        "deploying: Uploading.",
        "deploying.",
        DEPLOYED,
    ]


@pytest.mark.parametrize(
    ("last", "code"), [(going(4), 0), (going(2), 0), (going(3, status_text="No space left."), 1), (going(-1), 1)]
)
def test_the_last_word_of_a_replaced_worker_counts(tmp_path: Path, last: Answer, code: int) -> None:
    with azure(tmp_path, Script(last, GONE)) as (api, caller):
        run = upload(caller)
    assert run.returncode == code, run.stderr
    assert len(api.named("GET", DEPLOYMENT)) == 2
    assert ("Azure told no end; its last word was: deploying." in run.stdout) == (last == going(2))
    assert (DEPLOYED in run.stdout) == (code == 0)


@pytest.mark.parametrize(
    ("status", "word"), [(3, "failed"), (-1, "cancelled"), (6, "half done"), (9, "an unknown state")]
)
def test_a_failed_deployment_is_told_in_azures_words(tmp_path: Path, status: int, word: str) -> None:
    failed = ended(status, status_text="The package is\nno zip.", message="See https://x.example/?sig=secret")
    with azure(tmp_path, Script(going(2), failed)) as (api, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert (
        f"Azure could not deploy the package to {APP}: {word}: The package is no zip.: See https://x.example/?sig=… "
        "(attempt 1)." in run.stderr
    )
    assert len(api.named("POST", PUBLISH)) == 1
    assert DEPLOYED not in run.stdout


def test_a_role_that_has_yet_to_spread_is_waited_for(tmp_path: Path) -> None:
    with azure(tmp_path, Script(NO_STORAGE, going(2), NO_STORAGE, DONE)) as (api, caller):
        run = upload(caller)
    assert run.returncode == 0, run.stderr
    assert [request.body for request in api.named("POST", PUBLISH)] == [PACKAGE] * 3
    assert "a new role takes a minute to spread. Attempt 2 of 3, the next in 0 s: failed: Inaccessible" in run.stdout


def test_a_role_that_never_comes_ends_the_attempts(tmp_path: Path) -> None:
    with azure(tmp_path, Script(NO_STORAGE)) as (api, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert len(api.named("POST", PUBLISH)) == 3
    assert "(attempt 3)" in run.stderr
    assert "The app's identity needs its role on the host account" in run.stderr


def test_a_host_that_is_busy_gets_the_whole_package_again(tmp_path: Path) -> None:
    busy: Answer = (503, "<html>Site Unavailable</html>")
    with azure(tmp_path, accepted=Script(busy, ACCEPTED)) as (api, caller):
        run = upload(caller)
    assert run.returncode == 0, run.stderr
    assert [request.body for request in api.named("POST", PUBLISH)] == [PACKAGE] * 2


@pytest.mark.parametrize(
    ("accepted", "problem"),
    [
        ((409, {"message": "In progress."}), f"Another deployment to {APP} is going on (409: In progress.)."),
        ((403, "<html>Ip Forbidden</html>"), f"You may not deploy to {APP} (403: Forbidden). You need the role"),
        ((401, {}), f"You may not deploy to {APP} (401: Unauthorized). You need the role Website Contributor"),
        ((400, {"Message": "No zip."}), f"Azure does not take the package for {APP} (400: No zip.)."),
        ((302, {}), f"Azure does not take the package for {APP} (302: Found)."),
        ((200, "<html>Sign in</html>"), "other than a text in JSON: 200 text/html: '<html>Sign in</html>'"),
        ((202, {"id": ID}), "something other than a text in JSON: 202 application/json"),
        ((202, '"../../settings"'), "is no deployment's id: '../../settings'"),
        ((202, f'"{"x" * 5_000_000}"'), "answered with more than 4194304 bytes"),
    ],
    ids=["conflict", "closed", "no right", "no zip", "redirected", "a page", "an object", "a path", "endless"],
)
def test_a_package_that_is_not_taken_says_why(tmp_path: Path, accepted: Answer, problem: str) -> None:
    with azure(tmp_path, accepted=Script(accepted)) as (api, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert problem in run.stderr
    assert len(run.stderr) < 3000
    assert "Traceback" not in run.stderr
    assert len(api.named("POST", "")) == 1
    assert [request.path for request in api.requests if request.host == HOST] == [PUBLISH]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (
            refused(404, "ResourceNotFound", "It was not found."),
            f"There is no function app {APP} in the group {GROUP} of the subscription {SUBSCRIPTION}",
        ),
        (refused(404, "ResourceGroupNotFound", "It was not found."), "'az account set --subscription SUBSCRIPTION'"),
        (refused(403, "AuthorizationFailed", "No."), f"You may not deploy to {APP} (403 AuthorizationFailed: No.)"),
        (refused(500, "InternalServerError", "Oh."), "Azure refused: 500 InternalServerError: Oh."),
        (site(), "it names none."),
        ((200, {}), "An answer has no 'properties', only nothing."),
    ],
    ids=["no app", "no group", "no right", "trouble", "no host", "nothing"],
)
def test_an_app_that_cannot_be_found_is_named(tmp_path: Path, found: Answer, problem: str) -> None:
    with azure(tmp_path, found=found) as (api, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert problem in run.stderr
    assert "Traceback" not in run.stderr
    assert [request.host for request in api.requests] == [MANAGER]


@pytest.mark.parametrize(
    "host",
    [
        "app.scm.azurewebsites.net.example",
        "app.scm.azurewebsites.net@scm.example",
        "scm.example/app.scm.azurewebsites.net",
        "app.azurewebsites.net",
        "app.scm.azurewebsites.net:8443",
    ],
)
def test_no_other_host_gets_package_or_token(tmp_path: Path, host: str) -> None:
    with azure(tmp_path, found=site(host)) as (_, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert f"no host below azurewebsites.net that takes the package of {APP}; it names {host}." in run.stderr
    assert set(caller.proxy.requested_hosts) == {f"{MANAGER}:443"}


def test_an_app_with_an_old_host_is_asked_there(tmp_path: Path) -> None:
    with azure(tmp_path, found=site(OLD_HOST), leads_to=OLD_HOST) as (_, caller):
        upload(caller)
    assert set(caller.proxy.requested_hosts) == {f"{MANAGER}:443", f"{OLD_HOST}:443"}


def test_nobody_signed_in_is_told_to_sign_in(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        caller.sign_in()
        run = upload(caller)
    assert run.returncode == 1
    assert run.stderr.startswith("The Azure CLI is in no subscription. Run 'az login', then 'az account set")
    assert (api.requests, api.unauthorized) == ([], 0)


def test_a_missing_package_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        (tmp_path / "package.zip").unlink()
        run = upload(caller)
    assert run.returncode == 1
    assert run.stderr == f"There is no package {tmp_path / 'package.zip'}. Run 'python3 dev.py package' first.\n"
    assert api.requests == []


@pytest.mark.parametrize(
    ("state", "said"),
    [(going(1), "building"), (GONE, "no answer yet (404: Not Found)"), ((502, "<html>"), "no answer yet (502")],
)
def test_a_deployment_that_does_not_end_ends_the_wait(tmp_path: Path, state: Answer, said: str) -> None:
    with azure(tmp_path, Script(state)) as (_, caller):
        run = upload(caller, "--longest", "0.05")
    assert run.returncode == 1
    assert f"Azure has not deployed the package to {APP} after 0 s: {said}" in run.stderr
    assert "run this again" in run.stderr


def test_a_right_that_is_taken_away_meanwhile_is_named(tmp_path: Path) -> None:
    with azure(tmp_path, Script(going(2), (403, {}))) as (_, caller):
        run = upload(caller)
    assert run.returncode == 1
    assert f"You may not deploy to {APP} (403: Forbidden)" in run.stderr


def test_it_may_be_run_again(tmp_path: Path) -> None:
    with azure(tmp_path) as (api, caller):
        first, second = upload(caller), upload(caller)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    one, other = api.named("POST", PUBLISH)
    assert one.body == other.body


@pytest.mark.parametrize("name", ["..", "group/providers/other"])
def test_a_name_cannot_lead_to_another_address(tmp_path: Path, name: str) -> None:
    with azure(tmp_path) as (api, caller):
        ended_with = [caller.run("upload_package.py", *names).returncode for names in ((name, APP), (GROUP, name))]
    assert ended_with == [2, 2]
    assert api.requests == []


@pytest.mark.parametrize("option", ["--longest=inf", "--pause=0"])
def test_a_wait_without_an_end_is_refused(tmp_path: Path, option: str) -> None:
    with azure(tmp_path) as (api, caller):
        run = upload(caller, option)
    assert run.returncode == 2
    assert f"{option.partition('=')[2]} is not between 0 and 3600 seconds" in run.stderr
    assert api.requests == []
