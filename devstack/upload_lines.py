"""Prints what becomes of each upload while ``dev.py up`` runs, one line for each thing that happens."""

import json
import time
from typing import Any

from rich.console import Console
from rich.text import Text

from devstack.terminal import visible

STYLES = {
    "updated": "green",
    "unchanged": "green",
    "waiting": "yellow",
    "quarantined": "magenta",
    "superseded": "blue",
}
_UNTOLD = ("storage_request", "event_lost", "sweep_finished", "delivery_exhausted")  # the host's event says more


class UploadLines:
    """Prints the host's events. An upload that waits or fails as before prints nothing new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._etags: dict[str, str | None] = {}  # by blob
        self._told: dict[str, set[tuple[str, ...]]] = {}  # by blob: what has been printed about it
        self._last_line = ""

    def __call__(self, line: str) -> None:
        """Print one line of the host's output, if it is news."""
        event = json.loads(line)
        if event["event"] in _UNTOLD:
            return
        if "line" in event:
            if event["event"] != "scan_failed" or event["line"] != self._last_line:
                self._console.print(Text(visible(event["line"])), soft_wrap=True)
            self._last_line = event["line"]
        elif self._is_news(event):
            self._console.print(_described(event), soft_wrap=True)

    def _is_news(self, event: dict[str, Any]) -> bool:
        blob, etag = event["blob"], (event.get("etag") or "").strip('"') or None
        if blob not in self._told or (etag and self._etags.get(blob) not in (etag, None)):
            self._told[blob] = set()
        self._etags[blob] = etag or self._etags.get(blob)
        told = self._told[blob]
        if event["event"] == "delivery_failed" and any(kind == "upload_failed" for kind, *_ in told):
            return False  # the app has said it already, and better
        words = (event["event"], str(event.get("outcome")), str(event.get("reason") or _problem(event)))
        is_news = words not in told
        told.add(words)
        if event.get("outcome") not in (None, "waiting"):  # it has left the container
            del self._told[blob], self._etags[blob]
        return is_news


def _problem(event: dict[str, Any]) -> str | None:
    return event.get("detail") or event.get("error")


def _described(event: dict[str, Any]) -> Text:
    if event["event"] == "poisoned":
        outcome, facts = "failed", [f"all {event['attempts']} deliveries failed; it stays in the container"]
    else:
        outcome = event.get("outcome") or "failed"
        facts = [fact for fact in (event.get("item_number"), event.get("reason"), _problem(event)) if fact]
    return Text.assemble(
        f"{time.strftime('%H:%M:%S')} ",
        (visible(outcome), f"bold {STYLES.get(outcome, 'red')}"),
        f" {visible(event['blob'])} ",
        ": ".join(visible(fact) for fact in facts),
    )
