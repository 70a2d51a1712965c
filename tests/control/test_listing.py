"""Lists read from indexes show the same as the rule in plain Python, page by page, whatever they are narrowed to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.control import asked, counting, listing
from placet.control.listing import FEW, Narrowing, newest
from placet.control.sent import Paging
from placet.domain.people import Grant, Person
from placet.domain.task import APPROVE, REFUSE, Seats, TaskRules
from placet.store import tables as t
from placet.store.cases import OPEN_STATES
from placet.store.engine import Store, Tx
from store.test_sight import CANDIDATES, PEOPLE, PERSONS, SCOPES, means, sees

SHARED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
START = datetime(2026, 1, 1, tzinfo=UTC)
STATES, KINDS = ("waiting", "running", "completed", "refused"), ("order", "audit")
TITLES = ("Pens", "Ink 100%", "pencil")
RULES = TaskRules(title="Review", outcomes=(APPROVE, REFUSE), seats=Seats(), subject_hash="").model_dump(mode="json")

CASES = st.lists(
    st.fixed_dictionaries(
        {
            "scope": st.sampled_from(SCOPES),
            "kind": st.sampled_from(KINDS),
            "state": st.sampled_from(STATES),
            "title": st.sampled_from(TITLES),
            "hours": st.integers(0, 3),
            "parties": st.sets(st.sampled_from(PEOPLE)),
            "candidates": st.lists(CANDIDATES, max_size=3),
        }
    ),
    max_size=7,
)
NARROWED = st.builds(
    Narrowing,
    kind=st.none() | st.sampled_from(KINDS),
    state=st.none() | st.sampled_from((*STATES, "open", "closed")),
    scope=st.none() | st.sampled_from(SCOPES),
    q=st.none() | st.sampled_from(("pen", "PEN", "%", "case-1", "nowhere", "ink 1")),
    opened_from=st.none() | st.just(START + timedelta(hours=1)),
    opened_before=st.none() | st.just(START + timedelta(hours=2)),
)
TASKS = st.lists(
    st.fixed_dictionaries(
        {
            "due": st.none() | st.integers(1, 3),
            "is_open": st.booleans(),
            "candidates": st.lists(CANDIDATES, max_size=3),
            "excluded": st.sets(st.sampled_from(PEOPLE), max_size=1),
            "answered": st.sets(st.sampled_from(PEOPLE), max_size=1),
        }
    ),
    max_size=7,
)


class _Undo(Exception):
    """Carries the answer out of a transaction that leaves nothing behind."""


def undone(store: Store, look: Callable[[Tx], Any]) -> Any:
    def run(tx: Tx) -> None:
        raise _Undo(look(tx))

    try:
        store.submit(run).result(timeout=60)
    except _Undo as found:
        return found.args[0]


def write(tx: Tx, number: int, case: dict[str, Any]) -> None:
    own, at = f"case-{number}", START + timedelta(hours=case.get("hours", 0))
    still = case.get("state", "waiting") in OPEN_STATES
    row = {"id": own, "kind": case.get("kind", "k"), "scope": case.get("scope", "deals"), "requester": "r"}
    row |= {"title": case.get("title", "t"), "state": case.get("state", "waiting"), "is_open": still}
    tx.conn.execute(t.case.insert().values(row | {"opening": {}, "audit_head": "", "opened_at": at, "clock": at}))
    for party in case.get("parties", ()):
        tx.conn.execute(t.case_party.insert().values(case_id=own, person_id=party, why="x", opened_at=at))
    task = {"id": f"{own}.n.1", "case_id": own, "name": "n", "ordinal": 1, "form": "task", "rules": RULES}
    opened = case.get("is_open", True)
    due = None if case.get("due") is None else START + timedelta(days=900, hours=case["due"])
    task |= {"state": "open" if opened else "closed", "opened_at": at, "due_at": due}
    tx.conn.execute(t.decision.insert().values(task))
    for candidate in case["candidates"]:
        row = candidate | {"decision_id": task["id"], "case_id": own, "via": "asked", "live": opened}
        tx.conn.execute(t.candidate.insert().values(row | {"due_at": due, "case_opened_at": at}))


def fits(case: dict[str, Any], number: int, which: Narrowing) -> bool:
    at = START + timedelta(hours=case["hours"])
    found = which.q is None or which.q.lower() in case["title"].lower() or f"case-{number}".startswith(which.q)
    return (
        found
        and which.kind in (None, case["kind"])
        and which.scope in (None, case["scope"])
        and (which.states is None or case["state"] in which.states)
        and (which.opened_from is None or at >= which.opened_from)
        and (which.opened_before is None or at < which.opened_before)
    )


@SHARED
@given(cases=CASES, person=PERSONS, which=NARROWED, few=st.sampled_from((0, 1, FEW)), size=st.integers(1, 3))
def test_cases_are_listed_and_counted_as_the_rule_says(
    store: Store, cases: list[dict[str, Any]], person: Person, which: Narrowing, few: int, size: int
) -> None:
    def look(tx: Tx) -> tuple[list[str], int]:
        for number, case in enumerate(cases):
            write(tx, number, case)
        listed: list[str] = []
        place = None
        while some := newest(tx, person, which, place, size):
            listed += [case_id for _, case_id in some]
            place = some[-1]
        return listed, counting.cases(tx, person, which).total

    was, listing.FEW = listing.FEW, few
    try:
        listed, counted = undone(store, look)
    finally:
        listing.FEW = was
    wanted = [
        (case["hours"], f"case-{number}")
        for number, case in enumerate(cases)
        if sees(case, person) and fits(case, number, which)
    ]
    assert listed == [case_id for _, case_id in sorted(wanted, reverse=True)]
    assert counted == len(wanted)


@SHARED
@given(tasks=TASKS, person=PERSONS, size=st.integers(1, 3))
def test_the_inbox_is_what_waits_for_the_person_by_deadline(
    store: Store, tasks: list[dict[str, Any]], person: Person, size: int
) -> None:
    def look(tx: Tx) -> list[str]:
        for number, task in enumerate(tasks):
            write(tx, number, task)
            own = f"case-{number}.n.1"
            for barred in task["excluded"]:
                tx.conn.execute(t.exclusion.insert().values(decision_id=own, person_id=barred, kind="x", reason="x"))
            for actor in task["answered"]:
                act = {"decision_id": own, "person_id": actor, "case_id": f"case-{number}", "outcome": "approve"}
                act |= {"comment": "", "data": {}, "subject_hash": "", "door": "api", "at": START, "receipt": ""}
                tx.conn.execute(t.act.insert().values(act))
        shown: list[str] = []
        page = asked.listed(person, Paging(limit=size), tx, lambda *_: None)
        shown += [line.case_id for line in page.items]
        while page.next_cursor:
            page = asked.listed(person, Paging(limit=size, cursor=page.next_cursor), tx, lambda *_: None)
            shown += [line.case_id for line in page.items]
        return shown

    wanted = [
        (task["due"] is None, task["due"], f"case-{number}")
        for number, task in enumerate(tasks)
        if task["is_open"]
        and person.id not in task["excluded"] | task["answered"]
        and any(means(candidate, person) for candidate in task["candidates"])
    ]
    by_deadline = sorted(wanted, key=lambda one: (one[0], one[1] or 0, one[2]))
    assert undone(store, look) == [case_id for *_, case_id in by_deadline]


def test_somebody_with_more_grants_than_a_statement_has_room_for_still_has_an_inbox_and_a_list(store: Store) -> None:
    grants = tuple(Grant(role="officer", scope=f"s{number}") for number in range(700))
    many = Person(id="ann", name="Ann", email="ann@example.org", grants=grants)
    candidate = {"person_id": None, "role": "officer"}

    def look(tx: Tx) -> tuple[int, int]:
        for number in (3, 650):
            write(tx, number, {"candidates": [candidate | {"scope": f"s{number}"}], "due": 1, "is_open": True})
        listed = newest(tx, many, Narrowing(), None, 10)
        return len(listed), len(asked.listed(many, Paging(), tx, lambda *_: None).items)

    assert undone(store, look) == (2, 2)
