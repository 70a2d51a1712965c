"""The first view of each main page is small, from one origin, and nothing is blocked; the matrix misses no page."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from api.office import review
from api.test_overview import fail_step
from browser import polling
from browser.browsing import PATIENCE_SECONDS, Browsing
from browser.conftest import installed
from browser.quality import BUDGET_KB, FOUND, KILO, matrix
from browser.test_looking_after import late
from placet.web import site

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAIN = {
    "signing in": (None, "/signin"),
    "an inbox": ("ben", "/"),
    "a task": ("ben", "/tasks/{form}"),
    "cases": ("kofi", "/cases"),
    "a case": ("cora", "/cases/{case}"),
    "a vote": ("kofi", "/cases/{vote}"),
    "a link": (None, "{link}"),
    "voting": ("vesta", "/voter"),
    "a vote to cast": ("vala", "/voter/proposals/{vote}"),
    "a new proposal": ("prue", "/proposer/new"),
    "the catalogue": ("rita", "/catalogue"),
    "a start form": ("rita", "/catalogue/order/start"),
    "an overview": ("root", "/overview"),
    "an account": ("root", "/account"),
    "people": ("root", "/admin/people"),
    "failed steps": ("root", "/admin/steps"),
    "the faucet": ("root", "/admin/money"),
    "health": ("root", "/admin/health"),
}
# What no browser shows as a page: files, streams, acts of a provider; and a page that a parameter alone makes. In the
# sandbox of a mail no script can look around; `test_mail.py` looks at the same page outside of it.
NO_PAGES = re.compile(
    r"\.(csv|json|jsonl|jwt|txt)$|/documents/|^/live$|^/signin/provider|^/admin/outbox/\{message_id\}$"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(browsing: Browsing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browsing]:
    """An organisation of this file's own, at work: how much there is elsewhere, other tests decide."""
    async with installed(tmp_path_factory.mktemp("budget"), browsing.browser) as made:
        office = made.office
        for number in range(25):
            await office.start(name=f"Paper and ink for room {number}")
        for number in range(10):
            await office.task(review(title=f"Review the order of room {number}"))
            await office.hire(f"person-{number}", "member@deals")
            await polling.deposit(made, 700)
        for number in range(3):
            await fail_step(office, await office.start(name=f"Chairs for room {number}"))
            await late(made, await office.start(name=f"Tables for room {number}"), "Look at the invoice")
        await office.hire("vesta", "voter@orchard")
        await office.hire("pomona", "proposer@orchard")
        for title in ("Prune the trees", "Press the apples", "A second ladder"):
            await polling.propose(made, who="pomona", scope="orchard", title=title)
        yield made


@pytest.mark.parametrize("name", MAIN)
async def test_a_first_view_is_small_and_from_one_origin(filled: Browsing, name: str) -> None:
    who, path = MAIN[name]
    context = await filled.context(who)
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    coming: set[str] = set()
    sizes: list[int] = []

    def begun(told: dict[str, Any]) -> None:
        if told["type"] != "EventSource":
            coming.add(told["requestId"])

    def done(told: dict[str, Any]) -> None:
        coming.discard(told["requestId"])
        sizes.append(int(told["encodedDataLength"]))

    devtools.on("Network.requestWillBeSent", begun)
    devtools.on("Network.loadingFinished", done)
    answer = await page.goto(path.format(**vars(filled.scene)), wait_until="load")
    if who is not None and await page.locator("[data-live][id]").count():
        await page.wait_for_selector("html[data-stream=open]")
    # That a page is loaded may be told before what its parts weigh.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while coming:
            await asyncio.sleep(0.01)
    assert answer is not None and answer.status == 200
    assert faults == []
    assert [url for url in asked if not url.startswith(f"{filled.address}/")] == []
    weight = sum(sizes)
    # Page, two style sheets and the script at least: otherwise something was not counted.
    assert len(sizes) >= 4 and weight > 10 * KILO
    assert weight < BUDGET_KB * KILO, f"{weight} bytes"
    FOUND.weights[name], FOUND.requests[name] = weight, len(asked)
    await context.close()


async def test_every_page_is_in_the_matrix() -> None:
    """A route that shows a page is looked at by axe somewhere."""
    looked = [path.partition("?")[0] for _, path in matrix().values()]
    missing = [
        route.path
        for area in site.AREAS
        for route in area.routes.routes
        if isinstance(route, APIRoute) and "GET" in route.methods and not NO_PAGES.search(route.path)
        if not any(_leads(route, path) for path in looked)
    ]
    assert missing == []


def _leads(route: APIRoute, path: str) -> bool:
    # The address of somebody's link is known only when it is made.
    path = "/l/x" if path == "{link}" else path
    return route.path_regex.match(re.sub(r"{\w+}", "x", path)) is not None
