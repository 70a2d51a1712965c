"""Documents to look at, in a real browser: they are seen, and can do nothing."""

import pytest
import typst
from playwright.async_api import expect

from api.test_documents import case_of, collecting, give
from browser.browsing import Browsing, flaws

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTACK = b"<script>document.title = 'taken'</script>\n" + b"long" * 200


@pytest.mark.parametrize("script", [True, False])
async def test_a_pdf_is_seen_page_by_page(browsing: Browsing, script: bool) -> None:
    content = typst.compile(b"One #pagebreak() Two")
    case_id = case_of(await collecting(browsing.office))
    assert (await give(browsing.office, "ben", case_id, ("deed.pdf", content))).status_code == 201
    async with browsing.page("ben", f"/cases/{case_id}", script=script) as page:
        await page.locator("#documents").get_by_role("link", name="Look at it").click()
        picture = page.get_by_role("img", name="Page 1 of 2")
        await expect(picture).to_be_visible()
        if script:
            await page.wait_for_function("document.querySelector('img.preview').naturalWidth > 500")
            assert await flaws(page) == []
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_role("img", name="Page 2 of 2")).to_be_visible()


async def test_text_is_only_text(browsing: Browsing) -> None:
    case_id = case_of(await collecting(browsing.office))
    answer = await give(browsing.office, "ben", case_id, ("notes.txt", b"Notes\n" + ATTACK))
    address = f"/cases/{case_id}/documents/{answer.json()['items'][0]['document']['hash']}"
    async with browsing.page("ben", f"{address}/preview") as page:
        await expect(page.locator("pre")).to_contain_text("<script>document.title")
        assert "taken" not in await page.title()
        assert await flaws(page) == []
