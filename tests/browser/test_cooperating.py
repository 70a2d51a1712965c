"""Councils, discussions, governance and the lists of a cooperative in a real browser: by keyboard, without scripts,
with a wallet, and live for the second person."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from api import agora, badge_room, council
from browser.browsing import Browsing, flaws
from browser.hands import tab_to
from browser.test_live import listening
from browser.wallet import Wallet
from placet.connectors.chain.port import LOCAL_CHAIN

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Hall:
    """Ids: payments that are open, signed by wallets, decided; a discussed case; a proposal; a credential."""

    open: str
    signed: str
    decided: str
    case: str
    proposal: str
    credential: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hall(browsing: Browsing) -> AsyncIterator[Hall]:
    office = browsing.office
    opened = await council.put(office, instructions="Bread for May")
    await council.act(office, "theo", opened, comment="We had agreed on it.")
    await council.wallet(office, *council.TREASURERS)
    signed = await council.put(office, wallets=True)
    decided = await council.put(office)
    await council.act(office, "tara", decided, "refuse", comment="Not in the budget")
    await council.act(office, "theo", decided, "refuse", comment="Nor in mine")
    case = await office.start()
    first = {"text": "Is the **larch** dry?\n\n- it rained\n- it will rain"}
    said = (await office.call("rita", "POST", f"/api/v1/cases/{case}/comments", first)).json()["id"]
    for who, text in (("cora", "It is. " * 30), ("rita", "Good.")):
        body = {"text": text, "reply_to": said}
        said = (await office.call(who, "POST", f"/api/v1/cases/{case}/comments", body)).json()["id"]
    proposal = await agora.propose(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    body = {"kind": "project", "id": "fence", "title": "The fence around the garden", "scope": "deals"}
    assert (await office.call("cora", "POST", "/api/v1/resources", body)).is_success
    yield Hall(opened, signed, decided, case, proposal, credential)


PAGES = {
    "a payment": ("tara", "/multisigs/{open}"),
    "a payment to sign": ("tara", "/multisigs/{signed}"),
    "a decided payment": ("tara", "/multisigs/{decided}"),
    "an inbox with payments": ("tara", "/?show=payments"),
    "a discussion": ("rita", "/cases/{case}"),
    "proposals of governance": ("vera", "/voter"),
    "a proposal of governance": ("vera", "/voter/proposals/{proposal}"),
    "a form with variants": ("prue", "/catalogue/governance-proposal/start"),
    "a wallet": ("ben", "/account?address=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    "policies": ("root", "/admin/policies"),
    "a policy": ("root", "/admin/policies/order"),
    "projects": ("cora", "/resources"),
    "a project": ("cora", "/resources/project/fence"),
    "credentials": ("mo", "/credentials-mine"),
    "a credential": ("mo", "/credentials-mine/{credential}"),
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_no_flaw(browsing: Browsing, hall: Hall, name: str) -> None:
    who, path = PAGES[name]
    async with browsing.page(who, path.format(**vars(hall))) as page:
        for details in await page.locator("main details").all():
            await details.evaluate("e => e.open = true")
        assert await flaws(page) == []


async def test_a_payment_is_approved_by_keyboard_and_the_other_member_sees_it(browsing: Browsing, hall: Hall) -> None:
    multisig = await council.put(browsing.office)
    async with (
        browsing.page("tina", f"/multisigs/{multisig}") as other,
        browsing.page("theo", f"/multisigs/{multisig}") as page,
    ):
        await listening(other)
        await tab_to(page, "Comment")
        await page.keyboard.type("Fine")
        await tab_to(page, "Approve this payment")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("You have approved")).to_be_visible()
        await expect(other.locator("#standing")).to_contain_text("1 of 2")
        await expect(other.locator("#members")).to_contain_text("Fine")


async def test_without_scripts_one_refuses_another_approves_and_takes_it_back(browsing: Browsing, hall: Hall) -> None:
    multisig = await council.put(browsing.office)
    async with browsing.page("tara", f"/multisigs/{multisig}", script=False) as page:
        await page.get_by_role("button", name="Approve this payment").click()
        await expect(page.get_by_text("You have approved")).to_be_visible()
        await page.get_by_text("Take your approval back").click()
        await page.get_by_role("button", name="Take it back").click()
        await expect(page.get_by_text("Your approval is taken back")).to_be_visible()
        await page.get_by_text("Refuse", exact=True).click()
        await page.get_by_label("Why", exact=True).fill("Too much")
        await page.get_by_role("button", name="Refuse this payment").click()
        await expect(page.get_by_text("You have refused", exact=True)).to_be_visible()


async def test_without_scripts_a_signature_is_pasted(browsing: Browsing, hall: Hall) -> None:
    multisig = await council.put(browsing.office, wallets=True)
    typed = (await browsing.office.get("theo", f"{council.PATH}/{multisig}"))["typed_data"]
    async with browsing.page("theo", f"/multisigs/{multisig}", script=False) as page:
        await expect(page.get_by_role("button", name="Sign with the wallet of this browser")).to_be_hidden()
        await page.get_by_label("Signature of the wallet").fill(council.sign("tina", typed))
        await page.get_by_role("button", name="Approve this payment").click()
        await expect(page.get_by_role("alert")).to_contain_text("the wallet of somebody else")
        await page.get_by_label("Signature of the wallet").fill(council.sign("theo", typed))
        await page.get_by_role("button", name="Approve this payment").click()
        await expect(page.get_by_text("You have approved")).to_be_visible()


async def with_wallet(page: Page, name: str, chain_id: int = LOCAL_CHAIN) -> None:
    """Give the page a wallet with the key of this member."""
    await Wallet(council.key_of(name), chain_id).into(page.context)
    await page.reload()


async def test_a_wallet_of_the_browser_signs_and_nothing_is_sent_before_one_sends_it(
    browsing: Browsing, hall: Hall
) -> None:
    multisig = await council.put(browsing.office, wallets=True)
    async with browsing.page("tara", f"/multisigs/{multisig}") as page:
        await with_wallet(page, "tara")
        await page.get_by_role("button", name="Sign with the wallet of this browser").click()
        await expect(page.get_by_text("Nothing is sent before you press the button below.")).to_be_visible()
        await expect(page.locator("#standing")).to_contain_text("0 of 2")
        await page.get_by_role("button", name="Approve this payment").click()
        await expect(page.get_by_text("You have approved")).to_be_visible()


async def test_another_account_of_the_wallet_signs_nothing(browsing: Browsing, hall: Hall) -> None:
    multisig = await council.put(browsing.office, wallets=True)
    async with browsing.page("tara", f"/multisigs/{multisig}") as page:
        await with_wallet(page, "theo")
        await page.get_by_role("button", name="Sign with the wallet of this browser").click()
        await expect(page.get_by_text("The wallet offers other accounts")).to_be_visible()
        await expect(page.get_by_label("Signature of the wallet")).to_have_value("")


async def test_what_a_wallet_says_against_it_is_told(browsing: Browsing, hall: Hall) -> None:
    multisig = await council.put(browsing.office, wallets=True)
    async with browsing.page("tara", f"/multisigs/{multisig}") as page:
        await with_wallet(page, "tara", chain_id=1)
        await page.get_by_role("button", name="Sign with the wallet of this browser").click()
        await expect(page.get_by_text('The wallet has not signed. Provided chainId "31337" must match')).to_be_visible()
        await expect(page.get_by_label("Signature of the wallet")).to_have_value("")


async def test_a_wallet_is_registered_with_the_wallet_of_the_browser(browsing: Browsing, hall: Hall) -> None:
    async with browsing.page("bea", "/account") as page:
        await with_wallet(page, "bea")
        await page.get_by_role("button", name="Take it from the wallet of this browser").click()
        await expect(page.get_by_label("Address of your wallet")).to_have_value(council.key_of("bea").address.lower())
        await page.get_by_role("button", name="Go on: show what to sign").click()
        await page.get_by_role("button", name="Sign with the wallet of this browser").click()
        await expect(page.get_by_label("Signature of the wallet")).not_to_have_value("")
        await page.get_by_role("button", name="Register this wallet").click()
        await expect(page.get_by_text("The wallet is registered")).to_be_visible()


async def test_a_comment_of_another_appears_and_keeps_what_one_writes(browsing: Browsing, hall: Hall) -> None:
    case = await browsing.office.start()
    async with browsing.page("cora", f"/cases/{case}") as page, browsing.page("rita", f"/cases/{case}") as other:
        await listening(page)
        await page.get_by_label("Your comment").fill("Half a sent")
        await other.get_by_label("Your comment").fill("Hello <img src=x onerror=window.hit=1>")
        await other.get_by_role("button", name="Send the comment").click()
        await expect(page.locator("#discussion")).to_contain_text("Hello")
        await expect(page.get_by_label("Your comment")).to_have_value("Half a sent")
        assert await page.evaluate("window.hit") is None


async def test_without_scripts_an_act_is_chosen_and_proposed(browsing: Browsing, hall: Hall) -> None:
    async with browsing.page("prue", "/catalogue/governance-proposal/start", script=False) as page:
        await page.get_by_label("Title").fill("Mo writes")
        await page.get_by_label("Role change").check()
        await page.get_by_role("button", name="Choose, and go on").click()
        await expect(page.get_by_label("Title")).to_have_value("Mo writes")
        await page.get_by_label("Person").fill("mo")
        await page.get_by_label("Role", exact=True).fill("proposer")
        await page.locator("#action-scope").fill("deals")
        await page.get_by_label("Grant or revoke").select_option("grant")
        await page.get_by_role("button", name="Start").last.click()
        await expect(page.get_by_role("heading", name="Mo writes")).to_be_visible()
