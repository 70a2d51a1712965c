"""What is voted on is found by indexes, however many proposals there have been: the plans of SQLite."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api import chamber
from api.office import Office
from control.test_lists_at_scale import plans
from placet.control.control import Control
from placet.control.faucet import GivenDeposit
from placet.control.sent import Paging
from placet.control.voting import PendingFilter
from placet.domain.people import Person
from placet.store import people
from placet.store.engine import Store

LOOKS: dict[str, Callable[[Control, Person], Awaitable[Any]]] = {
    "pending": lambda control, who: control.voting.pending(who, PendingFilter()),
    "pending in one scope": lambda control, who: control.voting.pending(who, PendingFilter(scope="deals")),
    "mine": lambda control, who: control.voting.mine(who, Paging()),
}


@pytest.fixture
async def office(store: Store, clock: Any) -> Office:
    made = Office(store, clock)
    await made.hire("root", "admin")
    await chamber.sit(made)
    for number in range(3):
        await chamber.propose(made, title=f"Fence {number}")
    return made


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("who", ["v0", "prue", "root"])
@pytest.mark.parametrize("look", LOOKS)
async def test_no_list_of_proposals_reads_a_table_from_end_to_end(office: Office, look: str, who: str) -> None:
    person = await office.store.read(lambda tx: people.find(tx, who))
    assert person is not None
    with plans(office.store) as told:
        await LOOKS[look](office.control, person)
    assert told and not [step for step in told if step.startswith("SCAN")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_ledger_is_read_from_its_end(office: Office) -> None:
    root = await office.store.read(lambda tx: people.find(tx, "root"))
    assert root is not None
    await office.control.faucet.deposit(root, GivenDeposit(amount=5))
    with plans(office.store) as told:
        await office.control.faucet.ledger(root, Paging())
    assert told == ["SCAN ledger"]
