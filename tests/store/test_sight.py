"""Who sees which case, and whom a candidate row means: the SQL against the rule in plain Python."""

from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.domain.people import Grant, Person
from placet.store import tables as t
from placet.store.engine import Store, Tx
from placet.store.sight import is_candidate, sees_case

SCOPES, ROLES, PEOPLE = ("deals", "funds"), ("officer", "coordinator", "council", "admin", "member"), ("ann", "bob")
SHARED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

GRANTS = st.builds(Grant, role=st.sampled_from(ROLES), scope=st.sampled_from(("*", *SCOPES)))
PERSONS = st.builds(
    Person,
    id=st.sampled_from(PEOPLE),
    name=st.just("x"),
    email=st.just("x@example.org"),
    external=st.booleans(),
    active=st.sampled_from([True, True, True, False]),
    grants=st.lists(GRANTS, max_size=3).map(tuple),
)
CANDIDATES = st.one_of(
    st.fixed_dictionaries({"person_id": st.sampled_from(PEOPLE), "role": st.none(), "scope": st.none()}),
    st.fixed_dictionaries(
        {"person_id": st.none(), "role": st.sampled_from(ROLES), "scope": st.sampled_from(("*", *SCOPES))}
    ),
)
CASES = st.lists(
    st.fixed_dictionaries(
        {
            "scope": st.sampled_from(SCOPES),
            "parties": st.sets(st.sampled_from(PEOPLE)),
            "candidates": st.lists(CANDIDATES, max_size=2),
        }
    ),
    max_size=4,
)


def means(candidate: dict[str, Any], person: Person) -> bool:
    if candidate["person_id"] is not None:
        return bool(candidate["person_id"] == person.id)
    return person.holds(candidate["role"], candidate["scope"])


def sees(case: dict[str, Any], person: Person) -> bool:
    if not person.active:
        return False
    if not person.external:
        if person.holds_any("council") or person.holds_any("admin"):
            return True
        if person.holds("coordinator", case["scope"]):
            return True
    return person.id in case["parties"] or any(means(candidate, person) for candidate in case["candidates"])


class _Undo(Exception):
    """Carries the answer out of a transaction that leaves nothing behind."""


@SHARED
@given(cases=CASES, person=PERSONS)
def test_the_database_shows_exactly_what_the_rule_allows(
    store: Store, cases: list[dict[str, Any]], person: Person
) -> None:
    def look(tx: Tx) -> None:
        at = tx.now
        blank = {"kind": "k", "title": "t", "requester": "r", "state": "waiting", "opening": {}, "audit_head": ""}
        for number, case in enumerate(cases):
            own = f"case-{number}"
            row = blank | {"id": own, "scope": case["scope"], "opened_at": at, "clock": at}
            tx.conn.execute(t.case.insert().values(row))
            for party in case["parties"]:
                tx.conn.execute(t.case_party.insert().values(case_id=own, person_id=party, why="x"))
            task = {"id": own, "case_id": own, "name": "n", "ordinal": 1, "form": "task", "state": "open", "rules": {}}
            tx.conn.execute(t.decision.insert().values(task | {"opened_at": at}))
            for candidate in case["candidates"]:
                tx.conn.execute(
                    t.candidate.insert().values(candidate | {"decision_id": own, "case_id": own, "via": "x"})
                )
        seen = set(tx.conn.execute(sa.select(t.case.c.id).where(sees_case(person))).scalars())
        meant = tx.conn.execute(sa.select(t.candidate.c.case_id).where(is_candidate(person))).scalars().all()
        raise _Undo(seen, sorted(meant))

    try:
        store.submit(look).result(timeout=60)
    except _Undo as found:
        seen, meant = found.args
    assert seen == {f"case-{number}" for number, case in enumerate(cases) if sees(case, person)}
    assert meant == [
        f"case-{number}"
        for number, case in enumerate(cases)
        for candidate in case["candidates"]
        if means(candidate, person)
    ]
