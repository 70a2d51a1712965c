"""Discussion of a case: threads, limits, who is told, and nothing for those who may not see it."""

from typing import Any

import pytest
import sqlalchemy as sa

from api import agora
from api.office import Office
from placet.domain import audit as proof
from placet.store import audit, comments, course, people
from placet.store import tables as t


async def say(office: Office, who: str, case_id: str, text: Any = "Hello", reply_to: str | None = None, **more: Any):
    body = {"text": text} | ({"reply_to": reply_to} if reply_to else {})
    return await office.call(who, "POST", f"/api/v1/cases/{case_id}/comments", body, **more)


async def said(office: Office, who: str, case_id: str, **query: Any) -> list[dict[str, Any]]:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return (await office.get(who, f"/api/v1/cases/{case_id}/comments?{text}"))["items"]


async def test_comments_stand_in_threads_with_what_they_answer(office: Office) -> None:
    case_id = await office.start()
    first = (await say(office, "cora", case_id, "Why *pens*?")).json()
    second = (await say(office, "kofi", case_id, "Another matter.")).json()
    reply = (await say(office, "rita", case_id, "To write.", first["id"])).json()
    await say(office, "cora", case_id, "I see.", reply["id"])
    found = await said(office, "rita", case_id)
    assert [(one["text"], one["depth"]) for one in found] == [
        ("Why *pens*?", 0),
        ("To write.", 1),
        ("I see.", 2),
        ("Another matter.", 0),
    ]
    assert found[0]["text_html"] == "<p>Why <em>pens</em>?</p>"
    assert second["receipt"] in [line.hash for line in await lines(office, case_id)]
    page = await office.get("rita", f"/api/v1/cases/{case_id}/comments?limit=2")
    rest = await office.get("rita", f"/api/v1/cases/{case_id}/comments?limit=2&cursor={page['next_cursor']}")
    assert [one["id"] for one in page["items"] + rest["items"]] == [one["id"] for one in found]


async def lines(office: Office, chain: str) -> Any:
    return await office.store.read(lambda tx: tx.conn.execute(sa.select(t.audit).where(t.audit.c.chain == chain)).all())


async def test_whoever_no_longer_sees_the_case_is_told_nothing_more(office: Office) -> None:
    case_id = await office.start()
    first = (await say(office, "cora", case_id, "Why?")).json()
    await office.store.write(lambda tx: people.set_grants(tx, "root", "cora", ()))
    assert (await office.call("cora", "GET", f"/api/v1/cases/{case_id}")).status_code == 404
    assert (await say(office, "rita", case_id, "A secret.", first["id"])).status_code == 201
    query = sa.select(t.message.c.key).where(t.message.c.person_id == "cora")
    told = await office.store.read(lambda tx: tx.conn.execute(query).scalars().all())
    assert [key for key in told if "comment" in key] == []


async def test_the_requester_and_whoever_is_replied_to_are_told_once(office: Office) -> None:
    case_id = await office.start()
    first = (await say(office, "cora", case_id, "Why?", headers={"Idempotency-Key": "c1"})).json()
    again = await say(office, "cora", case_id, "Why?", headers={"Idempotency-Key": "c1"})
    assert (again.json()["id"], again.headers["Idempotent-Replay"]) == (first["id"], "true")
    await say(office, "kofi", case_id, "Because.", first["id"])
    await say(office, "rita", case_id, "Thanks.", first["id"])
    query = sa.select(t.message.c.person_id, t.message.c.key).order_by(t.message.c.id)
    told = await office.store.read(lambda tx: [row.person_id for row in tx.conn.execute(query) if "comment" in row.key])
    assert told == ["rita", "cora", "rita", "cora"]


async def test_markup_that_could_act_is_shown_and_never_acts(office: Office) -> None:
    case_id = await office.start()
    await say(office, "rita", case_id, "<script>alert(1)</script> [x](javascript:alert(1))")
    (one,) = await said(office, "rita", case_id)
    assert "<script" not in one["text_html"] and "href" not in one["text_html"]


@pytest.mark.parametrize(
    ("text", "reply_to", "status", "code", "field"),
    [
        ("", None, 422, "invalid-request", "text"),
        ("   ", None, 422, "invalid-request", "text"),
        ("x" * 8001, None, 422, "invalid-request", "text"),
        ("a\x00b", None, 422, "invalid-request", None),
        (7, None, 422, "invalid-request", "text"),
        ("x", "no.such", 422, "unknown-comment", "reply_to"),
    ],
)
async def test_a_comment_that_cannot_be_kept_is_refused(
    office: Office, text: Any, reply_to: str | None, status: int, code: str, field: str | None
) -> None:
    case_id = await office.start()
    answer = await say(office, "rita", case_id, text, reply_to)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert field is None or answer.json()["field"] == field
    assert await said(office, "rita", case_id) == []


async def test_a_comment_of_another_case_cannot_be_answered_here(office: Office) -> None:
    one, other = await office.start(), await office.start()
    elsewhere = (await say(office, "rita", one)).json()["id"]
    assert (await say(office, "rita", other, "x", elsewhere)).json()["code"] == "unknown-comment"


async def test_a_closed_case_and_a_full_one_take_no_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = await office.start()
    monkeypatch.setattr(comments, "MOST", 1)
    await say(office, "rita", case_id)
    full = await say(office, "rita", case_id)
    assert (full.status_code, full.json()["code"]) == (409, "too-many-comments")
    cora = await office.store.read(lambda tx: people.find(tx, "cora"))
    await office.store.write(lambda tx: course.pause(tx, cora, case_id, ""))
    monkeypatch.setattr(comments, "MOST", 2)
    assert (await say(office, "rita", case_id)).status_code == 201
    await office.store.write(
        lambda tx: tx.conn.execute(t.case.update().where(t.case.c.id == case_id).values(is_open=False, state="failed"))
    )
    late = await say(office, "rita", case_id)
    assert (late.status_code, late.json()["code"]) == (409, "case-closed")
    codes = [detail["code"] for _, action, detail in await office.lines("@refused") if action == "case.comment"]
    assert codes == ["too-many-comments", "case-closed"]


async def test_who_may_not_see_the_case_can_neither_read_nor_write_there(office: Office) -> None:
    case_id = await office.start()
    await say(office, "rita", case_id)
    for who in ("mo", "carl"):
        answer = await say(office, who, case_id)
        missing = await say(office, who, "order-0000000000")
        assert (answer.status_code, answer.text) == (404, missing.text)
        assert (await office.call(who, "GET", f"/api/v1/cases/{case_id}/comments")).status_code == 404


async def test_a_very_deep_thread_keeps_its_order(office: Office) -> None:
    case_id = await office.start()
    last = None
    for number in range(25):
        last = (await say(office, "rita", case_id, str(number), last)).json()["id"]
    found = await said(office, "rita", case_id)
    assert [one["text"] for one in found] == [str(number) for number in range(25)]
    assert max(one["depth"] for one in found) == comments.DEEPEST - 1


async def test_voters_discuss_a_proposal_before_its_vote_and_the_log_still_verifies(office: Office) -> None:
    await agora.sit(office)
    case_id = await agora.propose(office)
    assert (await say(office, "v0", case_id, "I am for it")).status_code == 201
    assert (await say(office, "lars", case_id)).status_code == 404
    ballot = await agora.open_vote(office, case_id)
    await say(office, "v1", case_id, "I am not")
    assert (await office.call("v0", "GET", f"/api/v1/ballots/{ballot}/export")).status_code == 200
    await office.store.write(audit.take_checkpoint)
    assert proof.verify(await office.store.read(lambda tx: list(audit.export(tx)))).ok
    await office.store.write(lambda tx: audit.erase_texts(tx, case_id))
    assert proof.verify(await office.store.read(lambda tx: list(audit.export(tx)))).ok
