"""One real browser and one real server for all browser tests, on a database file of their own."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from sqlalchemy.engine import Connection

from browser import quality
from browser.browsing import Browsing, serving
from browser.scenes import play
from placet.connectors.chain.signatures import signer_of
from placet.store import schema
from placet.store.engine import Store
from placet.store.house import House

SECRET = "a secret of tests, of more than thirty-two characters"


class RunningClock:
    """The real time: what a browser shows runs by it."""

    @property
    def time(self) -> datetime:
        return datetime.now(UTC)

    def now(self, conn: Connection) -> datetime:
        return self.time


def chromium() -> str | None:
    """The browser of the system, or None for the one that playwright brings."""
    named = os.environ.get("PLACET_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return named or None


@asynccontextmanager
async def installed(folder: Path, browser: Browser) -> AsyncIterator[Browsing]:
    """An organisation with its scene, behind a server of its own, on a database in this folder."""
    url = f"sqlite:///{folder / 'placet.db'}"
    schema.upgrade(url)
    clock = RunningClock()
    store = Store(url, House("http://127.0.0.1", SECRET, signer_of=signer_of), clock)
    async with serving(store, clock) as (office, address):
        yield Browsing(browser, office, address, await play(office))
    store.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browsing]:
    """The browser, the server, and the organisation behind it."""
    async with async_playwright() as playwright:
        # The sandbox of the browser needs rights that containers seldom have; all it opens is our own server.
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        async with installed(tmp_path_factory.mktemp("browser"), browser) as made:
            yield made
        await browser.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and "tests/browser/" in report.nodeid:
        quality.FOUND.ended(report.nodeid, report.passed)


def pytest_sessionfinish(exitstatus: int) -> None:
    """`make quality` keeps what was measured."""
    if os.environ.get("QUALITY") and exitstatus == 0:
        quality.PAGE.write_text(quality.told(quality.FOUND), encoding="utf-8")
