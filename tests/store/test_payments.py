"""Bounties, and the money of a series, in both databases: paid once, and never more than is reserved."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.store.assembly import Assembly
from tests.store.assembly import assembly as assembly
from tests.store.conftest import DAY
from tests.store.test_funds import approved, entries

from placet.store import funds, proposals, works
from placet.store import tables as t
from placet.store.funds import NotReserved


@pytest.fixture
def work(assembly: Assembly) -> str:
    """The work of a proposal of 100, in a faucet of 150."""
    assembly.deposit(150)
    approved(assembly, "p1", 100)
    return assembly.work(amount=100)


def test_a_bounty_is_paid_once_for_each_key(assembly: Assembly, work: str) -> None:
    assert [assembly.pay(work, 40, key) for key in ("s1", "s1", "s2", "s1")] == [True, False, True, False]
    assert assembly.money() == (70, 20)
    assert entries(assembly)[4:] == [("reserved:p1", -40), ("person:wim", 40)] * 2


def test_no_more_is_paid_than_the_work_is_owed(assembly: Assembly, work: str) -> None:
    assembly.pay(work, 60, "s1")
    with pytest.raises(NotReserved):
        assembly.pay(work, 41, "s2")
    assert assembly.pay(work, 40, "s2")
    with pytest.raises(NotReserved):
        assembly.pay(work, 1, "s3")
    assert assembly.money() == (50, 0)


def test_a_payment_that_was_made_is_agreed_with_after_the_work_is_over(assembly: Assembly, work: str) -> None:
    assembly.pay(work, 100, "s1")
    assembly.finish(work)
    assert assembly.pay(work, 100, "s1") is False


def test_a_bounty_of_nothing_is_paid_without_a_line(assembly: Assembly, work: str) -> None:
    before = entries(assembly)
    assert assembly.pay(work, 0, "s1")
    assert entries(assembly) == before


def test_what_a_single_work_leaves_becomes_free_when_it_ends(assembly: Assembly, work: str) -> None:
    assembly.pay(work, 40, "s1")
    assembly.finish(work)
    assembly.finish(work)
    assert assembly.money() == (110, 0)
    with pytest.raises(NotReserved):
        assembly.pay(work, 1, "s2")


# A series


def series(assembly: Assembly, weekly: int) -> None:
    approved(assembly, "p1", weekly, "daily")
    assert assembly.do(lambda tx: works.begin_series(tx, "p1")) is not None


def test_each_instance_of_a_series_tops_up_what_the_one_before_has_spent(assembly: Assembly) -> None:
    assembly.deposit(100)
    series(assembly, 70)
    first = assembly.work(slot="monday", amount=10, floor=70)
    assert assembly.money() == (100, 70)
    assembly.pay(first, 10, "s1")
    assembly.finish(first)
    assert assembly.money() == (90, 60)
    assembly.work(slot="tuesday", amount=10, floor=70)
    assert assembly.money() == (90, 70)


def test_instances_that_run_side_by_side_are_each_owed_their_own(assembly: Assembly) -> None:
    assembly.deposit(100)
    series(assembly, 20)
    one = assembly.work(slot="1", amount=15, floor=20)
    two = assembly.work(slot="2", amount=15, floor=20)
    assert assembly.money() == (100, 30)
    assert [assembly.pay(one, 15, "a"), assembly.pay(two, 15, "b")] == [True, True]
    assert assembly.money() == (70, 0)


def test_an_instance_that_lacks_funds_waits_without_end_and_goes_on_with_a_deposit(assembly: Assembly) -> None:
    assembly.deposit(70)
    series(assembly, 70)
    first = assembly.work(slot="1", amount=10, floor=70)
    assembly.pay(first, 10, "a")
    second = assembly.work(slot="2", amount=10, floor=70)
    waiting = assembly.decision(f"{second}.funds.1")
    assert (waiting["state"], waiting["due_at"]) == ("open", None)
    with pytest.raises(NotReserved):
        assembly.pay(second, 10, "b")
    assembly.clock.move(400 * DAY)
    assembly.look(second)
    assert assembly.verdict(f"{second}.funds.1") is None
    assembly.deposit(10, "d2")
    assert assembly.verdict(f"{second}.funds.1") is not None
    assert assembly.pay(second, 10, "b")


def test_an_instance_that_ends_gives_nothing_back_while_its_series_goes_on(assembly: Assembly) -> None:
    assembly.deposit(70)
    series(assembly, 70)
    first = assembly.work(slot="1", amount=10, floor=70)
    assembly.finish(first, proposals.DELETED)
    assert assembly.money() == (70, 70)


@pytest.mark.parametrize("order", ["finish-first", "give-back-first"])
def test_a_deleted_series_gives_everything_back_and_pays_nothing_more(assembly: Assembly, order: str) -> None:
    assembly.deposit(100)
    series(assembly, 70)
    one = assembly.work(slot="1", amount=10, floor=70)
    two = assembly.work(slot="2", amount=10, floor=70)
    assembly.do(lambda tx: works.stop_series(tx, "series-p1"))
    ways: list[Callable[[], object]] = [
        lambda: assembly.finish(one, proposals.DELETED),
        lambda: assembly.do(lambda tx: works.give_back(tx, "p1", "deletion")),
    ]
    for way in ways if order == "finish-first" else reversed(ways):
        way()
    assert assembly.money() == (100, 0)
    with pytest.raises(funds.NotReserved):
        assembly.pay(two, 10, "s1")


def test_deleting_work_that_its_engine_has_lost_frees_its_money(assembly: Assembly) -> None:
    assembly.deposit(100)
    approved(assembly, "p1", 40)
    work = assembly.work(amount=40)
    assert assembly.do(lambda tx: works.delete(tx, work, "deletion-1"))
    assembly.do(lambda tx: works.give_back(tx, work, "k"))
    assert assembly.money() == (100, 0)


def owed(assembly: Assembly, work: str) -> int:
    return int(assembly.rows(sa.select(t.work.c.owed).where(t.work.c.id == work))[0]["owed"])


def test_what_an_ended_instance_does_not_need_goes_to_the_next_one_that_waits(assembly: Assembly) -> None:
    assembly.deposit(40)
    series(assembly, 40)
    one = assembly.work(slot="1", amount=40, floor=40)
    two = assembly.work(slot="2", amount=40, floor=40)
    assert owed(assembly, two) == 0
    assembly.finish(one, proposals.DELETED)
    assembly.offer()
    assert (owed(assembly, two), assembly.money()) == (40, (40, 40))


def test_giving_back_again_with_the_same_key_changes_nothing(assembly: Assembly) -> None:
    assembly.deposit(100)
    series(assembly, 70)
    assembly.do(lambda tx: works.stop_series(tx, "p1"))
    given = [assembly.do(lambda tx: funds.release(tx, "p1", "deletion")) for _ in range(2)]
    assert given == [70, 0]
    assert assembly.money() == (100, 0)
