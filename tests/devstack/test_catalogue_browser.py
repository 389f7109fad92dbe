"""The catalogue page follows pictures in a real browser, as wide as a desk or a phone."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from shared.storage import names
from tests.support import catalogue_page
from tests.support.catalogue_page import DESK_WIDTH, PHONE_WIDTH, Visit
from tests.support.local_stack import DESK, DESK_ID, LocalStack, photograph

pytestmark = pytest.mark.skipif(not catalogue_page.program(), reason=catalogue_page.NO_BROWSER)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=catalogue_page.SECONDS * 1000)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with catalogue_page.launch(playwright) as launched:
        yield launched


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, local: LocalStack) -> Iterator[Visit]:
    """Open the page; in every test it must log no errors and send requests to the simulator only."""
    url = local.stack.endpoints.catalogue_url
    with catalogue_page.visit(browser, url, getattr(request, "param", DESK_WIDTH)) as visiting:
        yield visiting
    assert visiting.problems == []
    assert [request for request in visiting.requests if not request.startswith(url)] == []


on_desk_and_phone = pytest.mark.parametrize("page", [DESK_WIDTH, PHONE_WIDTH], ids=["desk", "phone"], indirect=True)


def put(local: LocalStack, name: str = DESK, colour: str = "#336699") -> None:
    """Let the app put a picture on its item."""
    local.upload(name, photograph(colour))
    local.pipeline().process(names.INCOMING, name)


@on_desk_and_phone
def test_a_picture_appears_without_reloading(page: Visit, local: LocalStack) -> None:
    page.page.evaluate("window.loadedOnce = true")
    card = page.card("1896-S")
    expect(card.get_by_role("img")).to_have_count(0)
    expect(card).to_contain_text("No picture yet")
    put(local)
    picture = card.get_by_role("img", name="Harbour Desk, oak (1896-S)", exact=True)
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [1024, 768]
    expect(card).to_contain_text(re.compile(r"1024 × 768 · \d+ KiB"))
    expect(card).to_contain_text(re.compile("just now|ago"))
    expect(page.page.get_by_text("1 of 15 with a picture")).to_be_visible()
    expect(page.page.locator("[aria-live]")).to_have_text("New picture: Harbour Desk, oak, 1896-S")
    assert page.page.evaluate("window.loadedOnce")


def test_a_new_picture_replaces_the_old_one(page: Visit, local: LocalStack) -> None:
    put(local)
    picture = page.card("1896-S").get_by_role("img")
    expect(picture).to_be_visible()
    first = picture.get_attribute("src")
    put(local, colour="#993333")
    expect(picture).not_to_have_attribute("src", first)
    expect(picture).to_have_count(1)


def test_a_removed_item_disappears_from_the_page(page: Visit, local: LocalStack) -> None:
    put(local)
    picture = page.card("1896-S").get_by_role("img")
    expect(picture).to_be_visible()
    local.control("DELETE", f"items/{DESK_ID}")
    expect(page.card("1896-S")).to_have_count(0)
    expect(page.page.get_by_text("0 of 14 with a picture")).to_be_visible()


@on_desk_and_phone
def test_nothing_is_wider_than_the_window_or_cut_off(page: Visit, local: LocalStack) -> None:
    """Checked with names as long as BC allows, with and without places to break."""
    company = local.stack.endpoints.company_id
    for number, name in (("LONG-1", "Donaudampfschiff" * 6), ("W" * 20, "Harbour desk, oak, " * 5)):
        local.control("POST", "items", company_id=company, number=number, displayName=name[:100])
    put(local)
    put(local, f"CRONUS USA, Inc/{'W' * 20}.jpg")
    expect(page.card("W" * 20).get_by_role("img")).to_be_visible()
    root = "document.documentElement"
    assert page.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    clipped = "[...document.querySelectorAll('main *')].filter((node) => node.scrollWidth > node.clientWidth + 1)"
    boxes = "filter((node) => getComputedStyle(node).display !== 'inline' && !(node instanceof SVGElement))"
    assert page.page.evaluate(f"{clipped}.{boxes}.map((node) => node.outerHTML)") == []


def test_every_picture_has_a_text_that_names_its_item(page: Visit, local: LocalStack) -> None:
    put(local)
    put(local, "NORDWIND/1100.jpg")
    expect(page.card("1100", "Nordwind Möbel GmbH").get_by_role("img")).to_be_visible()
    expect(page.card("1896-S").get_by_role("img")).to_be_visible()
    texts = page.page.locator("main img").evaluate_all("images => images.map((image) => image.alt)")
    assert texts == ["Harbour Desk, oak (1896-S)", "Vase Wiesengrün (1100)"]
    assert page.page.locator("img:not([alt])").count() == 0


def test_markup_in_a_name_is_shown_as_text(page: Visit, local: LocalStack) -> None:
    name = '<img src=x onerror="document.title = 1"> & "co"'
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="<B>", displayName=name)
    expect(page.card("<B>").get_by_role("heading")).to_have_text(name)
    assert page.page.title() == "Item catalogue"


def test_a_lost_connection_is_shown_until_it_returns(browser: Browser, local: LocalStack) -> None:
    """Not through ``page``: here the console must report failed requests."""
    with catalogue_page.visit(browser, local.stack.endpoints.catalogue_url) as visiting:
        visiting.page.context.set_offline(True)
        expect(visiting.page.get_by_text("Not connected")).to_be_visible()
        put(local)
        visiting.page.context.set_offline(False)
        expect(visiting.page.get_by_text("Live", exact=True)).to_be_visible()
        expect(visiting.card("1896-S").get_by_role("img")).to_be_visible()


def test_the_picture_in_the_readme_can_be_taken(browser: Browser, local: LocalStack, tmp_path: Path) -> None:
    put(local, colour="#993333")
    with catalogue_page.visit(browser, local.stack.endpoints.catalogue_url) as visiting:
        visiting.save(tmp_path / "catalogue.png")
    with Image.open(tmp_path / "catalogue.png") as screenshot:
        assert screenshot.width == DESK_WIDTH
        assert (
            max(count for count, colour in screenshot.getcolors(1 << 20) if _is_close(colour, (0x99, 0x33, 0x33)))
            > 5000
        )


def _is_close(colour: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return all(abs(value - target) <= 3 for value, target in zip(colour, expected, strict=False))


def test_the_browser_contacts_only_this_machine_and_ends(
    playwright: Playwright, local: LocalStack, tmp_path: Path
) -> None:
    """Its network log also covers what it does besides the page: accounts, updates, name look-ups."""
    url, net_log = local.stack.endpoints.catalogue_url, tmp_path / "net.json"
    before = set(psutil.Process().children(recursive=True))
    with catalogue_page.launch(playwright, net_log) as logged_browser:
        processes = set(psutil.Process().children(recursive=True)) - before
        with catalogue_page.visit(logged_browser, url) as visiting:
            put(local)
            expect(visiting.card("1896-S").get_by_role("img")).to_be_visible()
    assert processes
    assert [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert set(catalogue_page.contacts(net_log)) == {url.removeprefix("http://").rstrip("/")}
