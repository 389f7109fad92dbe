"""The telemetry page shows what became of every upload, live, on a desk and on a phone, and as the workbook would.

The same stack shows that the telemetry counts what the demo reports, whatever the outcome.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from devstack.ingestion.received import Received
from devstack.ingestion.rows import Row
from devstack.ingestion.tables import Telemetry
from devstack.telemetry_page.panels import Panels
from devstack.workbook import WORKBOOK
from tests.devstack.dev_commands import until
from tests.support import catalogue_page, telemetry_page
from tests.support.catalogue_page import DESK_WIDTH, Visit
from tests.support.local_stack import DESK, photograph
from tests.support.telemetry import ARRIVES_WITHIN
from tests.support.telemetry_page import HOSTILE, EveryOutcome, last_ends, panel, serving, tiles

NARROW = 360
ITEMS = json.loads(WORKBOOK.read_text(encoding="utf-8"))["items"]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not catalogue_page.program():
        pytest.skip(catalogue_page.NO_BROWSER)
    expect.set_options(timeout=catalogue_page.SECONDS * 1000)
    with sync_playwright() as playwright, catalogue_page.launch(playwright) as launched:
        yield launched


@pytest.fixture(scope="module")
def happened() -> Iterator[EveryOutcome]:
    with telemetry_page.every_outcome() as stack_with_all:
        until(stack_with_all.all_is_told, ARRIVES_WITHIN)
        stack_with_all.rest()
        yield stack_with_all


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, happened: EveryOutcome) -> Iterator[Visit]:
    """Open the page; in every test it must log no errors and send requests to the stack only."""
    with catalogue_page.visit(browser, happened.url, getattr(request, "param", DESK_WIDTH)) as visiting:
        yield visiting
    assert visiting.problems == []
    assert [request for request in visiting.requests if not request.startswith(happened.url)] == []


def finished(blob: str, **facts: Any) -> Row:
    """Return the row of an upload that has just been put on its item."""
    ours = {"blob": blob, "outcome": "updated", **facts}
    at = datetime.now(UTC) - facts.pop("ago", timedelta())
    dimensions = {f"item_picture.{name}": str(value) for name, value in ours.items() if name != "ago"}
    facts = {"itemId": blob, "operation_Id": blob, "operation_ParentId": "", "customMeasurements": {"duration_ms": 5}}
    return {
        "table": "traces",
        "timestamp": at.isoformat(),
        "message": "upload_finished",
        "customDimensions": dimensions,
        **facts,
    }


def search(page: Visit, text: str) -> None:
    page.page.get_by_role("searchbox").fill(text)
    page.page.keyboard.press("Enter")
    panel(page, "find.kql").wait_for()


# --- the demo's report, the telemetry and the tiles --------------------------------------------------------------


def test_telemetry_counts_what_the_demo_reports(happened: EveryOutcome) -> None:
    report = Counter(happened.report().values())
    assert {outcome for outcome, _ in report} == {
        *("updated", "unchanged", "superseded", "waiting", "quarantined", "failed")
    }
    assert Counter(last_ends(happened.ingestion).values()) == report


def test_outcomes_and_reasons_count_what_the_app_logs(happened: EveryOutcome) -> None:
    """The log has a line for each delivery, and the queries know only what has been sent."""
    rows = happened.ingestion.rows()
    arrived = {row["customDimensions"].get("item_picture.upload_id") for row in rows}
    lines = [line for line in happened.deliveries() if line["upload_id"] in arrived]
    assert {line["blob"] for line in lines} == set(happened.report())
    telemetry = Telemetry(rows)
    reasons = Counter(line["reason"] for line in lines if line["reason"])
    assert {row["reason"]: row["deliveries"] for row in telemetry.ask("reasons.kql")} == reasons
    places = {(line["outcome"], line["moved_to"]) for line in lines if line["outcome"] and line["moved_to"]}
    waiting = {line["blob"] for line in lines if line["outcome"] == "waiting"}
    failed = [line for line in lines if line["event"] == "upload_failed"]
    expected = Counter(outcome for outcome, _ in places) | Counter(waiting=len(waiting), failed=len(failed))
    answer = telemetry.ask("outcomes.kql")
    assert sum((Counter({row["outcome"]: row["uploads"]}) for row in answer), Counter()) == expected
    quarantined = sum(outcome == "quarantined" for outcome, _ in happened.report().values())
    assert (expected["quarantined"], expected["unchanged"]) == (quarantined, 1)


def test_the_tiles_say_what_the_demo_reports(page: Visit, happened: EveryOutcome) -> None:
    outcomes = Counter(outcome for outcome, reason in happened.report().values() if reason != "ignored")
    expected = {
        "arrived": len(happened.report()),
        "on items": outcomes["updated"] + outcomes["unchanged"],
        "waiting": outcomes["waiting"],
        "quarantined": outcomes["quarantined"],
        "failing": outcomes["failed"],
    }
    shown = tiles(page)
    assert {name: shown[name] for name in expected} == {name: str(number) for name, number in expected.items()}


def test_the_panels_are_the_workbooks_in_its_order(page: Visit) -> None:
    expected = [item["content"]["title"] for item in ITEMS if item["type"] == 3 and "conditionalVisibility" not in item]
    panel(page, "overview.kql").wait_for()
    assert page.page.locator("main section h3").all_inner_texts() == expected
    assert page.page.locator("main .error").all_inner_texts() == []
    for drawing in ("outcomes.kql", "sweeps.kql"):
        expect(panel(page, drawing).get_by_role("img")).to_be_visible()


# --- live, and usable ---------------------------------------------------------------------------------------------


def test_the_page_follows_uploads_without_reloading(page: Visit, happened: EveryOutcome) -> None:
    page.page.evaluate("window.loadedOnce = true")
    before = tiles(page)
    happened.go_on()
    happened.put({"NORDWIND/1896-S.png": photograph(picture_format="PNG")})
    expect(panel(page, "overview.kql").get_by_role("listitem").first).to_contain_text(str(int(before["arrived"]) + 1))
    assert page.page.evaluate("window.loadedOnce")
    happened.rest()


def test_a_search_leads_to_the_rows_of_a_trace(page: Visit) -> None:
    search(page, "1900-s")
    found = panel(page, "find.kql")
    expect(found).to_contain_text("CRONUS USA, Inc/1900-s.JPG")
    trace, shown = page.page.get_by_role("dialog"), []
    # Trigger and sweep may have taken it up together: one of them has written the picture, and both found it there.
    for button in found.locator("tr", has_text="updated").get_by_role("button", name="Open").all():
        button.click()
        expect(trace).to_contain_text("upload_finished")
        shown.append(trace.inner_text())
        trace.get_by_role("button", name="Close").click()
        expect(trace).to_be_hidden()
    (writer,) = [text for text in shown if "call: write picture" in text]
    assert [words for words in ("process upload", "render picture", "upload_finished") if words not in writer] == []


@pytest.mark.parametrize("page", [DESK_WIDTH, NARROW], ids=["desk", "phone"], indirect=True)
def test_a_hostile_name_is_shown_as_text(page: Visit) -> None:
    search(page, HOSTILE)
    expect(panel(page, "find.kql").get_by_text(HOSTILE, exact=True).first).to_be_visible()
    expect(panel(page, "quarantined.kql").get_by_text(HOSTILE, exact=True)).to_be_visible()
    panel(page, "find.kql").get_by_role("button", name="Open").first.click()
    expect(page.page.get_by_role("dialog")).to_contain_text(HOSTILE)
    assert page.page.title() == "Telemetry"
    assert page.page.locator("main img, dialog img").count() == 0


def test_a_search_takes_every_character_as_it_is(browser: Browser) -> None:
    names = ['a"b\\c.jpg', "{Operation:escapejson}%_.jpg", "ä<b>'1.jpg"]
    with serving(map(finished, names)) as url, catalogue_page.visit(browser, url) as visiting:
        for name in names:
            search(visiting, name)
            expect(panel(visiting, "find.kql").locator("[data-column=blob]")).to_have_text([name])


@pytest.mark.parametrize("page", [NARROW], ids=["phone"], indirect=True)
def test_nothing_scrolls_sideways_on_a_phone(page: Visit) -> None:
    search(page, "CRONUS")
    expect(panel(page, "find.kql")).to_contain_text(DESK)
    wide = "[document.documentElement, ...document.querySelectorAll('main *')]"
    boxes = "filter((node) => getComputedStyle(node).display !== 'inline' && !(node instanceof SVGElement))"
    too_wide = f"{wide}.{boxes}.filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.outerHTML)"
    assert page.page.evaluate(too_wide) == []
    panel(page, "find.kql").get_by_role("button", name="Open").first.click()
    expect(page.page.get_by_role("dialog")).to_contain_text("process upload")
    assert page.page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")


def test_the_picture_in_the_documents_can_be_taken(page: Visit, tmp_path: Path) -> None:
    telemetry_page.take(page, tmp_path / "monitoring.png")
    with Image.open(tmp_path / "monitoring.png") as screenshot:
        assert screenshot.width == DESK_WIDTH
        assert len(screenshot.getcolors(1 << 16) or ()) > 16


# --- troubles ------------------------------------------------------------------------------------------------------


def test_a_broken_query_costs_its_panel_only(browser: Browser, tmp_path: Path) -> None:
    broken = json.loads(WORKBOOK.read_text(encoding="utf-8"))
    (outcomes,) = [item for item in broken["items"] if item["name"] == "outcomes.kql"]
    outcomes["content"]["query"] = "traces | where nonsense_of_ours == 1"
    (tmp_path / "workbook.json").write_text(json.dumps(broken), encoding="utf-8")
    with (
        serving([finished("a.jpg")], tmp_path / "workbook.json") as url,
        catalogue_page.visit(browser, url) as visiting,
    ):
        expect(panel(visiting, "outcomes.kql")).to_contain_text("nonsense_of_ours")
        assert tiles(visiting)["arrived"] == "1"


def test_the_time_range_leaves_out_what_is_older(browser: Browser) -> None:
    rows = [finished("a.jpg"), finished("b.jpg", ago=HOUR / 2), finished("c.jpg", ago=HOUR * 2)]
    with serving(rows) as url, catalogue_page.visit(browser, url) as visiting:
        arrived = panel(visiting, "overview.kql").get_by_role("listitem").first
        for span, count in (("1 hour", 2), ("5 minutes", 1), ("1 day", 3)):
            visiting.page.get_by_label("Time range").select_option(span)
            expect(arrived).to_contain_text(f"{count}")


def test_another_sites_name_for_this_machine_is_refused(happened: EveryOutcome) -> None:
    assert requests.get(happened.url, timeout=10).status_code == 200
    for path in ("", "rows", "telemetry/state"):
        answer = requests.get(f"{happened.url}{path}", headers={"Host": "pictures.example"}, timeout=10)
        assert answer.status_code == 400


# --- in bounded memory ---------------------------------------------------------------------------------------------


def arrived(panels: Panels) -> float:
    (overview,) = [each for each in panels.fill(HOUR, {}) if each["kind"] == "tiles"]
    return {row[0]: row[1] for row in overview["rows"]}["arrived"]  # type: ignore[attr-defined]


def test_only_the_newest_rows_are_kept_and_counted() -> None:
    received = Received(most_rows=3)
    panels = Panels(received, WORKBOOK)
    received.put(finished(f"{number}.jpg") for number in range(2))
    assert arrived(panels) == 2
    received.put(finished(f"{number}.jpg") for number in range(2, 7))
    assert arrived(panels) == 3
    assert [row["itemId"] for row in received.since(0)[0]] == ["4.jpg", "5.jpg", "6.jpg"]
    received.forget()
    received.put([finished("7.jpg")])
    assert arrived(panels) == 1


def test_only_the_newest_texts_are_kept() -> None:
    received = Received(most_characters=10)
    for text in ("aaaa", "bbbb", "cccc"):
        received.keep(text)
    assert received.all_bodies() == ["bbbb", "cccc"]
