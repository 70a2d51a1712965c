"""The pages in Arabic, in a real browser: read from the right, accessible, with times of the reader's own zone."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date
from playwright.async_api import Page, expect

from api.office import FORM, review
from browser import polling
from browser.browsing import Browsing, flaws
from placet.domain.people import Role
from placet.domain.task import APPROVE, REFUSE
from placet.store import sessions

pytestmark = pytest.mark.asyncio(loop_scope="session")

CAIRO = {"locale": "ar-EG", "timezone_id": "Africa/Cairo"}
WORD = "three calm words"
PAGES = {
    "signing in": (None, "/signin"),
    "an invitation": (None, "/invitation/{invitation}"),
    "nothing": (None, "/nowhere"),
    "a link": (None, "{link}"),
    "an inbox": ("ben", "/"),
    "cases": ("kofi", "/cases"),
    "a task with a form": ("ben", "/tasks/{form}"),
    "a task that collects": ("ben", "/tasks/{collecting}"),
    "a case": ("cora", "/cases/{case}"),
    "a vote": ("kofi", "/cases/{vote}"),
    "an account": ("root", "/account"),
    "voting": ("vala", "/voter"),
    "a new proposal": ("prue", "/proposer/new"),
    "the catalogue": ("rita", "/catalogue"),
    "somebody": ("root", "/admin/people/vera"),
    "the faucet": ("root", "/admin/money"),
    "policies": ("root", "/admin/policies"),
    "a vote to cast": ("vala", "/voter/proposals/{vote}"),
    "a payment": ("tara", "/multisigs/{payment}"),
    "an overview of everything": ("root", "/overview"),
    "failed steps": ("root", "/admin/steps"),
    "the outbox": ("root", "/admin/outbox"),
}


async def reads_from_the_right(page: Page) -> None:
    root = page.locator("html")
    await expect(root).to_have_attribute("lang", "ar")
    await expect(root).to_have_attribute("dir", "rtl")


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_in_arabic_has_no_flaw(browsing: Browsing, name: str) -> None:
    who, path = PAGES[name]
    async with browsing.page(who, path.format(**vars(browsing.scene)), **CAIRO) as page:
        await reads_from_the_right(page)
        assert await flaws(page) == []


async def test_signing_in_finding_the_task_and_answering_it(browsing: Browsing) -> None:
    task = await browsing.office.task(
        review(
            title="Manager approval",
            to=(Role(name="buyer"),),
            outcomes=(APPROVE, REFUSE),
            form=FORM,
            form_on=("approve",),
        )
    )
    stored = await browsing.office.control.accounts._passwords.hashed(WORD)
    await browsing.office.store.write(lambda tx: sessions.set_password(tx, "bea", "bea", stored))
    async with browsing.page(None, "/signin", **CAIRO) as page:
        await reads_from_the_right(page)
        await page.get_by_label("الاسم أو عنوان البريد الإلكتروني").fill("bea")
        await page.get_by_label("كلمة المرور").fill(WORD)
        await page.get_by_role("button", name="تسجيل الدخول", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("الوارد")
        await page.locator(f"a[href='/tasks/{task}']").click()
        await reads_from_the_right(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("موافقة المدير")
        await page.get_by_label("رفض").check()
        await page.get_by_role("button", name="إرسال إجابتي").click()
        alert = page.get_by_role("alert")
        await expect(alert).to_be_focused()
        await page.get_by_label("موافقة").check()
        await page.get_by_label("Months").fill("24")
        await page.get_by_label("Percent").fill("12.5")
        await page.get_by_role("button", name="إرسال إجابتي").click()
        await expect(page.get_by_text("شكرًا لك، احتُسبت إجابتك")).to_be_visible()
        receipt = page.locator("#answered code")
        await expect(receipt).to_have_text(re.compile("^[0-9a-f]{64}$"))
        await expect(receipt).to_have_css("direction", "ltr")


async def test_casting_a_vote(browsing: Browsing) -> None:
    proposal = await polling.propose(browsing)
    async with browsing.page("vera", f"/voter/proposals/{proposal}", **CAIRO) as page:
        await reads_from_the_right(page)
        assert await flaws(page) == []
        await page.get_by_label("موافقة").check()
        await page.get_by_role("textbox", name="تعليق").fill("نعم، نحتاج إليه.")
        await page.get_by_role("button", name="متابعة").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("هل توافق على هذا المقترح؟")
        await page.get_by_role("button", name="الإدلاء بصوتي: موافقة").click()
        await expect(page.get_by_text("احتُسب صوتك.")).to_be_visible()
        await page.goto(f"/voter/proposals/{proposal}/receipt")
        await expect(page.get_by_role("heading", level=1)).to_have_text("إيصال صوتك")
        assert await flaws(page) == []


async def test_the_account_chooses_arabic_whatever_the_browser_says(browsing: Browsing) -> None:
    async with browsing.page("mo", "/account") as page:
        await page.get_by_label("Language", exact=True).select_option("ar")
        await page.get_by_role("button", name="Save", exact=True).click()
        await reads_from_the_right(page)
        await expect(page.get_by_text("تم الحفظ.")).to_be_visible()
        await page.get_by_label("اللغة", exact=True).select_option("")
        await page.get_by_role("button", name="حفظ", exact=True).click()
        await expect(page.locator("html")).to_have_attribute("dir", "ltr")


@pytest.mark.parametrize("script", [True, False])
async def test_times_are_told_in_arabic_in_the_zone_of_the_reader(browsing: Browsing, script: bool) -> None:
    """By the browser's own zone where a script runs, else by the setting; the digits are the same either way."""
    if not script:
        kofi = await polling.person(browsing, "kofi")
        await browsing.office.control.accounts.prefer(kofi, "ar", "Asia/Kolkata")
    async with browsing.page("kofi", f"/cases/{browsing.scene.case}", script=script, **CAIRO) as page:
        time = page.locator("#timeline time").first
        told, at = await time.inner_text(), await time.get_attribute("datetime")
    if not script:
        await browsing.office.control.accounts.prefer(kofi, None, None)
    assert at is not None
    here = datetime.fromisoformat(at).astimezone(ZoneInfo("Africa/Cairo" if script else "Asia/Kolkata"))
    month = format_date(here, "MMMM", locale="ar")
    hour = f"{here:%-I:%M}" if script else f"{here:%H:%M}"
    assert f"{here.day} {month} {here.year}" in told and hour in told


async def test_what_points_is_mirrored(browsing: Browsing) -> None:
    turned = "e => new DOMMatrix(getComputedStyle(e).transform).a"
    for language, sign in ((CAIRO, -1), ({}, 1)):
        async with browsing.page("ben", f"/tasks/{browsing.scene.task}", **language) as page:
            assert await page.locator("main p > a.row svg").first.evaluate(turned) == sign


async def test_making_a_passkey(browsing: Browsing) -> None:
    async with browsing.page("ben", "/account", **CAIRO) as page:
        await page.get_by_label("اسم مفتاح المرور الجديد").fill("هاتفي")
        await page.get_by_role("button", name="إضافة مفتاح مرور").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("إنشاء مفتاح مرور")
        await reads_from_the_right(page)
        assert await flaws(page) == []


@pytest.mark.parametrize("script", [True, False])
async def test_a_deadline_inside_a_sentence_is_of_the_reader_s_zone(browsing: Browsing, script: bool) -> None:
    vala = await polling.person(browsing, "vala")
    await browsing.office.control.accounts.prefer(vala, "ar", None if script else "Asia/Tokyo")
    here = CAIRO | {"timezone_id": "Asia/Tokyo"}
    async with browsing.page("vala", f"/voter/proposals/{browsing.scene.vote}", script=script, **here) as page:
        sentence = page.locator("p", has_text="لاكتمال النصاب")
        await expect(sentence).to_contain_text("وإلا انتهت مهلة التصويت في")
        assert await sentence.evaluate("e => getComputedStyle(e).direction") == "rtl"
        assert await sentence.locator("[lang=en]").count() == 0
        time = sentence.locator("time[data-moment]")
        at, told = await time.get_attribute("datetime"), await time.inner_text()
    await browsing.office.control.accounts.prefer(vala, None, None)
    assert at is not None
    local = datetime.fromisoformat(at).astimezone(ZoneInfo("Asia/Tokyo"))
    hour = f"{local:%-I:%M}" if script else f"{local:%H:%M}"
    assert f"{local.day} {format_date(local, 'MMMM', locale='ar')} {local.year}" in told and hour in told


async def test_words_in_no_catalogue_are_marked_as_english(browsing: Browsing) -> None:
    async with browsing.page("ben", f"/tasks/{browsing.scene.task}", **CAIRO) as page:
        title = page.locator("h1 [lang=en][dir=auto]")
        await expect(title).to_have_text("Review the order")
        assert await title.evaluate("e => getComputedStyle(e).direction") == "ltr"
        await expect(page.locator("#standing")).to_contain_text("بانتظار")
        await expect(page.locator("#standing")).not_to_contain_text("Waiting for")
    async with browsing.page("ben", f"/tasks/{browsing.scene.task}") as page:
        assert await page.locator("main [lang=en]").count() == 0
