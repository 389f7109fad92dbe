"""Runs the whole stack on one machine: Azurite, the Business Central simulator, a managed identity, the app's host."""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from devstack import azurite
from devstack.azurite import Accounts, Certificate
from devstack.identity import TENANT
from devstack.machine import certificates, setup
from devstack.machine.children import Child, Facts, announced, clean_environment
from shared.business_central.http import SCOPE
from shared.storage import names

ENVIRONMENT = "sandbox"
COMPANY = "CRONUS USA, Inc."
CONTAINERS = (names.INCOMING, names.ARCHIVE, names.QUARANTINE, names.RECORDS)


@dataclass(frozen=True)
class Endpoints:
    """Addresses of a running stack; ``dev.py up`` writes them to ``.local/endpoints.json``."""

    storage_connection_string: str
    incoming_container: str
    archive_container: str
    quarantine_container: str
    records_container: str
    business_central_url: str
    business_central_token: str
    company_id: str
    company_name: str
    catalogue_url: str
    simulator_control_url: str

    def write(self, path: Path) -> None:
        """Write them atomically and readable by this user only: they include a key and a token."""
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
        partial.replace(path)


@dataclass
class Stack:
    """A running stack: its addresses, the app's settings for it, and its programs."""

    endpoints: Endpoints
    accounts: Accounts
    identity_url: str
    authority_url: str
    app_settings: dict[str, str]
    children: list[Child]
    folder: Path
    storage_clock: azurite.StorageClock | None

    def fail_if_ended(self) -> None:
        """Raise, with its last output, if one of the programs has ended."""
        for child in self.children:
            child.fail_if_ended()

    def storage(self) -> BlobServiceClient:
        """Return a client for the pictures account."""
        return self.accounts.blobs()


@dataclass(frozen=True)
class LocalIdentity:
    """Gets the stack's own tokens the way azure-identity does."""

    endpoint: str
    header: str

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:  # noqa: ANN401 - azure-core's
        """Return a token for a single scope."""
        query = {"api-version": "2019-08-01", "resource": scopes[0].removesuffix("/.default")}
        headers = {"X-IDENTITY-HEADER": self.header}
        response = loopback_session().get(self.endpoint, params=query, headers=headers, timeout=10)
        response.raise_for_status()
        token = response.json()
        return AccessToken(token["access_token"], int(token["expires_on"]))

    def settings(self) -> dict[str, str]:
        """Return the environment variables that lead azure-identity to this endpoint."""
        return {"IDENTITY_ENDPOINT": self.endpoint, "IDENTITY_HEADER": self.header}


class _Programs:
    """Starts the programs of one stack, each with its log file."""

    def __init__(self, ending: ExitStack) -> None:
        self._ending, self.folder = ending, setup.stack_folder()
        self.children: list[Child] = []
        ending.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def start(
        self,
        name: str,
        *command: str | Path,
        env: dict[str, str],
        recognise: Callable[[str], Facts | None] = announced,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> Child:
        """Start a program that ends with the stack."""
        log = self.folder / f"{name}.log"
        child = Child(name, command, log, clean_environment(env), recognise=recognise, on_line=on_line)
        self._ending.callback(child.end)
        self.children.append(child)
        return child

    def python(self, name: str, module: str, *arguments: str, env: dict[str, str], **options: Any) -> Child:  # noqa: ANN401 - the options of start
        """Start a module of this package as a program."""
        return self.start(name, sys.executable, "-m", module, "--with-parent", *arguments, env=env, **options)

    def identity(self, header: str, certificate: Certificate) -> Child:
        """Start the managed identity and the authority that exchanges its tokens."""
        tls = ("--certificate", str(certificate.public), "--key", str(certificate.private))
        return self.python("identity", "devstack.identity", *tls, env={"IDENTITY_HEADER": header})

    def host(self, arguments: Sequence[str], env: dict[str, str], on_event: Callable[[str], None]) -> None:
        """Start the function app in its host and wait until it runs."""
        self.python("host", *arguments, env=env, on_line=on_event).ready()


@contextmanager
def running(  # noqa: PLR0913 - one for each way in which stacks differ
    on_event: Callable[[str], None] | None = None,
    *,
    sweep_interval: float = 300,
    unfinished_wait: str | None = None,
    keyless: bool = False,
    host: str = "devstack.host",
    remove_at_end: Path | None = None,
    movable_clock: bool = False,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Stack]:
    """Start the stack with empty containers and a catalogue without pictures; end it afterwards.

    Long, because it shows the order in which things start. ``on_event`` receives each line of JSON that the app's host
    prints; without it, the app does not start. ``unfinished_wait`` is the app's setting of that name. ``keyless`` opens
    storage by identity, over HTTPS. ``host`` is the module that runs the app. ``remove_at_end`` is deleted even if this
    process is killed. With ``movable_clock``, ``Stack.storage_clock`` sets storage's time.
    """
    azurite_main = setup.azurite(say)
    with ExitStack() as ending:
        programs = _Programs(ending)
        say("Starting Azurite and a managed identity")
        header, certificate = secrets.token_urlsafe(), Certificate(*certificates.make(programs.folder))
        accounts = Accounts(certificate)
        clock = azurite.StorageClock(programs.folder / "clock") if movable_clock else None
        command = azurite.command(azurite_main, certificate if keyless else None, movable_clock=movable_clock)
        env = {**accounts.environment, **(clock.environment if clock else {})}
        storage = programs.start("azurite", *command, env=env, recognise=azurite.urls())
        msi = programs.identity(header, certificate).ready()
        identity = LocalIdentity(f"{msi['url']}/msi/token", header)
        accounts.identity = identity if keyless else None
        say("Starting the Business Central simulator")
        keys = ("--jwks-url", f"{msi['url']}/keys")
        bc = programs.python("business_central", "devstack.business_central", *keys, env={})
        accounts.urls = storage.ready()
        endpoints = _endpoints(accounts.connection_string(), bc.ready()["url"], identity)
        settings = {
            **accounts.settings(),
            **identity.settings(),
            "PICTURE_TRIGGER_SOURCE": "LogsAndContainerScan",
            "BC_BASE_URL": endpoints.business_central_url,
            "BC_COMPANY": COMPANY,
            **({"UNFINISHED_WAIT": unfinished_wait} if unfinished_wait else {}),
        }
        stack = Stack(
            endpoints, accounts, msi["url"], msi["authority"], settings, programs.children, programs.folder, clock
        )
        for container in CONTAINERS:
            stack.storage().create_container(container)
        if on_event:
            say("Starting the function app")
            arguments = [host]
            arguments += ["--sweep-interval", str(sweep_interval)] if host == "devstack.host" else []
            arguments += ["--remove-at-end", str(remove_at_end)] if remove_at_end else []
            trust = {"REQUESTS_CA_BUNDLE": str(certificate.public)}
            programs.host(arguments, {**settings, **trust}, on_event)
        yield stack


def _endpoints(connection_string: str, bc: str, identity: LocalIdentity) -> Endpoints:
    base = f"{bc}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0"
    token = identity.get_token(SCOPE).token
    headers = {"Authorization": f"Bearer {token}"}
    response = loopback_session().get(f"{base}/companies", headers=headers, timeout=10)
    response.raise_for_status()
    company_id = next(company["id"] for company in response.json()["value"] if company["name"] == COMPANY)
    control = f"{bc}/_control"
    # The request above was not the app's: clear it from the log.
    loopback_session().delete(f"{control}/requests", timeout=10).raise_for_status()
    return Endpoints(connection_string, *CONTAINERS, base, token, company_id, COMPANY, f"{bc}/", control)


def loopback_session() -> requests.Session:
    """Return a session that ignores this machine's proxies."""
    session = requests.Session()
    session.trust_env = False
    return session
