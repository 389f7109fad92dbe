"""Uploads the package to the app in Azure, as it is: nothing is built there.

``python3 dev.py upload`` runs it, for the ways without azd, and so does GitHub. It asks Resource Manager for the host
that takes the package, in the subscription that the Azure CLI is in, and waits until Azure has deployed it. It may be
run again at any time. ``az functionapp deployment source config-zip`` would have Azure build the app anew.
"""

import argparse
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from azure.identity import AzureCliCredential
from rest import (
    FORBIDDEN,
    MISSING,
    NAME,
    NOT_FOUND,
    RESOURCE_MANAGER,
    SIGN_IN_SECONDS,
    Document,
    Problem,
    Refused,
    Rest,
    run,
    without_keys,
)
from waiting import Patience, add_options, changes

PACKAGE = Path(__file__).resolve().parents[2] / ".local" / "item-picture-sync.zip"
_API = "2024-11-01"
_LONGEST, _PAUSE = 600, 1  # seconds
_ATTEMPTS, _LOOKS_BETWEEN = 3, 60
# The token goes to these hosts alone: APP.scm.azurewebsites.net, APP-HASH.scm.REGION.azurewebsites.net.
_HOST = re.compile(r"[a-z0-9-]+\.scm\.([a-z0-9-]+\.)?azurewebsites\.net", re.ASCII | re.IGNORECASE)
_ID = re.compile(r"[\w-]{1,100}", re.ASCII)  # becomes part of an address
_SUCCESS, _CONFLICT, _OUT_OF_ORDER = 4, 409, 500
_UNDER_WAY: dict[int | None, str] = {0: "pending", 1: "building", 2: "deploying"}
_STATES = _UNDER_WAY | {-1: "cancelled", 3: "failed", _SUCCESS: "done", 5: "conflict", 6: "half done"}
# The identity may not write to the host account: its role has not spread yet, or there is none.
_NO_STORAGE = re.compile(r"InaccessibleStorage|BlobUploadFailed|\b403\b|Forbidden", re.IGNORECASE)
_SHOWN = 2000  # characters of a message


@dataclass(frozen=True)
class App:
    """The app's name, and the interface that takes its package."""

    name: str
    host: Rest


def main() -> None:
    """Run the script."""
    options = _options()
    if not options.package.is_file():
        raise Problem(f"There is no package {options.package}. Run 'python3 dev.py package' first.")
    app = App(options.app, _host(options.group, options.app))
    upload(app, options.package, Patience(options.longest, options.pause))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py upload", description="Upload the package to the app in Azure; nothing is built there."
    )
    parser.add_argument("group", type=_name, help="the resource group (the output AZURE_RESOURCE_GROUP)")
    parser.add_argument("app", type=_name, help="the function app (the output AZURE_FUNCTION_APP_NAME)")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the zip (%(default)s)")
    add_options(parser, _LONGEST, _PAUSE)
    return parser.parse_args()


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name that Azure allows")
    return text


def _host(group: str, app: str) -> Rest:
    """Return the interface that takes the package."""
    subscription = _subscription()
    path = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites/{app}"
    try:
        site = Rest(RESOURCE_MANAGER, None, AzureCliCredential).call("GET", f"{path}?api-version={_API}")
    except Refused as refused:
        if refused.status in FORBIDDEN:
            raise _no_right(app, refused) from None
        if refused.code in MISSING:
            raise Problem(
                f"There is no function app {app} in the group {group} of the subscription {subscription} ({refused}). "
                "The outputs of command 1 name both; 'az account set --subscription SUBSCRIPTION' chooses another "
                "subscription."
            ) from None
        raise
    states = site["properties"].get("hostNameSslStates") or []
    hosts = [str(state.get("name")) for state in states if state.get("hostType") == "Repository"]
    for host in hosts:
        if _HOST.fullmatch(host):
            return Rest(f"https://{host}", None, AzureCliCredential, token_for=RESOURCE_MANAGER)
    found = ", ".join(hosts) or "none"
    raise Problem(f"Azure names no host below azurewebsites.net that takes the package of {app}; it names {found}.")


def _subscription() -> str:
    """Return the subscription that the Azure CLI is in; its token is for that one."""
    az = shutil.which("az")
    if az is None:
        raise Problem("Found no Azure CLI: 'az' is not on the PATH.")
    command = [az, "account", "show", "--query", "id", "--output", "tsv"]
    try:
        ended = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=SIGN_IN_SECONDS, check=False
        )
        return str(UUID(ended.stdout.strip()))
    except subprocess.TimeoutExpired:
        raise Problem(f"'az account show' gave no answer within {SIGN_IN_SECONDS} s. Run this again.") from None
    except ValueError:
        raise Problem(
            "The Azure CLI is in no subscription. Run 'az login', then 'az account set --subscription SUBSCRIPTION'.\n"
            f"{ended.stderr.strip()}"
        ) from None


def upload(app: App, package: Path, patience: Patience) -> None:
    """Deploy the package; repeat it while the app's identity may not write to the host account yet.

    Raises:
        Problem: Azure refuses it for a reason that does not pass, or again and again.
    """
    attempt, tell = 0, changes()
    while True:
        attempt += 1
        print(f"Uploading {package} to {app.name}.", flush=True)
        problem = _deployment_problem(app, _begin(app, package), patience, tell)
        if problem is None:
            print(f"Azure has deployed the package to {app.name}.", flush=True)
            return
        lacks_storage = _NO_STORAGE.search(problem)
        if not lacks_storage or attempt == _ATTEMPTS:
            break
        pause = patience.pause * _LOOKS_BETWEEN * attempt
        print(
            "The app may not write its package to the host account yet; a new role takes a minute to spread. Attempt "
            f"{attempt} of {_ATTEMPTS}, the next in {pause:.0f} s: {problem}",
            flush=True,
        )
        time.sleep(pause)
    advice = (
        "The app's identity needs its role on the host account, and the account must be open to the app: "
        "docs/deployment.md says what else can be wrong."
        if lacks_storage
        else "Run this again; docs/deployment.md says what can be wrong."
    )
    raise Problem(f"Azure could not deploy the package to {app.name}: {problem} (attempt {attempt}).\n{advice}")


def _begin(app: App, package: Path) -> str:
    """Send the package and return the deployment's id."""
    try:
        with package.open("rb") as file:
            identifier = app.host.send("/api/publish?RemoteBuild=false", file, "application/zip")
    except Refused as refused:
        if refused.status in FORBIDDEN:
            raise _no_right(app.name, refused) from None
        if refused.status == _CONFLICT:
            raise Problem(
                f"Another deployment to {app.name} is going on ({refused}). Wait a minute, then run this again."
            ) from None
        raise Problem(
            f"Azure does not take the package for {app.name} ({refused}). Wait a minute, then run this again."
        ) from None
    except OSError as error:
        raise Problem(f"{package} cannot be read: {error.strerror}.") from None
    if not _ID.fullmatch(identifier):
        raise Problem(f"The answer to the upload is no deployment's id: {identifier[:_SHOWN]!r}. Run this again.")
    return identifier


def _deployment_problem(app: App, identifier: str, patience: Patience, tell: Callable[[str], None]) -> str | None:
    """Wait for a deployment's end and return what went wrong, if anything did."""
    last = None
    for _ in patience.looks():
        try:
            last = app.host.call("GET", f"/api/deployments/{identifier}")
        except Refused as refused:
            if refused.status == NOT_FOUND and last is not None:
                return _last_word(last)
            state = _passing(app, refused)
        else:
            if last.get("complete"):
                return _failure(last)
            state = _state(last)
        tell(f"Waiting for Azure to deploy it, at most {patience.longest:.0f} s: {state}.")
    raise Problem(
        f"Azure has not deployed the package to {app.name} after {patience.longest:.0f} s: {state}. It may still do "
        "so; wait some minutes, then run this again."
    )


def _passing(app: App, refused: Refused) -> str:
    """Return what a refusal says that may pass while Azure deploys; raise any other."""
    if refused.status in FORBIDDEN:
        raise _no_right(app.name, refused)
    if refused.status == NOT_FOUND or refused.status >= _OUT_OF_ORDER:
        return f"no answer yet ({refused})"
    raise refused


def _failure(deployment: Document) -> str | None:
    """Return what went wrong with a deployment that has ended, if anything did."""
    return None if _status(deployment) == _SUCCESS else _state(deployment)


def _last_word(deployment: Document) -> str | None:
    """Return what went wrong by the last word of a worker that was replaced, as happens at the end; so does azd."""
    if _status(deployment) not in _UNDER_WAY:
        return _failure(deployment)
    print(
        f"Azure told no end; its last word was: {_state(deployment)}. If the code is not there, the next command says "
        "so.",
        flush=True,
    )
    return None


def _status(deployment: Document) -> int | None:
    status = deployment.get("status")
    return status if isinstance(status, int) else None


def _state(deployment: Document) -> str:
    """Return how a deployment is going, in one line: in a word, and as Azure says it."""
    status = _status(deployment)
    said = [deployment.get(name) for name in ("status_text", "message", "progress")]
    texts = dict.fromkeys(" ".join(text.split()) for text in said if isinstance(text, str) and text.strip())
    return without_keys(": ".join([_STATES.get(status, "an unknown state"), *texts]))[:_SHOWN]


def _no_right(app: str, refused: Refused) -> Problem:
    return Problem(
        f"You may not deploy to {app} ({refused}). You need the role Website Contributor or Contributor on the "
        "resource group; or an access restriction of the app keeps you out."
    )


if __name__ == "__main__":
    run(main)
