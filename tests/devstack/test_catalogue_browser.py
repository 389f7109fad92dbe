"""The catalogue page as people meet it: in a real browser, on a desk and on a phone, while pictures come and go."""

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
from tests.support.local_stack import DESK, DESK_ID, Local, photograph

pytestmark = pytest.mark.skipif(not catalogue_page.program(), reason=catalogue_page.NO_BROWSER)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=catalogue_page.SECONDS * 1000)
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with catalogue_page.launch(playwright) as made:
        yield made


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, local: Local) -> Iterator[Visit]:
    """The page; whatever a test does with it, it must not complain, nor ask anybody but the simulator."""
    url = local.stack.endpoints.catalogue_url
    with catalogue_page.visit(browser, url, getattr(request, "param", DESK_WIDTH)) as visiting:
        yield visiting
    assert visiting.complaints == []
    assert [asked for asked in visiting.requests if not asked.startswith(url)] == []


on_desk_and_phone = pytest.mark.parametrize("page", [DESK_WIDTH, PHONE_WIDTH], ids=["desk", "phone"], indirect=True)


def put(local: Local, name: str = DESK, colour: str = "#336699") -> None:
    """Have the app put a picture on its item."""
    local.upload(name, photograph(colour))
    local.pipeline().process(names.INCOMING, name)


@on_desk_and_phone
def test_a_picture_appears_without_reloading(page: Visit, local: Local) -> None:
    page.page.evaluate("window.loadedOnce = true")
    card = page.card("1896-S")
    expect(card.get_by_role("img")).to_have_count(0)
    expect(card).to_contain_text("No picture yet")
    put(local)
    picture = card.get_by_role("img", name="Harbour Desk, oak (1896-S)", exact=True)
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [1024, 768]
    expect(card).to_contain_text("1024 × 768")
    expect(card).to_contain_text(re.compile("just now|ago"))
    expect(page.page.get_by_text("1 of 15 with a picture")).to_be_visible()
    expect(page.page.locator("[aria-live]")).to_have_text("New picture: Harbour Desk, oak, 1896-S")
    assert page.page.evaluate("window.loadedOnce")


def test_a_new_picture_replaces_the_old_one(page: Visit, local: Local) -> None:
    put(local)
    picture = page.card("1896-S").get_by_role("img")
    expect(picture).to_be_visible()
    first = picture.get_attribute("src")
    put(local, colour="#993333")
    expect(picture).not_to_have_attribute("src", first)
    expect(picture).to_have_count(1)


def test_a_removed_item_disappears_from_the_page(page: Visit, local: Local) -> None:
    put(local)
    picture = page.card("1896-S").get_by_role("img")
    expect(picture).to_be_visible()
    local.control("DELETE", f"items/{DESK_ID}")
    expect(page.card("1896-S")).to_have_count(0)
    expect(page.page.get_by_text("0 of 14 with a picture")).to_be_visible()


@on_desk_and_phone
def test_nothing_is_wider_than_the_window_or_cut_off(page: Visit, local: Local) -> None:
    """Names as long as BC allows, with and without a place to break."""
    company = local.stack.endpoints.company_id
    for number, name in (("LONG-1", "Donaudampfschiff" * 6), ("W" * 20, "Harbour desk, oak, " * 5)):
        local.control("POST", "items", company_id=company, number=number, displayName=name[:100])
    put(local)
    put(local, f"CRONUS USA, Inc/{'W' * 20}.jpg")
    expect(page.card("W" * 20).get_by_role("img")).to_be_visible()
    root = "document.documentElement"
    assert page.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    clipped = "[...document.querySelectorAll('main *')].filter((each) => each.scrollWidth > each.clientWidth + 1)"
    boxes = "filter((each) => getComputedStyle(each).display !== 'inline' && !(each instanceof SVGElement))"
    assert page.page.evaluate(f"{clipped}.{boxes}.map((each) => each.outerHTML)") == []


def test_every_picture_has_a_text_that_names_its_item(page: Visit, local: Local) -> None:
    put(local)
    put(local, "NORDWIND/1100.jpg")
    expect(page.card("1100", "Nordwind Möbel GmbH").get_by_role("img")).to_be_visible()
    expect(page.card("1896-S").get_by_role("img")).to_be_visible()
    shown = page.page.locator("main img").evaluate_all("images => images.map((image) => image.alt)")
    assert shown == ["Harbour Desk, oak (1896-S)", "Vase Wiesengrün (1100)"]
    assert page.page.locator("img:not([alt])").count() == 0


def test_markup_in_a_name_is_shown_as_text(page: Visit, local: Local) -> None:
    name = '<img src=x onerror="document.title = 1"> & "co"'
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="<B>", displayName=name)
    expect(page.card("<B>").get_by_role("heading")).to_have_text(name)
    assert page.page.title() == "Item catalogue"


def test_a_lost_connection_is_shown_until_it_returns(browser: Browser, local: Local) -> None:
    """The browser's console tells of the failed requests, as it should."""
    with catalogue_page.visit(browser, local.stack.endpoints.catalogue_url) as visiting:
        visiting.page.context.set_offline(True)
        expect(visiting.page.get_by_text("Not connected")).to_be_visible()
        put(local)
        visiting.page.context.set_offline(False)
        expect(visiting.page.get_by_text("Live", exact=True)).to_be_visible()
        expect(visiting.card("1896-S").get_by_role("img")).to_be_visible()


def test_the_picture_in_the_readme_can_be_taken(browser: Browser, local: Local, tmp_path: Path) -> None:
    put(local, colour="#993333")
    with catalogue_page.visit(browser, local.stack.endpoints.catalogue_url) as visiting:
        visiting.save(tmp_path / "catalogue.png")
    with Image.open(tmp_path / "catalogue.png") as taken:
        assert taken.width == DESK_WIDTH
        assert max(count for count, colour in taken.getcolors(1 << 20) if _like(colour, (0x99, 0x33, 0x33))) > 5000


def _like(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) <= 3 for one, other in zip(colour, wanted, strict=False))


def test_the_browser_contacts_only_this_machine_and_ends(
    playwright: Playwright, local: Local, tmp_path: Path
) -> None:
    """Its own records, of all that it does beside the page as well: accounts, updates, name look-ups."""
    url, log = local.stack.endpoints.catalogue_url, tmp_path / "net.json"
    before = set(psutil.Process().children(recursive=True))
    with catalogue_page.launch(playwright, log) as own:
        family = set(psutil.Process().children(recursive=True)) - before
        with catalogue_page.visit(own, url) as visiting:
            put(local)
            expect(visiting.card("1896-S").get_by_role("img")).to_be_visible()
    assert family
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    asked = set(catalogue_page.contacts(log))
    assert asked == {url.removeprefix("http://").rstrip("/")}
