"""One ballot through whatever people and the clock do to it, beside the oracle."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.ballot_oracle import DAY, SECOND
from domain.ballot_play import PROPOSER, ballots, disagreements

PEOPLE = ("ada", "ben", "cem", "dora", "eli", "fay", PROPOSER)
NEWCOMER = "newcomer"
EVERYBODY = st.sampled_from([*PEOPLE, NEWCOMER])
CHOICES = st.sampled_from(["approve", "deny"])


class Voting(RuleBasedStateMachine):
    """Time only grows. What was acknowledged is counted, and nothing else is, ever."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        self.receipts: dict[str, str] = {}
        self.ended: Any = None

    @initialize(
        voters=st.frozensets(st.sampled_from(PEOPLE)),
        quorum=st.sampled_from([(1, 2), (1, 3), (2, 3), (1, 1)]),
        early=st.sampled_from([(1, 2), (2, 3), None]),
        tie=CHOICES,
        remind=st.sampled_from([None, "12h", "24h", "20d"]),
    )
    def open(self, **axes: Any) -> None:
        self.played, self.oracle = ballots(**axes)

    @rule(by=st.integers(0, 3 * DAY))
    def time_passes(self, by: int) -> None:
        self.at += by

    @rule(offset=st.sampled_from([-1, 0, 1]), reminder=st.booleans())
    def time_passes_to_the_next_thing_the_clock_does(self, offset: int, reminder: bool) -> None:
        due = self.oracle.remind_at() if reminder else None
        self.at = max(self.at, (self.oracle.close_at() if due is None else due) + offset)

    @rule(who=EVERYBODY, choice=CHOICES)
    def somebody_votes(self, who: str, choice: str) -> None:
        self.vote(who, choice)

    @rule(choice=CHOICES)
    def whoever_still_may_votes(self, choice: str) -> None:
        """So that quorums and early decisions come up often."""
        for who in sorted(self.oracle.body - set(self.receipts))[:1]:
            self.vote(who, choice)

    @rule(data=st.data())
    @precondition(lambda self: self.receipts)
    def the_same_vote_is_sent_again(self, data: st.DataObject) -> None:
        """Whenever it comes, also after the end, in a pause, or from somebody who has lost the role."""
        who = data.draw(st.sampled_from(sorted(self.receipts)))
        before = self.played.count.cast
        assert self.vote(who, self.receipts[who]) == "receipt"
        assert self.played.count.cast == before

    @rule(data=st.data())
    @precondition(lambda self: self.receipts)
    def somebody_tries_to_change_a_vote(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.receipts)))
        other = {"approve": "deny", "deny": "approve"}[self.receipts[who]]
        assert self.vote(who, other) in ("already-voted", "not-a-voter")

    @rule(who=EVERYBODY)
    def the_role_is_granted_or_revoked(self, who: str) -> None:
        for role in (self.played.role, self.oracle.role):
            role.symmetric_difference_update({who})

    @rule()
    def an_administrator_forces_it(self) -> None:
        self.oracle.look(self.at)
        assert self.played.force_approve(self.at) == self.oracle.force_approve(self.at)

    @rule()
    def it_is_paused(self) -> None:
        self.oracle.look(self.at)
        assert self.played.pause(self.at) == self.oracle.pause(self.at)

    @rule(after=st.integers(0, 20 * DAY))
    @precondition(lambda self: self.oracle.paused_since is not None)
    def it_is_resumed(self, after: int) -> None:
        self.at += after
        assert self.played.resume(self.at) == self.oracle.resume(self.at)
        self.oracle.look(self.at)

    def vote(self, who: str, choice: str) -> str:
        self.oracle.look(self.at)
        answer = self.played.vote(who, choice, self.at)
        assert answer == self.oracle.vote(who, choice, self.at)
        self.oracle.look(self.at)
        if answer == "receipt":
            assert self.receipts.setdefault(who, choice) == choice
        return answer

    @invariant()
    @precondition(lambda self: hasattr(self, "oracle"))
    def both_say_the_same(self) -> None:
        self.played.look(self.at)
        self.oracle.look(self.at)
        assert disagreements(self.played, self.oracle, self.at) == []

    @invariant()
    @precondition(lambda self: hasattr(self, "oracle"))
    def acknowledged_is_counted(self) -> None:
        count = self.played.count
        chosen = list(self.receipts.values())
        assert (count.approve, count.deny) == (chosen.count("approve"), chosen.count("deny"))
        assert count.cast <= self.played.rules.total

    @invariant()
    def an_end_is_for_good(self) -> None:
        if self.ended:
            assert self.played.verdict == self.ended
        elif hasattr(self, "played"):
            self.ended = self.played.verdict

    @invariant()
    @precondition(lambda self: hasattr(self, "oracle"))
    def nothing_happens_before_its_time(self) -> None:
        if self.ended:
            assert 0 <= (self.ended.at - self.played.rules.opened_at).total_seconds() <= self.at / SECOND


Voting.TestCase.settings = settings(max_examples=150, stateful_step_count=25)
TestVoting = Voting.TestCase
