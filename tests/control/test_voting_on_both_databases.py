"""Proposals through the control layer on SQLite and on a real Postgres: lists, and who wins when many act at once."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from api import chamber
from api.office import Office
from placet.control.deletions import GivenDeletion
from placet.control.errors import Problem
from placet.control.faucet import GivenDeposit
from placet.control.sent import Because, Paging
from placet.control.voting import PendingFilter
from placet.domain.people import Person
from placet.store import people
from placet.store.engine import Store


@pytest.fixture
async def office(store: Store, clock: Any) -> Office:
    made = Office(store, clock)
    await made.hire("root", "admin")
    await chamber.sit(made)
    return made


async def person(office: Office, who: str) -> Person:
    found = await office.store.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def test_pages_of_pending_proposals_are_complete_and_in_order(office: Office) -> None:
    made = []
    for number in range(7):
        # Some at the same moment.
        office.clock.move(timedelta(seconds=number % 2))
        made.append((await chamber.propose(office, title=f"Fence {number}"))["id"])
    voter, prue = await person(office, "v0"), await person(office, "prue")
    for listing in (
        lambda cursor: office.control.voting.pending(voter, PendingFilter(limit=2, cursor=cursor)),
        lambda cursor: office.control.voting.mine(prue, Paging(limit=2, cursor=cursor)),
    ):
        found, cursor = [], None
        while True:
            page = await listing(cursor)
            found += [(one.created_at, one.id) for one in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert sorted(one for _, one in found) == sorted(made)
        assert found == sorted(found, reverse=True)


async def test_many_who_list_at_once_finalise_each_proposal_once_and_never_overspend(office: Office) -> None:
    await chamber.deposit(office, 100)
    made = []
    for number in range(8):
        made.append((await chamber.propose(office, title=f"Fence {number}"))["id"])
        await chamber.vote(office, made[-1], *["approve"] * 5)
    office.clock.move(timedelta(days=2))
    voters = [await person(office, voter) for voter in chamber.VOTERS]
    pages = await asyncio.gather(*(office.control.voting.pending(voter, PendingFilter()) for voter in voters))
    # Two can be paid; the others have passed, and wait.
    assert {len(page.items) for page in pages} == {6}
    assert all(one.awaiting_funds for page in pages for one in page.items)
    faucet = await office.control.faucet.totals(await person(office, "root"))
    assert (faucet.balance, faucet.allocated) == (100, 80)
    for case_id in made:
        actions = Counter(action for _, action, _ in await office.lines(case_id))
        assert (actions["ballot.closed"], actions["funds.opened"]) == (1, 1)


async def test_of_many_who_propose_the_same_deletion_at_once_one_does(office: Office) -> None:
    target = (await chamber.propose(office))["id"]
    voters = [await person(office, voter) for voter in chamber.VOTERS]

    async def delete(voter: Person) -> str:
        try:
            given = GivenDeletion(target_kind="workflow", target_id=target)
            return str((await office.control.voting.propose_deletion(voter, given)).value["id"])
        except Problem as problem:
            assert problem.code == "deletion-pending"
            return f"there is {problem.extra['proposal']}"

    results = Counter([await one for one in asyncio.as_completed([delete(voter) for voter in voters])])
    (made,) = [result for result in results if not result.startswith("there is")]
    assert results == {made: 1, f"there is {made}": 9}


async def test_of_many_who_force_at_once_one_does_and_the_others_see_the_end(office: Office) -> None:
    await chamber.deposit(office, 40)
    made = (await chamber.propose(office))["id"]
    root = await person(office, "root")

    async def force() -> tuple[str, str]:
        try:
            return "done", (await office.control.voting.force(root, "workflow", made, Because())).value["status"]
        except Problem as problem:
            return problem.code, problem.extra["final"]["status"]

    results = Counter(await asyncio.gather(*(force() for _ in range(8))))
    assert results == {("done", "approved"): 1, ("ballot-closed", "approved"): 7}
    assert (await office.control.faucet.totals(root)).allocated == 40


async def test_many_deposits_at_once_all_count_and_wake_who_waits(office: Office) -> None:
    made = (await chamber.propose(office))["id"]
    await chamber.vote(office, made, *["approve"] * 6)
    root = await person(office, "root")
    await asyncio.gather(*(office.control.faucet.deposit(root, GivenDeposit(amount=4)) for _ in range(10)))
    assert (await office.control.faucet.totals(root)).model_dump() == {"balance": 40, "allocated": 40, "unallocated": 0}
    seen = await office.control.voting.get(root, "workflow", made)
    assert (seen.status, seen.awaiting_funds) == ("approved", False)
    ledger = await office.control.faucet.ledger(root, Paging(limit=200))
    assert sum(line.amount for line in ledger.items) == 0
