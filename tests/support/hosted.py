"""Runs an app in the local host on the tests' Azurite, and collects what app and host say."""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from devstack import azurite
from devstack.functions_host import queues
from devstack.host_processes import HostProcess
from devstack.programs import EventFaults, Hosting, Programs
from tests.devstack.dev_commands import until
from tests.support.local_stack import LocalStack

SMALL_APP = Path(__file__).parent / "small_app" / "function_app.py"
NEVER, EVERY_SECOND = "0 0 0 1 1 *", "* * * * * *"
PATIENCE_SECONDS = 30


class HostedApp:
    """The small app in its hosts."""

    def __init__(self, local: LocalStack, gate: Path) -> None:
        self._local, self._gate = local, gate
        self.hosts = list[HostProcess]()
        self.events: list[dict[str, Any]] = []
        self.queue = self.queue_named(queues.BLOB_QUEUE, azurite.HOST)
        self.poison = self.queue_named(queues.POISON_QUEUE)

    def tell(self, line: str) -> None:
        """Take one line of JSON."""
        self.events.append(json.loads(line))

    def queue_named(self, name: str, account: str = azurite.PICTURES) -> QueueClient:
        """Return a queue, which exists and is empty."""
        queue = self._local.stack.accounts.queue(name, account)
        try:
            queue.create_queue()
        except ResourceExistsError:
            queue.clear_messages()
        return queue

    def upload(self, *blobs: str) -> None:
        """Upload blobs with these names."""
        for blob in blobs:
            self._local.incoming(blob).upload_blob(b"", overwrite=True)

    def open_gate(self, *blobs: str) -> None:
        """Let the calls for these blobs go on."""
        for blob in blobs:
            (self._gate / blob).touch()

    def said(self, event: str, **facts: object) -> list[dict[str, Any]]:
        """Return the events of this kind with these facts, in order."""
        return [each for each in self.events if {"event": event, **facts}.items() <= each.items()]

    def wait(self, event: str, count: int = 1, **facts: object) -> list[dict[str, Any]]:
        """Wait until there are ``count`` such events, and return them."""
        until(lambda: len(self.said(event, **facts)) >= count, PATIENCE_SECONDS)
        return self.said(event, **facts)

    def wait_for_ticks(self, count: int = 2) -> None:
        """Wait until the timer has come ``count`` more times: whatever the host is about to do, it has done."""
        self.wait("tick_ended", len(self.said("tick_ended")) + count)

    def wait_until_visible(self, count: int) -> None:
        """Wait until so many messages of the trigger's queue are there to be taken."""
        until(lambda: self.visible_messages() == count, PATIENCE_SECONDS)

    def visible_messages(self) -> int:
        """Return how many messages of the trigger's queue nobody has taken."""
        return len(self.queue.peek_messages(max_messages=32))


@contextmanager
def small_app(  # noqa: PLR0913 - what the tests vary
    local: LocalStack,
    folder: Path,
    *,
    hosts: int = 1,
    concurrency: int = 4,
    deliveries: int = 5,
    timeout: str = "00:10:00",
    visibility: float = 600,
    app: Path = SMALL_APP,
    existing: Sequence[str] = (),
    event_faults: EventFaults = EventFaults(),  # noqa: B008 - it cannot be changed
    **settings: str,
) -> Iterator[HostedApp]:
    """Run the small app in ``folder``; yield it when all its hosts listen.

    The messages about ``existing`` blobs are in the queue before, so that the first batch is a full one.
    """
    shutil.copy(app, folder / "function_app.py")
    blobs = {"maxDegreeOfParallelism": concurrency, "poisonBlobThreshold": deliveries}
    host_json = {"version": "2.0", "extensions": {"blobs": blobs}, "functionTimeout": timeout}
    (folder / "host.json").write_text(json.dumps(host_json), encoding="utf-8")
    gate = folder / "gate"
    gate.mkdir()
    hosted = HostedApp(local, gate)
    hosted.upload(*existing)
    with ExitStack() as ending:
        programs = Programs(ending)
        env = {**local.stack.app_settings, "TIMER_SCHEDULE": NEVER, "GATE": str(gate), **settings}
        programs.event_source(event_faults, env, hosted.tell, ["--announce-existing"] if existing else [])
        hosted.wait_until_visible(len(existing))
        hosted.hosts = programs.hosts(Hosting(hosts, folder, {}, visibility), env, hosted.tell).all
        yield hosted


def text(content: str) -> str:
    """Return the text of a message as Functions writes it."""
    return base64.b64decode(content, validate=True).decode()
