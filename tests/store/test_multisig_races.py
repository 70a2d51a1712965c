"""A council at the same instant, from two stores on one database."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock
from tests.store.conftest import code
from tests.store.council import INTENT, Treasury, made, sign

from placet.domain.audit import verify
from placet.store import audit, multisig_acts
from placet.store import tables as t
from placet.store.engine import Store, Tx
from placet.store.house import House
from placet.store.multisig_acts import GivenApproval

CROWD = tuple(f"t{number:02}" for number in range(50))
GIVEN = GivenApproval(intent_hash=INTENT.hash)


@pytest.fixture
def second(store: Store, house: House, clock: ManualClock) -> Iterator[Store]:
    """The same database, opened once more."""
    opened = Store(store.url, house, clock)
    yield opened
    opened.close()


@pytest.fixture
def treasury(store: Store, clock: ManualClock) -> Treasury:
    return made(store, clock, lambda: CROWD)


def all_at_once(treasury: Treasury, second: Store, act: Callable[[Tx, str], Any], times: int = 1) -> list[Any]:
    """Every member does this in a thread of their own, half of them at the other store."""

    def one(number: int) -> Any:
        store = (treasury.store, second)[number % 2]
        return store.submit(lambda tx: act(tx, CROWD[number % len(CROWD)])).result(timeout=60)

    with ThreadPoolExecutor(len(CROWD)) as pool:
        return list(pool.map(one, range(len(CROWD) * times)))


def whole(treasury: Treasury) -> None:
    """Tally, rows, verdict and log say the same."""
    decision = treasury.decision()
    rows = Counter(row["outcome"] for row in treasury.rows(sa.select(t.act)))
    assert decision["tally"] == dict(rows)
    point = treasury.do(audit.take_checkpoint)
    assert point is not None
    assert verify(treasury.export(), point.hash).problems == ()


@pytest.mark.parametrize("threshold", [1, 30, 50])
def test_of_fifty_who_approve_at_once_exactly_the_threshold_counts(
    treasury: Treasury, second: Store, threshold: int
) -> None:
    treasury.put(threshold=threshold)
    treasury.drain()
    results = all_at_once(
        treasury,
        second,
        lambda tx, who: multisig_acts.approve(tx, treasury.person_of(who), treasury.task, GIVEN, "test"),
    )
    assert Counter(map(code, results)) == Counter({"counted": threshold, "multisig-closed": 50 - threshold})
    decision = treasury.decision()
    assert sorted(decision["verdict"]["by"]) == treasury.approvers()
    assert len(decision["verdict"]["data"]["approvals"]) == threshold
    assert treasury.waiting() == [("case-1", "wake")]
    whole(treasury)


def test_with_wallets_exactly_the_threshold_counts_as_well(treasury: Treasury, second: Store) -> None:
    treasury.wallet(*CROWD)
    treasury.put(threshold=20, wallets=True)
    signatures = {who: sign(who) for who in CROWD}

    def approve(tx: Tx, who: str) -> Any:
        given = GivenApproval(intent_hash=INTENT.hash, signature=signatures[who])
        return multisig_acts.approve(tx, treasury.person_of(who), treasury.task, given, "test")

    results = all_at_once(treasury, second, approve)
    assert Counter(map(code, results)) == {"counted": 20, "multisig-closed": 30}
    data = treasury.decision()["verdict"]["data"]
    assert {one["person"]: one["signature"] for one in data["approvals"]} == {
        who: signatures[who] for who in treasury.approvers()
    }
    whole(treasury)


def test_approvals_racing_withdrawals_end_with_an_approval_of_everybody_in_the_verdict(
    treasury: Treasury, second: Store
) -> None:
    treasury.put(threshold=25)

    def mixed(tx: Tx, who: str) -> Any:
        person = treasury.person_of(who)
        if int(who[1:]) % 3 == 0:
            multisig_acts.approve(tx, person, treasury.task, GIVEN, "test")
            return multisig_acts.withdraw(tx, person, treasury.task, "", "test")
        return multisig_acts.approve(tx, person, treasury.task, GIVEN, "test")

    results = all_at_once(treasury, second, mixed)
    assert set(map(code, results)) <= {"counted", "multisig-closed"}
    verdict = treasury.decision()["verdict"]
    assert verdict["outcome"] == "approved"
    assert sorted(verdict["by"]) == treasury.approvers()
    assert len(verdict["by"]) == 25
    whole(treasury)


def test_the_approval_that_decides_and_a_withdrawal_cannot_both_count(treasury: Treasury, second: Store) -> None:
    treasury.put(threshold=2)
    treasury.approve("t00")
    results = all_at_once(
        treasury,
        second,
        lambda tx, who: (
            multisig_acts.withdraw(tx, treasury.person_of("t00"), treasury.task, "", "test")
            if who == "t00"
            else multisig_acts.approve(tx, treasury.person_of(who), treasury.task, GIVEN, "test")
        ),
    )
    withdrawn = code(results[0]) == "counted"
    by = treasury.decision()["verdict"]["by"]
    assert len(by) == 2
    assert ("t00" in by) is not withdrawn
    assert Counter(map(code, results[1:]))["counted"] == (2 if withdrawn else 1)
    whole(treasury)


def test_the_same_approval_sent_a_hundred_times_counts_once_with_one_receipt(treasury: Treasury, second: Store) -> None:
    treasury.put(threshold=2)
    one = treasury.person_of("t07")
    results = all_at_once(
        treasury, second, lambda tx, _: multisig_acts.approve(tx, one, treasury.task, GIVEN, "test"), times=2
    )
    assert len({result.receipt.receipt for result in results}) == 1
    assert treasury.approvers() == ["t07"]
    whole(treasury)


def test_approvals_racing_refusals_reach_one_verdict(treasury: Treasury, second: Store) -> None:
    treasury.put(threshold=26)

    def split(tx: Tx, who: str) -> Any:
        person = treasury.person_of(who)
        if int(who[1:]) % 2:
            return multisig_acts.refuse(tx, person, treasury.task, "no", "test")
        return multisig_acts.approve(tx, person, treasury.task, GIVEN, "test")

    all_at_once(treasury, second, split)
    decision = treasury.decision()
    assert decision["verdict"]["outcome"] == "refused"
    assert decision["tally"]["refuse"] == 25
    assert treasury.lines().count("multisig.closed") == 1
    whole(treasury)
