"""The export of a ballot: whole, page by page, the same on both databases."""

import json
from typing import Any

import pytest
from tests.conftest import ManualClock

from placet.domain.recount import recount
from placet.store import audit, ballot_export
from placet.store.ballot_export import BallotExport
from placet.store.decisions import NoSuchTask
from placet.store.engine import Store
from voting.assembly import DAY, HOUR, Assembly, coop


@pytest.fixture
def assembly(store: Store, clock: ManualClock) -> Assembly:
    return coop(store, clock)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballot_export, "PAGE", 3)
    monkeypatch.setattr(ballot_export, "_ROLL", ballot_export._ROLL.limit(3))


def decided(assembly: Assembly) -> str:
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2, after=HOUR)
    assembly.vote(case, "v9", "deny", "Grüße: \u2028 too “dear”")
    assembly.wait(DAY)
    assembly.look(case)
    return case


def through_json(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(line)) for line in lines]


@pytest.mark.parametrize("texts", [False, True])
def test_a_closed_ballot_is_counted_again_from_its_export(assembly: Assembly, texts: bool) -> None:
    case = decided(assembly)
    found = recount(through_json(assembly.export(case, texts)), f"{case}.vote.1")
    assert found.problems == ()
    assert (found.voters, found.approve, found.deny, found.state) == (10, 3, 3, "closed")


def test_the_pages_join_without_gap_or_repeat(assembly: Assembly, small_pages: None) -> None:
    case = decided(assembly)
    lines = assembly.export(case, texts=True)
    pages = [line for line in lines if line["type"] == "roll"]
    assert [len(page["people"]) for page in pages] == [3, 3, 3, 1]
    assert recount(lines).problems == ()


def test_a_roll_that_fills_its_last_page_ends_there(assembly: Assembly, small_pages: None) -> None:
    assembly.grant("v9")
    lines = assembly.export(assembly.propose())
    assert [len(line["people"]) for line in lines if line["type"] == "roll"] == [3, 3, 3]
    assert recount(lines).problems == ()


def test_what_happens_after_the_end_is_not_in_the_export(assembly: Assembly) -> None:
    case = decided(assembly)
    before = assembly.export(case)
    assembly.steer("pause", case)
    assert assembly.export(case) == before
    assert before[-1]["action"] == "ballot.closed"


def test_votes_between_two_pages_of_an_open_ballot_stay_out(assembly: Assembly, small_pages: None) -> None:
    case = assembly.propose()
    assembly.votes(case, approve=2)
    export = BallotExport(f"{case}.vote.1")
    lines = assembly.store.read_now(export.page)
    assembly.votes(case, deny=2)
    while not export.done:
        lines += assembly.store.read_now(export.page)
    found = recount(lines)
    assert (found.problems, found.approve, found.deny, found.state) == ((), 2, 0, "open")


def test_erased_texts_are_told_as_such(assembly: Assembly) -> None:
    case = decided(assembly)
    assembly.do(lambda tx: audit.erase_texts(tx, case))
    lines = assembly.export(case, texts=True)
    assert {line["type"] for line in lines} == {"ballot", "roll", "event", "erased"}
    assert recount(lines).problems == ()


def test_a_withdrawn_ballot_says_so(assembly: Assembly) -> None:
    case = assembly.propose()
    assembly.votes(case, approve=1)
    assembly.steer("cancel", case)
    found = recount(through_json(assembly.export(case)))
    assert (found.problems, found.state) == ((), "withdrawn")


def test_what_is_no_ballot_has_no_export(assembly: Assembly) -> None:
    case = assembly.propose()
    assembly.votes(case, approve=6)
    for name in ("nothing", case, f"{case}.funds.1", f"{case}.vote.2"):
        with pytest.raises(NoSuchTask):
            list(ballot_export.export(assembly.store.read_now, name))


def test_the_row_of_a_ballot_that_was_changed_in_the_database_is_found(assembly: Assembly) -> None:
    case = decided(assembly)
    table = ballot_export.t.decision
    where = table.c.id == f"{case}.vote.1"
    row = dict(assembly.ballot(case))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("tally", row["tally"] | {"approve": 4}),
        ("verdict", row["verdict"] | {"outcome": "approve", "favourable": True}),
        ("rules", row["rules"] | {"tie": "approve"}),
        ("subject", row["subject"] | {"title": "A palace"}),
    ]
    for column, value in changes:
        assembly.do(
            lambda tx, column=column, value=value: tx.conn.execute(table.update().where(where), {column: value})
        )
        assert recount(assembly.export(case)).problems, column
        assembly.do(
            lambda tx, column=column: tx.conn.execute(table.update().where(where), {column: row[column]})  # type: ignore[misc]
        )
    assert recount(assembly.export(case)).ok
