"""Overview and administration in a real browser: failed steps, late tasks, refused mails, figures that move."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from api.office import review
from api.test_overview import fail_step
from browser import polling
from browser.browsing import MANY_PAGES, PATIENCE_SECONDS, Browsing, flaws
from browser.quality import FOUND
from browser.test_attacks import CORPUS
from placet.control.overview_views import Period
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec
from placet.store import tables as t

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIELDS = ("title of a late task", "error of a step", "error of a mail", "subject of a mail", "stage in the picture")
PAGES = {
    "an overview of everything": ("root", "/overview"),
    "an overview of scopes": ("cora", "/overview?days=7"),
    "an overview of one's own": ("rita", "/overview?days=90&by=week"),
    "an overview of nothing": ("mo", "/overview"),
    "failed steps": ("root", "/admin/steps"),
    "the outbox": ("root", "/admin/outbox"),
    "a case that needs people": ("cora", "/cases/{failed}"),
}


@dataclass(frozen=True)
class Trouble:
    failed: str


async def late(browsing: Browsing, case_id: str, title: str) -> None:
    """A task that was escalated."""
    rung = RungSpec(action=RungAction.ESCALATE, after=Span("1s"), to=(Role(name="chief"),))
    await browsing.office.ask(case_id, review("late", title=title, ladder=(rung,)))
    root = await polling.person(browsing, "root")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await browsing.office.get("ben", "/api/v1/tasks")
            view = await browsing.office.control.overview.show(root, Period())
            if any(line.case_id == case_id for line in view.overdue):
                return


async def refused(browsing: Browsing, error: str, subject: str) -> None:
    """The newest mail cannot be delivered."""

    def refuse(tx: Any) -> None:
        newest = t.message.select().order_by(t.message.c.id.desc()).limit(1)
        values = {"state": "refused", "error": error, "subject": subject}
        tx.conn.execute(
            t.message.update().where(t.message.c.id == tx.conn.execute(newest).mappings().one()["id"]).values(values)
        )

    await browsing.office.store.write(refuse)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def trouble(browsing: Browsing) -> AsyncIterator[Trouble]:
    office = browsing.office
    failed = await office.start(name="Paper")
    await fail_step(office, failed, "crm.example.org answered 503: come back later, said the server, " * 4)
    await late(browsing, await office.start(name="Ink"), "Look at the invoice")
    done = await office.task()
    assert (await office.answer("ben", done)).status_code == 200
    await office.task()
    await refused(browsing, "550: no such user", "Review the order")
    await polling.deposit(browsing, 700)
    yield Trouble(failed)


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_no_flaw(browsing: Browsing, trouble: Trouble, name: str) -> None:
    who, path = PAGES[name]
    async with browsing.page(who, path.format(**vars(trouble))) as page:
        assert await page.locator("h1").count() == 1
        assert await flaws(page) == []


async def test_the_process_is_a_picture_on_a_desk_and_a_list_on_a_telephone(
    browsing: Browsing, trouble: Trouble
) -> None:
    async with browsing.page("cora", f"/cases/{trouble.failed}") as page:
        picture, steps = page.locator("svg.process"), page.locator("ol.course")
        await page.set_viewport_size({"width": 1280, "height": 900})
        await expect(picture).to_be_visible()
        await expect(steps).to_be_hidden()
        assert "Update the partner's status: Failed" in (await picture.get_attribute("aria-label") or "")
        await page.set_viewport_size({"width": 390, "height": 900})
        await expect(picture).to_be_hidden()
        await expect(steps).to_contain_text("Update the partner's status Failed")


async def test_the_figures_move_when_somebody_else_acts(browsing: Browsing, trouble: Trouble) -> None:
    async with browsing.page("root", "/overview") as page:
        await expect(page.locator("html[data-stream=open]")).to_have_count(1)
        opened = page.locator("#tiles .tile").first.locator(".big")
        before = int((await opened.inner_text()).replace(",", ""))
        await browsing.office.start(name="Pins")
        await expect(opened).to_have_text(f"{before + 1:,}")


async def test_a_failed_step_is_settled_without_scripts(browsing: Browsing) -> None:
    case_id = await browsing.office.start(name="Staples")
    await fail_step(browsing.office, case_id)
    async with browsing.page("root", "/admin/steps", script=False) as page:
        item = page.locator("li.card", has_text="Order of Staples")
        await item.get_by_role("button").first.click()
        await expect(page.get_by_text("The case goes on as you said.")).to_be_visible()
        # The engine takes it up; until then it asks nobody any more.
        await expect(item.get_by_role("button")).to_have_count(0)


@MANY_PAGES
async def test_no_text_of_trouble_runs_as_a_script(browsing: Browsing, trouble: Trouble) -> None:
    found: list[str] = []
    for text in CORPUS:
        case_id = await browsing.office.start(name=text[:80])
        await late(browsing, case_id, text[:190])
        await fail_step(browsing.office, case_id, text)
        await refused(browsing, text, text[:190])
        async with browsing.page("root", f"/cases/{case_id}") as page:
            page.on("dialog", lambda dialog: found.append("a dialog"))
            for path in (f"/cases/{case_id}", "/overview", "/admin/steps", "/admin/outbox"):
                await page.goto(path, wait_until="load")
                if await page.evaluate("window.ran !== undefined"):
                    found.append(f"{path}: {text}")
    FOUND.attacked(FIELDS, len(CORPUS), len(found))
    assert found == []
