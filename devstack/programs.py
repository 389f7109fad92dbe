"""Starts the programs of one stack, each with its log file."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.azurite import Certificate
from devstack.functions_host.worker_process import WORKER_SETTINGS
from devstack.host_processes import HostProcesses
from devstack.ingestion.client import Ingestion
from devstack.machine import setup
from devstack.machine.children import Child, Facts, announced, clean_environment
from shared.storage import names


@dataclass(frozen=True)
class EventFaults:
    """How often events come twice, late (up to 5 s) or not at all, each a probability; ``seed`` repeats the choice."""

    twice: float = 0
    late: float = 0
    lost: float = 0
    seed: int = 0


@dataclass(frozen=True)
class Hosting:
    """How the app is run: ``app`` is its folder; only the app's processes get ``settings``.

    ``visibility`` is how many seconds a message in flight stays invisible, also after its host was killed.
    """

    count: int
    app: Path
    settings: Mapping[str, str]
    visibility: float


class Programs:
    """Starts programs that end with the stack."""

    def __init__(self, ending: ExitStack) -> None:
        self._ending, self.folder = ending, setup.stack_folder()
        self.children: list[Child] = []
        ending.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def start(
        self,
        name: str,
        *command: str | Path,
        env: Mapping[str, str],
        recognise: Callable[[str], Facts | None] = announced,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> Child:
        """Start a program without which the stack cannot go on."""
        log = self.folder / f"{name}.log"
        child = Child(name, command, log, clean_environment(env), recognise=recognise, on_line=on_line)
        self._ending.callback(child.end)
        self.children.append(child)
        return child

    def python(self, name: str, module: str, *arguments: str, env: Mapping[str, str], **options: Any) -> Child:  # noqa: ANN401 - the options of start
        """Start a module of this package as a program."""
        return self.start(name, *_python(module), *arguments, env=env, **options)

    def identity(self, header: str, certificate: Certificate) -> Child:
        """Start the managed identity and the authority that exchanges its tokens."""
        tls = ("--certificate", str(certificate.public), "--key", str(certificate.private))
        return self.python("identity", "devstack.identity", *tls, env={"IDENTITY_HEADER": header})

    def ingestion(self, jwks_url: str, certificate: Certificate) -> Ingestion:
        """Start what takes telemetry, and wait until it listens."""
        options = ("--jwks-url", jwks_url, "--certificate", certificate.public, "--key", certificate.private)
        facts = self.python("ingestion", "devstack.ingestion", *map(str, options), env={}).ready()
        unsent = self.folder / "unsent"
        unsent.mkdir()
        return Ingestion(facts["url"], facts["control"], unsent)

    def event_source(
        self, faults: EventFaults, env: Mapping[str, str], on_event: Callable[[str], None], arguments: list[str]
    ) -> None:
        """Start what announces uploads to the hosts, and wait until it looks."""
        options = [part for name, value in vars(faults).items() for part in (f"--{name}", str(value))]
        options = ["--container", names.INCOMING, *options, *arguments]
        self.python("event_source", "devstack.event_source", *options, env=env, on_line=on_event).ready()

    def hosts(self, hosting: Hosting, env: Mapping[str, str], on_event: Callable[[str], None]) -> HostProcesses:
        """Start the function app in its hosts and wait until they listen; they are replaced when they end."""
        options = ["--app", str(hosting.app), "--visibility", str(hosting.visibility)]
        command = [*_python("devstack.functions_host"), *options]
        environment = clean_environment({**env, WORKER_SETTINGS: json.dumps(dict(hosting.settings))})

        def starter(name: str) -> Callable[[], Child]:
            return lambda: Child(name, command, self.folder / f"{name}.log", environment, on_line=on_event)

        hosts = HostProcesses([starter(f"host-{number + 1}") for number in range(hosting.count)])
        self._ending.callback(hosts.end)
        hosts.ready()
        return hosts


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module, "--with-parent"]
