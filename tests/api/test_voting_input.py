"""Wrong input about proposals, deletions and the faucet: a clear 4xx with a stable code, and nothing changed."""

from typing import Any

import pytest
import sqlalchemy as sa

from api.chamber import DELETIONS, PENDING, PROPOSALS, STEP, body, delete, deposit, propose, sit, try_delete, vote
from api.office import Office
from placet.domain.proposal import MAX_AMOUNT
from placet.store import funds, proposals, works
from placet.store import tables as t
from placet.store.ballots import locked_ballot

HALF = MAX_AMOUNT // 2 + 1
DEPOSITS = "/admin/faucet/deposits"


def step(**other: Any) -> dict[str, Any]:
    return {"steps": [STEP | other]}


# body, field
PROPOSED: list[tuple[Any, str | None]] = [
    ({"steps": []}, "steps"),
    ({"steps": [STEP] * 101}, "steps"),
    ({"steps": "paint"}, "steps"),
    ({"steps": [STEP, {"title": "x"}]}, "steps.1.bounty"),
    (step(bounty=-1), "steps.0.bounty"),
    (step(bounty=1.5), "steps.0.bounty"),
    (step(bounty=1.0), "steps.0.bounty"),
    (step(bounty="40"), "steps.0.bounty"),
    (step(bounty=True), "steps.0.bounty"),
    (step(bounty=None), "steps.0.bounty"),
    (step(bounty=MAX_AMOUNT + 1), "steps.0.bounty"),
    (step(bounty=10**400), "steps.0.bounty"),
    ({"steps": [STEP | {"bounty": HALF}] * 2}, "steps"),
    (step(bounty=HALF) | {"recurrence": "daily"}, "recurrence"),
    (step(title=""), "steps.0.title"),
    (step(title="a\nb"), "steps.0.title"),
    (step(credentials=["a b!"]), "steps.0.credentials"),
    (step(credentials=["dog", "dog"]), "steps.0.credentials"),
    (step(bonus=1), "steps.0.bonus"),
    ({"title": "  "}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"title": 5}, "title"),
    ({"description": "x" * 50_001}, "description"),
    ({"description": "a\u0000b"}, None),
    ({"recurrence": "yearly"}, "recurrence"),
    ({"recurrence": None}, "recurrence"),
    ({"scope": "*"}, "scope"),
    ({"scope": "Deals/.."}, "scope"),
    ({"status": "approved"}, "status"),
    ({"proposer": "root"}, "proposer"),
]

# body, status, code, field
DEPOSITED: list[tuple[Any, str, str | None]] = [
    ({}, "invalid-request", "amount"),
    ({"amount": 0}, "invalid-request", "amount"),
    ({"amount": -5}, "invalid-request", "amount"),
    ({"amount": 1.5}, "invalid-request", "amount"),
    ({"amount": 1.0}, "invalid-request", "amount"),
    ({"amount": "5"}, "invalid-request", "amount"),
    ({"amount": True}, "invalid-request", "amount"),
    ({"amount": MAX_AMOUNT + 1}, "deposit-overflow", "amount"),
    ({"amount": 2**63}, "deposit-overflow", "amount"),
    ({"amount": 10**400}, "deposit-overflow", "amount"),
    ({"amount": 5, "memo": "x" * 501}, "invalid-request", "memo"),
    ({"amount": 5, "memo": "a\nb"}, "invalid-request", "memo"),
    ({"amount": 5, "to": "me"}, "invalid-request", "to"),
]

DELETED: list[tuple[Any, str]] = [
    ({"target_id": "x"}, "target_kind"),
    ({"target_kind": "case", "target_id": "x"}, "target_kind"),
    ({"target_kind": "workflow"}, "target_id"),
    ({"target_kind": "workflow", "target_id": ""}, "target_id"),
    ({"target_kind": "workflow", "target_id": "x" * 201}, "target_id"),
    ({"target_kind": "workflow", "target_id": "x", "reason": "x" * 8001}, "reason"),
    ({"target_kind": "workflow", "target_id": "x", "title": "Harmless"}, "title"),
]


@pytest.fixture(autouse=True)
async def _chamber(office: Office) -> None:
    await sit(office)


async def kept(office: Office) -> dict[str, Any]:
    """Everything that voting keeps, and the lines of every log but that of refusals."""
    tables = (t.case, t.proposal, t.decision, t.act, t.budget, t.reservation, t.ledger, t.mailing, t.message, t.outbox)

    def look(tx: Any) -> dict[str, Any]:
        rows = {table.name: tx.conn.execute(sa.select(table)).all() for table in tables}
        return rows | {"audit": tx.conn.execute(sa.select(t.audit.c.hash).where(t.audit.c.chain != "@refused")).all()}

    return await office.store.read(look)


async def refused(office: Office, who: str, method: str, path: str, sent: Any) -> tuple[int, str, str | None]:
    """`(status, code, field)`; asserts that nothing has changed."""
    before = await kept(office)
    answer = await office.call(who, method, path, sent)
    assert await kept(office) == before
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    return answer.status_code, problem["code"], problem.get("field")


@pytest.mark.parametrize(("wrong", "field"), PROPOSED, ids=range(len(PROPOSED)))
async def test_a_proposal_that_is_wrong_is_refused_where_it_is_wrong(
    office: Office, wrong: dict[str, Any], field: str | None
) -> None:
    assert await refused(office, "prue", "POST", PROPOSALS, body(**wrong)) == (422, "invalid-request", field)


@pytest.mark.parametrize("missing", ["title", "steps"])
async def test_a_proposal_that_lacks_something_says_what(office: Office, missing: str) -> None:
    sent = {key: value for key, value in body().items() if key != missing}
    assert await refused(office, "prue", "POST", PROPOSALS, sent) == (422, "invalid-request", missing)


async def test_a_proposal_that_is_too_large_is_refused(office: Office) -> None:
    sent = body(steps=[STEP | {"description": "x" * 20_000}] * 20)
    assert (await refused(office, "prue", "POST", PROPOSALS, sent))[:2] == (413, "too-large")
    sent = body(description="x" * 3_000_000)
    assert (await refused(office, "prue", "POST", PROPOSALS, sent))[:2] == (413, "too-large")


@pytest.mark.parametrize(("wrong", "code", "field"), DEPOSITED, ids=range(len(DEPOSITED)))
async def test_a_deposit_that_is_wrong_changes_no_balance(
    office: Office, wrong: dict[str, Any], code: str, field: str | None
) -> None:
    await deposit(office, 10)
    assert await refused(office, "root", "POST", DEPOSITS, wrong) == (422, code, field)


async def test_the_faucet_fills_to_the_last_unit_and_no_further(office: Office) -> None:
    await deposit(office, MAX_AMOUNT - 5)
    assert (await refused(office, "root", "POST", DEPOSITS, {"amount": 6}))[:2] == (422, "deposit-overflow")
    assert (await deposit(office, 5))["balance"] == MAX_AMOUNT
    assert ("root", "faucet.deposit", {"code": "deposit-overflow"}) in await office.lines("@refused")


@pytest.mark.parametrize(("wrong", "field"), DELETED, ids=range(len(DELETED)))
async def test_a_deletion_that_is_wrong_is_refused_where_it_is_wrong(
    office: Office, wrong: dict[str, Any], field: str
) -> None:
    assert await refused(office, "prue", "POST", DELETIONS, wrong) == (422, "invalid-request", field)


async def test_the_deletion_of_what_is_not_there_or_not_theirs_to_see_looks_alike(office: Office) -> None:
    made = await propose(office, recurrence="weekly")
    order = await office.start()
    await office.hire("pam", "proposer@labs")
    answers = set()
    for who, kind, target in (
        ("prue", "workflow", "proposal-0000000000"),
        ("prue", "workflow", order),
        ("prue", "workflow", made["series_id"]),
        ("prue", "series", "series-proposal-0000000000"),
        ("lars", "workflow", made["id"]),
        ("pam", "series", made["series_id"]),
    ):
        sent = {"target_kind": kind, "target_id": target}
        assert (await refused(office, who, "POST", DELETIONS, sent))[:2] == (404, "not-found")
        answers.add((await office.call(who, "POST", DELETIONS, sent)).text)
    assert len(answers) == 1
    assert ("lars", "deletion.propose") in [line[:2] for line in await office.lines("@refused")]


async def test_a_one_time_proposal_is_no_series(office: Office) -> None:
    made = await propose(office)
    assert (await try_delete(office, made["id"], "series")).status_code == 404


async def test_a_deletion_proposal_is_no_target(office: Office) -> None:
    asked = await delete(office, (await propose(office))["id"])
    assert (await try_delete(office, asked["id"])).status_code == 404


async def test_what_has_gone_cannot_be_deleted(office: Office) -> None:
    made = await propose(office)
    await vote(office, made["id"], *["deny"] * 6)
    sent = {"target_kind": "workflow", "target_id": made["id"]}
    assert await refused(office, "prue", "POST", DELETIONS, sent) == (409, "target-gone", "target_id")


async def test_a_series_whose_deletion_broke_off_half_way_can_still_be_deleted(office: Office) -> None:
    made = await propose(office, recurrence="weekly", steps=[STEP | {"bounty": 0}])
    await vote(office, made["id"], *["approve"] * 6)
    await office.store.write(lambda tx: works.begin_series(tx, made["id"]))
    await office.store.write(lambda tx: works.stop_series(tx, made["id"]))
    made_again = await delete(office, made["series_id"], "series")
    assert (await try_delete(office, made["id"])).json()["proposal"] == made_again["id"]


async def test_one_carrying_out_can_be_deleted_while_it_is_open(office: Office) -> None:
    made = await propose(office, steps=[STEP | {"bounty": 0}])
    await vote(office, made["id"], *["approve"] * 6)
    work = str(await office.store.write(lambda tx: works.open_work(tx, made["id"], "once")))
    # Its voters see it because they saw what was proposed.
    asked = await delete(office, work, who="v1")
    assert (asked["target_id"], asked["title"]) == (work, "Delete: A new fence")
    assert (await try_delete(office, work)).json()["code"] == "deletion-pending"
    done = await delete(office, made["id"])
    await office.store.write(lambda tx: funds.end_work(tx, work, proposals.DONE, "k"))
    assert done["target_id"] == made["id"]
    assert (
        await office.call("lars", "POST", DELETIONS, {"target_kind": "workflow", "target_id": work})
    ).status_code == 404
    await office.store.write(lambda tx: works.delete(tx, made["id"], done["id"]))
    assert (await try_delete(office, work)).status_code == 409


async def test_one_deletion_is_open_for_a_target_under_whichever_name(office: Office) -> None:
    made = await propose(office, recurrence="daily")
    asked = await delete(office, made["id"])
    for kind, target in (("workflow", made["id"]), ("series", made["id"]), ("series", made["series_id"])):
        answer = await try_delete(office, target, kind, "v1")
        assert (answer.status_code, answer.json()["code"]) == (409, "deletion-pending")
        assert answer.json()["proposal"] == asked["id"]
    await vote(office, asked["id"], *["deny"] * 6)
    await delete(office, made["series_id"], "series", "v1")


async def test_a_deletion_that_is_started_in_the_general_way_obeys_the_same_rules(office: Office) -> None:
    made = await propose(office)
    start = "/api/v1/workflows/deletion-proposal/cases"
    aim = {"target_kind": "workflow", "target_id": made["id"]}
    await office.hire("both", "voter@deals", "voter@labs")
    assert await refused(office, "both", "POST", start, {"scope": "labs", "request": aim}) == (
        422,
        "invalid-request",
        "scope",
    )
    assert (await refused(office, "lars", "POST", start, {"scope": "labs", "request": aim}))[0] == 404
    answer = await office.call("v0", "POST", start, {"scope": "deals", "request": aim | {"title": "Nothing to see"}})
    assert (answer.status_code, answer.json()["title"]) == (201, "Delete: A new fence")
    assert (await refused(office, "v1", "POST", start, {"scope": "deals", "request": aim}))[1] == "deletion-pending"


async def test_only_proposers_of_the_scope_propose(office: Office) -> None:
    assert (await refused(office, "v0", "POST", PROPOSALS, body()))[:2] == (403, "forbidden")
    assert (await refused(office, "prue", "POST", PROPOSALS, body(scope="labs")))[:2] == (403, "forbidden")
    assert [line[:2] for line in await office.lines("@refused")] == [("v0", "case.start"), ("prue", "case.start")]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=zz", "cursor=WzEsMl0", "kind=case", "state=open"])
async def test_lists_refuse_what_they_do_not_know(office: Office, query: str) -> None:
    answer = await office.call("v0", "GET", f"{PENDING}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


async def test_a_reason_to_force_is_read_strictly(office: Office) -> None:
    path = f"/admin/workflows/{(await propose(office))['id']}/force-approve"
    assert (await refused(office, "root", "POST", path, {"reason": "x" * 2001}))[1:] == ("invalid-request", "reason")
    assert (await refused(office, "root", "POST", path, {"because": "x"}))[1:] == ("invalid-request", "because")


async def test_whoever_tries_to_force_what_they_cannot_see_is_kept_in_the_log(office: Office) -> None:
    path = f"/admin/workflows/{(await propose(office))['id']}/force-approve"
    assert (await refused(office, "lars", "POST", path, {}))[:2] == (404, "not-found")
    assert (await refused(office, "v0", "POST", path, {}))[:2] == (403, "forbidden")
    told = [(actor, action, detail["code"]) for actor, action, detail in await office.lines("@refused")]
    assert told == [("lars", "ballot.force-approve", "not-visible"), ("v0", "ballot.force-approve", "forbidden")]


async def test_forcing_while_the_case_is_paused_is_refused(office: Office) -> None:
    made = await propose(office, steps=[STEP | {"bounty": 0}])
    await office.call("root", "POST", f"/api/v1/cases/{made['id']}/pause", {})
    path = f"/admin/workflows/{made['id']}/force-approve"
    assert (await refused(office, "root", "POST", path, {}))[:2] == (409, "case-paused")


async def test_a_cancelled_proposal_is_closed_to_everybody(office: Office) -> None:
    made = await propose(office)
    await office.call("root", "POST", f"/api/v1/cases/{made['id']}/cancel", {"reason": "Withdrawn"})
    path = f"/admin/workflows/{made['id']}/force-approve"
    assert (await refused(office, "root", "POST", path, {}))[:2] == (409, "ballot-closed")

    def closed(tx: Any) -> bool:
        with locked_ballot(tx, f"{made['id']}.vote.1") as ballot:
            return not ballot.is_open

    assert await office.store.write(closed)
