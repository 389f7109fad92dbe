"""The contact sheet stays within the window of a desk and of a phone, whatever the names are."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from operate.sheets.contact_sheet import write
from tests.operate.test_contact_sheet import LOST, ROW
from tests.support import catalogue_page
from tests.support.catalogue_page import DESK_WIDTH, PHONE_WIDTH

pytestmark = pytest.mark.skipif(not catalogue_page.program(), reason=catalogue_page.NO_BROWSER)
LONG = "DSC_" + "0123456789" * 30 + ".jpg"


@pytest.mark.parametrize("width", [DESK_WIDTH, PHONE_WIDTH], ids=["desk", "phone"])
def test_long_names_wrap(tmp_path: Path, width: int) -> None:
    named = replace(ROW, blob=LONG, story=LONG, item_number=LONG, item_name=LONG, reason=LONG, detail=LONG)
    write(tmp_path / "sheet.html", [named, ROW, replace(LOST, story=LONG, outcome=LONG)], title=LONG)
    with sync_playwright() as playwright, catalogue_page.launch(playwright) as browser:
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.goto((tmp_path / "sheet.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cards = page.evaluate(
            "[...document.querySelectorAll('article')].map((card) => card.scrollWidth <= card.clientWidth)"
        )
        assert cards == [True] * 3
        page.screenshot(path=tmp_path / "sheet.png", full_page=True)
