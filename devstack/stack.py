"""Runs the whole stack on one machine: Azurite, the Business Central simulator, a managed identity, the app's host."""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from devstack import azurite
from devstack.azurite import Accounts, Certificate
from devstack.functions_host import queues
from devstack.host_processes import HostProcess, HostProcesses
from devstack.identity import TENANT
from devstack.ingestion.client import Ingestion
from devstack.machine import certificates, setup
from devstack.machine.children import Child
from devstack.programs import EventFaults, Hosting, Programs
from shared import config
from shared.business_central.http import SCOPE
from shared.storage import names

ENVIRONMENT = "sandbox"
COMPANY = "CRONUS USA, Inc."
SWEEP_MIN_AGE = "PT1S"  # in Azure minutes; here somebody sits and waits
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
    telemetry_url: str | None  # a stack without telemetry has no page of it
    installation: dict[str, Any]  # what the infrastructure puts out in Azure; for the operator's commands

    def pages(self) -> list[str]:
        """Return a line for each page that people can open while the stack runs."""
        telemetry = [f"Telemetry page: {self.telemetry_url}"] if self.telemetry_url else []
        return [f"Catalogue page: {self.catalogue_url}", *telemetry]

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
    storage_clock: azurite.StorageClock | None
    host_processes: HostProcesses | None = None
    ingestion: Ingestion | None = None

    @property
    def hosts(self) -> list[HostProcess]:
        """The host processes; each is started again when it ends."""
        return self.host_processes.all if self.host_processes else []

    def fail_if_ended(self) -> None:
        """Raise, with its last output, if one of the programs has ended for good."""
        for child in self.children:
            child.fail_if_ended()
        for host in self.hosts:
            host.fail_if_it_cannot_start()

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


@contextmanager
def running(  # noqa: PLR0913 - one for each way in which stacks differ
    on_event: Callable[[str], None] | None = None,
    *,
    hosts: int = 1,
    sweep_schedule: str = "*/10 * * * * *",
    unfinished_wait: str | None = None,
    app_settings: Mapping[str, str] | None = None,
    app_folder: Path = setup.ROOT,
    storage_for_app: Callable[[str], str] | None = None,
    event_faults: EventFaults = EventFaults(),  # noqa: B008 - it cannot be changed
    visibility: float = 600,
    keyless: bool = False,
    core_tools: bool = False,
    remove_at_end: Path | None = None,
    movable_clock: bool = False,
    telemetry: bool = False,
    on_storage: Callable[[str], None] = lambda _line: None,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Stack]:
    """Start the stack with empty containers and a catalogue without pictures; end it afterwards.

    Long, because it shows the order in which things start. ``on_event`` receives each line of JSON of the event source,
    the hosts and the app, one at a time; without it, the app does not start. ``app_settings`` are further settings of
    the app, which lies in ``app_folder``. ``storage_for_app`` turns the pictures account's connection string into the
    one that the app alone gets, for instance a proxy's. For ``visibility`` seconds no other host gets a killed host's
    messages. ``keyless`` opens storage by identity, over HTTPS. ``core_tools`` runs the app in ``func``.
    ``remove_at_end`` is deleted even if this process is killed. With ``movable_clock``, ``Stack.storage_clock`` sets
    storage's time. With ``telemetry``, app and host send theirs to ``Stack.ingestion``. ``on_storage`` receives
    each line that Azurite logs: its requests.
    """
    azurite_main = setup.azurite(say)
    with ExitStack() as ending:
        programs = Programs(ending)
        say("Starting Azurite and a managed identity")
        header, certificate = secrets.token_urlsafe(), Certificate(*certificates.make(programs.folder))
        accounts = Accounts(certificate)
        clock = azurite.StorageClock(programs.folder / "clock") if movable_clock else None
        command = azurite.command(azurite_main, certificate if keyless else None, movable_clock=movable_clock)
        env = {**accounts.environment, **(clock.environment if clock else {})}
        storage = programs.start("azurite", *command, env=env, recognise=azurite.urls(), on_line=on_storage)
        msi = programs.identity(header, certificate).ready()
        identity = LocalIdentity(f"{msi['url']}/msi/token", header)
        accounts.identity = identity if keyless else None
        say("Starting the Business Central simulator")
        keys = ("--jwks-url", f"{msi['url']}/keys")
        bc = programs.python("business_central", "devstack.business_central", *keys, env={})
        accounts.urls = storage.ready()
        ingestion = programs.ingestion(f"{msi['url']}/keys", certificate) if telemetry else None
        installation = _installation(accounts, identity, app_settings or {})
        endpoints = _endpoints(installation, bc.ready()["url"], identity, ingestion)
        settings = {
            **accounts.settings(),
            **(ingestion.settings() if ingestion else {}),
            **identity.settings(),
            "PICTURE_TRIGGER_SOURCE": "LogsAndContainerScan" if core_tools else "EventGrid",
            "BC_BASE_URL": endpoints.business_central_url,
            "BC_COMPANY": COMPANY,
            "SWEEP_SCHEDULE": sweep_schedule,
            "SWEEP_MIN_AGE": SWEEP_MIN_AGE,
            **({"UNFINISHED_WAIT": unfinished_wait} if unfinished_wait else {}),
            **(app_settings or {}),
        }
        stack = Stack(endpoints, accounts, msi["url"], msi["authority"], settings, programs.children, clock)
        stack.ingestion = ingestion
        _create_containers_and_queues(accounts)
        if on_event:
            say("Starting the function app")
            environment = {**settings, "REQUESTS_CA_BUNDLE": str(certificate.public)}
            told, rest = _one_at_a_time(on_event), ["--remove-at-end", str(remove_at_end)] if remove_at_end else []
            if core_tools:
                programs.python("host", "devstack.core_tools", *rest, env=environment, on_line=told).ready()
            else:
                own = {"PICTURE_STORAGE": storage_for_app(accounts.connection_string())} if storage_for_app else {}
                programs.event_source(event_faults, environment, told, rest)
                stack.host_processes = programs.hosts(Hosting(hosts, app_folder, own, visibility), environment, told)
        yield stack


def _create_containers_and_queues(accounts: Accounts) -> None:
    for container in CONTAINERS:
        accounts.blobs().create_container(container)
    accounts.queue(queues.POISON_QUEUE).create_queue()  # the real host creates it late, so deployments do
    accounts.blobs(azurite.HOST).create_container(queues.HOSTS_CONTAINER)
    accounts.queue(queues.BLOB_QUEUE, azurite.HOST).create_queue()


def _one_at_a_time(on_event: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that several threads may call."""
    lock = Lock()

    def tell(line: str) -> None:
        with lock:
            on_event(line)

    return tell


def _installation(accounts: Accounts, identity: LocalIdentity, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``INSTALLATION`` in ``infra/bicep/main.bicep`` has, and ``local`` instead of Azure's sign-in."""
    containers = {"incoming": names.INCOMING, "archive": names.ARCHIVE, "quarantine": names.QUARANTINE}
    blobs, queues_ = (f"{accounts.urls[service]}/{azurite.PICTURES}" for service in ("Blob", "Queue"))
    return {
        "subscription": "",
        "resourceGroup": "",
        "functionApp": "",
        "workspace": "",
        "accounts": {
            "host": azurite.HOST,
            "pictures": azurite.PICTURES,
            "picturesBlobUrl": blobs,
            "picturesQueueUrl": queues_,
        },
        "containers": {**containers, "records": names.RECORDS, "deadLetter": ""},
        "businessCentral": {"tenantId": TENANT, "environment": ENVIRONMENT, "company": COMPANY, "apiVersion": "v2.0"},
        "pathTemplate": given.get("BLOB_PATH_TEMPLATE", config.DEFAULT_TEMPLATE),
        "settings": {name: value for name, value in given.items() if name in config.SETTINGS},
        "local": {
            "storageConnectionString": accounts.connection_string(),
            "identityEndpoint": identity.endpoint,
            "identityHeader": identity.header,
        },
    }


def _endpoints(
    installation: dict[str, Any], bc: str, identity: LocalIdentity, ingestion: Ingestion | None
) -> Endpoints:
    base = f"{bc}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0"
    token = identity.get_token(SCOPE).token
    headers = {"Authorization": f"Bearer {token}"}
    response = loopback_session().get(f"{base}/companies", headers=headers, timeout=10)
    response.raise_for_status()
    company_id = next(company["id"] for company in response.json()["value"] if company["name"] == COMPANY)
    control = f"{bc}/_control"
    # The request above was not the app's: clear it from the log.
    loopback_session().delete(f"{control}/requests", timeout=10).raise_for_status()
    telemetry = ingestion.page if ingestion else None
    installation["businessCentral"]["baseUrl"] = base
    key = installation["local"]["storageConnectionString"]
    pages = (f"{bc}/", control, telemetry)
    return Endpoints(key, *CONTAINERS, base, token, company_id, COMPANY, *pages, installation)


def loopback_session() -> requests.Session:
    """Return a session that ignores this machine's proxies."""
    session = requests.Session()
    session.trust_env = False
    return session
