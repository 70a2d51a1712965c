"""Money in both databases: promised at most once, paid at most once, and always accounted for."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from tests.store.assembly import FUNDING_WINDOW, Assembly, word
from tests.store.assembly import assembly as assembly
from tests.store.books import problems, problems_in
from tests.store.conftest import DAY, HOUR

from placet.domain.funds import FundsSpec
from placet.domain.proposal import MAX_AMOUNT
from placet.store import funds
from placet.store import tables as t
from placet.store.engine import Store, StoreUnavailable, Tx
from placet.store.funds import FAUCET

WINDOW = 14 * DAY


def approved(assembly: Assembly, case_id: str, amount: int, recurrence: str = "one_time") -> str:
    """A proposal that the administrator has approved, or that its three voters have if there is no money."""
    if not assembly.rows(sa.select(t.person.c.id).where(t.person.c.id == "v0")):
        assembly.voters(3)
    assembly.propose(case_id, amount=amount, recurrence=recurrence)
    assembly.approve(2)
    return case_id


def entries(assembly: Assembly) -> list[tuple[str, int]]:
    """(account, amount) of the ledger, in order of writing."""
    lines = assembly.rows(sa.select(t.ledger).order_by(t.ledger.c.id))
    return [(line["account"], line["amount"]) for line in lines]


# Deposits


def test_a_deposit_counts_once_for_each_key(assembly: Assembly) -> None:
    assert [assembly.deposit(100, key) for key in ("a", "a", "b")] == [None, None, None]
    assert assembly.money() == (200, 0)
    assert entries(assembly) == [("deposits", -100), ("faucet", 100)] * 2


def test_a_deposit_that_the_faucet_cannot_hold_is_refused(assembly: Assembly) -> None:
    assert assembly.deposit(MAX_AMOUNT, "all") is None
    refused = assembly.deposit(1, "one-more")
    assert refused is not None and (refused.code, refused.field) == ("deposit-overflow", "amount")
    assert assembly.money() == (MAX_AMOUNT, 0)


def test_a_deposit_that_is_sent_again_to_a_full_faucet_has_counted(assembly: Assembly) -> None:
    assembly.deposit(MAX_AMOUNT, "all")
    assert assembly.deposit(MAX_AMOUNT, "all") is None
    assert assembly.money() == (MAX_AMOUNT, 0)


# The second wall


@pytest.mark.parametrize(
    "values",
    [{"allocated": 101}, {"allocated": -1}, {"balance": 39}, {"balance": MAX_AMOUNT + 1}],
    ids=["more promised than there is", "less than nothing promised", "less there than promised", "too large for JSON"],
)
def test_the_database_itself_refuses_a_budget_that_does_not_add_up(assembly: Assembly, values: dict[str, int]) -> None:
    assembly.deposit(100)
    approved(assembly, "p1", 40)
    with pytest.raises(IntegrityError):
        assembly.do(lambda tx: tx.conn.execute(t.budget.update().values(values)))
    assert assembly.money() == (100, 40)


def test_the_database_itself_refuses_a_reservation_below_nothing_and_a_second_line_under_one_key(
    assembly: Assembly,
) -> None:
    assembly.deposit(100, "a")
    approved(assembly, "p1", 40)
    line = assembly.rows(sa.select(t.ledger).where(t.ledger.c.account == FAUCET))[0]
    for change in (
        t.reservation.update().values(amount=-1),
        t.ledger.insert().values({key: value for key, value in line.items() if key != "id"}),
    ):
        with pytest.raises(IntegrityError):
            assembly.do(lambda tx, change=change: tx.conn.execute(change))


def test_the_checker_of_these_tests_sees_what_it_must(store: Store, assembly: Assembly) -> None:
    assembly.deposit(100)
    approved(assembly, "p1", 40)
    work = assembly.work(amount=40)
    wrongs: list[sa.Executable] = [
        t.budget.update().values(allocated=t.budget.c.allocated - 1),
        t.budget.update().values(balance=t.budget.c.balance + 1),
        t.ledger.update().where(t.ledger.c.account == FAUCET).values(amount=t.ledger.c.amount + 1),
        t.reservation.update().values(amount=t.reservation.c.amount + 1),
        t.work.update().values(owed=41),
        t.work.update().values(state="done"),
        t.act.delete().where(t.act.c.person_id == "v0"),
        t.act.update().where(t.act.c.person_id == "v0").values(outcome="deny"),
        t.act.update().values(receipt="0" * 64),
        t.roll.delete().where(t.roll.c.person_id == "v2"),
    ]
    assert work == "p1-work-1"
    for wrong in wrongs:

        def try_it(tx: Tx, wrong: sa.Executable = wrong) -> list[str]:
            with tx.conn.begin_nested() as nested:
                tx.conn.execute(wrong)
                found = problems_in(tx)
                nested.rollback()
            return found

        assert assembly.do(try_it) != [], wrong
    assert problems(store) == []


# Reserving


def test_an_approval_reserves_its_week_in_the_same_transaction(assembly: Assembly) -> None:
    assembly.deposit(100)
    approved(assembly, "p1", 40)
    assert assembly.status() == "approved"
    assert assembly.money() == (100, 40)
    assert entries(assembly)[2:] == [("faucet", -40), ("reserved:p1", 40)]
    assert assembly.decision("p1.funds.1")["verdict"]["data"] == {"reserved": 40}


def test_a_rejection_reserves_nothing(assembly: Assembly) -> None:
    assembly.deposit(100)
    assembly.voters(3)
    assembly.propose(amount=40)
    assembly.approve(2, choice="deny")
    assert assembly.money() == (100, 0)
    assert assembly.rows(sa.select(t.decision).where(t.decision.c.form == "funds")) == []


def test_the_last_coin_can_be_promised_and_not_one_more(assembly: Assembly) -> None:
    assembly.deposit(79)
    approved(assembly, "p1", 40)
    approved(assembly, "p2", 40)
    assert (assembly.status("p1"), assembly.status("p2")) == ("approved", "pending awaiting funds")
    assembly.deposit(1, "d2")
    assert assembly.status("p2") == "approved"
    assert assembly.money() == (80, 80)


def test_a_proposal_that_costs_nothing_needs_no_budget(assembly: Assembly) -> None:
    approved(assembly, "p1", 0)
    assert assembly.status() == "approved"
    assert assembly.money() == (0, 0)


def test_an_approval_that_finds_no_funds_tells_proposer_and_administrators_and_needs_no_second_vote(
    assembly: Assembly,
) -> None:
    approved(assembly, "p1", 40)
    row = assembly.proposal()
    assert (row["status"], row["awaiting_funds"], row["vote_decision"]) == ("pending", True, "approve")
    assert row["finalized_at"] == assembly.clock.time
    assert sorted(assembly.mails("/shortfall/")) == ["adam", "prue"]
    assert word(assembly.vote("v2")) == "ballot-closed"
    assembly.clock.move(WINDOW - HOUR)
    assembly.deposit(40)
    assert assembly.status() == "approved"


def test_a_deposit_wakes_the_case_that_waited(assembly: Assembly) -> None:
    approved(assembly, "p1", 40)
    assembly.drain()
    assembly.deposit(39, "a")
    assert assembly.waiting() == []
    assembly.deposit(1, "b")
    assert assembly.waiting() == [("p1", "wake")]


def test_those_who_wait_are_asked_once_for_each_time_money_becomes_free(assembly: Assembly) -> None:
    approved(assembly, "p1", 40)
    approved(assembly, "p2", 40)
    assert assembly.offer() == 0
    assembly.deposit(10, offer=False)
    assert [assembly.offer(), assembly.offer()] == [2, 0]


def test_asking_that_was_cut_short_begins_again(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    approved(assembly, "p1", 40)
    approved(assembly, "p2", 40)
    assembly.deposit(80, offer=False)
    with monkeypatch.context() as cut:
        ask = funds.offer

        def until_killed(tx: Tx, case_id: str) -> None:
            if case_id == "p2":
                raise StoreUnavailable("away")
            ask(tx, case_id)

        cut.setattr(funds, "offer", until_killed)
        with pytest.raises(StoreUnavailable):
            assembly.offer()
    assert (assembly.status("p1"), assembly.status("p2")) == ("approved", "pending awaiting funds")
    assert assembly.offer() == 1
    assert assembly.status("p2") == "approved"


def test_one_that_cannot_be_asked_keeps_no_other_waiting(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    approved(assembly, "p1", 40)
    approved(assembly, "p2", 40)
    ask = funds.offer

    def broken(tx: Tx, case_id: str) -> None:
        if case_id == "p1":
            raise KeyError("a fault of ours")
        ask(tx, case_id)

    monkeypatch.setattr(funds, "offer", broken)
    assembly.deposit(80)
    assert (assembly.status("p1"), assembly.status("p2")) == ("pending awaiting funds", "approved")


def test_money_that_comes_while_others_are_asked_is_asked_about_once_more(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(assembly, "p1", 40)
    assembly.deposit(10, "a", offer=False)
    ask = funds.offer

    def too_early(tx: Tx, case_id: str) -> None:
        ask(tx, case_id)
        funds.deposit(tx, "adam", 30, "b")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(funds, "offer", too_early)
        assembly.offer()
    assert assembly.status() == "pending awaiting funds"
    assert assembly.offer() == 1
    assert assembly.status() == "approved"


def test_who_has_waited_longest_is_funded_first(assembly: Assembly) -> None:
    for name in ("zoe", "ann", "mia"):
        approved(assembly, name, 40)
        assembly.clock.move(HOUR)
    funded = []
    for number in range(3):
        assembly.deposit(40, f"d{number}")
        funded += [name for name in ("ann", "mia", "zoe") if assembly.status(name) == "approved" and name not in funded]
    assert funded == ["zoe", "ann", "mia"]


def test_one_who_needs_more_than_there_is_does_not_hold_up_those_behind(assembly: Assembly) -> None:
    approved(assembly, "large", 100)
    assembly.clock.move(HOUR)
    approved(assembly, "small", 10)
    assembly.deposit(50)
    assert (assembly.status("large"), assembly.status("small")) == ("pending awaiting funds", "approved")


def test_whoever_opens_after_the_money_came_looks_for_itself(assembly: Assembly) -> None:
    assembly.deposit(40, offer=False)
    approved(assembly, "p1", 40)
    assert assembly.status() == "approved"


# The end of the wait


def test_the_wait_for_funds_ends_at_its_own_deadline_once(assembly: Assembly) -> None:
    approved(assembly, "p1", 40)
    passed = assembly.clock.time
    assembly.clock.set(passed + WINDOW)
    assembly.deposit(40)
    assembly.look()
    assert assembly.verdict("p1.funds.1") == ("expired", "expired", passed + WINDOW)
    assert assembly.status() == "expired"
    assert assembly.money() == (40, 0)
    assert assembly.mails("/unfunded/") == ["prue"]


def test_the_wait_for_funds_counts_from_the_verdict_however_late_it_is_found(assembly: Assembly) -> None:
    assembly.voters(4)
    assembly.propose(amount=40)
    assembly.approve(2)
    assembly.clock.move(DAY + 3 * HOUR)
    assembly.look()
    verdict = assembly.verdict()
    assert verdict is not None and verdict[2] == assembly.clock.time - 3 * HOUR
    assert assembly.decision("p1.funds.1")["due_at"] == verdict[2] + WINDOW


def test_a_pause_gives_the_wait_for_funds_its_time_back(assembly: Assembly) -> None:
    approved(assembly, "p1", 40)
    passed = assembly.clock.time
    assembly.steer("pause")
    assembly.clock.move(WINDOW)
    assembly.deposit(40)
    assert assembly.status() == "pending awaiting funds"
    assembly.steer("resume")
    assert assembly.decision("p1.funds.1")["due_at"] == passed + 2 * WINDOW
    assembly.look()
    assert assembly.status() == "approved"


def test_money_that_came_during_a_pause_is_found_when_the_case_goes_on(assembly: Assembly) -> None:
    approved(assembly, "p1", 40)
    assembly.steer("pause")
    assembly.deposit(40)
    assembly.drain()
    assembly.steer("resume")
    spec = FundsSpec(proposal="p1", amount=40, within=FUNDING_WINDOW)
    assert assembly.waiting() == [("p1", "wake")]
    reply = assembly.asks(spec)
    assert reply.verdict is not None and reply.verdict.favourable


@pytest.mark.parametrize("money", [0, 40])
def test_a_cancelled_case_keeps_no_money_and_waits_for_none(assembly: Assembly, money: int) -> None:
    if money:
        assembly.deposit(money)
    approved(assembly, "p1", 40)
    assembly.steer("cancel")
    assembly.end_case()
    assert assembly.status() == "deleted"
    assert assembly.money() == (money, 0)
    assembly.deposit(40, "later")
    assert assembly.money() == (money + 40, 0)


def test_money_that_a_cancelled_case_gave_back_goes_to_who_waits(assembly: Assembly) -> None:
    assembly.deposit(40)
    approved(assembly, "p1", 40)
    approved(assembly, "p2", 40)
    assembly.case = "p1"
    assembly.steer("cancel")
    assembly.end_case()
    assert assembly.offer() == 1
    assert (assembly.status("p1"), assembly.status("p2")) == ("deleted", "approved")
