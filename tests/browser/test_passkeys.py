"""Passkeys in a real browser, with a device that it simulates: made, shown, renamed, removed, and misused."""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Page, expect

from browser.browsing import Browsing, flaws
from placet.store import sessions
from placet.store import tables as t

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@asynccontextmanager
async def holding(browsing: Browsing, who: str, **more: Any) -> AsyncIterator[tuple[Page, Any, str]]:
    """The account of somebody whose browser holds a device; browsers make passkeys for names, not for numbers."""
    there = browsing.address.replace("127.0.0.1", "localhost")
    secret = await browsing.office.store.write(lambda tx: sessions.open_session(tx, who, "password", "a test"))
    async with browsing.page(None, "/signin") as page:
        await page.context.add_cookies([{"name": "placet", "value": secret, "url": there}])
        device = await page.context.new_cdp_session(page)
        await device.send("WebAuthn.enable")
        options = DEVICE | more
        await device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        await page.goto(f"{there}/account")
        yield page, device, there


async def made(page: Page, name: str) -> None:
    await page.get_by_label("What to call the new passkey").fill(name)
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_role("button", name="Make the passkey").click()
    await expect(page.get_by_text("The passkey is yours")).to_be_visible()


async def grown_old(browsing: Browsing, who: str) -> None:
    """Everybody has to confirm again before what matters."""
    s = t.session
    old = browsing.office.clock.time - timedelta(hours=1)
    change = s.update().where(s.c.person_id == who).values(confirmed_at=old)
    await browsing.office.store.write(lambda tx: tx.conn.execute(change))


async def test_a_passkey_is_made_signs_in_confirms_and_is_refused_once_removed(browsing: Browsing) -> None:
    async with holding(browsing, "mo") as (page, _device, there):
        await made(page, "This telephone")
        await page.get_by_role("button", name="Sign out", exact=True).click()
        await page.goto(f"{there}/cases?q=pens")
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page).to_have_url(f"{there}/cases?q=pens")
        await expect(page.get_by_label("Your account: Mo")).to_be_visible()
        await grown_old(browsing, "mo")
        await page.goto(f"{there}/account")
        await expect(page.locator("#passkeys")).to_contain_text("last used")
        await page.get_by_label("What the new token is for").fill("A program")
        await page.get_by_role("button", name="Make a token").click()
        await expect(page.get_by_text("show your passkey once more")).to_be_visible()
        assert await flaws(page) == []
        await page.get_by_role("button", name="Confirm with a passkey").click()
        await expect(page.locator("#new-token code")).to_have_text(re.compile("^plc_"))
        await page.get_by_text("Rename", exact=True).click()
        assert await flaws(page) == []
        await page.get_by_label("What to call it").fill("Old tablet")
        await page.get_by_role("button", name="Save the name").click()
        await page.get_by_role("button", name="Remove the passkey Old tablet").click()
        await expect(page.get_by_text("no longer opens anything")).to_be_visible()
        await page.get_by_role("button", name="Sign out", exact=True).click()
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_role("alert").first).to_contain_text("Passkey not accepted")
        await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


async def test_what_was_sent_once_counts_no_more_and_nowhere_else(browsing: Browsing) -> None:
    async with holding(browsing, "prue") as (page, _device, there):
        await made(page, "Desk")
        await page.get_by_role("button", name="Sign out", exact=True).click()
        async with page.expect_request(lambda one: one.url.endswith("/signin/passkey")) as caught:
            await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_label("Your account: Prue")).to_be_visible()
        answer = parse_qs((await caught.value).post_data or "")["passkey"][0]
        again = await page.context.request.post(f"{there}/signin/passkey", form={"passkey": answer})
        assert (again.status, "Begin again" in await again.text()) == (409, True)
        elsewhere = json.loads(answer)
        elsewhere["response"]["clientDataJSON"] = told(elsewhere, origin="https://evil.example")
        other = await page.context.request.post(f"{there}/signin/passkey", form={"passkey": json.dumps(elsewhere)})
        assert (other.status, "Passkey not accepted" in await other.text()) == (403, True)
        # Nor does a page of another site sign somebody in.
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        foreign = await page.context.request.post(f"{there}/signin/passkey", form={"passkey": answer}, headers=headers)
        assert foreign.status == 403


def told(answer: dict[str, Any], **other: str) -> str:
    """What the browser says it was asked, with something else in it."""
    text = answer["response"]["clientDataJSON"]
    client = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) | other
    return base64.urlsafe_b64encode(json.dumps(client).encode()).rstrip(b"=").decode()


async def test_a_device_that_does_not_know_its_owner_makes_nothing(browsing: Browsing) -> None:
    async with holding(browsing, "vito", isUserVerified=False) as (page, _device, _there):
        await page.get_by_label("What to call the new passkey").fill("Desk")
        await page.get_by_role("button", name="Add a passkey").click()
        await page.get_by_role("button", name="Make the passkey").click()
        await expect(page.locator("[data-told]")).to_contain_text("No passkey was shown")
        assert await flaws(page) == []
        await page.get_by_role("link", name="Back to your account").click()
        await expect(page.locator("#passkeys")).to_contain_text("There are none")


async def test_a_device_makes_one_passkey_for_each_person(browsing: Browsing) -> None:
    async with holding(browsing, "vala") as (page, _device, _there):
        await made(page, "Desk")
        await page.get_by_label("What to call the new passkey").fill("Desk again")
        await page.get_by_role("button", name="Add a passkey").click()
        await page.get_by_role("button", name="Make the passkey").click()
        await expect(page.locator("[data-told]")).to_contain_text("has a passkey of yours already")


async def test_at_an_address_of_numbers_the_page_says_where_to_go(browsing: Browsing) -> None:
    async with browsing.page(None, "/signin") as page:
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.locator("[data-told]")).to_contain_text("open Placet by its name")


async def test_without_scripts_the_page_says_that_passkeys_need_them(browsing: Browsing) -> None:
    async with browsing.page(None, "/signin", script=False) as page:
        await expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
        await expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
