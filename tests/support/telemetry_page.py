"""Runs the demo's uploads and a few more, so that every outcome occurs, and opens the telemetry page in a browser.

``python -m tests.support.telemetry_page docs/monitoring.png`` takes the picture for the documents.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

from PIL import Image
from playwright.sync_api import Locator, sync_playwright
from werkzeug.serving import make_server

from devstack import stack
from devstack.demo import SWEEP_SCHEDULE, UNFINISHED_WAIT, Ledger
from devstack.drawing.samples import samples
from devstack.ingestion.__main__ import create_control
from devstack.ingestion.client import Ingestion
from devstack.ingestion.received import Received
from devstack.ingestion.rows import Row
from devstack.workbook import WORKBOOK
from shared import telemetry_names
from shared.errors import Reason
from shared.storage import names
from tests.devstack.dev_commands import until
from tests.support import catalogue_page
from tests.support.catalogue_page import Visit
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.telemetry import ARRIVES_WITHIN, dimensions

HOSTILE = 'CRONUS USA, Inc/<img src=x onerror="document.title = 1">\'.jpg'
CHAIR = "CRONUS USA, Inc/1908-S.jpg"
LAMP_ID = "1703492a-8b51-5e45-8a0d-41c64441bc4a"
REFUSED = f"CRONUS USA, Inc/{LAMP_ID}.jpg"
PICTURE_HEIGHT = 1860  # pixels: the tiles, outcomes, reasons, and what waits
End = tuple[str, str | None]  # outcome and reason


class EveryOutcome(LocalStack):
    """A stack in which the demo's uploads have ended, and more, with every outcome among them."""

    def __init__(self, running: stack.Stack, ledger: Ledger) -> None:
        super().__init__(running)
        assert running.ingestion
        assert running.endpoints.telemetry_url
        self.ingestion, self.url, self._ledger = running.ingestion, running.endpoints.telemetry_url, ledger

    def let_everything_happen(self) -> None:
        """Upload the demo's samples, and what ends in other ways."""
        demo = {sample.blob: sample.content for sample in samples()}
        self.put(demo | {HOSTILE: photograph()})
        self.put({CHAIR: demo[CHAIR]})  # unchanged
        self.put({DESK: photograph()})
        self._bring_back_the_oldest(DESK)  # superseded
        self.control("POST", "permissions", permission="Modify", status=403, path=LAMP_ID)
        self.put({REFUSED: photograph()})  # failed, and fails again whenever a sweep takes it up

    def put(self, uploads: Mapping[str, bytes]) -> None:
        """Upload, and wait until all of it has ended."""
        for blob, content in uploads.items():
            self._ledger.end_events.pop(blob, None)
            self.upload(blob, content)
        self._wait(uploads)

    def report(self) -> dict[str, End]:
        """Return how each upload ended, as the demo reports it."""
        return {blob: (end["outcome"], end.get("reason")) for blob, end in self._ledger.end_events.items()}

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the app's own lines about deliveries, in order."""
        events = (telemetry_names.UPLOAD_FINISHED, telemetry_names.UPLOAD_FAILED)
        return [event for event in list(self._ledger.events) if event["event"] in events]

    def all_is_told(self) -> bool:
        """Tell whether the telemetry of all that has ended has arrived: the records, and the spans above them."""
        rows = self.ingestion.rows()
        spans = {row.get("id") for row in rows}
        uploads = (telemetry_names.UPLOAD_FINISHED, telemetry_names.UPLOAD_FAILED)
        parents = {row["operation_ParentId"] for row in rows if row.get("message") in uploads}
        return last_ends(self.ingestion) == self.report() and parents <= spans

    def rest(self) -> None:
        """Stop the app where it is: each sweep makes rows, and with each row the page asks all its queries anew."""
        for host in self.stack.hosts:
            host.freeze()

    def go_on(self) -> None:
        """Let the app go on."""
        for host in self.stack.hosts:
            host.resume()

    def _bring_back_the_oldest(self, blob: str) -> None:
        self._ledger.end_events.pop(blob)
        with patch.dict(os.environ, self.stack.app_settings):  # azure-identity finds the endpoint there
            replay = self.app().replay
            replay.replay(names.ARCHIVE, next(replay.archived(stack.COMPANY, "1896-S")).name)
        self._wait([blob])

    def _wait(self, blobs: Iterable[str]) -> None:
        for _ in self._ledger.wait(list(blobs), self.stack):
            pass


@contextmanager
def every_outcome() -> Iterator[EveryOutcome]:
    """Run the stack, and let everything happen."""
    ledger = Ledger()
    with stack.running(
        ledger, sweep_schedule=SWEEP_SCHEDULE, unfinished_wait=UNFINISHED_WAIT, telemetry=True
    ) as running:
        happening = EveryOutcome(running, ledger)
        happening.let_everything_happen()
        yield happening


def last_ends(ingestion: Ingestion) -> dict[str, End]:
    """Return how each upload ended according to the telemetry: as its last delivery did that found it."""
    ends = {}
    for row in sorted(ingestion.rows("traces"), key=lambda row: str(row["timestamp"])):
        if row["message"] in (telemetry_names.UPLOAD_FINISHED, telemetry_names.UPLOAD_FAILED):
            facts = dimensions(row)
            if facts.get("reason") in (
                Reason.SOURCE_CHANGED,
                Reason.SOURCE_GONE,
            ):  # another delivery was faster, and says how it ended
                continue
            ends[facts["blob"]] = (facts.get("outcome", "failed"), facts.get("reason"))
    return ends


@contextmanager
def serving(rows: Iterable[Row], workbook: Path = WORKBOOK) -> Iterator[str]:
    """Serve the page over these rows, and yield its address."""
    received = Received()
    received.put(rows)
    server = make_server("127.0.0.1", 0, create_control(received, workbook), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def panel(visiting: Visit, query: str) -> Locator:
    """Return the panel that shows what the query in this file answers."""
    (item,) = [item for item in json.loads(WORKBOOK.read_text(encoding="utf-8"))["items"] if item["name"] == query]
    return visiting.page.get_by_role("region", name=item["content"]["title"], exact=True)


def tiles(visiting: Visit) -> dict[str, str]:
    """Return what the tiles say, by their names."""
    texts = panel(visiting, "overview.kql").get_by_role("listitem").all_inner_texts()
    return {name: value for value, name in (text.split("\n") for text in texts)}


def take(visiting: Visit, target: Path) -> None:
    """Save a screenshot of the page's upper part."""
    panel(visiting, "overview.kql").wait_for()
    visiting.save(target)
    with Image.open(target) as screenshot:
        upper = screenshot.crop((0, 0, screenshot.width, min(screenshot.height, PICTURE_HEIGHT)))
        upper.convert("RGB").save(target, optimize=True)


def main(target: Path) -> None:
    """Take the picture for the documents."""
    with every_outcome() as happening, sync_playwright() as playwright, catalogue_page.launch(playwright) as browser:
        until(happening.all_is_told, ARRIVES_WITHIN)
        with catalogue_page.visit(browser, happening.url) as visiting:
            take(visiting, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
