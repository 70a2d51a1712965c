"""One proposal in a real database, through whatever people, money and the clock do to it, beside the oracle."""

import os
import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.conftest import SECRET, ManualClock
from tests.store.assembly import Assembly, assembled, word
from tests.store.books import ledger_problems, problems

from domain.ballot_oracle import DAY, End, OracleVote
from placet.store import schema
from placet.store.engine import Store
from placet.store.house import House

LONG = bool(os.environ.get("LONG"))
PROPOSER, NEWCOMER = "prue", "newcomer"
PEOPLE = ("ada", "ben", "cem", "dora", "eli", "fay", PROPOSER)
EVERYBODY = st.sampled_from([*PEOPLE, NEWCOMER])
CHOICES = st.sampled_from(["approve", "deny"])
OTHER = {"approve": "deny", "deny": "approve"}
AMOUNT, WINDOW = 40, 14 * DAY
MICROSECOND = timedelta(microseconds=1)


class Databases:
    """New databases, each a copy of one with all people in it."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="placet-machine-")
        self.folder = Path(self._kept.name)
        self.made = 0

    def new(self) -> Store:
        template = self.folder / "template.db"
        if not template.exists():
            schema.upgrade(f"sqlite:///{template}")
            store = Store(f"sqlite:///{template}", House(secret=SECRET), ManualClock())
            assembled(store, ManualClock()).people(*((name,) for name in (*PEOPLE[:-1], NEWCOMER)))
            with store.engine.connect() as conn:
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            store.close()
        self.made += 1
        file = self.folder / f"{self.made}.db"
        shutil.copyfile(template, file)
        return Store(f"sqlite:///{file}", House(secret=SECRET), ManualClock())

    def drop(self, store: Store) -> None:
        name = Path(store.url).name
        store.close()
        for file in self.folder.glob(f"{name}*"):
            file.unlink()


databases = Databases()


class Proposing(RuleBasedStateMachine):
    """`funds` is what a few lines of arithmetic say of the money: `none`, `waiting`, `funded` or `expired`."""

    def __init__(self) -> None:
        super().__init__()
        self.store = databases.new()
        assert isinstance(self.store.clock, ManualClock)
        self.clock = self.store.clock
        self.start = self.clock.time
        self.assembly = Assembly(self.store, self.clock)
        self.assembly.know("cora")
        self.at = 0
        self.receipts: dict[str, tuple[str, Any]] = {}
        self.balance = self.allocated = self.deposits = self.others = 0
        self.funds, self.funds_until = "none", 0
        self.deleted = self.ended = False
        self.paused_since: int | None = None

    def teardown(self) -> None:
        try:
            assert problems(self.store) == []
            self.assembly.mail_out()
            owing = Counter(self.assembly.mails("p1.vote.1/reminder/"))
            assert not owing or max(owing.values()) == 1
            assert set(owing) <= self.oracle.body
        finally:
            databases.drop(self.store)

    @initialize(
        voters=st.frozensets(st.sampled_from(PEOPLE)),
        early=st.sampled_from([(1, 2), None]),
        tie=CHOICES,
        remind=st.sampled_from([None, "12h", "24h", "20d"]),
        money=st.sampled_from([0, 0, AMOUNT - 1, AMOUNT, 3 * AMOUNT]),
    )
    def open(self, voters: frozenset[str], early: Any, tie: str, remind: str | None, money: int) -> None:
        for who in sorted(voters | {PROPOSER}):
            self.assembly.grant(who, *([("voter", "*")] if who in voters else []))
        length = {"12h": DAY // 2, "24h": DAY, "20d": 20 * DAY}.get(remind or "")
        self.oracle = OracleVote(voters, PROPOSER, early=early and Fraction(*early), tie=tie, remind=length)
        self.pay_in(money)
        self.assembly.propose(
            amount=AMOUNT, early=early and {"of": early[0], "out_of": early[1]}, tie=tie, remind_before=remind
        )

    # Time

    @rule(by=st.integers(0, 3 * DAY))
    def time_passes(self, by: int) -> None:
        self.move(self.at + by)

    @rule(offset=st.sampled_from([-1, 0, 1]), reminder=st.booleans())
    def time_passes_to_the_next_thing_the_clock_does(self, offset: int, reminder: bool) -> None:
        due = self.oracle.remind_at() if reminder else None
        self.move((self.oracle.close_at() if due is None else due) + offset)

    @rule(offset=st.sampled_from([-1, 0, 1]))
    @precondition(lambda self: self.funds == "waiting")
    def time_passes_to_the_end_of_the_wait_for_funds(self, offset: int) -> None:
        self.move(self.funds_until + offset)

    def move(self, to: int) -> None:
        self.at = max(self.at, to)
        self.clock.set(self.start + self.at * MICROSECOND)

    # People

    @rule(who=EVERYBODY, choice=CHOICES)
    def somebody_votes(self, who: str, choice: str) -> None:
        self.vote((who, choice))

    @rule(choice=CHOICES)
    def whoever_still_may_votes(self, choice: str) -> None:
        self.vote(*((who, choice) for who in sorted(self.oracle.body - set(self.receipts))[:1]))

    @rule(papers=st.lists(st.tuples(EVERYBODY, st.sampled_from(["approve", "deny", "perhaps"])), max_size=9))
    def several_votes_are_taken_together(self, papers: list[tuple[str, str]]) -> None:
        self.vote(*papers)

    @rule()
    def everybody_who_may_is_for_it(self) -> None:
        self.vote(*((who, "approve") for who in sorted(self.oracle.body - set(self.receipts))))

    @rule(offset=st.sampled_from([-1, 0, 1]))
    @precondition(lambda self: self.balance - self.allocated < AMOUNT)
    def it_is_approved_and_waits_for_money_to_the_end(self, offset: int) -> None:
        """So that this comes up often."""
        self.everybody_who_may_is_for_it()
        self.the_database_says_what_the_oracle_says()
        if self.funds == "waiting":
            self.move(self.funds_until + offset)

    @rule()
    def a_newcomer_gets_the_right_and_tries_to_vote(self) -> None:
        self.oracle.role.add(NEWCOMER)
        self.assembly.grant(NEWCOMER, ("voter", "*"))
        self.vote((NEWCOMER, "approve"))

    @rule(data=st.data(), change=st.booleans())
    @precondition(lambda self: self.receipts)
    def a_vote_is_sent_again_or_changed(self, data: st.DataObject, change: bool) -> None:
        who = data.draw(st.sampled_from(sorted(self.receipts)))
        mine = self.receipts[who][0]
        self.vote((who, OTHER[mine] if change else mine))

    @rule(who=EVERYBODY)
    def the_role_is_granted_or_revoked(self, who: str) -> None:
        self.oracle.role.symmetric_difference_update({who})
        self.assembly.grant(who, *([("voter", "*")] if who in self.oracle.role else []))

    @rule()
    def an_administrator_forces_it(self) -> None:
        self.oracle.look(self.at)
        self.settle_funds()
        allowed = self.balance - self.allocated >= AMOUNT and self.oracle.force_approve(self.at)
        assert (self.assembly.force() is None) == allowed

    @rule()
    @precondition(lambda self: not self.ended)
    def it_is_paused(self) -> None:
        self.oracle.look(self.at)
        self.settle_funds()
        self.assembly.steer("pause")
        self.oracle.pause(self.at)
        # The case can also stand still while its vote is over, and it waits for funds.
        if self.paused_since is None:
            self.paused_since = self.at

    @rule(after=st.integers(0, 20 * DAY))
    @precondition(lambda self: self.paused_since is not None)
    def it_is_resumed(self, after: int) -> None:
        self.move(self.at + after)
        if self.funds == "waiting":
            self.funds_until += self.at - self.paused_since
        self.assembly.steer("resume")
        self.oracle.resume(self.at)
        self.paused_since = None

    @rule()
    @precondition(lambda self: not self.ended)
    def the_case_is_cancelled(self) -> None:
        self.oracle.look(self.at)
        self.settle_funds()
        end = self.oracle.end(self.at)
        self.assembly.steer("cancel")
        self.assembly.end_case()
        self.ended = True
        self.oracle.paused_since = self.paused_since = None
        if end is None:
            self.oracle.force = End("withdrawn", "withdrawn", self.at)
        elif end.outcome == "approve" and self.funds in ("waiting", "funded"):
            self.allocated -= AMOUNT if self.funds == "funded" else 0
            self.funds = "none"
        else:
            return
        self.deleted = True

    # Money

    @rule(amount=st.sampled_from([1, AMOUNT - 1, AMOUNT]), again=st.booleans())
    def somebody_deposits(self, amount: int, again: bool) -> None:
        self.pay_in(amount)
        if again:
            self.assembly.deposit(amount, f"d{self.deposits}")

    def pay_in(self, amount: int) -> None:
        self.deposits += 1
        self.balance += amount
        self.assembly.deposit(amount, f"d{self.deposits}", offer=False)

    @rule()
    def another_proposal_takes_what_it_can(self) -> None:
        self.settle_funds()
        mine, self.others = self.assembly.case, self.others + 1
        self.assembly.propose(f"other{self.others}", amount=AMOUNT)
        taken = self.assembly.force() is None
        self.assembly.case, self.assembly.task = mine, f"{mine}.vote.1"
        assert taken == (self.balance - self.allocated >= AMOUNT)
        self.allocated += AMOUNT if taken else 0

    @rule()
    def those_who_wait_for_money_are_asked(self) -> None:
        self.assembly.offer()

    @rule()
    def mailings_are_written_out(self) -> None:
        self.assembly.mail_out()

    # What must hold

    def vote(self, *papers: tuple[str, str]) -> None:
        self.oracle.look(self.at)
        self.settle_funds()
        results = self.assembly.votes(*((who, choice, "") for who, choice in papers))
        for (who, choice), result in zip(papers, results, strict=True):
            told = word(result)
            assert ("receipt" if told == "counted" else told) == self.oracle.vote(who, choice, self.at)
            if told == "counted":
                assert self.receipts.setdefault(who, (choice, result)) == (choice, result)

    def settle_funds(self) -> None:
        """What is due for the money now that somebody looks, by plain arithmetic."""
        end = self.oracle.end(self.at)
        if self.ended or end is None or end.outcome != "approve":
            return
        if self.paused_since is not None:
            return
        if self.funds == "none":
            self.funds, self.funds_until = "waiting", self.at + WINDOW
        if self.funds == "waiting":
            if self.at >= self.funds_until:
                self.funds = "expired"
            elif self.balance - self.allocated >= AMOUNT:
                self.funds, self.allocated = "funded", self.allocated + AMOUNT

    @invariant()
    @precondition(lambda self: hasattr(self, "oracle"))
    def the_database_says_what_the_oracle_says(self) -> None:
        self.assembly.look()
        self.oracle.look(self.at)
        self.settle_funds()
        row, oracle, tally = self.assembly.decision(), self.oracle, self.assembly.decision()["tally"]
        end = oracle.end(self.at)
        quorum_at = tally["quorum_at"] and datetime.fromisoformat(tally["quorum_at"])
        assert (tally["approve"], tally["deny"]) == (oracle.votes_for("approve"), oracle.votes_for("deny"))
        assert self.micro(quorum_at) == oracle.quorum_reached_at()
        verdict = self.assembly.verdict()
        assert (verdict and End(verdict[0], verdict[1], self.micro(verdict[2]) or 0)) == end
        assert tally["reminded"] == (oracle.reminded_at is not None)
        if end is None:
            remind = oracle.remind_at()
            assert self.micro(row["due_at"]) == oracle.close_at()
            assert self.micro(row["next_at"]) == (oracle.close_at() if remind is None else remind)

    @invariant()
    @precondition(lambda self: hasattr(self, "oracle"))
    def the_money_is_where_arithmetic_says(self) -> None:
        assert self.assembly.money() == (self.balance, self.allocated)
        assert self.store.read_now(lambda tx: list(ledger_problems(tx))) == []
        end = self.oracle.end(self.at)
        if self.deleted:
            expected = "deleted"
        elif end is None:
            expected = "pending"
        elif end.outcome != "approve":
            expected = {"deny": "rejected"}.get(end.outcome, "expired")
        else:
            expected = {"funded": "approved", "waiting": "pending awaiting funds"}.get(self.funds, "expired")
        assert self.assembly.status() == expected

    def micro(self, at: datetime | None) -> int | None:
        return None if at is None else (at - self.start) // MICROSECOND


Proposing.TestCase.settings = settings(max_examples=1500 if LONG else 40, stateful_step_count=30)
TestProposing = Proposing.TestCase
