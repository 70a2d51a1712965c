"""What attackers try: text that is a script, and forms on other sites."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from api import agora, badge_room, council
from api.office import HASH, review
from browser import polling
from browser.browsing import MANY_PAGES, Browsing
from browser.quality import FOUND
from browser.test_passkeys import grown_old
from placet.control.passkeys import PasskeyName
from placet.control.people import NewToken
from placet.control.sent import Because
from placet.domain.people import Person, Role
from placet.domain.policy import PolicyOrder
from placet.store import documents, passkeys, people, policies
from placet.store.cases import locked
from placet.store.documents import Stored
from placet.store.engine import Tx
from placet.web.provider import Provider

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN = "window.ran=(window.ran||0)+1;alert(1)"
CORPUS = (
    f"<script>{RUN}</script>",
    f'"><script>{RUN}</script>',
    f"'><img src=x onerror={RUN}>",
    f'"><svg/onload={RUN}>',
    f'" autofocus onfocus="{RUN}" x="',
    f"javascript:{RUN}",
    f"</textarea><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"<iframe srcdoc='<script>{RUN}</script>'>",
    f"{{{{ {RUN} }}}}",
    f"${{{RUN}}}",
    f"<a href='javascript:{RUN}'>x</a>",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"\u202e<b onmouseover={RUN}>",
    f"--><script>{RUN}</script><!--",
)

ASKED = (
    *("title of a case", "title of a task", "instructions", "what is shown", "comment of an answer"),
    *("reason of a pause", "name of a file", "label of a token", "name of a person", "search for cases"),
)
KEPT = (
    *("comment of a discussion", "reason of a deactivation", "reason of a force-approval", "name of a passkey"),
    *("title of a project", "reason of a change of state", "name of a badge", "description of a badge"),
    *("criteria of a badge", "value of a policy", "form of a policy", "name of an attachment"),
    *("title of a governance proposal", "description of a governance proposal", "memo of a payment"),
    *("form of a payment", "name of a chosen file", "name of an invoice", "label of the provider"),
)
FIELDS = (*ASKED, *KEPT)
LISTS = (
    *("/", "/cases", "/overview", "/voter", "/voter/ended", "/catalogue", "/resources", "/admin", "/admin/people"),
    *("/admin/mails", "/admin/outbox", "/admin/steps", "/admin/policies", "/admin/policies/order", "/admin/health"),
)
"""Pages that show the newest or some of what there is."""


@MANY_PAGES
async def test_no_text_of_people_is_ever_executed(browsing: Browsing) -> None:
    office = browsing.office
    ben = await office.store.read(lambda tx: people.find(tx, "ben"))
    assert ben is not None
    await office.hire("mallory", "member@deals")
    await office.store.write(
        lambda tx: people.add(tx, "root", "mal", CORPUS[0], "mal@example.org", ()),
    )
    addresses = ["/", "/cases", "/account", f"/cases?q={CORPUS[1][:60]}", f"/signin?next={CORPUS[5]}"]
    for text in CORPUS:
        task = await office.ask(
            await office.start(name=text[:80]),
            review(
                title=text[:190],
                instructions=text,
                shows={text: text, "list": [text, {"inner": text}]},
                to=(Role(name="buyer"),),
                outcomes=review().outcomes,
            ),
        )
        case = task.partition(".")[0]
        assert (await office.call("cora", "POST", f"/api/v1/cases/{case}/pause", {"reason": text})).is_success
        assert (await office.call("cora", "POST", f"/api/v1/cases/{case}/resume", {"reason": text})).is_success
        sent = await office.call(
            "cora",
            "POST",
            f"/api/v1/cases/{case}/documents",
            data={"name": "deed"},
            files={"file": (f"{text}.txt".replace("/", "_"), b"x")},
        )
        assert sent.status_code in (201, 422)
        await office.control.tokens.make(ben, NewToken(label="".join(c for c in text if c.isprintable())[:100]))
        assert (await office.answer("ben", task, "refuse", comment=text)).status_code == 200
        addresses += [f"/tasks/{task}", f"/cases/{case}"]
    executed = []
    async with browsing.page("ben") as page:

        async def heard(dialog: object) -> None:
            executed.append(page.url)

        page.on("dialog", heard)
        for address in addresses:
            await page.goto(address, wait_until="load")
            if await page.evaluate("window.ran"):
                executed.append(address)
        # What comes by the live swap is parsed once more.
        task = await office.task(review(title=CORPUS[2][:190]))
        await page.goto("/")
        await expect(page.locator(f'a[href="/tasks/{task}"]')).to_be_visible()
    FOUND.attacked(ASKED, len(CORPUS), len(executed))
    assert executed == []


@MANY_PAGES
async def test_no_text_of_a_register_or_of_a_setting_is_ever_executed(browsing: Browsing) -> None:
    office = browsing.office
    root = await polling.person(browsing, "root")
    await polling.deposit(browsing, 100_000)
    await office.hire("paula", "member@deals", "payer@deals")
    paula = await polling.person(browsing, "paula")
    key = await office.store.write(lambda tx: passkeys.add(tx, "paula", "a-key-of-paula", b"", 0, (), "Mine"))
    assert key is not None
    executed: list[str] = []
    async with browsing.page("root") as page, browsing.page("paula") as other:
        for one in (page, other):
            one.on("dialog", lambda dialog: executed.append("a dialog"))
        for number, text in enumerate(CORPUS):
            # The end of a text is what would run.
            line = "".join(c for c in text if c.isprintable())
            await office.control.passkeys.rename(paula, key, PasskeyName(name=line[-60:]))
            lists = LISTS if number % 3 == 2 else ()
            for address in (*await _kept(browsing, root, number, text, line), *lists):
                executed += await _ran(page, address, text)
            payment = await _paid(browsing, text)
            for address in ("/account", "/?show=payments", f"/multisigs/{payment}", "/credentials-mine"):
                executed += await _ran(other, address, text)
            executed += await _filled_in(page, other, text)
            executed += await _asked_again(browsing, text)
    await _policy(browsing, {"review": "3d"})
    FOUND.attacked(KEPT, len(CORPUS), len(executed))
    assert executed == []


async def _kept(browsing: Browsing, root: Person, number: int, text: str, line: str) -> list[str]:
    """Have the text in every register; the pages that show it."""
    office, name = browsing.office, f"xss-{number}"
    case = await office.start()
    await _done(browsing, "rita", f"/cases/{case}/comments", text=text)
    await office.hire(name, "voter@xss")
    await office.control.people.deactivate(root, name, Because(reason=text))
    proposal = await polling.propose(browsing, description=text)
    await office.control.voting.force(root, "workflow", proposal, Because(reason=text))
    project = {"kind": "project", "id": name, "scope": "deals"}
    await _done(browsing, "cora", "/resources", **project, title=line)
    change = {"kind": "project", "id": name, "becomes": "hibernating", "reason": text}
    changed = await _done(browsing, "cora", "/workflows/lifecycle-transition/cases", scope="deals", request=change)
    badge = {"id": name, "name": line, "description": text, "criteria": text}
    await badge_room.define(office, **badge)
    credential = await badge_room.issued(office, "paula", name)
    await _policy(browsing, {"review": text})
    files = {"file": (f"{text}.txt".replace("/", "_"), f"Bill {number}".encode())}
    sent = await office.call("prue", "POST", "/api/v1/documents", files=files)
    assert sent.status_code == 201, sent.text
    wanted = {"title": line, "description": text, "attachments": [sent.json()["items"][0]["hash"]]}
    agreed = await agora.propose(office, **wanted)
    return [
        *(f"/cases/{one}" for one in (case, proposal, changed["id"], agreed)),
        *(f"/voter/proposals/{one}" for one in (proposal, agreed)),
        *(f"/admin/people/{name}", f"/resources/project/{name}", f"/credentials-mine/{credential}"),
    ]


async def _paid(browsing: Browsing, text: str) -> str:
    """A payment whose memo and invoice are called like this."""
    rita = await polling.person(browsing, "rita")
    case_id = await browsing.office.start()
    bill = Stored(name="invoice", hash=HASH, filename=text, media_type="application/pdf", size=7)

    def bring(tx: Tx) -> None:
        with locked(tx, case_id) as case:
            documents.keep(case, rita, bill, 1)

    await browsing.office.store.write(bring)
    return await council.put(
        browsing.office, case_id, instructions=text, title=text[:190], council=Role(name="payer"), threshold=1
    )


async def _policy(browsing: Browsing, values: dict[str, str]) -> None:
    """Values that were valid once, whatever they are."""

    def put(tx: Tx) -> None:
        order = PolicyOrder(policy="order", values=values, base_version=policies.newest(tx, "order")[0])
        assert policies.put(tx, order, lambda _, given: dict(given), "root", None, None).result == "done"

    await browsing.office.store.write(put)


async def _done(browsing: Browsing, who: str, path: str, **body: Any) -> dict[str, Any]:
    answer = await browsing.office.call(who, "POST", f"/api/v1{path}", body)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def _ran(page: Page, address: str | None, text: str) -> list[str]:
    """Where the text was executed, or has become a link that would be; a page of its own must show it."""
    if address is not None:
        await page.goto(address, wait_until="load")
    # Of a page that an act has led to, the rest may still be on its way.
    await page.wait_for_load_state()
    if address not in LISTS:
        assert RUN in await page.content(), (page.url, text)
    lured = "window.ran !== undefined || document.querySelector('main [href^=\"javascript:\"]') !== null"
    return [f"{page.url}: {text}"] if await page.evaluate(lured) else []


async def _filled_in(page: Page, other: Page, text: str) -> list[str]:
    """Forms that are refused show again what was written in them."""
    await page.goto("/admin/policies/order")
    await page.fill("[name=review]", text)
    await _send(page)
    found = await _ran(page, None, text)
    await other.goto("/catalogue/treasury-disbursement/start")
    await other.fill("[name=memo]", text)
    await other.fill("[name=amount]", text[-60:])
    bill = {"name": text.replace("/", "_"), "mimeType": "text/plain", "buffer": text.encode()}
    await other.set_input_files("[name=invoice]", [bill])  # type: ignore[list-item]
    await _send(other)
    assert await other.input_value("[name=memo]") == text
    return [*found, *await _ran(other, None, text)]


async def _send(page: Page) -> None:
    """As a form without the checks of a browser is sent."""
    form = page.locator("main form[method=post]").filter(has=page.locator("button.primary")).last
    await form.evaluate("form => { form.noValidate = true; }")
    await form.locator("button.primary").last.click()
    await expect(page.get_by_role("alert").first).to_be_visible()


async def _asked_again(browsing: Browsing, text: str) -> list[str]:
    """The pages that name the provider: the one to sign in, and the one that asks who one is."""
    state = browsing.office.app.state
    state.provider = Provider("http://127.0.0.1:9", "placet", None, text)
    try:
        async with browsing.page(None, "/signin") as page:
            found = await _ran(page, None, text)
        async with browsing.page("paula", "/account") as page:
            await grown_old(browsing, "paula")
            await page.fill("[name=label]", "A program")
            await page.get_by_role("button", name="Make a token").click()
            await page.wait_for_selector("[href^='/signin/provider']")
            return [*found, *await _ran(page, None, text)]
    finally:
        state.provider = None


@pytest.mark.parametrize("method", ["post", "get"])
async def test_a_form_on_another_site_does_nothing(browsing: Browsing, method: str) -> None:
    task = await browsing.office.task()
    form = f"""<form method={method} action="{browsing.address}/tasks/{task}">
        <input name=outcome value=approve><button>Win a prize</button></form>"""
    async with browsing.page("ben") as page:
        await page.context.route(
            "http://prizes.test/**", lambda route: route.fulfill(body=form, content_type="text/html")
        )
        await page.goto("http://prizes.test/")
        await page.get_by_role("button", name="Win a prize").click()
        await expect(page.locator("h1")).to_be_visible()
    state = await browsing.office.get("ben", f"/api/v1/tasks/{task}")
    assert state["state"] == "open"


async def test_the_page_cannot_be_put_into_another(browsing: Browsing) -> None:
    async with browsing.page("ben") as page:
        answer = await page.goto("/")
        assert answer is not None
        assert "frame-ancestors 'none'" in (await answer.all_headers())["content-security-policy"]
