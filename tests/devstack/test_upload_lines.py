"""``dev.py up`` prints each thing that happens to an upload once, safely."""

import io
import json
from typing import Any

from rich.console import Console

from devstack.upload_lines import UploadLines

DESK = "CRONUS USA, Inc/1896-S.jpg"


def printed(*events: dict[str, Any], terminal: bool = False) -> list[str]:
    target = io.StringIO()
    lines = UploadLines(Console(file=target, width=80, force_terminal=terminal, emoji=False, highlight=False))
    for event in events:
        lines(json.dumps(event))
    return target.getvalue().splitlines()


def ended(outcome: str, blob: str = DESK, etag: str = '"1"', **facts: Any) -> dict[str, Any]:
    return {"event": "upload_finished", "blob": blob, "etag": etag, "outcome": outcome, **facts}


def failure(etag: str = "1") -> list[dict[str, Any]]:
    """Return the events of a whole round of deliveries that fail, as the host and the app report them."""
    said = {"event": "upload_failed", "blob": DESK, "etag": f'"{etag}"', "outcome": None, "reason": "bc_refused"}
    host = {"event": "delivery_failed", "blob": DESK, "etag": etag, "error": "bc_refused: BC said no."}
    rounds = [[{**said, "detail": f"BC said no ({number})."}, {**host, "attempt": number}] for number in range(1, 6)]
    poisoned = {"event": "poisoned", "blob": DESK, "etag": etag, "attempts": 5}
    return [*(event for pair in rounds for event in pair), poisoned]


def test_a_failure_is_printed_once() -> None:
    lines = printed(*failure(), *failure())
    assert [line.partition(" ")[2] for line in lines] == [
        f"failed {DESK} bc_refused: BC said no (1).",
        f"failed {DESK} all 5 deliveries failed; it stays in the container",
    ]


def test_the_same_failure_of_a_new_upload_is_news() -> None:
    assert len(printed(*failure("1"), *failure("2"))) == 4


def test_a_failure_outside_the_app_is_printed_once() -> None:
    host = {"event": "delivery_failed", "blob": DESK, "etag": "1", "error": "TypeError: no"}
    assert len(printed(*({**host, "attempt": number} for number in range(5)))) == 1


def test_an_upload_that_still_waits_prints_nothing_new() -> None:
    waiting = ended("waiting", reason="item_not_found", detail="No such item.")
    unfinished = ended("waiting", reason="unfinished", detail="Somebody may still write it.")
    lines = printed(unfinished, unfinished, waiting, waiting, ended("updated", item_number="1896-S"))
    assert [line.split()[1] for line in lines] == ["waiting", "waiting", "updated"]
    again = ended("waiting", etag='"2"', reason="item_not_found", detail="No such item.")
    assert len(printed(waiting, again, ended("updated", etag='"2"'), ended("updated", etag='"3"'))) == 4


def test_storage_that_cannot_be_reached_is_printed_once() -> None:
    scan = {"event": "scan_failed", "line": "Could not scan the container; trying again: refused"}
    assert printed(scan, scan, scan) == [scan["line"]]


def test_names_can_neither_colour_nor_move_nor_forge_lines() -> None:
    hostile = "x[red]\x1b[2J\u202e\r\n12:00:00 updated :smile: \\"
    (line,) = printed(ended("quarantined", hostile, reason="bad_path", detail=hostile))
    assert not {"\x1b", "\u202e", "\r"} & set(line)
    assert line.count(r"x[red]\x1b[2J\u202e\r\n12:00:00 updated :smile: \\"[:-1]) == 2
    assert len(printed(ended("waiting", "[/]", reason="x", detail="[/bold]"), terminal=True)) == 1


def test_lines_of_other_programs_are_text() -> None:
    (line,) = printed({"event": "host_said", "line": "\x1b[31m[bold]Host"})
    assert line == r"\x1b[31m[bold]Host"
