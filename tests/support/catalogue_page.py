"""The catalogue page in a real browser: for the tests, and for the picture in the README.

``python -m tests.support.catalogue_page docs/catalogue.png`` runs the demo's photographs through the whole stack and takes
that picture.
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
from devstack.demo import Ledger
from devstack.drawing.samples import samples
from shared.storage import names

DESK_WIDTH, PHONE_WIDTH = 1280, 390
NO_BROWSER = "no Chromium, Chrome or Edge is on the PATH"
SECONDS = 15  # until a test gives up; a change is on the page within one second or two
_PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
_FLAGS = (
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
    # In spite of these the browser asks its maker about accounts and updates: no name is looked up, so it cannot.
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
)


def program() -> str | None:
    """Return the browser on this machine, None if there is none."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def launch(playwright: Playwright, net_log: Path | None = None) -> Browser:
    """Start a browser with a profile of its own that ends with it; ``net_log`` gets all that its network stack did."""
    log = [f"--log-net-log={net_log}"] if net_log else []
    return playwright.chromium.launch(executable_path=program(), args=[*_FLAGS, *log], chromium_sandbox=False)


class Visit:
    """One look at the page, with everything that it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda told: told.type in ("error", "warning") and self.complaints.append(told.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("crash", lambda _: self.complaints.append("the page crashed"))
        page.context.on("request", lambda request: self.requests.append(request.url))

    def card(self, number: str, company: str = stack.COMPANY) -> Any:
        """Return the card of an item."""
        section = self.page.get_by_role("region", name=company)
        exact = self.page.get_by_text(number, exact=True)
        return section.get_by_role("listitem").filter(has=exact)

    def save(self, path: Path) -> None:
        """Write a picture of the whole page once all of its pictures are there."""
        loaded = "[...document.images].every((image) => image.complete && image.naturalWidth)"
        self.page.wait_for_function(loaded)
        self.page.screenshot(path=path, full_page=True, animations="disabled")


@contextmanager
def visit(browser: Browser, url: str, width: int = DESK_WIDTH) -> Iterator[Visit]:
    """Open the page, as wide as a desk's window or as a phone, and wait until it is live."""
    phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 3} if width < 500 else {}
    with browser.new_context(viewport={"width": width, "height": 844}, **phone) as context:
        visiting = Visit(context.new_page())
        visiting.page.goto(url)
        visiting.page.get_by_text("Live", exact=True).wait_for()
        yield visiting


def contacts(net_log: Path) -> list[str]:
    """Return every address that a browser, by now closed, connected to or sent anything to, and every name it looked up.

    The one thing left out is how Chromium finds out whether there is a way to IPv6: it connects a UDP socket, which
    sends nothing.
    """
    log = json.loads(net_log.read_text(encoding="utf-8"))
    kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    found = []
    for event in log["events"]:
        kind, facts = kinds[event["type"]], event.get("params", {})
        if kind == "TCP_CONNECT_ATTEMPT" and "address" in facts:
            found.append(facts["address"])
        elif kind == "UDP_BYTES_SENT":
            found.append(f"UDP to {facts.get('address', 'its peer')}")
        elif kind in ("DNS_TRANSACTION", "HOST_RESOLVER_SYSTEM_TASK") and facts:
            found.append(f"look-up of {facts.get('hostname', facts)}")
    return found


def main(target: Path) -> None:
    """Take the picture in the README."""
    ledger = Ledger()
    with stack.running(ledger) as running:
        container = running.storage().get_container_client(names.INCOMING)
        wanted = list(samples())
        for sample in wanted:
            container.upload_blob(sample.blob, sample.content)
        for _ in ledger.wait([sample.blob for sample in wanted], running):
            pass
        with (
            sync_playwright() as playwright,
            launch(playwright) as browser,
            visit(browser, running.endpoints.catalogue_url) as visiting,
        ):
            visiting.save(target)
    with Image.open(target) as taken:
        taken.convert("RGB").save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
