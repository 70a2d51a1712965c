"""What administrators look after: failed steps, what is owed to the engine, mails that are sent again."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.office import Office
from api.test_access import refuse_mail
from api.test_overview import fail_step
from placet.control.errors import Problem
from placet.domain.people import Person
from placet.store import people
from placet.store import tables as t

STEPS, OUTBOX = "/api/v1/admin/failed-steps", "/api/v1/admin/outbox"


async def somebody(office: Office, who: str) -> Person:
    found = await office.store.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def mail(office: Office, message_id: int = 1) -> Any:
    query = sa.select(t.message).where(t.message.c.id == message_id)
    return await office.store.read(lambda tx: tx.conn.execute(query).one())


async def test_failed_steps_come_with_their_error_and_the_task_that_asks(office: Office) -> None:
    await office.task()
    failed = [(await office.task()).partition(".")[0] for _ in range(3)]
    for case_id in failed:
        office.clock.move(timedelta(seconds=1))
        await fail_step(office, case_id, f"no to {case_id}")
    first = await office.get("root", f"{STEPS}?limit=2")
    rest = await office.get("root", f"{STEPS}?limit=2&cursor={first['next_cursor']}")
    lines = [*first["items"], *rest["items"]]
    assert {line["case_id"] for line in lines} == set(failed) and len(lines) == 3
    assert all(line["error"] == f"no to {line['case_id']}" and line["step"] == "crm.set-status" for line in lines)
    tasks = [await office.get("root", f"/api/v1/tasks/{line['task']}") for line in lines]
    assert all(task["can_answer"] for task in tasks)
    assert rest["next_cursor"] is None


async def test_the_outbox_tells_what_waits_and_what_failed(office: Office) -> None:
    await office.task()
    before = await office.get("root", OUTBOX)
    assert before["waiting"] == len(before["owed"]) >= 1
    assert (before["mails_failed"], before["failed"]) == (0, [])
    await refuse_mail(office)
    after = await office.get("root", OUTBOX)
    assert after["mails_failed"] == 1
    assert after["mails_leaving"] == before["mails_leaving"] - 1
    (failed,) = after["failed"]
    assert (failed["id"], failed["error"], "text" in failed) == (1, "550: unknown", False)


async def test_a_mail_that_failed_is_queued_again_once_and_the_log_says_by_whom(office: Office) -> None:
    await office.task()
    await refuse_mail(office)
    key = {"Idempotency-Key": "again-1"}
    answers = [await office.call("root", "POST", "/api/v1/messages/1/retry", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json() == {"id": 1, "state": "queued"}
    row = await mail(office)
    assert (row.state, row.error, row.attempts) == ("queued", None, 1)
    (line,) = await office.lines("@mail")
    assert line[:2] == ("root", "mail.retried") and line[2] | {"error": ""} == {
        "message": 1,
        "key": row.key,
        "attempts": 1,
        "error": "",
    }


@pytest.mark.parametrize("state", ["queued", "sending", "sent", "stored"])
async def test_a_mail_that_has_not_failed_is_not_sent_again(office: Office, state: str) -> None:
    await office.task()
    await office.store.write(lambda tx: tx.conn.execute(t.message.update().values(state=state)))
    answer = await office.call("root", "POST", "/api/v1/messages/1/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "mail-not-failed")
    assert (await mail(office)).state == state
    assert [line[1:] for line in await office.lines("@refused")] == [
        ("message.retry", {"code": "mail-not-failed", "message": 1})
    ]


@pytest.mark.parametrize(("message", "status"), [("99999", 404), ("0", 422), ("x", 422), ("9" * 30, 422)])
async def test_a_mail_that_is_none_cannot_be_sent_again(office: Office, message: str, status: int) -> None:
    assert (await office.call("root", "POST", f"/api/v1/messages/{message}/retry")).status_code == status


async def test_others_may_not_and_their_attempt_is_kept(office: Office) -> None:
    await office.task()
    await refuse_mail(office)
    assert (await office.call("kofi", "GET", STEPS)).status_code == 403
    assert (await office.call("cora", "POST", "/api/v1/messages/1/retry")).status_code == 403
    assert (await mail(office)).state == "refused"
    refused = [(actor, action) for actor, action, _ in await office.lines("@refused")]
    assert refused == [("kofi", "admin.read"), ("cora", "message.retry")]


async def test_administrators_see_how_the_installation_is(office: Office) -> None:
    await office.task()
    await refuse_mail(office)
    root = await somebody(office, "root")
    health = await office.control.administration.health(root)
    assert (health.cases_open, health.mails_failed, health.outbox_waiting) == (1, 1, 1)
    assert health.oldest_owed_at is not None
    with pytest.raises(Problem, match="Only administrators"):
        await office.control.administration.health(await somebody(office, "kofi"))
