"""The page of a task, and the inbox: what is shown, and that acts count once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from api import chamber
from api.office import COUNTER, FORM, Office, review
from placet.domain.collection import DocumentRequest
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.task import APPROVE, REFUSE, n_of
from placet.store import tables as t
from web.desk import desk, hidden_in, key_in


async def acts(office: Office) -> list[tuple[str, str, dict, str, str]]:
    a = t.act.c
    query = sa.select(a.person_id, a.outcome, a.data, a.comment, a.door).order_by(a.at)
    return [tuple(row) for row in await office.store.read(lambda tx: tx.conn.execute(query).all())]


def counting(**more: object) -> object:
    return review(
        to=(Role(name="buyer"),), outcomes=(APPROVE, COUNTER, REFUSE), form=FORM, form_on=("counter",), **more
    )


async def test_an_answer_leads_to_its_receipt(office: Office) -> None:
    task = await office.task(counting())
    ben = await desk(office, "ben")
    page = await ben.get(f"/tasks/{task}")
    for text in (
        "<h1>Review the order</h1>",
        "Order of Pens",
        "Ask for other terms",
        "Pens",
        "Fingerprint",
        "What was asked for",
    ):
        assert text in page.text, text
    form = {"outcome": "counter", "percent": "12,5", "months": "24", "comment": "Please.", "key": key_in(page)}
    done = await ben.follow(await ben.post(f"/tasks/{task}", form))
    receipt = await office.store.read(lambda tx: tx.conn.execute(sa.select(t.act.c.receipt)).scalar_one())
    assert receipt in done.text and "your answer counts" in done.text and 'id="answer"' not in done.text
    assert await acts(office) == [("ben", "counter", {"percent": 12.5, "months": 24}, "Please.", "web")]


async def test_a_form_sent_twice_counts_once_and_is_answered_alike(office: Office) -> None:
    task = await office.task(review(seats=n_of(2, 3)))
    ben = await desk(office, "ben")
    form = {"outcome": "approve", "key": key_in(await ben.get(f"/tasks/{task}"))}
    answers = [await ben.post(f"/tasks/{task}", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(await acts(office)) == 1
    other = await ben.post(f"/tasks/{task}", form | {"outcome": "refuse", "comment": "No"})
    assert other.status_code == 422
    assert len(await acts(office)) == 1


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"outcome": ""}, 422, 'href="#outcome"'),
        ({"outcome": "refuse"}, 422, 'href="#comment"'),
        ({"outcome": "counter", "percent": "much"}, 422, 'href="#percent">Percent: Write a number like 12.5.'),
        ({"outcome": "counter", "percent": "200"}, 422, 'href="#percent">Percent: This must be at most 100.'),
        ({"outcome": "refuse", "comment": "No", "subject_hash": "0" * 64}, 409, "has changed since"),
        ({"outcome": "refuse", "comment": "x" * 8001}, 422, "at most 8000"),
    ],
)
async def test_a_mistake_comes_back_with_a_way_to_the_field_and_all_that_was_written(
    office: Office, change: dict[str, str], status: int, told: str
) -> None:
    task = await office.task(counting())
    ben = await desk(office, "ben")
    key = key_in(await ben.get(f"/tasks/{task}"))
    answer = await ben.post(f"/tasks/{task}", {"key": key, "months": "24", "note": "<b>mine</b>"} | change)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert "&lt;b&gt;mine&lt;/b&gt;" in answer.text and key in answer.text
    assert await acts(office) == []


async def test_whoever_loses_a_race_sees_how_it_stands(office: Office) -> None:
    task = await office.task()
    bea = await desk(office, "bea")
    await office.answer("ben", task)
    late = await bea.post(f"/tasks/{task}", {"outcome": "refuse", "comment": "Too late"})
    assert (late.status_code, "It was decided: Approve." in late.text) == (409, True)
    assert 'id="answer"' not in late.text
    assert "What you had typed" in late.text and "Too late</textarea>" in late.text


async def test_what_was_typed_stays_when_the_case_was_paused_meanwhile(office: Office) -> None:
    task = await office.task(counting())
    ben = await desk(office, "ben")
    await office.call("cora", "POST", f"/api/v1/cases/{task.partition('.')[0]}/pause", {"reason": "x"})
    form = {"outcome": "counter", "percent": "12.5", "months": "24", "comment": "Less, <please>."}
    late = await ben.post(f"/tasks/{task}", form)
    assert (late.status_code, "The case is paused" in late.text, 'id="answer"' in late.text) == (409, True, False)
    assert "Percent: 12.5\nMonths: 24\nLess, &lt;please&gt;.</textarea>" in late.text
    assert await acts(office) == []


async def test_what_goes_with_another_answer_is_not_lost_without_a_word(office: Office) -> None:
    task = await office.task(counting())
    ben = await desk(office, "ben")
    form = {"outcome": "approve", "percent": "12.5", "months": ""}
    answer = await ben.post(f"/tasks/{task}", form)
    assert answer.status_code == 422
    assert 'href="#percent">Percent: This goes with “Ask for other terms” only' in answer.text
    assert 'href="#months"' not in answer.text and await acts(office) == []
    await ben.follow(await ben.post(f"/tasks/{task}", form | {"percent": ""}))
    assert [act[:2] for act in await acts(office)] == [("ben", "approve")]


async def test_while_a_case_is_paused_no_clock_is_told(office: Office) -> None:
    task = await office.task(review(within=Span("2h"), silence="refuse"))
    ben = await desk(office, "ben")
    pages = ("/", f"/tasks/{task}")
    for path in pages:
        assert "it counts as “Refuse”" in (page := await ben.get(path)).text and 'data-moment=""' in page.text, path
    await office.call("cora", "POST", f"/api/v1/cases/{task.partition('.')[0]}/pause", {"reason": "x"})
    office.clock.move(timedelta(hours=5))
    for path in pages:
        page = await ben.get(path)
        assert "No clock runs until the case is resumed." in page.text and "data-countdown" not in page.text, path
    assert "(now)" not in (await ben.get(f"/tasks/{task}")).text


async def test_the_page_says_why_one_cannot_act(office: Office) -> None:
    task = await office.task()
    page = await (await desk(office, "rita")).get(f"/tasks/{task}")
    assert "You cannot decide this: you asked for it." in page.text
    assert 'id="answer"' not in page.text and "Pass it on" not in page.text


async def test_keeping_giving_back_and_passing_on(office: Office) -> None:
    task = await office.task()
    ben, bea = await desk(office, "ben"), await desk(office, "bea")
    kept = await ben.follow(await ben.post(f"/tasks/{task}/claim"))
    assert "It is kept for you." in kept.text and "Give it back" in kept.text
    assert "Somebody else has claimed this task" in (await bea.get(f"/tasks/{task}")).text
    assert "It is kept for you." not in (await ben.get(f"/tasks/{task}")).text
    await ben.follow(await ben.post(f"/tasks/{task}/release"))
    assert 'id="answer"' in (await bea.get(f"/tasks/{task}")).text
    for to, status in (("nobody", 422), ("", 422), ("ben", 422)):
        refused = await ben.post(f"/tasks/{task}/delegate", {"to": to})
        assert (refused.status_code, '<details class="card" id="keep" open>' in refused.text) == (status, True)
    # By their name, as the pages tell it.
    passed = await ben.follow(await ben.post(f"/tasks/{task}/delegate", {"to": "Mo", "why": "On leave"}))
    assert "It was passed on to Mo." in passed.text
    assert task in (await (await desk(office, "mo")).get("/")).text


async def test_a_coordinator_puts_a_task_to_somebody_else(office: Office) -> None:
    task = await office.task()
    cora = await desk(office, "cora")
    assert "Put it to somebody else" in (await cora.get(f"/tasks/{task}")).text
    await cora.follow(await cora.post(f"/tasks/{task}/reassign", {"to": "mo"}))
    assert task not in (await (await desk(office, "ben")).get("/")).text
    assert task in (await (await desk(office, "mo")).get("/")).text


async def test_documents_are_sent_on_the_page_of_their_task(office: Office) -> None:
    wanted = (DocumentRequest(name="deed", title="The deed"),)
    task = await office.task(review(documents=wanted, documents_on=("approve",)))
    ben = await desk(office, "ben")
    missing = await ben.post(f"/tasks/{task}", {"outcome": "approve"})
    assert (missing.status_code, "Still missing: The deed." in missing.text) == (422, True)
    bad = await ben.post(f"/tasks/{task}/documents", {"name": "deed"}, files={"file": ("a.exe", b"MZ\x00\x00")})
    assert (bad.status_code, "alert" in bad.text) == (422, True)
    sent = await ben.post(f"/tasks/{task}/documents", {"name": "deed"}, files={"file": ("deed.txt", b"A deed.")})
    assert sent.headers["Location"] == f"/tasks/{task}#documents"
    page = await ben.follow(sent)
    assert "deed.txt" in page.text
    assert (await ben.post(f"/tasks/{task}", {"outcome": "approve"})).status_code == 303


async def test_the_inbox_shows_what_awaits_the_reader_most_urgent_first(office: Office) -> None:
    from placet.domain.span import Span

    late = await office.task(review(within=Span("5d"), title="Later"))
    soon = await office.task(review(within=Span("1h"), title="Sooner"))
    ben = await desk(office, "ben")
    page = await ben.get("/")
    assert 0 < page.text.index(soon) < page.text.index(late)
    assert "2 things await you." in page.text and "Due soon" in page.text and "You are buyer of deals." in page.text
    assert "Nothing awaits you" in (await (await desk(office, "kofi")).get("/")).text
    claimed = await ben.get("/?show=claimed")
    assert soon not in claimed.text
    assert (await ben.get("/?show=odd")).status_code == 422


async def test_the_inbox_shows_the_votes_one_has_not_cast(office: Office) -> None:
    await chamber.sit(office)
    proposal = (await chamber.propose(office))["id"]
    voter, other = await desk(office, "v0"), await desk(office, "lars")
    link = f'href="/voter/proposals/{proposal}"'
    assert link in (await voter.get("/?show=votes")).text
    assert link not in (await voter.get("/?show=tasks")).text
    for stranger in (other, await desk(office, "prue"), await desk(office, "root")):
        assert link not in (await stranger.get("/")).text
    await chamber.vote(office, proposal, "approve")
    assert link not in (await voter.get("/")).text


async def test_several_tasks_are_answered_at_once_with_a_result_for_each(office: Office) -> None:
    good, counted = await office.task(), await office.task(counting())
    picky = await office.task(review(comment_on=("approve",)))
    ben = await desk(office, "ben")
    page = await ben.get("/")
    form = {"task": [good, counted, picky, "order-0.review.1"], "outcome": "approve", "key": key_in(page)}
    for _ in range(2):
        done = await ben.post("/answers", form)
        assert done.status_code == 200
        assert "2 of 4 counted." in done.text and "Say why in a comment." in done.text
        assert "There is nothing here that you may see." in done.text
    assert len(await acts(office)) == 2
    assert f'name="task" value="{picky}"' in done.text and f'name="task" value="{good}"' not in done.text
    said = await ben.post("/answers", hidden_in(done, "again") | {"comment": "Fine with me."})
    assert "1 of 1 counted." in said.text and 'id="again"' not in said.text
    nothing = await ben.post("/answers", {"outcome": "approve"})
    assert "Choose at least one task." in nothing.text
    other = await office.task()
    stale = {"task": [other], f"hash.{other}": "0" * 64, "outcome": "approve", "comment": "Yes"}
    assert "has changed since" in (await ben.post("/answers", stale)).text
