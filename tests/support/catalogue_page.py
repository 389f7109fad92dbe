"""Opens the catalogue page in a real browser, for the tests and for the picture in the README.

``python -m tests.support.catalogue_page docs/catalogue.png`` sends the demo's photographs through the whole stack and
takes that picture.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from devstack import stack
from devstack.demo import SWEEP_SCHEDULE, UNFINISHED_WAIT, Ledger
from devstack.drawing.samples import samples
from shared.storage import names

DESK_WIDTH, PHONE_WIDTH = 1280, 390
NO_BROWSER = "no Chromium, Chrome or Edge is on the PATH"
SECONDS = 15  # until a test gives up; a change appears within one or two
_PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
_FLAGS = (
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
    # Despite these flags the browser contacts its maker about accounts and updates: without name look-ups it cannot.
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
)


def program() -> str | None:
    """Return the path of a browser on this machine, or None."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def launch(playwright: Playwright, net_log: Path | None = None) -> Browser:
    """Start a browser with a temporary profile; it logs all of its network activity in ``net_log``."""
    log = [f"--log-net-log={net_log}"] if net_log else []
    return playwright.chromium.launch(executable_path=program(), args=[*_FLAGS, *log], chromium_sandbox=False)


class Visit:
    """Records a visit to the page: the problems that it reported and the requests that it sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda message: message.type in ("error", "warning") and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("crash", lambda _: self.problems.append("the page crashed"))
        page.context.on("request", lambda request: self.requests.append(request.url))

    def card(self, number: str, company: str = stack.COMPANY) -> Any:
        """Return the card of the item with this number."""
        section = self.page.get_by_role("region", name=company)
        exact = self.page.get_by_text(number, exact=True)
        return section.get_by_role("listitem").filter(has=exact)

    def save(self, path: Path) -> None:
        """Save a screenshot of the whole page once all of its pictures have loaded."""
        loaded = "[...document.images].every((image) => image.complete && image.naturalWidth)"
        self.page.wait_for_function(loaded)
        self.page.screenshot(path=path, full_page=True, animations="disabled")


@contextmanager
def visit(browser: Browser, url: str, width: int = DESK_WIDTH) -> Iterator[Visit]:
    """Open the page in a window of a desk's or a phone's width, and wait until it is live."""
    phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 3} if width < 500 else {}
    with browser.new_context(viewport={"width": width, "height": 844}, **phone) as context:
        visiting = Visit(context.new_page())
        visiting.page.goto(url)
        visiting.page.get_by_text("Live", exact=True).wait_for()
        yield visiting


def contacts(net_log: Path) -> list[str]:
    """Return every address that a closed browser connected or sent to, and every name that it looked up.

    One thing is left out: to find out whether IPv6 works, Chromium connects a UDP socket, which sends nothing.
    """
    log = json.loads(net_log.read_text(encoding="utf-8"))
    event_types = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    contacted = []
    for event in log["events"]:
        event_type, params = event_types[event["type"]], event.get("params", {})
        if event_type == "TCP_CONNECT_ATTEMPT" and "address" in params:
            contacted.append(params["address"])
        elif event_type == "UDP_BYTES_SENT":
            contacted.append(f"UDP to {params.get('address', 'its peer')}")
        elif event_type in ("DNS_TRANSACTION", "HOST_RESOLVER_SYSTEM_TASK") and params:
            contacted.append(f"look-up of {params.get('hostname', params)}")
    return contacted


def main(target: Path) -> None:
    """Take the picture for the README."""
    ledger = Ledger()
    with stack.running(ledger, sweep_schedule=SWEEP_SCHEDULE, unfinished_wait=UNFINISHED_WAIT) as running:
        container = running.storage().get_container_client(names.INCOMING)
        uploads = list(samples())
        for sample in uploads:
            container.upload_blob(sample.blob, sample.content)
        for _ in ledger.wait([sample.blob for sample in uploads], running):
            pass
        with (
            sync_playwright() as playwright,
            launch(playwright) as browser,
            visit(browser, running.endpoints.catalogue_url) as visiting,
        ):
            visiting.save(target)
    with Image.open(target) as screenshot:
        screenshot.convert("RGB").save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
