"""What others do appears by itself, and takes nothing from somebody who is writing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from api.office import review
from browser.browsing import Browsing
from placet.domain.task import n_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def listening(page: Page) -> None:
    await expect(page.locator("html[data-stream=open]")).to_have_count(1)


async def test_an_answer_of_somebody_else_appears_while_one_is_writing(browsing: Browsing) -> None:
    task = await browsing.office.task(review(seats=n_of(2, 3)))
    async with browsing.page("ben", f"/tasks/{task}") as page:
        await listening(page)
        comment = page.locator("textarea[name=comment]")
        await comment.fill("Half a sent")
        await page.get_by_label("Approve").check()
        await comment.focus()
        answered = await browsing.office.answer("bea", task, comment="Mine")
        assert answered.status_code == 200
        await expect(page.locator("#answers")).to_contain_text("Bea")
        await expect(page.locator("#answers")).to_contain_text("Mine")
        await expect(page.locator("#said")).to_have_text("This page was updated.")
        await expect(comment).to_be_focused()
        await page.keyboard.type("ence.")
        await expect(comment).to_have_value("Half a sentence.")
        await expect(page.get_by_label("Approve")).to_be_checked()


async def test_a_task_that_closes_meanwhile_says_so(browsing: Browsing) -> None:
    task = await browsing.office.task()
    async with browsing.page("ben", f"/tasks/{task}") as page:
        await listening(page)
        await browsing.office.answer("bea", task)
        await expect(page.get_by_text("This is already closed")).to_be_visible()
        await expect(page.locator("#stale")).to_be_visible()
        await page.get_by_label("Approve").check()
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.locator("#answer")).to_have_count(0)


async def test_a_new_task_appears_in_the_inbox_and_leaves_it_again(browsing: Browsing) -> None:
    async with browsing.page("ben", "/") as page:
        await listening(page)
        task = await browsing.office.task()
        await expect(page.locator(f'a[href="/tasks/{task}"]')).to_be_visible()
        await browsing.office.answer("bea", task)
        await expect(page.locator(f'a[href="/tasks/{task}"]')).to_have_count(0)


async def test_the_list_waits_for_somebody_who_is_choosing(browsing: Browsing) -> None:
    task = await browsing.office.task()
    async with browsing.page("ben", "/") as page:
        await listening(page)
        box = page.locator(f'input[name=task][value="{task}"]')
        await box.check()
        other = await browsing.office.task()
        await expect(page.locator("#stale")).to_be_visible()
        await expect(box).to_be_checked()
        await page.get_by_role("link", name="Show it as it is now").click()
        await expect(page.locator(f'a[href="/tasks/{other}"]')).to_be_visible()


async def test_a_form_that_can_be_filled_in_again_is_offered(browsing: Browsing) -> None:
    task = await browsing.office.task()
    steer = f"/api/v1/cases/{task.partition('.')[0]}"
    await browsing.office.call("cora", "POST", f"{steer}/pause", {"reason": "Wait a moment"})
    async with browsing.page("ben", f"/tasks/{task}") as page:
        await listening(page)
        await expect(page.locator("#gone")).to_contain_text("The case is paused")
        await browsing.office.call("cora", "POST", f"{steer}/resume", {"reason": "Go on"})
        await expect(page.locator("#stale")).to_be_visible()
        await page.get_by_role("link", name="Show it as it is now").click()
        await page.get_by_label("Approve").check()
        await expect(page.locator("#stale")).to_be_hidden()


async def test_a_form_whose_sending_was_stopped_can_be_sent_again(browsing: Browsing) -> None:
    task = await browsing.office.task()
    async with browsing.page("ben", f"/tasks/{task}") as page:
        # The clock of the page stands still between the steps, however long they take.
        await page.clock.install()
        await page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
        await page.reload()
        await page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
        await page.get_by_label("Approve").check()
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.locator("#answer")).to_have_attribute("data-sent", "true")
        await page.clock.run_for(11_000)
        await expect(page.locator("#answer")).not_to_have_attribute("data-sent", "true")


async def test_a_case_page_follows_its_case(browsing: Browsing) -> None:
    task = await browsing.office.task()
    case = task.partition(".")[0]
    async with browsing.page("kofi", f"/cases/{case}") as page:
        await listening(page)
        await browsing.office.call("cora", "POST", f"/api/v1/cases/{case}/pause", {"reason": "Wait a moment"})
        await expect(page.locator("#timeline")).to_contain_text("Cora paused the case")
        await expect(page.locator("#head")).to_contain_text("Paused")


async def test_that_time_goes_by_is_no_change(browsing: Browsing) -> None:
    """A page that looks again, because somebody said something, exchanges nothing for a distance that has changed."""
    task = await browsing.office.task()
    said = f"/api/v1/cases/{task.partition('.')[0]}/comments"
    async with browsing.page("ben", f"/tasks/{task}") as page:
        await listening(page)
        distance = page.locator("#standing [data-away]").first
        await expect(distance).to_have_text(re.compile("^in "))
        await distance.evaluate("e => { e.dataset.away = '2099-01-01T00:00:00Z'; }")
        await page.evaluate("document.querySelector('#standing').kept = true")
        async with page.expect_response(re.compile(f"/tasks/{re.escape(task)}$")) as looked:
            await browsing.office.call("bea", "POST", said, {"text": "Soon"})
        # So that it takes no notice that is meant for the next page.
        assert "placet-look" in (await looked.value).request.headers
        await expect(distance).to_have_text(re.compile(r"^in \d+,\d{3} days$"))
        assert await page.evaluate("document.querySelector('#standing').kept")


async def test_times_are_the_readers_own_and_countdowns_run(browsing: Browsing) -> None:
    task = await browsing.office.task()
    context = await browsing.browser.new_context(base_url=browsing.address, timezone_id="Asia/Tokyo", locale="en-GB")
    signed_in = await browsing.context("ben")
    await context.add_cookies(await signed_in.cookies())
    page = await context.new_page()
    await page.goto(f"/tasks/{task}")
    countdown = page.locator("time[data-countdown]").first
    await expect(countdown).to_contain_text("day")
    cookies = {cookie["name"]: cookie["value"] for cookie in await context.cookies()}
    assert cookies["zone"] == "Asia/Tokyo"
    await page.reload()
    # Once the zone is known, also the server writes it.
    assert "JST" in await (await context.request.get(f"/tasks/{task}")).text()
    await context.close()
    await signed_in.close()
