"""What people look at is found by indexes, however much there has been: the plans of SQLite, with many rows there."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from placet.control import cursor
from placet.control.control import Control
from placet.control.csv_export import CaseExport
from placet.control.events import Place
from placet.control.listing import CaseFilter, Narrowing
from placet.control.overview_views import Period
from placet.control.part import Part
from placet.control.sent import Paging
from placet.domain.people import Grant, Person
from placet.domain.task import APPROVE, REFUSE, Seats, TaskRules
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Store, Tx
from placet.store.house import House

MANY, SCOPES = 2000, 20
LAST = f"case-{MANY - 1}"
MIDDLE = cursor.encode(cursor.micros(datetime(2026, 1, 1, tzinfo=UTC)), "case-1")
GROWS = ("candidate", "case_party", "case_", "decision", "audit", "act", "exclusion", "claim", "role_grant")
WALKED = "ix_case__opened_at", "ix_audit_txid_id", "ix_decision_rung", "ix_case__kind_state_opened_at"
"""The newest of these are found from the end, the few that were escalated have an index of their own, and counts of all
cases read one that holds nothing else; everything else that grows must be looked up."""
SUBQUERY = re.compile(r"SCAN anon_\d+")
SCAN = re.compile(rf"SCAN ({'|'.join(GROWS)})\b(?! USING (COVERING )?INDEX ({'|'.join(WALKED)}))")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path_factory.mktemp('many') / 'placet.db'}"
    engine = sa.create_engine(url)
    t.metadata.create_all(engine)
    engine.dispose()
    opened = Store(url, House("http://placet", "a secret of tests, of more than thirty-two characters"))
    opened.submit(_fill).result(timeout=60)
    yield opened
    opened.close()


def _fill(tx: Tx) -> None:
    at = tx.now
    rules = TaskRules(title="Review", outcomes=(APPROVE, REFUSE), seats=Seats(), subject_hash="")
    numbers = range(MANY)
    cases = [
        {"id": f"case-{n}", "scope": f"s{n % SCOPES}", "opened_at": at + timedelta(seconds=n), "clock": at}
        | {"kind": "k", "title": "t", "requester": f"p{n % 99}", "state": "waiting", "opening": {"request": {}}}
        | {"audit_head": "", "past_runs": []}
        for n in numbers
    ]
    tx.conn.execute(t.case.insert(), cases)
    tasks = [
        {"id": f"case-{n}.review.1", "case_id": f"case-{n}", "name": "review", "ordinal": 1, "form": "task"}
        | {"state": "open", "rules": rules.model_dump(mode="json"), "tally": {}, "opened_at": at}
        for n in numbers
    ]
    tx.conn.execute(t.decision.insert(), tasks)
    asked: list[dict[str, Any]] = [
        {"decision_id": f"case-{n}.review.1", "case_id": f"case-{n}", "via": "asked", "live": n % 10 == 0}
        | {"person_id": person, "role": role, "scope": f"s{n % SCOPES}" if role else None}
        | {"case_opened_at": at + timedelta(seconds=n)}
        for n in numbers
        for person, role in ((None, "officer"), (f"p{n % 99}", None))
    ]
    tx.conn.execute(t.candidate.insert(), asked)
    parties = [
        {"case_id": f"case-{n}", "person_id": f"p{n % 99}", "why": "requester", "opened_at": at + timedelta(seconds=n)}
        for n in numbers
    ]
    tx.conn.execute(t.case_party.insert(), parties)
    line = {"seq": 1, "at": at, "actor": "p", "action": "case.opened", "detail": {}, "prev": "", "hash": ""}
    tx.conn.execute(t.audit.insert(), [line | {"chain": f"case-{n}", "case_id": f"case-{n}"} for n in numbers])
    for name, grants in PEOPLE.items():
        people.add(tx, "setup", name, name, f"{name}@example.org", grants)


PEOPLE = {
    "root": (Grant(role="admin"),),
    "p7": (),
    "olga": (Grant(role="officer", scope="s7"),),
    "chief": (Grant(role="officer"),),
    "cora": (Grant(role="coordinator", scope="s3"), Grant(role="officer", scope="s7"), Grant(role="member")),
}
LOOKS: dict[str, Callable[[Control, Person], Awaitable[Any]]] = {
    "the list of cases": lambda control, who: control.cases.listed(who, CaseFilter()),
    "the cases of a kind": lambda control, who: control.cases.listed(who, CaseFilter(kind="k")),
    "what is open": lambda control, who: control.cases.listed(who, CaseFilter(state="open")),
    "what is of a kind and open": lambda control, who: control.cases.listed(who, CaseFilter(kind="k", state="open")),
    "what is of a scope": lambda control, who: control.cases.listed(who, CaseFilter(scope="s7")),
    "what is of a scope and a kind": lambda control, who: control.cases.listed(who, CaseFilter(scope="s7", kind="k")),
    "what is found by its title": lambda control, who: control.cases.listed(who, CaseFilter(q="t")),
    "what is found nowhere": lambda control, who: control.cases.listed(who, CaseFilter(q="nowhere")),
    "the second page": lambda control, who: control.cases.listed(who, CaseFilter(cursor=MIDDLE)),
    "the inbox": lambda control, who: control.tasks.mine(who, Paging()),
    "the log as it grows": lambda control, who: control.events.after(who, Place(0, MANY - 5)),
    "how many there are": lambda control, who: control.cases.counts(who, Narrowing()),
    "how many of a scope": lambda control, who: control.cases.counts(who, Narrowing(scope="s7")),
    "how many are found": lambda control, who: control.cases.counts(who, Narrowing(q="nowhere")),
    "the overview": lambda control, who: control.overview.show(who, Period()),
    "the overview of a year": lambda control, who: control.overview.show(who, Period(days=366, by="week")),
    "a table of cases": lambda control, who: first_of(control.csv.cases(who, CaseExport(state="open"))),
    "the figures that are watched": lambda control, who: control.pulse.figures(),
    "a case": lambda control, who: control.cases.events(who, LAST, Paging()),
}


async def first_of(export: Awaitable[AsyncIterator[bytes]]) -> bytes:
    return b"".join([piece async for piece in await export])


@contextmanager
def plans(store: Store) -> Iterator[list[str]]:
    """How SQLite goes about each query of the block."""
    told: list[str] = []

    def note(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.lstrip().startswith("SELECT"):
            driver = conn.connection.driver_connection
            assert driver is not None
            told.extend(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("look", LOOKS)
async def test_nothing_that_grows_is_read_from_end_to_end(store: Store, look: str, who: str) -> None:
    control = Control(store, (), policies=lambda entry: {})
    person = await store.read(lambda tx: people.find(tx, who))
    assert person is not None
    with plans(store) as told:
        try:
            await LOOKS[look](control, person)
        except Exception as hidden:
            # Not everybody sees the last case; finding that out must be as cheap.
            assert getattr(hidden, "code", "") == "not-found"
    assert told and not [line for line in told if SCAN.match(line)]


async def test_the_tasks_of_a_whole_scope_are_no_single_cases(store: Store) -> None:
    """Who sees a scope is asked for much in it; the figures of it are complete, and none is looked up by its id."""
    grants = Grant(role="coordinator", scope="s7"), Grant(role="officer", scope="s7")
    person = Person(id="x", name="x", email="x@example.org", grants=grants)
    part = await store.read(lambda tx: Part(tx, person, most=MANY // SCOPES // 2))
    assert not part.is_cut and part.single(t.case.c.id, t.case.c.scope) == []
    officer = person.model_copy(update={"grants": grants[1:]})
    part = await store.read(lambda tx: Part(tx, officer, most=MANY // SCOPES // 2))
    assert part.is_cut and part.single(t.case.c.id, t.case.c.scope)


async def test_the_log_is_followed_from_its_place_and_not_from_its_beginning(store: Store) -> None:
    control = Control(store, (), policies=lambda entry: {})
    chief = await store.read(lambda tx: people.find(tx, "chief"))
    assert chief is not None
    with plans(store) as told:
        lines, _ = await control.events.after(chief, Place(0, MANY - 5))
    assert [line.case_id for line in lines] == [f"case-{number}" for number in range(MANY - 5, MANY)]
    assert any("audit USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in line for line in told)


@pytest.mark.parametrize(
    ("look", "who", "index"),
    [
        ("the inbox", "olga", "candidate USING INDEX ix_candidate_role_scope_due_at (role=? AND scope=? AND due_at"),
        ("the inbox", "chief", "candidate USING INDEX ix_candidate_role_due_at (role=? AND due_at"),
        ("the inbox", "p7", "candidate USING INDEX ix_candidate_person_id_due_at (person_id=? AND due_at"),
        ("the list of cases", "olga", "candidate USING COVERING INDEX ix_candidate_role_scope_case_opened_at"),
        ("the list of cases", "p7", "case_party USING COVERING INDEX ix_case_party_person_id_opened_at"),
        ("the list of cases", "cora", "case_ USING COVERING INDEX ix_case__scope_opened_at (scope=?)"),
        ("what is open", "root", "case_ USING COVERING INDEX ix_case__state_opened_at (state=?)"),
        ("what is of a kind and open", "root", "ix_case__kind_state_opened_at (kind=? AND state=?)"),
        (
            "what is of a scope and a kind",
            "root",
            "ix_case__scope_kind_state_opened_at (scope=? AND kind=? AND state=?)",
        ),
        ("the overview", "root", "decision USING INDEX ix_decision_form_closed_at (form=? AND closed_at>?)"),
        ("the overview", "cora", "ix_decision_scope_form_closed_at (scope=? AND form=? AND closed_at>?)"),
    ],
)
async def test_each_list_walks_along_the_index_of_its_order(store: Store, look: str, who: str, index: str) -> None:
    person = await store.read(lambda tx: people.find(tx, who))
    assert person is not None
    with plans(store) as told:
        await LOOKS[look](Control(store, (), policies=lambda entry: {}), person)
    assert any(index in line for line in told), told


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("look", ["the list of cases", "the inbox", "the second page"])
async def test_no_list_is_sorted_by_the_database(store: Store, look: str, who: str) -> None:
    """Sorting reads everything before it gives the first row; facts about the rows of a page may be sorted."""
    person = await store.read(lambda tx: people.find(tx, who))
    assert person is not None
    with plans(store) as told:
        await LOOKS[look](Control(store, (), policies=lambda entry: {}), person)
    sorts = [number for number, line in enumerate(told) if line.startswith("USE TEMP B-TREE")]
    of_pages = "decision USING INDEX sqlite_autoindex", "ix_candidate_decision_id", "claim USING", "person USING"
    assert all(any(part in " ".join(told[max(0, at - 3) : at]) for part in of_pages) for at in sorts), told
