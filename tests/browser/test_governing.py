"""Voting, proposing and administration in a real browser: by keyboard, without scripts, live, and safe against scripts
in texts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import expect

from api.office import PARTNER, review
from browser import polling
from browser.browsing import MANY_PAGES, Browsing, flaws
from browser.quality import FOUND
from placet.control.roster import GivenGrant, NewPerson
from placet.control.sent import Because
from placet.domain.people import Named
from placet.domain.task import all_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

XSS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "'><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "[click](javascript:window.hit=1)",
    '<a href="javascript:window.hit=1">x</a>',
    "</textarea><script>window.hit=1</script>",
    "</title><script>window.hit=1</script>",
    "{{ 7 * 7 }}<math><mtext><style><img src=x onerror=window.hit=1></style></mtext></math>",
    "<details open ontoggle=window.hit=1>",
)
LONG = "Donaudampfschiff" * 8
"""A word that no telephone is wide enough for."""

FIELDS = (
    *("title of a proposal", "description of a proposal", "title of its step", "description of its step"),
    *("comment of a vote", "name of somebody new", "form of a proposal", "preview of a proposal"),
)


@dataclass(frozen=True)
class Floor:
    """Ids of proposals: being voted on, with a countdown, approved, its deletion, and one that waits for money."""

    open: str
    countdown: str
    approved: str
    deletion: str
    unfunded: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def floor(browsing: Browsing) -> AsyncIterator[Floor]:
    await polling.deposit(browsing, 5000)
    root = await polling.person(browsing, "root")
    who = NewPerson(id="long", name=f"Nora {LONG}", email=f"{LONG[:60]}@example.org")
    await browsing.office.control.people.add(root, who)
    gone = NewPerson(id="gone", name=f"Gone {LONG}", email="gone@example.org", grants=[GivenGrant(role="buyer")])
    await browsing.office.control.people.add(root, gone)
    await browsing.office.task(review(to=(Named(person="gone"), PARTNER), seats=all_of(2), title=f"Read {LONG}"))
    await browsing.office.task(review(to=(Named(person="gone"),)))
    await browsing.office.control.people.deactivate(root, "gone", Because(reason=f"Has left.\n{LONG}"))
    first = await polling.propose(browsing)
    await polling.vote(browsing, "vera", first, "approve", "Needed.\nAnd cheap.")
    running = await polling.propose(browsing, title=f"Compost of {LONG}, every week", recurrence="weekly")
    await polling.vote(browsing, "vera", running, "approve")
    await polling.vote(browsing, "vito", running, "deny", "Too much for what it brings.")
    approved = await polling.propose(browsing, title="Bees")
    await polling.vote(browsing, "vera", approved, "approve")
    await polling.vote(browsing, "vito", approved, "approve")
    deletion = await polling.delete(browsing, approved)
    step = {"title": "Build", "description": "", "bounty": 900_000, "credentials": []}
    unfunded = await polling.propose(browsing, title="Sauna", steps=[step])
    await polling.vote(browsing, "vera", unfunded, "approve")
    await polling.vote(browsing, "vito", unfunded, "approve")
    yield Floor(first, running, approved, deletion, unfunded)


PAGES = {
    "voting": ("vala", "/voter"),
    "ended votes": ("vala", "/voter/ended"),
    "a vote to cast": ("vala", "/voter/proposals/{open}"),
    "a countdown": ("vera", "/voter/proposals/{countdown}"),
    "an approval": ("root", "/voter/proposals/{approved}"),
    "a deletion": ("vala", "/voter/proposals/{deletion}"),
    "a wait for funds": ("prue", "/voter/proposals/{unfunded}"),
    "a receipt": ("vera", "/voter/proposals/{open}/receipt"),
    "approving past the voters": ("root", "/voter/proposals/{open}/force"),
    "coming too late for that": ("root", "/voter/proposals/{approved}/force"),
    "proposals": ("prue", "/proposer"),
    "no proposals": ("vala", "/proposer"),
    "a new proposal": ("prue", "/proposer/new"),
    "proposing a deletion": ("prue", "/proposer/delete?target={countdown}"),
    "the catalogue": ("rita", "/catalogue"),
    "a start form": ("rita", "/catalogue/order/start"),
    "a start form for everywhere": ("root", "/catalogue/order/start"),
    "a start form of others": ("rita", "/catalogue/audit/start"),
    "administration": ("root", "/admin"),
    "people": ("root", "/admin/people"),
    "nobody found": ("root", "/admin/people?q=zzz"),
    "somebody new": ("root", "/admin/people/new"),
    "somebody with a long name": ("root", "/admin/people/long"),
    "somebody": ("root", "/admin/people/vera"),
    "somebody deactivated": ("root", "/admin/people/gone"),
    "people outside": ("root", "/admin/people?outside=true"),
    "somebody outside": ("root", f"/admin/people/{PARTNER.person}"),
    "an import": ("root", "/admin/import"),
    "the faucet": ("root", "/admin/money"),
    "policies": ("root", "/admin/policies"),
    "mails": ("root", "/admin/mails"),
    "health": ("root", "/admin/health"),
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_no_flaw(browsing: Browsing, floor: Floor, name: str) -> None:
    who, path = PAGES[name]
    async with browsing.page(who, path.format(**vars(floor))) as page:
        assert page.url.startswith(browsing.address)
        assert await page.locator("h1").count() == 1
        assert await flaws(page) == []


async def test_pages_that_ask_once_more_or_tell_mistakes_have_no_flaw(browsing: Browsing, floor: Floor) -> None:
    async with browsing.page("vala", f"/voter/proposals/{floor.open}") as page:
        await page.check("input[value=deny]")
        await page.click("#vote button.primary")
        await expect(page.locator("h1")).to_have_text("Deny this proposal?")
        assert await flaws(page) == []
    async with browsing.page("prue", "/proposer/new") as page:
        await page.fill("[name=title]", "A pond")
        await page.fill("[name='steps.0.title']", "Dig")
        await page.fill("[name='steps.0.bounty']", "many")
        await page.click("button.primary")
        await expect(page.get_by_role("alert")).to_be_focused()
        assert await flaws(page) == []
        await page.fill("[name='steps.0.bounty']", "30")
        await page.click("button.primary")
        await expect(page.locator("main")).to_contain_text("Open the vote?")
        assert await flaws(page) == []


async def test_one_votes_by_keyboard_alone(browsing: Browsing) -> None:
    proposal = await polling.propose(browsing, title="By keyboard")
    async with browsing.page("vala", "/voter") as page:

        async def reach(selector: str) -> None:
            for _ in range(80):
                await page.keyboard.press("Tab")
                if await page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                    return
            raise AssertionError(f"{selector} cannot be reached")

        await reach(f"a[href='/voter/proposals/{proposal}']")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/proposals/{proposal}")
        await reach("input[name=decision]")
        await page.keyboard.press("ArrowDown")
        await reach("#comment")
        await page.keyboard.type("With the keyboard")
        await reach("#vote button.primary")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("button[name=sure]")
        await page.wait_for_load_state()
        await reach("button[name=sure]")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/receipt")
        shown = await page.inner_text("main")
        assert "Deny" in shown and "With the keyboard" in shown


async def test_one_votes_without_scripts(browsing: Browsing) -> None:
    proposal = await polling.propose(browsing, title="Without scripts")
    async with browsing.page("vito", f"/voter/proposals/{proposal}", script=False) as page:
        await page.check("input[value=approve]")
        await page.fill("#comment", "One line,\n\nand another")
        await page.click("#vote button.primary")
        await page.click("button[name=change]")
        await expect(page.locator("#comment")).to_have_value("One line,\n\nand another")
        await page.click("#vote button.primary")
        await page.click("button[name=sure]")
        await page.wait_for_url("**/receipt")
        assert "and another" in await page.inner_text("main")
        receipt = await page.locator("dd code").first.inner_text()
    votes = (await browsing.office.control.polls.get(await polling.person(browsing, "vito"), proposal)).votes
    assert [(one.decision, one.receipt) for one in votes] == [("approve", receipt)]


async def test_one_proposes_three_steps_without_scripts(browsing: Browsing) -> None:
    async with browsing.page("prue", "/proposer/new", script=False) as page:
        await page.fill("[name=title]", "Three steps")
        await page.fill("[name=description]", "\n\nA **garden**")
        for number in range(3):
            if number:
                await page.click("button[name=_more]")
            await page.fill(f"[name='steps.{number}.title']", f"Step {number}")
            await page.fill(f"[name='steps.{number}.bounty']", str(10 + number))
        await page.click("button[name=_more]")
        await page.click("button[name=_less][value='steps.3']")
        await expect(page.locator("[name='steps.3.title']")).to_have_count(0)
        await page.select_option("[name=recurrence]", "daily")
        await page.keyboard.press("Escape")
        await page.click("button.primary")
        for told in ("33 every day: 12,045 a year (365 times).", "231"):
            await expect(page.locator("main")).to_contain_text(told, use_inner_text=True)
        await page.click("button[value=propose]")
        await page.wait_for_url("**/voter/proposals/*")
        assert "Three steps" in await page.inner_text("h1")
        assert await page.locator(".proposed > li").count() == 3


async def test_enter_in_a_field_previews_and_neither_adds_nor_removes(browsing: Browsing) -> None:
    async with browsing.page("prue", "/proposer/new") as page:
        await page.fill("[name='steps.0.title']", "Dig")
        await page.fill("[name='steps.0.bounty']", "3")
        await page.fill("[name=title]", "By Enter")
        await page.press("[name=title]", "Enter")
        await page.wait_for_selector("button[value=propose]")
        await expect(page.locator("main")).to_contain_text("nothing is proposed yet")


async def test_somebody_else_sees_the_tally_change_and_keeps_what_they_type(browsing: Browsing) -> None:
    proposal = await polling.propose(browsing, title="Live")
    async with browsing.page("vala", f"/voter/proposals/{proposal}") as watching:
        await expect(watching.locator("html[data-stream=open]")).to_have_count(1)
        await watching.fill("#comment", "half a sent")
        await watching.focus("#comment")
        async with browsing.page("vera", f"/voter/proposals/{proposal}") as voting:
            await voting.check("input[value=approve]")
            await voting.fill("#comment", "Seen at once")
            await voting.click("#vote button.primary")
            await voting.click("button[name=sure]")
            await voting.wait_for_url("**/receipt")
        # The policy of the pages lets no text be run, not even one of a test that waits.
        await expect(watching.locator("#standing")).to_contain_text("1 of 3 has voted")
        await expect(watching.locator("#votes")).to_contain_text("Seen at once")
        assert await watching.input_value("#comment") == "half a sent"
        assert await watching.evaluate("document.activeElement.id") == "comment"


@MANY_PAGES
async def test_no_text_of_anybody_runs_as_a_script(browsing: Browsing, floor: Floor) -> None:
    root = await polling.person(browsing, "root")
    found: list[str] = []
    for number, text in enumerate(XSS):
        step = {"title": text[:200], "description": text, "bounty": 1, "credentials": []}
        proposal = await polling.propose(browsing, title=text[:200], description=text, steps=[step])
        await polling.vote(browsing, "vera", proposal, "deny", text)
        who = NewPerson(
            id=f"xss{number}",
            name=text[:200],
            email=f"xss{number}@example.org",
            grants=[GivenGrant(role="voter", scope="xss")],
        )
        await browsing.office.control.people.add(root, who)
        async with browsing.page("root", f"/voter/proposals/{proposal}") as page:
            for path in (
                f"/voter/proposals/{proposal}",
                f"/voter/proposals/{proposal}/force",
                f"/proposer/delete?target={proposal}",
                f"/admin/people/xss{number}",
            ):
                await page.goto(path)
                if await page.evaluate(
                    "window.hit !== undefined || document.querySelector('[href^=\"javascript:\"]') !== null"
                ):
                    found.append(f"{path}: {text}")
        async with browsing.page("prue", "/proposer/new") as page:
            await page.fill("[name=title]", text[:200])
            await page.fill("[name=description]", text)
            await page.fill("[name='steps.0.title']", text[:200])
            await page.fill("[name='steps.0.bounty']", "1")
            await page.click("button.primary")
            await page.wait_for_selector("button[value=edit]")
            if await page.evaluate("window.hit !== undefined"):
                found.append(f"preview: {text}")
            await page.click("button[value=edit]")
            await expect(page.locator("textarea[name=description]")).to_have_value(text)
            if await page.evaluate("window.hit !== undefined"):
                found.append(f"form: {text}")
    for who, path in (
        ("root", "/voter"),
        ("prue", "/proposer"),
        ("root", "/admin/people?q=xss"),
        ("root", "/admin/mails"),
    ):
        async with browsing.page(who, path) as page:
            if await page.evaluate("window.hit !== undefined"):
                found.append(path)
    FOUND.attacked(FIELDS, len(XSS), len(found))
    assert found == []
