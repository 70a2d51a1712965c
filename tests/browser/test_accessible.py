"""Every page is accessible, in both colour schemes, and fits on a telephone."""

import pytest

from browser.browsing import Browsing, flaws

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("who", "path"), [(None, "/signin"), ("ben", "/"), ("ben", "/nowhere")])
async def test_a_page_has_no_flaw(browsing: Browsing, who: str | None, path: str) -> None:
    async with browsing.page(who) as page:
        answer = await page.goto(path)
        assert answer is not None
        assert await flaws(page) == []
