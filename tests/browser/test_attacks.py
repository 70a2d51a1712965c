"""What attackers try: text that is a script, and forms on other sites."""

import pytest
from playwright.async_api import expect

from api.office import review
from browser.browsing import Browsing
from browser.quality import FOUND
from placet.control.people import NewToken
from placet.domain.people import Role
from placet.store import people

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

FIELDS = (
    *("title of a case", "title of a task", "instructions", "what is shown", "comment of an answer"),
    *("reason of a pause", "name of a file", "label of a token", "name of a person", "search for cases"),
)


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
    FOUND.attacked(FIELDS, len(CORPUS), len(executed))
    assert executed == []


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
