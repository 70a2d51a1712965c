"""The inbox, one task, and acting on it."""

from datetime import timedelta

from api.office import FORM, PARTNER, Office, negotiation, review
from placet.domain.people import Named, Role
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec, n_of
from placet.store import tables as t


async def inbox(office: Office, who: str) -> list[str]:
    return [line["id"] for line in (await office.get(who, "/api/v1/tasks"))["items"]]


async def test_the_inbox_holds_what_this_person_may_answer_earliest_deadline_first(office: Office) -> None:
    later = await office.task(review(within=Span("9d")))
    never = await office.task(review(within=None))
    soon = await office.task(review(within=Span("1d")))
    elsewhere = await office.task(scope="labs")
    barred = await office.task(review(excluded={"ben": "you wrote it"}))
    assert await inbox(office, "ben") == [soon, later, never]
    assert barred in await inbox(office, "bea")
    assert elsewhere not in await inbox(office, "bea")
    assert await inbox(office, "rita") == []
    pages, cursor = [], ""
    while True:
        page = await office.get("ben", f"/api/v1/tasks?limit=1{cursor}")
        pages += [line["id"] for line in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [soon, later, never]


async def test_the_inbox_says_why_me_and_what_silence_does(office: Office) -> None:
    named = await office.task(review(to=(Named(person="mo"),), silence="approve"))
    line = (await office.get("mo", "/api/v1/tasks"))["items"][0]
    assert (line["id"], line["why"]) == (named, "You are named.")
    assert line["silence"] == "If nobody acts, it counts as “Approve” on 5 March 2026 09:00 UTC."
    assert (await office.call("mo", "POST", f"/api/v1/tasks/{named}/delegate", {"to": "ben"})).status_code == 200
    assert await inbox(office, "mo") == []
    assert (await office.get("ben", "/api/v1/tasks"))["items"][0]["why"] == "It was delegated by mo."
    ladder = (RungSpec(action=RungAction.ESCALATE, after=Span("1d"), to=(Role(name="coordinator"),)),)
    climbing = await office.task(review(ladder=ladder))
    office.clock.move(timedelta(days=1))
    # Nobody was there to apply the escalation; looking at the task does.
    await office.get("ben", f"/api/v1/tasks/{climbing}")
    line = next(line for line in (await office.get("cora", "/api/v1/tasks"))["items"] if line["id"] == climbing)
    assert line["why"] == "Nobody had answered, so it came to you. You are coordinator of deals."


async def test_an_answer_is_receipted_and_the_same_answer_again_is_the_same(office: Office) -> None:
    task = await office.task()
    counted = await office.answer("ben", task, "approve", comment="fine")
    assert counted.status_code == 200
    receipt = counted.json()["receipt"]
    assert (receipt["person"], receipt["at"], counted.json()["verdict"]["outcome"]) == (
        "ben",
        "2026-03-02T09:00:00Z",
        "approve",
    )
    chain = await office.get("rita", f"/api/v1/cases/{task.partition('.')[0]}/events")
    assert receipt["receipt"] in [line["hash"] for line in chain["items"]]
    again = await office.answer("ben", task, "approve", comment="fine")
    assert again.json()["receipt"] == receipt
    late = await office.answer("bea", task, "refuse", comment="no")
    assert (late.status_code, late.json()["code"], late.json()["verdict"]["by"]) == (409, "task-closed", ["ben"])
    shown = await office.get("ben", f"/api/v1/tasks/{task}")
    assert (shown["state"], shown["my_answer"]["receipt"], shown["can_answer"]) == ("closed", receipt["receipt"], False)
    assert shown["why_not"]["code"] == "task-closed"


async def test_several_answers_make_the_verdict(office: Office) -> None:
    task = await office.task(review(to=(Role(name="buyer"), Named(person="mo")), seats=n_of(2, 3)))
    first = (await office.answer("ben", task)).json()
    assert (first["verdict"], first["tally"]) == (None, {"approve": 1})
    changed = await office.answer("ben", task, "refuse", comment="oh")
    assert (changed.status_code, changed.json()["code"]) == (409, "already-answered")
    second = (await office.answer("mo", task)).json()
    assert (second["verdict"]["by"], second["tally"]) == (["ben", "mo"], {"approve": 2})


async def test_a_task_shows_everything_about_itself_and_where_i_stand(office: Office) -> None:
    task = await office.task(negotiation(to=(Role(name="buyer"), PARTNER)))
    shown = await office.get("ben", f"/api/v1/tasks/{task}")
    assert (shown["subject"], shown["form"], shown["can_answer"]) == ({"name": "Pens"}, FORM, True)
    assert [(outcome["name"], outcome["form"] is not None) for outcome in shown["outcomes"]] == [
        ("approve", False),
        ("counter", True),
        ("refuse", False),
    ]
    assert shown["waiting_for"].startswith(
        "Waiting for somebody with the role buyer in deals or Rosa of Acme (outside the organisation)"
    )
    assert [candidate["person"] or candidate["role"] for candidate in shown["candidates"]] == ["buyer", PARTNER.person]
    mine = await office.get("rita", f"/api/v1/tasks/{task}")
    assert mine["why_not"] == {"code": "excluded", "detail": "You cannot decide this: you asked for it."}
    assert (await office.get("cora", f"/api/v1/tasks/{task}"))["can_reassign"] is True


async def test_claiming_keeps_others_out_until_released(office: Office) -> None:
    task = await office.task()
    assert (await office.call("ben", "POST", f"/api/v1/tasks/{task}/claim")).status_code == 200
    assert (await office.answer("bea", task)).json()["code"] == "claimed"
    line = (await office.get("bea", "/api/v1/tasks"))["items"][0]
    assert line["claimed_by"] == ["ben"]
    waiting = (await office.get("rita", f"/api/v1/tasks/{task}"))["waiting_for"]
    assert waiting.startswith("Waiting for ben, who claimed it")
    assert (await office.call("ben", "POST", f"/api/v1/tasks/{task}/release")).status_code == 200
    assert (await office.answer("bea", task)).status_code == 200


async def test_a_coordinator_puts_a_task_to_somebody_else(office: Office) -> None:
    task = await office.task()
    moved = await office.call("cora", "POST", f"/api/v1/tasks/{task}/reassign", {"to": "mo", "comment": "on leave"})
    assert moved.status_code == 200
    assert (await inbox(office, "mo"), await inbox(office, "ben")) == ([task], [])
    unfit = await office.call("cora", "POST", f"/api/v1/tasks/{task}/reassign", {"to": "rita"})
    assert (unfit.status_code, unfit.json()["code"], unfit.json()["field"]) == (422, "unfit-person", "to")
    nobody = await office.call("mo", "POST", f"/api/v1/tasks/{task}/delegate", {"to": "zoe"})
    assert (nobody.status_code, nobody.json()["code"], nobody.json()["field"]) == (422, "unknown-person", "to")


async def test_looking_at_a_task_past_its_deadline_closes_it_as_of_the_deadline(office: Office) -> None:
    task = await office.task()
    office.clock.move(timedelta(days=4))
    assert await inbox(office, "ben") == []
    shown = await office.get("ben", f"/api/v1/tasks/{task}")
    assert (shown["state"], shown["verdict"]["outcome"], shown["verdict"]["at"]) == (
        "closed",
        "expired",
        "2026-03-05T09:00:00Z",
    )
    case = await office.get("rita", f"/api/v1/cases/{task.partition('.')[0]}")
    assert case["tasks"][0]["verdict"]["reason"] == "silence"


async def test_a_list_of_cases_also_applies_what_is_due(office: Office) -> None:
    task = await office.task()
    office.clock.move(timedelta(days=4))
    await office.get("rita", "/api/v1/cases")
    row = await office.store.read(lambda tx: tx.conn.execute(t.decision.select()).one())
    assert (row.id, row.state) == (task, "closed")


async def test_a_signal_token_is_for_those_who_may_answer(office: Office) -> None:
    task = await office.task()
    issued = await office.call("ben", "POST", f"/api/v1/tasks/{task}/signal-token")
    assert (issued.status_code, issued.json()["expires_at"]) == (201, "2026-03-09T09:00:00Z")
    assert issued.json()["token"].startswith("sig_")
    refused = await office.call("cora", "POST", f"/api/v1/tasks/{task}/signal-token")
    assert (refused.status_code, refused.json()["code"]) == (403, "not-asked")


async def test_what_was_looked_at_must_still_be_what_is_decided(office: Office) -> None:
    task = await office.task()
    stale = await office.answer("ben", task, subject_hash="0" * 64)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale-subject")
    current = (await office.get("ben", f"/api/v1/tasks/{task}"))["subject_hash"]
    assert (await office.answer("ben", task, subject_hash=current)).status_code == 200
