"""The whole stack on one machine: Azurite, the simulator of Business Central, a managed identity, the app's host."""

import base64
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
from azure.storage.blob import BlobServiceClient

from devstack import setup
from devstack.children import Child, Facts, clean_environment
from devstack.identity import TENANT
from shared import naming

ACCOUNT = "pictures"
ENVIRONMENT = "sandbox"
COMPANY = "CRONUS USA, Inc."
CONTAINERS = (naming.INCOMING, naming.ARCHIVE, naming.QUARANTINE, naming.RECORDS)
_AUDIENCE = "https://api.businesscentral.dynamics.com"
_PYTHON = (sys.executable, "-m")

# Node would live on when its parent is killed; the end of its standard input tells it.
_AZURITE_STARTER = "process.stdin.resume().on('end', () => process.exit(0)); require(process.argv[1])"
_AZURITE_OPTIONS = (
    *("--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0"),
    *("--tableHost", "127.0.0.1", "--tablePort", "0"),
    *("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"),
)


@dataclass(frozen=True)
class Endpoints:
    """Where a running stack can be reached; ``dev.py up`` writes it to ``.local/endpoints.json``."""

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
        """Write them so that a reader sees all or nothing, and only this user: a key and a token are in it."""
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
        partial.replace(path)


@dataclass
class Stack:
    """A stack that runs: where it is, the settings with which the app finds it, and its programs."""

    endpoints: Endpoints
    identity_url: str
    app_settings: dict[str, str]
    children: list[Child]

    def fail_if_ended(self) -> None:
        """Raise, with its last words, if one of the programs is not running any more."""
        for child in self.children:
            child.fail_if_ended()

    def storage(self) -> BlobServiceClient:
        """Return a client for the pictures account."""
        return BlobServiceClient.from_connection_string(self.endpoints.storage_connection_string)


class _Programs:
    """Starts the programs of one stack, with a log file for each."""

    def __init__(self, ending: ExitStack) -> None:
        self._ending, self._folder = ending, setup.stack_folder()
        self.children: list[Child] = []
        ending.callback(shutil.rmtree, self._folder, ignore_errors=True)

    def start(
        self,
        name: str,
        *command: str | Path,
        env: dict[str, str],
        recognise: Callable[[str], Facts | None] = json.loads,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> Child:
        """Start a program; it ends with the stack."""
        log = self._folder / f"{name}.log"
        child = Child(name, command, log, clean_environment(env), recognise=recognise, on_line=on_line)
        self._ending.callback(child.end)
        self.children.append(child)
        return child


@contextmanager
def running(
    on_event: Callable[[str], None] | None = None,
    *,
    sweep_interval: float = 300,
    remove_at_end: Path | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Stack]:
    """Start the stack, with empty containers and a catalogue without pictures, and end it afterwards.

    ``on_event`` gets each line of JSON that the app's host prints; without it the app itself is not started.
    ``remove_at_end`` is a file that goes even when this process is killed.
    """
    azurite = setup.azurite(say)
    with ExitStack() as ending:
        programs = _Programs(ending)
        key, header = base64.b64encode(secrets.token_bytes(64)).decode(), secrets.token_urlsafe()
        say("Starting Azurite and a managed identity")
        storage = programs.start(
            "azurite",
            *(setup.node(), "-e", _AZURITE_STARTER, azurite, *_AZURITE_OPTIONS),
            env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
            recognise=_azurite_urls(),
        )
        identity = programs.start(
            "identity", *_PYTHON, "devstack.identity", "--with-parent", env={"IDENTITY_HEADER": header}
        )
        identity_url = identity.ready()["url"]
        say("Starting the simulator of Business Central")
        keys = ("--jwks-url", f"{identity_url}/keys")
        bc = programs.start(
            "business_central", *_PYTHON, "devstack.business_central", "--with-parent", *keys, env={}
        )
        connection_string = _connection_string(key, storage.ready())
        token = _token(f"{identity_url}/msi/token", header)
        endpoints = _endpoints(connection_string, bc.ready()["url"], token)
        settings = {
            "AzureWebJobsStorage": connection_string,
            "PICTURE_STORAGE": connection_string,
            "PICTURE_TRIGGER_SOURCE": "LogsAndContainerScan",
            "BC_BASE_URL": endpoints.business_central_url,
            "BC_COMPANY": COMPANY,
            "IDENTITY_ENDPOINT": f"{identity_url}/msi/token",
            "IDENTITY_HEADER": header,
        }
        stack = Stack(endpoints, identity_url, settings, programs.children)
        for container in CONTAINERS:
            stack.storage().create_container(container)
        if on_event:
            say("Starting the function app")
            options = ["--sweep-interval", str(sweep_interval)]
            options += ["--remove-at-end", str(remove_at_end)] if remove_at_end else []
            command = (*_PYTHON, "devstack.host", "--with-parent", *options)
            programs.start("host", *command, env=settings, on_line=on_event).ready()
        yield stack


def _azurite_urls() -> Callable[[str], Facts | None]:
    """Return a recogniser that collects where Azurite's services listen, and returns that once it is complete."""
    found: Facts = {}

    def recognise(line: str) -> Facts | None:
        if match := re.search(r"Azurite (Blob|Queue) service is successfully listening at (http\S+)", line):
            found[match[1]] = match[2]
        return found if len(found) == 2 else None  # noqa: PLR2004 - both

    return recognise


def _connection_string(key: str, urls: Facts) -> str:
    account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key}"
    return f"{account};BlobEndpoint={urls['Blob']}/{ACCOUNT};QueueEndpoint={urls['Queue']}/{ACCOUNT};"


def _token(endpoint: str, header: str) -> str:
    """Return a token as azure-identity would get it, for people and programs that look into the simulator."""
    query = {"api-version": "2019-08-01", "resource": _AUDIENCE}
    response = loopback_session().get(
        endpoint, params=query, headers={"X-IDENTITY-HEADER": header}, timeout=10
    )
    response.raise_for_status()
    return str(response.json()["access_token"])


def _endpoints(connection_string: str, bc: str, token: str) -> Endpoints:
    base = f"{bc}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0"
    headers = {"Authorization": f"Bearer {token}"}
    answer = loopback_session().get(f"{base}/companies", headers=headers, timeout=10)
    answer.raise_for_status()
    company_id = next(company["id"] for company in answer.json()["value"] if company["name"] == COMPANY)
    control = f"{bc}/_control"
    loopback_session().delete(f"{control}/requests", timeout=10).raise_for_status()  # that was not the app
    return Endpoints(connection_string, *CONTAINERS, base, token, company_id, COMPANY, f"{bc}/", control)


def loopback_session() -> requests.Session:
    """Return a session that no proxy of this machine gets between."""
    session = requests.Session()
    session.trust_env = False
    return session
