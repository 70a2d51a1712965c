"""What browser tests do: sign somebody in, open a page, and look whether it is as a page must be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, expect

from api.office import Office
from browser.quality import FOUND
from browser.scenes import Scene
from placet.api.app import close_streams, create_app
from placet.api.service import EngineStatus
from placet.control.control import Control
from placet.store import sessions
from placet.store.engine import Store

STAFF = {
    "root": ("admin",),
    "rita": ("member@deals", "member@labs"),
    "ben": ("buyer@deals",),
    "bea": ("buyer@deals",),
    "cora": ("coordinator@deals",),
    "kofi": ("council",),
    "prue": ("proposer@deals",),
    "vera": ("voter@deals",),
    "vito": ("voter@deals",),
    "vala": ("voter@deals",),
    "mo": ("member@deals",),
}
PATIENCE_SECONDS = 60
"""For what a page is to show, or a browser to do: how long it takes is nothing that these tests tell."""
MANY_PAGES = pytest.mark.timeout(1_800)
"""One test that opens a hundred pages: on a busy machine it takes longer than any other may."""
WIDTHS = (320, 390, 1280)
SCHEMES = ("light", "dark")
EVERY_RULE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
# The rules whose verdict depends on colours and sizes; the others say the same in every scheme.
SEEN_RULES = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"],
    }
}
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def application(control: Control, status: EngineStatus) -> FastAPI:
    return create_app(control, status, poll_seconds=0.05)


@asynccontextmanager
async def serving(store: Store, clock: Any) -> AsyncIterator[tuple[Office, str]]:
    """The application behind a real server, with its people; at the address."""
    office = Office(store, clock, application)
    for person, grants in STAFF.items():
        await office.hire(person, *grants)
    async with running(office) as address:
        yield office, address


@asynccontextmanager
async def running(office: Office) -> AsyncIterator[str]:
    """A real server; at its address."""
    config = uvicorn.Config(
        office.app,
        host="127.0.0.1",
        port=0,
        log_level="error",
        access_log=False,
        # No connection is closed just when somebody sends something over it.
        timeout_keep_alive=3600,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:
            await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        close_streams(office.app)
        server.should_exit = True
        await running
        await office.http.aclose()


@dataclass
class Browsing:
    browser: Browser
    office: Office
    address: str
    scene: Scene

    async def context(self, who: str | None, script: bool = True, **more: Any) -> BrowserContext:
        """A browser of somebody who is signed in, or of nobody."""
        context = await self.browser.new_context(
            base_url=self.address,
            java_script_enabled=script,
            reduced_motion="reduce",
            **{"locale": "en-GB", "timezone_id": "UTC", **more},
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        if who is not None:
            secret = await self.office.store.write(lambda tx: sessions.open_session(tx, who, "password", "a test"))
            await context.add_cookies([{"name": "placet", "value": secret, "url": self.address}])
        return context

    @asynccontextmanager
    async def page(self, who: str | None, path: str = "/", script: bool = True, **more: Any) -> AsyncIterator[Page]:
        """That page, in a browser of its own. A message on the console means that something was blocked or broke."""
        context = await self.context(who, script, **more)
        page = await context.new_page()
        heard: list[str] = []
        page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        try:
            await page.goto(path)
            yield page
            # That an answer was a refusal is heard as well; whether it should be is the test's own business.
            faults = [said for said in heard if "server responded with a status of 4" not in said]
            assert not faults, faults
        finally:
            await context.close()


async def flaws(page: Page, widths: tuple[int, ...] = WIDTHS) -> list[str]:
    """What axe finds on this page, in both colour schemes and at every width, and where it is wider than the window."""
    found: list[str] = []
    # After an act the page may just have come, still without its styles.
    await page.wait_for_load_state()
    # Once for all: its source is large.
    await page.evaluate(Axe().axe_script)
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 900})
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{page.url} is {wide} px too wide at {width}")
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            rules = EVERY_RULE if scheme == "light" and width != 390 else SEEN_RULES
            violations = await page.evaluate(
                "rules => axe.run(document, rules).then(found => found.violations)",
                rules | {"resultTypes": ["violations"]},
            )
            found += [
                f"{page.url} at {width}, {scheme}: {one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
                for one in violations
                for node in one["nodes"]
            ]
    FOUND.looked(len(found))
    return found
