"""Whatever happens to a ballot, its export is counted again to the same end: the recount raises no false alarm."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import ManualClock

from placet.domain.recount import recount
from placet.store import decisions
from placet.store.ballots import locked_ballot
from placet.store.engine import Store, Tx
from placet.store.house import House
from placet.store.tables import metadata
from voting.assembly import DAY, HOUR, Assembly, coop

VOTERS = ("v0", "v1", "v2", "v3", "v4")
LENGTHS = (timedelta(microseconds=1), HOUR, 18 * HOUR, DAY, 13 * DAY, 14 * DAY)
VOTES = st.tuples(st.just("vote"), st.sampled_from((*VOTERS, "prue", "adam")), st.sampled_from(("approve", "deny")))
WAITS = st.tuples(st.just("wait"), st.sampled_from(LENGTHS))
TURNS = st.sampled_from((("pause",), ("resume",), ("look",), ("force",), ("withdraw",), ("reopen",), ("cancel",)))
COURSES = st.lists(VOTES | VOTES | WAITS | TURNS, max_size=14)


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assembly]:
    clock = ManualClock()
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('any')}/placet.db", House(), clock)
    metadata.create_all(store.engine)
    made = coop(store, clock, *VOTERS)
    made.deposit(1_000_000)
    yield made
    store.close()


def turn(assembly: Assembly, case: str, act: tuple[object, ...]) -> None:
    match act:
        case ("vote", str(who), str(choice)):
            assembly.vote(case, who, choice)
        case ("wait", timedelta() as length):
            assembly.wait(length)
        case ("look",):
            assembly.look(case)
        case ("force",):
            assembly.force(case)
        case ("withdraw" | "reopen" as what,):
            assembly.do(lambda tx: withdrawn(tx, case, what))
        case (str(what),):
            assembly.steer(what, case)


def withdrawn(tx: Tx, case: str, what: str) -> None:
    """What the engine does to a ballot when a database is restored from an older copy, and after it."""
    with locked_ballot(tx, f"{case}.vote.1") as ballot:
        if what == "withdraw":
            decisions.withdraw(ballot, "restored")
        elif ballot.row["state"] == "withdrawn":
            decisions.reopen(ballot)


@given(COURSES)
@settings(max_examples=60)
def test_any_course_of_a_ballot_is_counted_again_to_its_end(
    assembly: Assembly, course: list[tuple[object, ...]]
) -> None:
    case = assembly.propose(bounty=1)
    for act in course:
        turn(assembly, case, act)
        found = recount([json.loads(json.dumps(line)) for line in assembly.export(case)], f"{case}.vote.1")
        assert found.problems == (), act
        row, count = assembly.ballot(case), assembly.count(case)
        assert (found.state, found.approve, found.deny) == (row["state"], count.approve, count.deny)
