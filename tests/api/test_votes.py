"""Voting over HTTP: what counts, what does not, and many at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from api.chamber import VOTERS, delete, propose, sit
from api.conftest import SECRET
from api.office import Office
from placet.control import votes
from placet.store import ballots, people
from placet.store import tables as t
from placet.store.engine import Store, StoreUnavailable
from placet.store.house import House


@pytest.fixture
async def chamber(office: Office) -> Office:
    await sit(office)
    return office


@pytest.fixture
async def either(database_url: str, clock: Any) -> AsyncIterator[Office]:
    """The same chamber on SQLite, then on Postgres."""
    store = Store(database_url, House("http://placet", SECRET), clock)
    office = Office(store, clock)
    await sit(office)
    yield office
    await office.http.aclose()
    store.close()


def path(proposal: dict[str, Any]) -> str:
    kind = "workflows" if proposal["kind"] == "workflow" else "deletion-proposals"
    return f"/voter/{kind}/{proposal['id']}/vote"


async def vote(
    office: Office, who: str | None, proposal: dict[str, Any], decision: Any, **more: Any
) -> httpx2.Response:
    return await office.call(who, "POST", path(proposal), {"decision": decision, **more})


async def counted(office: Office, who: str, proposal: dict[str, Any], decision: str, **more: Any) -> dict[str, Any]:
    answer = await vote(office, who, proposal, decision, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def tally(office: Office, proposal: dict[str, Any]) -> tuple[int, int]:
    seen = await office.get("v0", f"/proposer/workflows/{proposal['id']}")
    return seen["votes"]["approve"], seen["votes"]["deny"]


async def acts(office: Office, proposal: dict[str, Any]) -> dict[str, str]:
    """Who has voted how, as the rows say."""
    query = sa.select(t.act.c.person_id, t.act.c.outcome).where(t.act.c.case_id == proposal["id"])
    return await office.store.read(lambda tx: {row.person_id: row.outcome for row in tx.conn.execute(query)})


async def refused(office: Office) -> list[tuple[str, str]]:
    lines = await office.lines("@refused")
    return [(actor, detail["code"]) for actor, action, detail in lines if action == "ballot.vote"]


def problem(answer: httpx2.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json().get("field") == field
    return dict(answer.json())


async def test_a_vote_is_answered_with_the_proposal_ones_decision_and_a_receipt(chamber: Office) -> None:
    proposal = await propose(chamber)
    told = await counted(chamber, "v0", proposal, "approve", comment="Long overdue")
    assert told["votes"] == proposal["votes"] | {"votes_cast": 1, "approve": 1}
    assert (told["my_decision"], told["status"]) == ("approve", "pending")
    expected = await chamber.get("v0", f"/proposer/workflows/{proposal['id']}")
    assert {key: value for key, value in told.items() if key != "receipt"} == expected
    query = sa.select(t.audit).where(t.audit.c.hash == told["receipt"])
    line = await chamber.store.read(lambda tx: tx.conn.execute(query).one())
    assert (line.chain, line.actor, line.action) == (proposal["id"], "v0", "ballot.vote")
    assert line.detail["decision"] == "approve"
    assert "Long overdue" not in str(line.detail)


async def test_the_answer_is_framed_and_timed_like_any_other(chamber: Office) -> None:
    answer = await vote(chamber, "v0", await propose(chamber), "approve")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]
    figures = (await chamber.call(None, "GET", "/metrics")).text
    assert 'placet_acts_total{act="ballot.vote",result="counted"} 1.0' in figures
    assert 'route="/voter/workflows/{workflow_id}/vote",status="200"} 1.0' in figures


async def test_both_addresses_are_described(chamber: Office) -> None:
    api = await chamber.get(None, "/api/v1/openapi.json")
    for place in ("/voter/workflows/{workflow_id}/vote", "/voter/deletion-proposals/{proposal_id}/vote"):
        described = api["paths"][place]["post"]
        assert described["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/GivenVote")
        assert described["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/VotedView")
        assert described["security"] == [{"HTTPBearer": []}]
    assert {"receipt", "my_decision", "votes"} <= set(api["components"]["schemas"]["VotedView"]["required"])
    assert api["components"]["schemas"]["GivenVote"]["properties"]["decision"]["enum"] == ["approve", "deny"]


async def test_the_same_vote_again_gets_the_same_receipt_also_after_the_close(chamber: Office) -> None:
    proposal = await propose(chamber)
    first = await counted(chamber, "v0", proposal, "deny")
    assert (await counted(chamber, "v0", proposal, "deny", comment="Once more"))["receipt"] == first["receipt"]
    for voter in VOTERS[1:7]:
        last = await counted(chamber, voter, proposal, "deny")
        if last["status"] == "rejected":
            break
    again = await counted(chamber, "v0", proposal, "deny")
    assert (again["receipt"], again["status"], again["my_decision"]) == (first["receipt"], "rejected", "deny")
    assert len(await acts(chamber, proposal)) == 6


async def test_the_vote_that_decides_early_is_told_the_verdict(chamber: Office) -> None:
    proposal = await propose(chamber, steps=[{"title": "Say thanks", "description": "", "bounty": 0}])
    for voter in VOTERS[:5]:
        assert (await counted(chamber, voter, proposal, "approve"))["status"] == "pending"
    told = await counted(chamber, VOTERS[5], proposal, "approve")
    assert (told["status"], told["vote_decision"], told["my_decision"]) == ("approved", "approve", "approve")
    assert told["finalized_at"] is not None
    assert told["explanation"].startswith("Approved on ")


async def test_an_early_approval_without_funds_stays_pending_and_says_so(chamber: Office) -> None:
    proposal = await propose(chamber)
    for voter in VOTERS[:6]:
        told = await counted(chamber, voter, proposal, "approve")
    assert (told["status"], told["vote_decision"], told["awaiting_funds"]) == ("pending", "approve", True)


async def test_a_deletion_is_voted_on_at_its_own_address_only(chamber: Office) -> None:
    proposal = await propose(chamber)
    deletion = await delete(chamber, proposal["id"])
    assert (await counted(chamber, "v0", deletion, "approve"))["kind"] == "deletion"
    problem(await vote(chamber, "v1", deletion | {"kind": "workflow"}, "approve"), 404, "not-found")
    problem(await vote(chamber, "v1", proposal | {"kind": "deletion"}, "approve"), 404, "not-found")
    assert await acts(chamber, proposal) == {}
    assert await acts(chamber, deletion) == {"v0": "approve"}


async def test_another_vote_is_refused_and_the_first_one_stands(chamber: Office) -> None:
    proposal = await propose(chamber)
    await counted(chamber, "v0", proposal, "approve")
    told = problem(await vote(chamber, "v0", proposal, "deny"), 409, "already-voted")
    assert "already voted to approve" in told["detail"]
    assert await acts(chamber, proposal) == {"v0": "approve"}
    assert await refused(chamber) == [("v0", "already-voted")]


async def test_the_proposer_a_stranger_and_a_newcomer_are_told_why_they_cannot_vote(chamber: Office) -> None:
    proposal = await propose(chamber)
    await chamber.hire("late", "voter@deals")
    problem(await vote(chamber, "prue", proposal, "approve"), 403, "own-proposal")
    problem(await vote(chamber, "root", proposal, "approve"), 403, "not-a-voter")
    problem(await vote(chamber, "mo", proposal, "approve"), 403, "not-a-voter")
    problem(await vote(chamber, "late", proposal, "approve"), 403, "not-on-roll")
    assert await acts(chamber, proposal) == {}
    assert sorted(await refused(chamber)) == [
        ("late", "not-on-roll"),
        ("mo", "not-a-voter"),
        ("prue", "own-proposal"),
        ("root", "not-a-voter"),
    ]


async def test_whose_role_was_taken_away_can_no_longer_vote_but_is_not_told_that_nothing_is_there(
    chamber: Office,
) -> None:
    proposal = await propose(chamber)
    await chamber.store.write(lambda tx: people.set_grants(tx, "root", "v0", []))
    problem(await vote(chamber, "v0", proposal, "approve"), 403, "not-a-voter")
    assert await acts(chamber, proposal) == {}


async def test_what_is_not_there_and_what_one_may_not_see_look_the_same(chamber: Office) -> None:
    proposal = await propose(chamber)
    unknown = {"id": "proposal-0000000000", "kind": "workflow"}
    hidden = problem(await vote(chamber, "lars", proposal, "approve"), 404, "not-found")
    assert problem(await vote(chamber, "lars", unknown, "approve"), 404, "not-found") == hidden
    barred = problem(await vote(chamber, "mo", proposal, "approve"), 403, "not-a-voter")
    assert problem(await vote(chamber, "mo", unknown, "approve"), 403, "not-a-voter") == barred
    assert await acts(chamber, proposal) == {}
    assert ("lars", "not-visible") in await refused(chamber)
    other_kind = {"id": await chamber.start(), "kind": "workflow"}
    problem(await vote(chamber, "v0", other_kind, "approve"), 404, "not-found")


@pytest.mark.parametrize("header", [None, "Bearer forged", "Bearer ", "Basic dXNlcjpwYXNz"])
async def test_without_a_valid_token_nobody_votes(chamber: Office, header: str | None) -> None:
    proposal = await propose(chamber)
    headers = {"Authorization": header} if header else {}
    answer = await chamber.call(None, "POST", path(proposal), {"decision": "approve"}, headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert await acts(chamber, proposal) == {}


async def test_a_revoked_token_does_not_vote(chamber: Office) -> None:
    proposal = await propose(chamber)
    end = t.access_token.update().where(t.access_token.c.person_id == "v0")
    await chamber.store.write(lambda tx: tx.conn.execute(end.values(revoked_at=tx.now)).rowcount)
    problem(await vote(chamber, "v0", proposal, "approve"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decision"),
        ({"decision": 1}, "decision"),
        ({"decision": None}, "decision"),
        ({"decision": ["approve"]}, "decision"),
        ({"decision": "a" * 101}, "decision"),
        ({"decision": "approve", "comment": 7}, "comment"),
        ({"decision": "approve", "comment": "\x00"}, None),
        ({"decision": "approve", "weight": 2}, "weight"),
        ([], None),
        ("approve", None),
        (None, None),
    ],
)
async def test_a_body_that_is_not_a_vote_is_refused_with_its_field(
    chamber: Office, body: Any, field: str | None
) -> None:
    proposal = await propose(chamber)
    answer = await chamber.call("v0", "POST", path(proposal), json=body)
    problem(answer, 422, "invalid-request", field)
    assert await acts(chamber, proposal) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"decision=approve", b"\xff", b'{"decision":"approve"}x', b"[" * 9000])
async def test_a_body_that_is_not_json_is_refused(chamber: Office, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await chamber.call("v0", "POST", path(await propose(chamber)), content=content, headers=headers)
    assert problem(answer, 422, "invalid-request")["detail"] == "The body is not valid JSON."


async def test_json_that_is_sent_as_something_else_is_refused(chamber: Office) -> None:
    headers = {"Content-Type": "text/plain"}
    content = b'{"decision":"approve"}'
    answer = await chamber.call("v0", "POST", path(await propose(chamber)), content=content, headers=headers)
    problem(answer, 422, "invalid-request")


async def test_a_misspelt_decision_and_a_long_comment_are_refused_by_the_rules(chamber: Office) -> None:
    proposal = await propose(chamber)
    problem(await vote(chamber, "v0", proposal, "aprove"), 422, "unknown-outcome", "decision")
    problem(await vote(chamber, "v0", proposal, "approve", comment="x" * 8001), 422, "comment-too-long", "comment")
    problem(await vote(chamber, "v0", proposal, "approve", comment="x" * 3_000_000), 413, "too-large")
    assert await acts(chamber, proposal) == {}
    await counted(chamber, "v0", proposal, "approve", comment="x" * 8000)
    assert sorted(await refused(chamber)) == [("v0", "comment-too-long"), ("v0", "unknown-outcome")]


async def test_after_the_deadline_a_vote_is_refused_with_the_final_state(chamber: Office, clock: Any) -> None:
    proposal = await propose(chamber)
    for voter in VOTERS[:5]:
        await counted(chamber, voter, proposal, "deny")
    clock.move(timedelta(hours=24))
    told = problem(await vote(chamber, "v7", proposal, "approve"), 409, "ballot-closed")
    assert (told["final"]["id"], told["final"]["status"]) == (proposal["id"], "rejected")
    assert told["final"]["votes"]["votes_cast"] == 5
    assert len(await acts(chamber, proposal)) == 5


async def test_while_the_case_stands_paused_nobody_votes(chamber: Office) -> None:
    proposal = await propose(chamber)
    await chamber.call("cora", "POST", f"/api/v1/cases/{proposal['id']}/pause", {})
    problem(await vote(chamber, "v0", proposal, "approve"), 409, "case-paused")
    await chamber.call("cora", "POST", f"/api/v1/cases/{proposal['id']}/resume", {})
    await counted(chamber, "v0", proposal, "approve")
    assert await tally(chamber, proposal) == (1, 0)


async def test_fifty_at_once_are_all_counted(either: Office) -> None:
    crowd = [f"crowd{number}" for number in range(50)]
    await asyncio.gather(*(either.hire(person, "voter@deals") for person in crowd))
    proposal = await propose(either)
    sides = ["approve" if number % 2 else "deny" for number in range(50)]
    answers = await asyncio.gather(
        *(counted(either, person, proposal, side) for person, side in zip(crowd, sides, strict=True))
    )
    assert len({answer["receipt"] for answer in answers}) == 50
    assert [answer["my_decision"] for answer in answers] == sides
    assert await acts(either, proposal) == dict(zip(crowd, sides, strict=True))
    assert await tally(either, proposal) == (25, 25)


async def test_of_one_persons_two_different_votes_at_once_one_counts(either: Office) -> None:
    proposal = await propose(either)
    both = await asyncio.gather(*(vote(either, "v0", proposal, side) for side in ("approve", "deny")))
    won, lost = sorted(both, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    problem(lost, 409, "already-voted")
    assert await acts(either, proposal) == {"v0": won.json()["my_decision"]}


async def test_good_and_bad_votes_at_once_are_each_answered_for_themselves(chamber: Office) -> None:
    proposal = await propose(chamber)
    chamber.tokens["forger"] = "forged"
    who = ("v0", "forger", "lars", "prue", "v1", "mo")
    answers = await asyncio.gather(*(vote(chamber, one, proposal, "approve") for one in who))
    assert [answer.status_code for answer in answers] == [200, 401, 404, 403, 200, 403]
    assert await acts(chamber, proposal) == {"v0": "approve", "v1": "approve"}


async def test_votes_on_two_proposals_at_once_do_not_mix(chamber: Office) -> None:
    one, two = await propose(chamber), await propose(chamber)
    await asyncio.gather(
        *(counted(chamber, voter, one, "approve") for voter in VOTERS[:5]),
        *(counted(chamber, voter, two, "deny") for voter in VOTERS[:5]),
    )
    assert (await tally(chamber, one), await tally(chamber, two)) == ((5, 0), (0, 5))


async def test_a_batch_whose_transaction_fails_is_answered_503_and_counts_nothing(
    chamber: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await propose(chamber)
    write = chamber.store.write

    async def fails_at_the_end(take: Any) -> Any:
        def taken(tx: Any) -> None:
            take(tx)
            raise StoreUnavailable("disk full")

        return await write(taken)

    with monkeypatch.context() as broken:
        broken.setattr(chamber.store, "write", fails_at_the_end)
        answers = await asyncio.gather(*(vote(chamber, voter, proposal, "approve") for voter in VOTERS[:3]))
    for answer in answers:
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
    assert await acts(chamber, proposal) == {}
    await counted(chamber, "v0", proposal, "deny")
    assert await tally(chamber, proposal) == (0, 1)


async def test_while_the_database_is_away_nobody_is_kept_waiting(
    chamber: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await propose(chamber)

    async def away(take: Any) -> Any:
        raise StoreUnavailable("locked")

    with monkeypatch.context() as broken:
        broken.setattr(chamber.store, "write", away)
        answers = await asyncio.gather(*(vote(chamber, voter, proposal, "approve") for voter in VOTERS[:3]))
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    await counted(chamber, "v0", proposal, "approve")
    assert await acts(chamber, proposal) == {"v0": "approve"}


async def test_a_vote_that_trips_over_a_mistake_of_ours_takes_no_other_with_it(
    chamber: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await propose(chamber)
    cast = ballots.cast

    def trips(ballot: Any, papers: Any) -> Any:
        if any(paper.person.id == "v1" for paper in papers):
            raise ZeroDivisionError
        return cast(ballot, papers)

    monkeypatch.setattr(ballots, "cast", trips)
    answers = await asyncio.gather(*(vote(chamber, voter, proposal, "approve") for voter in VOTERS[:3]))
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert await acts(chamber, proposal) == {"v0": "approve", "v2": "approve"}


async def test_more_than_one_batch_waits_its_turn(chamber: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "BATCH", 3)
    proposal = await propose(chamber)
    await asyncio.gather(*(counted(chamber, voter, proposal, "approve") for voter in VOTERS[:5]))
    assert await tally(chamber, proposal) == (5, 0)


async def test_too_many_who_wait_are_asked_to_come_back(chamber: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "MOST_WAITING", 2)
    proposal = await propose(chamber)
    answers = await asyncio.gather(*(vote(chamber, voter, proposal, "approve") for voter in VOTERS[:5]))
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert len(turned_away) == 3
    for answer in turned_away:
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
    assert await tally(chamber, proposal) == (2, 0)
