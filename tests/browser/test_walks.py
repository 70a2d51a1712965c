"""Whole walks through the pages, as people take them: by mouse, by keyboard alone, and without scripts."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.samples import files

from api.office import COUNTER, FORM, review
from api.test_disbursement import ACCOUNT, TO
from browser.browsing import Browsing, flaws
from browser.hands import tab_to
from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS
from placet.domain.collection import DocumentRequest
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Role
from placet.domain.task import APPROVE, REFUSE
from placet.store import sessions

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORD = "three calm words"


async def asked(browsing: Browsing, **more: Any) -> str:
    """A new task with a form, for the buyers."""
    spec = {"outcomes": (APPROVE, COUNTER, REFUSE), "form": FORM, "form_on": ("counter",), **more}
    return await browsing.office.task(review(to=(Role(name="buyer"),), **spec))


async def test_signing_in_answering_and_keeping_the_receipt(browsing: Browsing) -> None:
    task = await asked(browsing)
    stored = await browsing.office.control.accounts._passwords.hashed(WORD)
    await browsing.office.store.write(lambda tx: sessions.set_password(tx, "bea", "bea", stored))
    async with browsing.page(None, f"/tasks/{task}") as page:
        await page.get_by_label("Name or e-mail address").fill("bea")
        await page.get_by_label("Password").fill("wrong word here")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("do not match")
        await page.get_by_label("Password").fill(WORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page).to_have_url(re.compile(f"/tasks/{re.escape(task)}$"))
        await page.get_by_label("Ask for other terms").check()
        await page.get_by_label("Percent").fill("a lot")
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.get_by_role("link", name="Write a number like 12.5.").click()
        await expect(page.get_by_label("Percent")).to_be_focused()
        await page.get_by_label("Percent").fill("12,5")
        await page.get_by_label("Months").fill("24")
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.get_by_text("Thank you, your answer counts")).to_be_visible()
        await expect(page.locator("code").first).to_have_text(re.compile("^[0-9a-f]{64}$"))


async def test_a_task_is_answered_by_keyboard_alone(browsing: Browsing) -> None:
    task = await asked(browsing)
    async with browsing.page("ben", "/") as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.goto(f"/tasks/{task}")
        await tab_to(page, "Approve")
        await page.keyboard.press("Space")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_label("Ask for other terms")).to_be_checked()
        await tab_to(page, "Percent")
        await page.keyboard.type("10")
        await tab_to(page, "Months")
        await page.keyboard.type("12")
        await tab_to(page, "Send my answer")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Thank you, your answer counts")).to_be_visible()


async def test_without_scripts_one_answers_sends_documents_and_steers(browsing: Browsing) -> None:
    wanted = (DocumentRequest(name="deed", title="The deed"),)
    task = await asked(browsing, documents=wanted, documents_on=("approve",))
    async with browsing.page("ben", f"/tasks/{task}", script=False) as page:
        await page.get_by_label("Approve").check()
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.get_by_role("alert")).to_contain_text("Still missing: The deed.")
        await page.get_by_label("The deed").set_input_files(
            {"name": "d.txt", "mimeType": "text/plain", "buffer": b"Deed"}
        )
        await page.get_by_role("button", name="Send The deed").click()
        await expect(page.locator("#documents")).to_contain_text("d.txt")
        await page.get_by_label("Approve").check()
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.get_by_text("Thank you, your answer counts")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    case = task.partition(".")[0]
    async with browsing.page("cora", f"/cases/{case}", script=False) as page:
        await page.get_by_text("Pause", exact=True).click()
        await page.get_by_label("Why").first.fill("Wait")
        await page.get_by_role("button", name="Pause the case").click()
        await expect(page.get_by_text("The case is paused.")).to_be_visible()


async def test_without_scripts_somebody_outside_answers_by_their_link(browsing: Browsing) -> None:
    async with browsing.page(None, browsing.scene.link, script=False) as page:
        await page.get_by_label("Approve").check()
        await page.get_by_label("Percent").fill("5")
        await page.get_by_label("Months").fill("6")
        await page.get_by_role("button", name="Send my answer").click()
        await expect(page.get_by_text("Thank you, your answer counts")).to_be_visible()


async def test_several_tasks_are_answered_from_the_inbox(browsing: Browsing) -> None:
    first, second = await browsing.office.task(), await browsing.office.task()
    async with browsing.page("ben", "/?show=tasks") as page:
        for task in (first, second):
            await page.locator(f'input[name=task][value="{task}"]').check()
        await page.get_by_text("Answer several tasks at once").click()
        await page.get_by_label("Approve").check()
        await page.get_by_role("button", name="Answer the chosen tasks").click()
        await expect(page.get_by_text("2 of 2 counted.")).to_be_visible()


async def pay(page: Page, amount: str, to: str | None = None) -> None:
    """Fill in the form of a payment, and send it."""
    await page.get_by_label("Scope").select_option("deals")
    await page.get_by_label("Amount (smallest unit)").fill(amount)
    if to is not None:
        await page.get_by_label("Recipient").fill(to)
    await page.get_by_role("button", name="Start", exact=True).click()


async def test_without_scripts_a_payment_is_asked_for_with_its_invoice(browsing: Browsing) -> None:
    for name in ("kaia", "koji"):
        await browsing.office.hire(name, "council")
    bill = {"name": "bill <b>7.pdf", "mimeType": "application/pdf", "buffer": files.pdf("For the roof.")}
    async with browsing.page("rita", "/catalogue/treasury-disbursement/start", script=False) as page:
        await page.get_by_label("Invoice").set_input_files(bill)
        await pay(page, to=TO, amount="0")
        await expect(page.get_by_role("alert")).to_contain_text("Amount (smallest unit): ")
        # Nobody chooses a file twice.
        await expect(page.get_by_label("Keep bill b7")).to_be_checked()
        await page.get_by_label("Keep bill b7").uncheck()
        await pay(page, amount="0")
        await expect(page.get_by_label("Keep bill b7")).to_have_count(0)
        await page.get_by_label("Invoice").set_input_files(bill)
        await pay(page, amount="1000")
        await expect(page.locator("#documents")).to_contain_text("bill b7")
        case_id = page.url.rpartition("/")[2]
    intent = Intent(chain_id=31337, account=ACCOUNT, to=TO, amount="1000", case_id=case_id)
    spec = MultisigSpec(name="council", title="Council approval", intent=intent, council=COUNCIL_MEMBERS, threshold=2)
    multisig = await browsing.office.ask(case_id, spec)
    async with browsing.page("kofi", f"/multisigs/{multisig}", script=False) as page:
        await expect(page.locator("#payment")).to_contain_text("bill b7")
        await page.locator("#payment").get_by_role("link", name="Look at it").click()
        await expect(page.locator("img.preview")).to_be_visible()


async def test_a_form_that_came_back_with_a_file_has_no_flaw(browsing: Browsing) -> None:
    async with browsing.page("rita", "/catalogue/treasury-disbursement/start") as page:
        assert await flaws(page) == []
        await page.get_by_label("Invoice").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"For the roof."}
        )
        await pay(page, to="nobody", amount="0")
        await expect(page.get_by_label("Keep a.txt")).to_be_checked()
        assert await flaws(page) == []


async def test_a_file_that_is_too_large_is_told_at_its_field_and_not_sent(browsing: Browsing, tmp_path: Path) -> None:
    for name in ("kirsi", "kuno"):
        await browsing.office.hire(name, "council")
    large, small = tmp_path / "large.txt", tmp_path / "small.txt"
    large.write_bytes(b"x" * 25_000_001)
    small.write_text("For the roof.")
    async with browsing.page("rita", "/catalogue/treasury-disbursement/start") as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        await page.get_by_label("Invoice").set_input_files(large)
        told = "field => field.validationMessage"
        assert "each may have at most 25 MB" in await page.get_by_label("Invoice").evaluate(told)
        await pay(page, to=TO, amount="1000")
        await expect(page.get_by_label("Amount (smallest unit)")).to_have_value("1000")
        await page.get_by_label("Invoice").set_input_files(small)
        assert await page.get_by_label("Invoice").evaluate(told) == ""
        assert "POST" not in sent
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.locator("#documents")).to_contain_text("small.txt")
