"""Proposals over HTTP: made, seen, listed, approved past the voters; and what the faucet says."""

from datetime import timedelta
from typing import Any

import pytest

from api.chamber import DELETIONS, PENDING, PROPOSALS, STEP, body, delete, deposit, force, propose, sit, vote
from api.office import Office
from placet.domain.people import Grant
from placet.store import funds, people

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
async def _chamber(office: Office) -> None:
    await sit(office)


async def test_a_proposal_is_answered_with_its_vote_open(office: Office) -> None:
    answer = await office.call("prue", "POST", PROPOSALS, body(recurrence="monthly"))
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/proposer/workflows/{made['id']}"
    now = int(office.clock.time.timestamp())
    expected: dict[str, Any] = {
        "kind": "workflow",
        "status": "pending",
        "title": "A new fence",
        "proposer": "prue",
        "scope": "deals",
        "recurrence": "monthly",
        "series_id": f"series-{made['id']}",
        "weekly_bounty_requirement": 10,
        "quorum_reached_at": None,
        "finalize_at": None,
        "finalized_at": None,
        "vote_decision": None,
        "vote_finalized_by_user_id": None,
        "my_decision": None,
        "awaiting_funds": False,
        "created_at": now,
        "expires_at": now + 14 * 86400,
        "votes": {
            "total_voters": 10,
            "votes_cast": 0,
            "approve": 0,
            "deny": 0,
            "quorum_reached": False,
            "quorum_threshold": 5,
        },
    }
    assert {key: made[key] for key in expected} == expected
    assert made["explanation"].startswith("0 of 10 have voted")
    assert await office.get("prue", f"{PROPOSALS}/{made['id']}") == made


async def test_descriptions_come_as_written_and_as_html_that_is_safe(office: Office) -> None:
    hostile = "Of *wood*. <script>alert(1)</script> [x](javascript:alert(1))"
    made = await propose(office, description=hostile, steps=[STEP | {"description": hostile}])
    voted = await office.call("v0", "POST", f"{PENDING}/{made['id']}/vote", {"decision": "approve"})
    (listed,) = (await office.get("v1", PENDING))["items"]
    safe = "<p>Of <em>wood</em>. &lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))</p>"
    for shown in (made, listed, voted.json()):
        for part in (shown, *shown["steps"]):
            assert (part["description"], part["description_html"]) == (hostile, safe)


async def test_a_proposal_without_a_scope_belongs_to_general(office: Office) -> None:
    await office.hire("gail", "proposer")
    sent = body()
    del sent["scope"]
    answer = await office.call("gail", "POST", PROPOSALS, sent)
    assert (answer.status_code, answer.json()["scope"]) == (201, "general")


async def test_the_same_key_proposes_once(office: Office) -> None:
    key = {"Idempotency-Key": "p1"}
    first = await office.call("prue", "POST", PROPOSALS, body(), headers=key)
    again = await office.call("prue", "POST", PROPOSALS, body(), headers=key)
    assert (again.status_code, again.headers["Idempotent-Replay"], again.json()) == (201, "true", first.json())
    assert len((await office.get("prue", PROPOSALS))["items"]) == 1


async def test_a_proposer_sees_their_own_proposals_newest_first_and_page_by_page(office: Office) -> None:
    made = []
    for number in range(3):
        made.append((await propose(office, title=f"Fence {number}"))["id"])
        office.clock.move(DAY)
    first = await office.get("prue", f"{PROPOSALS}?limit=2")
    rest = await office.get("prue", f"{PROPOSALS}?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
    assert (await office.get("v0", PROPOSALS))["items"] == []


async def test_voters_see_what_is_pending_in_their_scopes_with_tallies_and_their_own_vote(office: Office) -> None:
    made = await propose(office)
    await vote(office, made["id"], "approve", "deny", "approve")
    (seen,) = (await office.get("v1", PENDING))["items"]
    assert (seen["id"], seen["my_decision"]) == (made["id"], "deny")
    assert (seen["votes"]["approve"], seen["votes"]["deny"], seen["votes"]["votes_cast"]) == (2, 1, 3)
    (seen,) = (await office.get("v9", PENDING))["items"]
    assert seen["my_decision"] is None
    assert (await office.get("lars", PENDING))["items"] == []
    assert (await office.get("root", f"{PENDING}?scope=labs"))["items"] == []
    assert [one["id"] for one in (await office.get("root", PENDING))["items"]] == [made["id"]]


async def test_pending_pages_join_without_gap_or_repeat(office: Office) -> None:
    made = {(await propose(office, title=f"Fence {number}"))["id"] for number in range(5)}
    found: list[str] = []
    cursor = ""
    while True:
        page = await office.get("v0", f"{PENDING}?limit=2{cursor}")
        found += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert (len(found), set(found)) == (5, made)


async def test_listing_finalises_whatever_is_past_its_countdown(office: Office) -> None:
    approved, rejected, running = [(await propose(office, title=f"Fence {n}"))["id"] for n in range(3)]
    await deposit(office, 100)
    await vote(office, approved, *["approve"] * 3, *["deny"] * 2)
    await vote(office, rejected, *["approve"] * 3, *["deny"] * 3)
    ends = office.clock.time + DAY
    office.clock.move(DAY * 2)
    # Both would be on the second page: what is due is looked for everywhere.
    page = await office.get("v0", f"{PENDING}?limit=1")
    assert ([one["id"] for one in page["items"]], page["next_cursor"]) == ([running], None)
    seen = await office.get("prue", f"{PROPOSALS}/{approved}")
    assert (seen["status"], seen["vote_decision"]) == ("approved", "approve")
    assert seen["finalized_at"] == seen["finalize_at"] == int(ends.timestamp())
    seen = await office.get("prue", f"{PROPOSALS}/{rejected}")
    assert (seen["status"], seen["vote_decision"]) == ("rejected", "deny")


async def test_reading_one_proposal_finalises_it(office: Office) -> None:
    made = await propose(office)
    office.clock.move(timedelta(days=14))
    seen = await office.get("prue", f"{PROPOSALS}/{made['id']}")
    assert (seen["status"], seen["finalized_at"]) == ("expired", made["expires_at"])
    assert "without quorum" in seen["explanation"]


async def test_a_passed_proposal_without_funds_says_what_it_waits_for(office: Office) -> None:
    made = await propose(office)
    await vote(office, made["id"], *["approve"] * 6)
    seen = await office.get("prue", f"{PROPOSALS}/{made['id']}")
    assert (seen["status"], seen["awaiting_funds"], seen["vote_decision"]) == ("pending", True, "approve")
    assert "Waiting for funds: 40 is needed, 0 is free." in seen["explanation"]
    assert [one["id"] for one in (await office.get("v9", PENDING))["items"]] == [made["id"]]
    told = await deposit(office, 50)
    assert told == {"balance": 50, "allocated": 0, "unallocated": 50, "amount": 50, "memo": ""}
    seen = await office.get("prue", f"{PROPOSALS}/{made['id']}")
    assert (seen["status"], seen["awaiting_funds"]) == ("approved", False)
    assert await office.get("root", "/admin/faucet") == {"balance": 50, "allocated": 40, "unallocated": 10}


async def test_a_case_says_that_it_waits_for_its_voters_and_then_for_funds(office: Office) -> None:
    made = await propose(office)
    address = f"/api/v1/cases/{made['id']}"
    case = await office.get("prue", address)
    assert case["waiting_for"].startswith("0 of 10 have voted (0 for, 0 against); 5 more votes are needed for quorum")
    assert [(one["form"], one["state"]) for one in case["decisions"]] == [("ballot", "open")]
    assert case["tasks"] == []
    office.clock.move(DAY)
    await vote(office, made["id"], *["approve"] * 6)
    case = await office.get("prue", address)
    assert case["waiting_for"].startswith("Waiting for funds: 40 is needed, 0 is free.")
    assert [(one["form"], one["state"]) for one in case["decisions"]] == [("ballot", "closed"), ("funds", "open")]
    assert case["decisions"][0]["verdict"]["outcome"] == "approve"
    (line,) = (await office.get("root", "/api/v1/cases?kind=proposal"))["items"]
    assert line["waiting_for"] == case["waiting_for"]


async def test_a_case_that_is_started_in_the_general_way_says_whom_it_waits_for_at_once(office: Office) -> None:
    request = body()
    scope = request.pop("scope")
    answer = await office.call("prue", "POST", "/api/v1/workflows/proposal/cases", {"scope": scope, "request": request})
    assert (answer.status_code, answer.json()["waiting_for"][:10]) == (201, "0 of 10 ha")


async def test_a_paused_vote_is_explained_as_of_the_pause(office: Office) -> None:
    made = await propose(office)
    assert (await office.call("cora", "POST", f"/api/v1/cases/{made['id']}/pause", {"reason": "x"})).status_code == 200
    office.clock.move(timedelta(days=20))
    seen = await office.get("prue", f"{PROPOSALS}/{made['id']}")
    assert seen["status"] == "pending"
    assert "(in 14 days)" in seen["explanation"]
    waiting = (await office.get("prue", f"/api/v1/cases/{made['id']}"))["waiting_for"]
    assert waiting.startswith("Paused since") and "(in 14 days)" in waiting


async def test_ballots_and_waits_for_funds_are_no_tasks(office: Office) -> None:
    made = await propose(office)
    for _ in range(2):
        assert (await office.get("v0", "/api/v1/tasks"))["items"] == []
        for decision in (f"{made['id']}.vote.1", f"{made['id']}.funds.1"):
            task = f"/api/v1/tasks/{decision}"
            assert (await office.call("v0", "GET", task)).status_code == 404
            for act, sent in (
                ("answer", {"outcome": "approve"}),
                ("claim", {}),
                ("release", {}),
                ("delegate", {"to": "v1"}),
                ("reassign", {"to": "v1"}),
                ("signal-token", {}),
            ):
                for who in ("v0", "root"):
                    answer = await office.call(who, "POST", f"{task}/{act}", sent)
                    assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), (act, who)
        await vote(office, made["id"], *["approve"] * 6)


async def test_an_administrator_approves_past_the_voters(office: Office) -> None:
    made = await propose(office)
    await deposit(office, 40)
    done = await force(office, made)
    assert done.status_code == 200
    seen = done.json()
    assert (seen["status"], seen["vote_decision"], seen["vote_finalized_by_user_id"]) == (
        "approved",
        "admin_approve",
        "root",
    )
    assert seen["finalized_at"] == int(office.clock.time.timestamp())
    lines = await office.lines(made["id"])
    assert [actor for actor, action, _ in lines if action == "ballot.forced"] == ["root"]


async def test_forcing_needs_no_reason_and_no_body(office: Office) -> None:
    made = await propose(office, steps=[STEP | {"bounty": 0}])
    answer = await office.call("root", "POST", f"/admin/workflows/{made['id']}/force-approve")
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")


async def test_forcing_what_is_decided_is_refused_with_the_final_state(office: Office) -> None:
    made = await propose(office)
    await vote(office, made["id"], *["deny"] * 6)
    refused = await force(office, made)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "ballot-closed")
    assert problem["final"] == await office.get("root", f"{PROPOSALS}/{made['id']}")
    assert (problem["final"]["status"], problem["final"]["vote_decision"]) == ("rejected", "deny")
    assert ("root", "ballot.force-approve") in [line[:2] for line in await office.lines("@refused")]


async def test_forcing_after_the_deadline_finds_the_verdict_of_the_deadline(office: Office) -> None:
    made = await propose(office)
    await deposit(office, 40)
    office.clock.move(timedelta(days=14))
    refused = await force(office, made)
    assert (refused.status_code, refused.json()["final"]["status"]) == (409, "expired")
    assert (await office.get("prue", f"{PROPOSALS}/{made['id']}"))["status"] == "expired"


async def test_forcing_what_nobody_can_pay_is_refused_and_changes_nothing(office: Office) -> None:
    made = await propose(office)
    await deposit(office, 39)
    refused = await force(office, made)
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient-funds")
    assert "final" not in refused.json()
    assert await office.get("prue", f"{PROPOSALS}/{made['id']}") == made
    assert await office.get("root", "/admin/faucet") == {"balance": 39, "allocated": 0, "unallocated": 39}


async def test_forcing_with_the_same_key_is_answered_alike(office: Office) -> None:
    made = await propose(office, steps=[STEP | {"bounty": 0}])
    path = f"/admin/workflows/{made['id']}/force-approve"
    first = await office.call("root", "POST", path, {}, headers={"Idempotency-Key": "f"})
    again = await office.call("root", "POST", path, {}, headers={"Idempotency-Key": "f"})
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


async def test_an_administrator_of_another_scope_may_not_force(office: Office) -> None:
    await office.hire("ada", "admin@labs")
    made = await propose(office)
    assert (await force(office, made, "ada")).status_code == 403


async def test_a_deletion_is_proposed_voted_on_and_listed_apart(office: Office) -> None:
    made = await propose(office)
    asked = await delete(office, made["id"], who="v3")
    assert (asked["kind"], asked["target_kind"], asked["target_id"]) == ("deletion", "workflow", made["id"])
    assert (asked["title"], asked["description"], asked["proposer"]) == ("Delete: A new fence", "Not needed", "v3")
    # All voters but the one who proposes the deletion.
    assert asked["votes"]["total_voters"] == 10
    assert [one["id"] for one in (await office.get("v0", PENDING))["items"]] == [made["id"]]
    assert [one["id"] for one in (await office.get("v0", f"{PENDING}?kind=deletion"))["items"]] == [asked["id"]]
    assert [one["id"] for one in (await office.get("v0", DELETIONS))["items"]] == [asked["id"]]
    assert await office.get("v3", f"{DELETIONS}/{asked['id']}") == asked
    done = await force(office, asked)
    assert (done.status_code, done.json()["status"], done.json()["vote_decision"]) == (200, "approved", "admin_approve")
    assert (await office.get("v0", DELETIONS))["items"] == []


async def test_each_kind_has_its_own_addresses(office: Office) -> None:
    made = await propose(office)
    asked = await delete(office, made["id"])
    assert (await office.call("root", "GET", f"{PROPOSALS}/{asked['id']}")).status_code == 404
    assert (await office.call("root", "GET", f"{DELETIONS}/{made['id']}")).status_code == 404
    for path in (f"/admin/workflows/{asked['id']}", f"/admin/deletion-proposals/{made['id']}"):
        assert (await office.call("root", "POST", f"{path}/force-approve", {})).status_code == 404


async def test_a_series_is_deleted_by_its_own_id_or_its_proposals(office: Office) -> None:
    for by_series in (True, False):
        made = await propose(office, recurrence="weekly")
        asked = await delete(office, made["series_id"] if by_series else made["id"], "series")
        assert asked["target_id"] == made["series_id"]


async def test_the_faucet_keeps_every_movement_and_the_log_says_who_deposited(office: Office) -> None:
    sent = {"amount": 100, "memo": "Grant of the city"}
    first = await office.call("root", "POST", "/admin/faucet/deposits", sent, headers={"Idempotency-Key": "d"})
    again = await office.call("root", "POST", "/admin/faucet/deposits", sent, headers={"Idempotency-Key": "d"})
    assert (first.status_code, again.json(), again.headers["Idempotent-Replay"]) == (201, first.json(), "true")
    other = await office.call(
        "root", "POST", "/admin/faucet/deposits", sent | {"amount": 1}, headers={"Idempotency-Key": "d"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    made = await propose(office)
    await force(office, made)
    assert await office.get("root", "/admin/faucet") == {"balance": 100, "allocated": 40, "unallocated": 60}
    lines = (await office.get("kofi", "/admin/faucet/ledger"))["items"]
    assert [(line["account"], line["amount"], line["by"], line["memo"]) for line in lines] == [
        (f"reserved:{made['id']}", 40, "placet", "reserved"),
        ("faucet", -40, "placet", "reserved"),
        ("faucet", 100, "root", "Grant of the city"),
        ("deposits", -100, "root", "Grant of the city"),
    ]
    page = await office.get("root", "/admin/faucet/ledger?limit=3")
    rest = await office.get("root", f"/admin/faucet/ledger?limit=3&cursor={page['next_cursor']}")
    assert page["items"] + rest["items"] == lines
    ((actor, action, detail),) = await office.lines("@faucet")
    assert (actor, action, detail["amount"]) == ("root", "faucet.deposited", 100)


async def test_coordinators_of_everything_see_the_faucet_but_not_the_ledger(office: Office) -> None:
    await office.hire("cleo", "coordinator")
    assert (await office.call("cleo", "GET", "/admin/faucet")).status_code == 200
    assert (await office.call("cleo", "GET", "/admin/faucet/ledger")).status_code == 403


async def test_two_deposits_without_a_key_both_count(office: Office) -> None:
    await deposit(office, 5)
    await deposit(office, 5)
    assert (await office.store.read(funds.totals))["balance"] == 10


async def test_rights_are_looked_up_when_they_are_used(office: Office) -> None:
    await propose(office)
    await office.store.write(lambda tx: people.set_grants(tx, "root", "v0", (Grant(role="member"),)))
    assert (await office.call("v0", "GET", PENDING)).status_code == 403
    assert ("v0", "proposal.read-pending", {"code": "forbidden"}) in await office.lines("@refused")
