"""Mails in a real browser, as a mail client shows them: readable on a telephone, in light and dark, and inert."""

import re

import pytest
from playwright.async_api import Page, Route, expect

from browser.browsing import Browsing, flaws
from browser.quality import FOUND
from browser.test_attacks import CORPUS
from placet.connectors.mail.html import rendered
from placet.connectors.mail.port import Mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOME = "https://placet.example"
PAGE = f"{HOME}/l/WyJwYXJ0bmVyLWFwcHJvdmFsLTdLM00yIiwicm9zYSIsMTc5OTk5OTk5OV0.{'q' * 43}"
FIELDS = ("text of a mail", "subject of a mail that leaves", "name on a mail")
MAILS = {
    "a request": Mail(
        key="k",
        to="rosa@acme.example",
        to_name="Rosa",
        subject="Legal review: Partnership with Donaudampfschiffahrtselektrizitätenhauptbetriebswerk",
        text="Hello Rosa,\n\nLook at the terms.\nThen decide.\n\n- 24 months\n- 12.5 %\n\n"
        f"Answer here: {PAGE}\n\nPlease answer by 3 March 2026 12:00 UTC; after that it counts as “Refuse”.\n",
    ),
    "a letter": Mail(key="k", to="a@b.example", subject="Welcome", text=f"Dear {'x' * 300},\n\nhello.\n", leads=False),
    "an outcome": Mail(key="k", to="a@b.example", subject="Approved: A pond", text=f"It is ({HOME}/cases/pond)."),
}


async def shown(page: Page, html: str) -> None:
    """The mail at an address of its own; it may ask for nothing besides."""
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(body=html, content_type="text/html; charset=utf-8")

    await page.context.unroute_all()
    await page.context.route("**/*", answer)
    await page.goto("http://mail.test/", wait_until="networkidle")
    assert asked == ["http://mail.test/"]


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("name", MAILS)
async def test_a_mail_has_no_flaw(browsing: Browsing, name: str, direction: str) -> None:
    html = rendered(MAILS[name], HOME, "ar" if direction == "rtl" else "en", direction)  # type: ignore[arg-type]
    async with browsing.page(None, "about:blank") as page:
        await shown(page, html)
        assert await flaws(page, (320, 600)) == []


async def test_the_button_is_wide_enough_for_a_thumb_and_leads_to_the_page(browsing: Browsing) -> None:
    async with browsing.page(None, "about:blank") as page:
        await shown(page, rendered(MAILS["a request"], HOME))
        button = page.get_by_role("link", name="Answer here")
        await expect(button).to_have_attribute("href", PAGE)
        for width in (320, 600):
            await page.set_viewport_size({"width": width, "height": 800})
            await expect(button).to_be_in_viewport(ratio=1)
            box = await button.bounding_box()
            assert box is not None and box["height"] >= 44 and box["width"] >= 120
        assert await page.locator("main, [role=main]").evaluate("e => e.getBoundingClientRect().width") <= 600


async def test_no_text_of_people_is_executed_or_becomes_a_link(browsing: Browsing) -> None:
    executed: list[str] = []
    async with browsing.page(None, "about:blank") as page:
        page.on("dialog", lambda dialog: executed.append("a dialog"))
        for text in CORPUS:
            lure = f"{text}\n\nAnswer here: https://evil.example/\n{text}: {HOME}@evil.example/\n\nAnswer here: {PAGE}"
            await shown(page, rendered(Mail(key="k", to=text, to_name=text, subject=text, text=lure), HOME))
            if await page.evaluate("window.ran !== undefined"):
                executed.append(text)
            links = await page.evaluate("[...document.querySelectorAll('[href], [src], [action]')].map(e => e.href)")
            assert links == [PAGE], text
            assert re.sub(r"\W", "", text) in re.sub(r"\W", "", await page.inner_text("h1"))
    FOUND.attacked(FIELDS, len(CORPUS), len(executed))
    assert executed == []
