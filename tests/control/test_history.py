"""What is remembered of days that are over tells the same as counting everything again, as time goes on."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from control.test_listing import undone
from placet.control import counting, figures
from placet.control.history import History, Past, day_of, flow
from placet.control.listing import Narrowing
from placet.control.part import Part
from placet.domain.people import SYSTEM, Grant, Person
from placet.store import tables as t
from placet.store.audit import append
from placet.store.cases import OPEN_STATES, CaseState, locked, reopen_case
from placet.store.engine import Store, Tx
from store.test_sight import PEOPLE, PERSONS, SCOPES, sees

OPEN, CLOSED = OPEN_STATES[:2], tuple(state for state in CaseState if state not in OPEN_STATES)[:2]
SHARED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

CASE = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(SCOPES),
        "kind": st.sampled_from(("order", "audit")),
        "hours": st.integers(0, 30),
        "lasted": st.none() | st.integers(0, 60),
        "parties": st.sets(st.sampled_from(PEOPLE)),
        "candidates": st.just(()),
        "opens_again": st.integers(0, 4),
    }
)
ROUNDS = st.lists(st.lists(CASE, max_size=3), min_size=1, max_size=5)
"""What opens within each day; between two looks a day passes."""

LIVES_AGAIN = {"scope": "deals", "kind": "order", "hours": 1, "lasted": 1, "parties": (), "candidates": ()}
LIVES_AGAIN |= {"opens_again": 2}
CHIEF = Person(id="ann", name="x", email="x@example.org", grants=(Grant(role="council", scope="*"),))


def write(tx: Tx, own: str, case: dict[str, Any]) -> None:
    """A case of the last hours, which may have been closed since."""
    opened = case["opened_at"] = tx.now - timedelta(hours=case["hours"] % 20)
    closed = None if case["lasted"] is None else min(opened + timedelta(hours=case["lasted"] % 20), tx.now)
    case |= {"id": own, "closed_at": closed, "state": (OPEN if closed is None else CLOSED)[case["hours"] % 2]}
    row = {key: case[key] for key in ("id", "scope", "kind", "state", "opened_at", "closed_at")}
    row |= {"title": "t", "requester": "r", "is_open": closed is None, "opening": {}, "audit_head": "", "clock": tx.now}
    tx.conn.execute(t.case.insert().values(row))
    for party in case["parties"]:
        tx.conn.execute(t.case_party.insert().values(case_id=own, person_id=party, why="x", opened_at=opened))


BOTH = CHIEF.model_copy(update={"grants": tuple(Grant(role="coordinator", scope=scope) for scope in SCOPES)})


@SHARED
@example(rounds=[[LIVES_AGAIN, LIVES_AGAIN | {"scope": "funds"}], [], [], []], person=BOTH, days=5)
@example(rounds=[[LIVES_AGAIN], [], [], []], person=CHIEF, days=5)
@given(rounds=ROUNDS, person=PERSONS | st.just(CHIEF), days=st.integers(1, 5))
def test_the_remembered_days_tell_the_same_as_all_cases_anew(
    store: Store, rounds: list[list[dict[str, Any]]], person: Person, days: int
) -> None:
    history, busy = History(), History()

    def look(tx: Tx) -> None:
        begun, known = tx.now, []
        for number, some in enumerate(rounds):
            tx.time_is(begun + timedelta(days=number))
            for case in map(dict, some):
                write(tx, f"case-{len(known)}", case)
                known.append(case)
            agrees(tx, history, person, known, days)
            # Of another process, in which somebody else is just counting.
            with busy._growing:
                agrees(tx, busy, person, known, days)
            for case in known:
                if case["opens_again"] == number and case["closed_at"] is not None:
                    with locked(tx, case["id"]) as row:
                        reopen_case(row)
                    case |= {"closed_at": None, "state": CaseState.RUNNING}
            agrees(tx, history, person, known, days)

    undone(store, look)


def agrees(tx: Tx, history: History, person: Person, known: list[dict[str, Any]], days: int) -> None:
    past, part = history.past(tx), Part(tx, person)
    first = day_of(tx.now) - days + 1
    moved = flow(tx, part, past, first)
    mine = [case for case in known if sees(case, person)]
    assert figures.counts(tx, part, past, moved) == counting.cases(tx, person, Narrowing()).items
    wanted = Counter((case["kind"], case["state"]) for case in mine)
    assert {(line.kind, line.state): line.cases for line in figures.counts(tx, part, past, moved)} == wanted
    told = figures.throughput(moved, (tx.now - timedelta(days=days - 1)).date(), "day")
    for what in ("opened", "closed"):
        at = f"{what}_at"
        on = Counter((case[at].date(), case["kind"]) for case in mine if case[at] and day_of(case[at]) >= first)
        assert {(line.begins, line.kind): n for line in told if (n := getattr(line, what))} == on

    monday = tx.now.date() - timedelta(days=tx.now.weekday() + 7)
    weeks = flow(tx, part, past, (monday - date(1970, 1, 1)).days)
    begun = Counter((first_of_week(case["opened_at"]), case["kind"]) for case in mine)
    told = figures.throughput(weeks, monday, "week")
    assert {(line.begins, line.kind): line.opened for line in told if line.opened} == {
        key: cases for key, cases in begun.items() if key[0] >= monday
    }


def first_of_week(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())


def test_a_day_that_is_over_is_counted_once(store: Store) -> None:
    """Then the same is told of it without a look at its cases."""
    history = History()

    def look(tx: Tx) -> tuple[Any, Any]:
        write(tx, "case-1", dict(LIVES_AGAIN))
        tx.time_is(tx.now + timedelta(days=3))
        first = history.past(tx)
        tx.conn.execute(t.case.delete())
        return first, history.past(tx)

    first, second = undone(store, look)
    assert first is second and first.ended["*"].total() == 1


def test_after_an_older_copy_was_restored_the_days_are_counted_anew(store: Store) -> None:
    history = History()

    def look(tx: Tx) -> tuple[Any, ...]:
        write(tx, "case-1", dict(LIVES_AGAIN))
        append(tx, "case-1", SYSTEM, "case.opened", {})
        tx.time_is(tx.now + timedelta(days=3))
        first = history.past(tx)
        write(tx, "case-2", dict(LIVES_AGAIN))
        append(tx, "case-1", SYSTEM, "case.paused", {})
        again = history.past(tx)
        # What a restore does to the tables.
        tx.conn.execute(t.audit.delete())
        tx.conn.execute(t.case.delete().where(t.case.c.id == "case-1"))
        append(tx, "case-2", SYSTEM, "case.opened", {})
        return first, again, history.past(tx)

    first, again, restored = undone(store, look)
    assert first is again and first.ended["*"].total() == 1
    assert restored.ended == {}


def test_nobody_waits_for_the_one_who_counts(store: Store) -> None:
    history = History()

    def look(tx: Tx) -> Any:
        write(tx, "case-1", dict(LIVES_AGAIN))
        tx.time_is(tx.now + timedelta(days=3))
        with history._growing:
            return history.past(tx), flow(tx, Part(tx, CHIEF), history.past(tx), 0)

    past, moved = undone(store, look)
    assert past == Past()
    assert moved.ended.total() == 1
