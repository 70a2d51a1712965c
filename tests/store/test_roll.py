"""The roll of a ballot in both databases: read in pieces, and read anew when grants change between them."""

import asyncio
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.assembly import Assembly
from tests.store.assembly import assembly as assembly

from placet.store import roll
from placet.store import tables as t
from placet.store.ballots import RollNotStaged
from placet.store.roll import Electorate, Staging, roll_hash, stage

BALLOT = "p1.vote.1"
COOP = Electorate(role="voter", scope="coop", excluded=("prue",))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "CHUNK", 2)
    monkeypatch.setattr(roll, "AT_ONCE", 4)


def staging(assembly: Assembly, between: Callable[[int], object] | None = None, most: int = 60) -> int:
    """Stage the roll piece by piece; `between` is called after each, with its number. How many pieces it took."""
    made = Staging(BALLOT, COOP)
    for piece in range(1, most):
        assembly.do(lambda tx: stage(tx, made))
        if made.done:
            return piece
        if between:
            between(piece)
    raise AssertionError("it never comes to an end")


def listed(assembly: Assembly) -> list[str]:
    found = assembly.rows(sa.select(t.roll.c.person_id).where(t.roll.c.decision_id == BALLOT))
    return sorted(row["person_id"] for row in found)


def head(assembly: Assembly) -> tuple[int, str]:
    row = assembly.rows(sa.select(t.roll_head).where(t.roll_head.c.decision_id == BALLOT))[0]
    return row["total"], row["hash"]


def fits(assembly: Assembly) -> bool:
    return assembly.store.read_now(lambda tx: roll.staged(tx, BALLOT, COOP)) is not None


def test_a_large_electorate_must_be_staged_before_its_ballot_opens(assembly: Assembly) -> None:
    names = assembly.voters(9)
    with pytest.raises(RollNotStaged) as refused:
        assembly.propose()
    # Nothing of the attempt was kept.
    assert assembly.rows(sa.select(t.case)) == []
    assert (refused.value.ballot, refused.value.electorate) == (BALLOT, COOP)
    staging(assembly)
    assembly.propose()
    rules = assembly.decision()["rules"]
    assert (rules["total"], rules["roll_hash"]) == (9, roll_hash(names))


def test_an_electorate_of_just_the_size_is_read_at_once(assembly: Assembly) -> None:
    # The proposer is counted before she is excluded.
    assembly.voters(3)
    assembly.propose()
    assert assembly.decision()["rules"]["total"] == 3


def test_pieces_put_together_are_the_electorate(assembly: Assembly) -> None:
    assembly.people(
        *((f"h{one}", "voter") for one in range(5)),
        *((f"c{one}", "voter@coop") for one in range(5)),
        *((f"b{one}", "voter", "voter@coop") for one in range(3)),
        *((f"x{one}", "voter@elsewhere") for one in range(3)),
        *((f"m{one}", "member") for one in range(3)),
    )
    assembly.set_person("h0", active=False)
    assembly.set_person("c0", external=True)
    expected = sorted(["h1", "h2", "h3", "h4", "c1", "c2", "c3", "c4", "b0", "b1", "b2"])
    staging(assembly)
    assert listed(assembly) == expected
    assert head(assembly) == (11, roll_hash(expected))


def test_names_that_the_databases_sort_differently_are_hashed_alike(assembly: Assembly) -> None:
    names = ["Zoe", "ada", "Änne", "a-b", "a_b", "ab", "ä", "Ｚ", "😀", "aB"]
    assembly.people(*((name, "voter") for name in names))
    staging(assembly)
    assert head(assembly) == (len(names), roll_hash(names))
    assert listed(assembly) == sorted(names)


@pytest.mark.parametrize("piece", range(1, 8))
def test_a_grant_that_comes_between_any_two_pieces_is_in_the_roll(assembly: Assembly, piece: int) -> None:
    assembly.voters(6)
    late = "a-first-by-name"
    staging(assembly, lambda number: assembly.person(late, "voter") if number == piece else None)
    known = assembly.rows(sa.select(t.person.c.id).where(t.person.c.id == late))
    assert listed(assembly) == sorted([*(f"v{one}" for one in range(6)), *([late] if known else [])])
    assert fits(assembly)


@pytest.mark.parametrize("piece", range(1, 8))
def test_a_grant_that_is_revoked_between_any_two_pieces_is_not_in_the_roll(assembly: Assembly, piece: int) -> None:
    assembly.voters(6)
    revoked: list[int] = []
    staging(assembly, lambda number: (assembly.grant("v0"), revoked.append(number)) if number == piece else None)
    assert listed(assembly) == [f"v{one}" for one in range(1 if revoked else 0, 6)]


def test_a_grant_after_the_last_piece_makes_the_ballot_ask_for_another_pass(assembly: Assembly) -> None:
    assembly.voters(6)
    staging(assembly)
    assert fits(assembly)
    assembly.person("late", "voter")
    assert not fits(assembly)
    with pytest.raises(RollNotStaged):
        assembly.propose()
    staging(assembly)
    assembly.propose()
    assert assembly.decision()["rules"]["total"] == 7


def test_a_roll_that_is_staged_twice_is_the_same(assembly: Assembly) -> None:
    assembly.voters(6)
    staging(assembly)
    before = head(assembly)
    staging(assembly)
    assert head(assembly) == before


def test_staging_beside_others_goes_by_transactions_of_its_own(assembly: Assembly) -> None:
    names = assembly.voters(7)
    made = Staging(BALLOT, COOP)

    async def all_pieces() -> None:
        while not made.done:
            await roll.move_on(assembly.store, made)

    asyncio.run(all_pieces())
    assert head(assembly) == (7, roll_hash(names))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 7), st.booleans()), max_size=6))
def test_whatever_changes_meanwhile_the_roll_is_the_electorate_of_its_last_pass(
    assembly: Assembly, changes: list[tuple[int, int, bool]]
) -> None:
    if not assembly.rows(sa.select(t.person.c.id).where(t.person.c.id == "v0")):
        assembly.voters(8)

    def change(number: int) -> None:
        for at, who, given_ in changes:
            if at == number:
                assembly.grant(f"v{who}", *([("voter", "*")] if given_ else []))

    staging(assembly, change)
    held = sa.select(t.role_grant.c.person_id).where(t.role_grant.c.role == "voter", t.role_grant.c.person_id != "prue")
    holders = sorted(row["person_id"] for row in assembly.rows(held))
    assert listed(assembly) == holders
    assert head(assembly) == (len(holders), roll_hash(holders))
    assert fits(assembly)
