"""Failed steps and the outbox on pages: how a case goes on is said there, and a mail is sent again."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.office import Office, review
from api.test_access import refuse_mail
from api.test_overview import fail_step
from connectors.test_smtp import Mailbox, mail_server, smtp
from placet.domain.task import Outcome
from placet.runtime import postman
from placet.runtime.postman import Postman
from placet.store import people
from placet.store import tables as t
from web.desk import Desk, desk, key_in

STEPS, OUTBOX = "/admin/steps", "/admin/outbox"


@pytest.fixture
async def root(office: Office) -> Desk:
    return await desk(office, "root")


async def failed(office: Office, error: str = "The server said no.") -> tuple[str, str]:
    """A case whose step has failed, and the task that asks how it goes on."""
    case_id = await office.start()
    task = await fail_step(office, case_id, error)
    choices = [Outcome(name="retry", label="Try again"), Outcome(name="abandon", label="Give up", favourable=False)]

    def offer(tx: Any) -> None:
        row = tx.conn.execute(sa.select(t.decision.c.rules).where(t.decision.c.id == task)).scalar_one()
        rules = {**row, "outcomes": [one.model_dump(mode="json") for one in choices]}
        tx.conn.execute(t.decision.update().where(t.decision.c.id == task).values(rules=rules))
        tx.conn.execute(t.case.update().where(t.case.c.id == case_id).values(state="needs-attention"))

    await office.store.write(offer)
    return case_id, task


async def state(office: Office, task: str) -> tuple[str, str | None]:
    found = await office.get("root", f"/api/v1/tasks/{task}")
    return found["state"], (found["verdict"] or {}).get("outcome")


async def test_a_failed_step_stands_with_its_error_and_the_ways_on(office: Office, root: Desk) -> None:
    case_id, task = await failed(office, "No <script>way</script>.")
    page = (await root.get(STEPS)).text
    for text in (f'href="/cases/{case_id}"', "crm.set-status", "No &lt;script&gt;way", f'value="{task}"'):
        assert text in page, text
    assert re.findall(r'name="outcome" value="(\w+)" class="(\w*)"', page) == [
        ("retry", "primary"),
        ("abandon", "danger"),
    ]


@pytest.mark.parametrize("outcome", ["retry", "abandon"])
async def test_what_one_says_counts_once_and_the_step_leaves_the_list(office: Office, root: Desk, outcome: str) -> None:
    _, task = await failed(office)
    form = {"key": key_in(await root.get(STEPS)), "task": task, "outcome": outcome}
    for _ in range(2):
        page = await root.follow(await root.post(STEPS, form))
    assert await state(office, task) == ("closed", outcome)
    assert "The case goes on as you said." in page.text and f'value="{task}"' not in page.text
    acts = [line for line in await office.lines(task.partition(".")[0]) if line[1] == "task.answered"]
    assert [(actor, detail["outcome"]) for actor, _, detail in acts] == [("root", outcome)]


@pytest.mark.parametrize("outcome", ["", "approve", "x" * 5000])
async def test_another_way_on_is_refused_and_changes_nothing(office: Office, root: Desk, outcome: str) -> None:
    _, task = await failed(office)
    page = await root.post(STEPS, {"key": "k" * 32, "task": task, "outcome": outcome})
    assert page.status_code == 422 and 'role="alert"' in page.text and "Try again" in page.text
    assert await state(office, task) == ("open", None)


async def test_what_somebody_else_has_settled_meanwhile_is_a_conflict(office: Office, root: Desk) -> None:
    _, task = await failed(office)
    assert (await office.answer("cora", task, "retry")).status_code == 200
    page = await root.post(STEPS, {"key": "k" * 32, "task": task, "outcome": "abandon"})
    assert page.status_code == 409 and await state(office, task) == ("closed", "retry")


async def test_long_lists_go_on_and_an_empty_one_says_so(office: Office, root: Desk) -> None:
    assert "No step has failed" in (await root.get(STEPS)).text
    for _ in range(21):
        office.clock.move(timedelta(seconds=1))
        await failed(office)
    first = (await root.get(STEPS)).text
    more = re.search(r'href="\?(cursor=[^"]+)"', first)
    assert more is not None and first.count('name="task"') == 20
    assert (await root.get(f"{STEPS}?{more[1]}")).text.count('name="task"') == 1
    assert (await root.get(f"{STEPS}?cursor=odd")).status_code == 422
    assert "21" in (await root.get("/admin/health")).text


async def test_nobody_else_settles_a_step_here(office: Office) -> None:
    _, task = await failed(office)
    for who in ("cora", "kofi", "mo"):
        assert (await (await desk(office, who)).post(STEPS, {"task": task, "outcome": "retry"})).status_code == 403
    assert await state(office, task) == ("open", None)


async def test_the_outbox_tells_what_waits_and_sends_a_mail_again_once(office: Office, root: Desk) -> None:
    case_id = (await office.task()).partition(".")[0]
    await refuse_mail(office)
    page = await root.get(OUTBOX)
    for text in (case_id, "550: unknown", "Mails not delivered", "Owed to the engine", "Send again"):
        assert text in page.text, text
    form = {"key": "k" * 32}
    for _ in range(2):
        done = await root.follow(await root.post(f"{OUTBOX}/1/retry", form))
        assert "The mail is being sent again." in done.text
    lines = [line for line in await office.lines("@mail") if line[1] == "mail.retried"]
    assert len(lines) == 1 and "Send again" not in (await root.get(OUTBOX)).text
    again = await root.follow(await root.post(f"{OUTBOX}/1/retry", {"key": "j" * 32}))
    assert "This mail has not failed" in again.text


@pytest.mark.parametrize(("message", "status"), [("99999", 404), ("0", 422), ("x", 422), ("9" * 30, 422)])
async def test_a_mail_that_is_none_cannot_be_sent_again(root: Desk, message: str, status: int) -> None:
    assert (await root.post(f"{OUTBOX}/{message}/retry")).status_code == status


async def test_a_mail_is_seen_as_it_arrives_in_a_sandbox_and_only_by_administrators(office: Office, root: Desk) -> None:
    task = await office.task(review(instructions="<script>look</script>"))
    for path in ("/admin/mails", OUTBOX):
        assert 'href="/admin/outbox/1"' in (await root.get(path)).text
    mail = await root.get(f"{OUTBOX}/1")
    assert (mail.status_code, mail.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = "sandbox; default-src 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'"
    assert mail.headers["Content-Security-Policy"] == policy
    assert f'href="http://placet/tasks/{task}"' in mail.text and "&lt;script&gt;look" in mail.text
    others = ("ben", "cora", "kofi")
    for who in others:
        assert (await (await desk(office, who)).get(f"{OUTBOX}/1")).status_code == 403
    assert [line[:2] for line in await office.lines("@refused")] == [(who, "message.read-all") for who in others]
    for number, status in (("99999", 404), ("0", 422), ("x", 422), ("9" * 30, 422)):
        assert (await root.get(f"{OUTBOX}/{number}")).status_code == status


async def test_the_link_of_an_invitation_that_has_left_is_seen_nowhere(office: Office, root: Desk) -> None:
    found = await office.store.read(lambda tx: people.find(tx, "root"))
    assert found is not None
    link = (await office.control.accounts.invite(found, "mo")).value["link"]
    assert link in (await root.get(f"{OUTBOX}/1")).text, "it waits, so it is needed"
    async with mail_server(Mailbox()) as port:
        await Postman(office.store, smtp(port)).deliver_once()
        said = await office.store.read(lambda tx: tx.conn.execute(sa.select(t.message.c.said)).scalars().all())
    assert said == [None], "nor is what it was made of"
    gone = (await root.get(f"{OUTBOX}/1")).text
    assert link not in gone and postman.INVITED in gone and "<a " not in gone


async def test_health_shows_what_people_should_look_at(office: Office, root: Desk) -> None:
    await office.task()
    await refuse_mail(office)
    page = (await root.get("/admin/health")).text
    assert "Mails not delivered" in page and "Failed steps" in page and "The oldest:" in page
    council = (await (await desk(office, "kofi")).get("/admin/health")).text
    assert "Mails not delivered" not in council and "Sample accounts" not in page
    await office.store.write(lambda tx: people.mark_sample(tx, ("ben", "bea", "nobody")))
    page = (await root.get("/admin/health")).text
    assert re.search(r'id="samples">.*Sample accounts.*>2<', page, re.S)
    assert "Sample accounts" not in (await (await desk(office, "kofi")).get("/admin/health")).text
