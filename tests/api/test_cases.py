"""Starting, listing, looking at and steering cases."""

from datetime import timedelta

from api.office import HASH, Office, review
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.extraction.port import DocumentRef, ExtractedText
from placet.domain.course import Closing, Report
from placet.domain.step import Step, StepState
from placet.store import course, journal
from placet.store import tables as t
from placet.store.engine import Tx


async def test_a_started_case_has_an_address_and_a_frozen_policy(office: Office) -> None:
    body = {"scope": "deals", "request": {"name": "Pens", "amount": 2, "stops": [{"city": "Bergen"}]}}
    answer = await office.call("rita", "POST", "/api/v1/workflows/order/cases", body)
    opened = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/cases/{opened['id']}"
    assert (opened["title"], opened["state"], opened["requester"]) == ("Order of Pens", "starting", "rita")
    shown = await office.get("rita", answer.headers["Location"])
    assert shown["request"] == {
        "name": "Pens",
        "amount": 2,
        "address": {"city": "Oslo", "code": ""},
        "stops": [{"city": "Bergen", "code": ""}],
    }
    row = await office.store.read(lambda tx: tx.conn.execute(t.case.select()).one())
    assert row.opening["policy"] == {"review": "3d"}
    orders = await office.store.read(lambda tx: tx.conn.execute(t.outbox.select()).all())
    assert [(order.case_id, order.action) for order in orders] == [(opened["id"], "start")]


async def test_only_its_starters_start_a_workflow(office: Office) -> None:
    await office.hire("aud", "auditor@labs")
    body = {"scope": "labs", "request": {"name": "x", "amount": 1}}
    assert (await office.call("rita", "POST", "/api/v1/workflows/audit/cases", body)).status_code == 403
    assert (
        await office.call("aud", "POST", "/api/v1/workflows/audit/cases", body | {"scope": "deals"})
    ).status_code == 403
    assert (await office.call("aud", "POST", "/api/v1/workflows/audit/cases", body)).status_code == 201
    assert (await office.call("root", "POST", "/api/v1/workflows/audit/cases", body)).status_code == 201


async def test_work_is_begun_by_approved_proposals_and_by_nobody_else(office: Office) -> None:
    order = {"proposal": "proposal-1", "title": "Free money", "steps": [{"title": "Nothing", "bounty": 1000}]}
    refused = await office.call("root", "POST", "/api/v1/workflows/proposal-work/cases", {"request": order})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "proposal-work" not in [line["kind"] for line in (await office.get("root", "/api/v1/workflows"))["items"]]


async def test_the_catalogue_says_what_a_request_needs(office: Office) -> None:
    listed = await office.get("mo", "/api/v1/workflows")
    silences = {line["kind"]: line["silence"] for line in listed["items"]}
    assert (silences["order"], silences["audit"]) == ("It is refused.", "y")
    shown = await office.get("mo", "/api/v1/workflows/order")
    schema = shown["request_schema"]
    assert (schema["required"], schema["additionalProperties"], shown["policy"]) == (
        ["name", "amount"],
        False,
        {"review": "3d"},
    )


async def test_lists_are_newest_first_in_pages_and_filtered(office: Office) -> None:
    ids = []
    for number in range(5):
        office.clock.move(timedelta(seconds=1))
        ids.append(await office.start(scope="deals" if number % 2 else "labs", name=f"100% No{number}"))
    first = await office.get("rita", "/api/v1/cases?limit=2")
    second = await office.get("rita", f"/api/v1/cases?limit=2&cursor={first['next_cursor']}")
    third = await office.get("rita", f"/api/v1/cases?limit=2&cursor={second['next_cursor']}")
    assert [line["id"] for page in (first, second, third) for line in page["items"]] == ids[::-1]
    assert third["next_cursor"] is None
    for query, expected in (
        ("scope=deals", 2),
        ("kind=order", 5),
        ("kind=other", 0),
        ("state=starting", 5),
        ("state=closed", 0),
        ("state=open", 5),
        ("q=100%25 no3", 1),
        ("q=%25%25", 0),
    ):
        assert len((await office.get("rita", f"/api/v1/cases?{query}"))["items"]) == expected, query


async def test_people_see_their_own_cases_and_those_of_their_scopes(office: Office) -> None:
    deals, labs = await office.start(scope="deals"), await office.start(scope="labs")
    await office.ask(deals, review())
    seen = {}
    for who in ("rita", "ben", "mo", "cora", "carl", "kofi", "root"):
        listed = await office.get(who, "/api/v1/cases")
        seen[who] = {line["id"] for line in listed["items"]}
    assert seen == {
        "rita": {deals, labs},
        "ben": {deals},
        "mo": set(),
        "cora": {deals},
        "carl": {labs},
        "kofi": {deals, labs},
        "root": {deals, labs},
    }


async def test_a_case_says_what_it_waits_for(office: Office) -> None:
    case_id = await office.start()
    assert "nobody needs to act" in (await office.get("rita", f"/api/v1/cases/{case_id}"))["waiting_for"]
    await office.ask(case_id, review())
    waiting = (await office.get("rita", f"/api/v1/cases/{case_id}"))["waiting_for"]
    assert waiting.startswith("Waiting for somebody with the role buyer in deals: Review the order. If nobody acts, it")
    await office.call("cora", "POST", f"/api/v1/cases/{case_id}/pause", {"reason": "holidays"})
    shown = await office.get("rita", f"/api/v1/cases/{case_id}")
    assert (shown["paused"], shown["waiting_for"].startswith("Paused since 2 March 2026 09:00 UTC")) == (True, True)
    told = Report(
        case_id=case_id,
        run_id=f"run-of-{case_id}",
        seen=0,
        state="compensating",
        closing=Closing(state="refused", outcome={"status": "refused", "reason": "Too dear."}, summary="Too dear."),
    )
    await office.store.write(lambda tx: course.report(tx, told))
    shown = await office.get("rita", f"/api/v1/cases/{case_id}")
    assert shown["waiting_for"] == "It ended on 2 March 2026 09:00 UTC: refused. Too dear."
    assert (shown["state"], shown["outcome"]["status"], shown["closed_at"]) == (
        "refused",
        "refused",
        "2026-03-02T09:00:00Z",
    )


async def test_the_audit_lines_of_a_case_come_in_order_with_their_texts(office: Office) -> None:
    task = await office.task()
    case_id = task.partition(".")[0]
    await office.answer("ben", task, "refuse", comment="too dear")
    first = await office.get("rita", f"/api/v1/cases/{case_id}/events?limit=3")
    rest = await office.get("rita", f"/api/v1/cases/{case_id}/events?cursor={first['next_cursor']}")
    lines = first["items"] + rest["items"]
    assert [(line["seq"], line["action"]) for line in lines] == [
        (1, "case.opened"),
        (2, "task.opened"),
        (3, "task.answered"),
        (4, "task.closed"),
    ]
    assert (lines[0]["texts"], lines[2]["texts"]) == ({"title": "Order of Pens"}, {"comment": "too dear"})
    erase = t.audit_text.update().where(t.audit_text.c.chain == case_id).values(text=None)
    await office.store.write(lambda tx: tx.conn.execute(erase))
    again = await office.get("rita", f"/api/v1/cases/{case_id}/events")
    assert again["items"][2]["texts"] == {}


async def test_steering_a_case_changes_it_once(office: Office) -> None:
    task = await office.task()
    case_id = task.partition(".")[0]
    paused = await office.call("cora", "POST", f"/api/v1/cases/{case_id}/pause", {"reason": "wait"})
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    assert (await office.answer("ben", task)).json()["code"] == "case-paused"
    office.clock.move(timedelta(days=2))
    resumed = await office.call("cora", "POST", f"/api/v1/cases/{case_id}/resume")
    assert resumed.json()["paused"] is False
    due = (await office.get("ben", f"/api/v1/tasks/{task}"))["due_at"]
    assert due == "2026-03-07T09:00:00Z"
    cancelled = await office.call("root", "POST", f"/api/v1/cases/{case_id}/cancel", {"reason": "changed our mind"})
    assert cancelled.status_code == 200
    assert (await office.get("ben", "/api/v1/tasks"))["items"] == []
    answered = await office.answer("ben", task)
    assert (answered.status_code, answered.json()["verdict"]["outcome"]) == (409, "withdrawn")


async def test_a_case_past_its_point_of_no_return_cannot_be_cancelled(office: Office) -> None:
    case_id = await office.start()
    await office.store.write(lambda tx: journal.plan(tx, Step(case_id=case_id, name="pay", final=True), {}))
    refused = await office.call("cora", "POST", f"/api/v1/cases/{case_id}/cancel", {"reason": "late"})
    assert (refused.status_code, refused.json()["code"]) == (409, "point-of-no-return")


async def test_documents_come_only_through_the_case_that_made_them(office: Office) -> None:
    content = b"<script>alert(1)</script>"
    its_own, another = await office.start(), await office.start()
    await office.draft(its_own, HASH, content, "text/html")
    answer = await office.call("rita", "GET", f"/api/v1/cases/{its_own}/documents/{HASH}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await office.call("rita", "GET", f"/api/v1/cases/{another}/documents/{HASH}")).status_code == 404
    shown = await office.get("rita", f"/api/v1/cases/{its_own}")
    assert [(step["state"], step["attempts"]) for step in shown["steps"]] == [("done", 1)]


async def test_the_text_that_a_step_took_from_a_document_is_one_of_the_case(office: Office) -> None:
    case_id = await office.start()
    blobs = StoredBlobs(office.store)
    text = await blobs.put(b"A deed.", "text/plain")
    given = await blobs.put(b"%PDF", "application/pdf")
    step = Step(case_id=case_id, name="extraction.text")
    found = ExtractedText(document=DocumentRef(hash=given, media_type="text/plain"), text=text)

    def read(tx: Tx) -> None:
        journal.plan(tx, step, {})
        journal.finish(tx, step, StepState.DONE, found.model_dump(mode="json"))

    await office.store.write(read)
    assert (await office.call("rita", "GET", f"/api/v1/cases/{case_id}/documents/{text}")).content == b"A deed."
    # The document itself is one only if it was given to the case.
    assert (await office.call("rita", "GET", f"/api/v1/cases/{case_id}/documents/{given}")).status_code == 404
