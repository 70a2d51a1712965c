"""Photographs of the main pages of a sample installation: `python -m browser.screenshots FOLDER`, in `tests`."""

import asyncio
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from api.office import Office
from browser.browsing import application, running
from browser.conftest import SECRET, chromium
from browser.sample import PARTNERS, Sample, Stage
from conftest import ManualClock
from placet.catalogue.registry import CATALOGUE
from placet.connectors.chain.signatures import signer_of
from placet.control.listing import CaseFilter
from placet.runtime import first_admin
from placet.store import people, schema, sessions
from placet.store.engine import Store
from placet.store.house import House

COLOURS = 96
TALLEST = {"phone": 1500, "desktop": 1250}
SIZES = {"phone": (390, 780, 1.5), "desktop": (1280, 800, 1.0)}


async def nothing(page: Page) -> None:
    """The page as it comes."""


async def half_filled(page: Page) -> None:
    await page.select_option("[name=_scope]", "deals")
    await page.fill("[name=name]", "Juniper Robotics")
    await page.fill("[name=contact_email]", "rosa at juniper")
    # A browser would tell what is missing before anything is sent; the server tells it all the same.
    await page.evaluate("document.querySelector('main form[method=post]').noValidate = true")
    await page.locator("main form button.primary").last.click()
    await page.wait_for_selector("[role=alert]")


async def proposing(page: Page) -> None:
    await page.fill("[name=title]", "Repair the cargo bike")
    await page.fill("[name=description]", "The front wheel is **bent**; a new one is in stock.")
    await page.fill("[name='steps.0.title']", "Fit a new wheel")
    await page.fill("[name='steps.0.bounty']", "120")


async def opened_mail(page: Page) -> None:
    """Out of its sandbox, in which nothing can be measured."""
    mail = await page.request.get(page.url)
    await page.goto("about:blank")
    await page.set_content(await mail.text())


SHOTS: dict[str, tuple[str | None, str, str, Callable[[Page], Awaitable[None]]]] = {
    "inbox": ("leo", "/", "What awaits somebody, most urgent first", nothing),
    "task": ("leo", "/tasks/{task}", "One task: what is asked, and the answer", nothing),
    "case": ("cora", "/cases/{case}", "A case with its course, decisions and history", nothing),
    "vote": ("leo", "/voter/proposals/{vote}", "A vote that runs", nothing),
    "proposal": ("pia", "/proposer/new", "Writing a proposal", proposing),
    "catalogue": ("ada", "/catalogue", "What can be started, who decides, and what silence does", nothing),
    "mistakes": ("ada", "/catalogue/partner-approval/start", "A start form with mistakes", half_filled),
    "overview": ("admin", "/overview", "Figures of what one sees", nothing),
    "administration": ("admin", "/admin/steps", "A step that failed, with its ways on", nothing),
    "signin": (None, "/signin", "Signing in", nothing),
    "empty": ("nils", "/?show=tasks", "An inbox with nothing in it", nothing),
    "nothing": ("ada", "/cases/partner-approval-0000000000", "What is not there, or hidden", nothing),
    "mail": ("admin", "/admin/outbox/{mail}", "A mail as it arrives", opened_mail),
    "payment": ("kofi", "/multisigs/{payment}", "A payment that a council signs with its wallets", nothing),
}


def shots() -> list[tuple[str, str, str]]:
    """Page, device and colours: each page on both devices, each colours on both in turn."""
    return [
        (name, device, "light" if (number + place) % 2 == 0 else "dark")
        for number, name in enumerate(SHOTS)
        for place, device in enumerate(SIZES)
    ]


def file_of(name: str, device: str, scheme: str) -> str:
    return f"{name}-{device}-{scheme}.png"


def index() -> str:
    """The page that shows them."""
    lines = ["# Screenshots", "Written by `make screenshots`, from a sample installation."]
    for name, (_, _, told, _) in SHOTS.items():
        lines.append(f"## {name.capitalize()}\n\n{told}.")
        lines += [
            f"![{told}, on a {device}, {scheme}]({file_of(name, device, scheme)})"
            for shot, device, scheme in shots()
            if shot == name
        ]
    return "\n\n".join(lines) + "\n"


async def shoot(browser: Browser, office: Office, address: str, sample: Sample, folder: Path) -> None:
    for name, device, scheme in shots():
        who, path, _, prepare = SHOTS[name]
        wide, high, scale = SIZES[device]
        context = await browser.new_context(
            base_url=address,
            viewport={"width": wide, "height": high},
            device_scale_factor=scale,
            color_scheme="light" if scheme == "light" else "dark",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        if who is not None:
            secret = await office.store.write(lambda tx, who=who: sessions.open_session(tx, who, "password", "here"))
            await context.add_cookies([{"name": "placet", "value": secret, "url": address}])
        page = await context.new_page()
        await page.goto(path.format(**vars(sample)))
        await prepare(page)
        await page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        tall = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": wide, "height": max(high, min(tall, TALLEST[device]))})
        (folder / file_of(name, device, scheme)).write_bytes(_small(await page.screenshot()))
        await context.close()


def _small(png: bytes) -> bytes:
    """With a palette: pages have few colours."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place:
        database = f"sqlite:///{place}/placet.db"
        schema.upgrade(database)
        # Each partner takes about a day and a half.
        clock = ManualClock(datetime.now(UTC) - timedelta(days=1.9 * len(PARTNERS)))
        store = Store(database, House("http://127.0.0.1", SECRET, signer_of=signer_of), clock)
        await store.write(lambda tx: first_admin.ensure_admin(tx, "plc_only-for-the-photographs"))
        await store.write(lambda tx: first_admin.ensure_sample(tx, "nobody signs in with a password here"))
        office = Office(store, clock, application, CATALOGUE)
        sample = await Stage(office).play()
        clock.set(datetime.now(UTC))
        # What fell due meanwhile is counted now, and not while the first page is looked at.
        admin = await store.read(lambda tx: people.find(tx, "admin"))
        assert admin is not None
        await office.control.cases.listed(admin, CaseFilter())
        async with running(office) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            await shoot(browser, office, address, sample, folder)
            await browser.close()
        store.close()
    (folder / "README.md").write_text(index(), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
