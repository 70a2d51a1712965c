"""Every page is accessible, in both colour schemes, and fits on a telephone."""

import pytest
from playwright.async_api import expect

from browser.browsing import Browsing, flaws
from placet.runtime.first_admin import EVERYBODY

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = {
    "signing in": (None, "/signin"),
    "an invitation": (None, "/invitation/{invitation}"),
    "nothing": (None, "/nowhere"),
    "a link": (None, "{link}"),
    "an inbox": ("ben", "/"),
    "an inbox of a voter": ("vera", "/"),
    "an empty inbox": ("kofi", "/?show=votes"),
    "cases": ("kofi", "/cases"),
    "cases that are not there": ("mo", "/cases?q=nothing"),
    "a task": ("ben", "/tasks/{task}"),
    "a task with a form": ("ben", "/tasks/{form}"),
    "a task that collects": ("ben", "/tasks/{collecting}"),
    "a task to put to others": ("cora", "/tasks/{task}"),
    "a closed task": ("ben", "/tasks/{closed}"),
    "a case": ("cora", "/cases/{case}"),
    "a paused case": ("cora", "/cases/{paused}"),
    "a vote": ("kofi", "/cases/{vote}"),
    "an account": ("root", "/account"),
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_no_flaw(browsing: Browsing, name: str) -> None:
    who, path = PAGES[name]
    filled = path.format(**vars(browsing.scene))
    async with browsing.page(who, filled) as page:
        assert await flaws(page) == []


async def test_the_page_that_names_the_people_of_a_sample_has_no_flaw(browsing: Browsing) -> None:
    browsing.office.app.state.sample = EVERYBODY
    try:
        async with browsing.page(None, "/signin?name=cora") as page:
            await expect(page.get_by_role("link", name="Cora Chen")).to_have_attribute("aria-current", "true")
            assert await flaws(page) == []
    finally:
        browsing.office.app.state.sample = ()


async def test_a_flaw_would_be_found(browsing: Browsing) -> None:
    async with browsing.page(None, "/signin") as page:
        await page.evaluate("document.querySelector('h1').style.color = '#ccc'")
        await page.evaluate("document.querySelector('main').style.minWidth = '100rem'")
        found = await flaws(page)
    assert any("color-contrast" in flaw for flaw in found) and any("too wide" in flaw for flaw in found)
