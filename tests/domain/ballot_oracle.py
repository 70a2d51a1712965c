"""The vote as the source document tells it, in exact fractions: an oracle that shares no code with the product.

It keeps nothing but what happened (ballots, pauses, a force) and works everything out anew from that, each time it is
asked. Instants are whole microseconds. "Voting time" is the time since the opening without the pauses.
"""

from fractions import Fraction
from functools import cache
from typing import NamedTuple

SECOND = 1_000_000
DAY = 86_400 * SECOND


class Ballot(NamedTuple):
    at: int
    who: str
    decision: str


class End(NamedTuple):
    outcome: str
    why: str
    at: int


@cache
def part(votes: int, voters: int) -> Fraction:
    return Fraction(votes, voters)


class OracleVote:
    """One vote on one proposal."""

    def __init__(
        self,
        voters: frozenset[str],
        proposer: str,
        opened: int = 0,
        countdown: int = DAY,
        expiry: int = 14 * DAY,
        quorum: Fraction = Fraction(1, 2),
        early: Fraction | None = Fraction(1, 2),
        tie: str = "deny",
        remind: int | None = None,
    ) -> None:
        self.body = voters - {proposer}
        self.role = set(voters)
        self.proposer = proposer
        self.opened, self.countdown, self.expiry, self.remind = opened, countdown, expiry, remind
        self.quorum, self.early, self.tie = quorum, early, tie
        self.ballots: list[Ballot] = []
        self.pauses: list[tuple[int, int]] = []
        self.paused_since: int | None = None
        self.force: End | None = None
        self.reminded_at: int | None = None

    # Time

    def voting_time(self, at: int) -> int:
        """How long the vote has run by `at`."""
        stood = sum(min(end, at) - begin for begin, end in self.pauses if begin < at)
        if self.paused_since is not None and self.paused_since < at:
            stood += at - self.paused_since
        return at - self.opened - stood

    def instant(self, voting_time: int) -> int:
        """When the vote has run this long, if it is not paused again."""
        at = self.opened + voting_time
        for begin, end in self.pauses:
            if begin < at:
                at += end - begin
        return at

    # The count

    def votes_for(self, decision: str) -> int:
        return len([ballot for ballot in self.ballots if ballot.decision == decision])

    def my_decision(self, who: str) -> str | None:
        return next((ballot.decision for ballot in self.ballots if ballot.who == who), None)

    def quorum_reached_at(self) -> int | None:
        for place, ballot in enumerate(self.ballots, start=1):
            if part(place, len(self.body)) >= self.quorum:
                return ballot.at
        return None

    def threshold(self) -> int:
        """The fewest voters who are a quorum together, found by trying."""
        if not self.body:
            return 0
        return next(n for n in range(len(self.body) + 1) if part(n, len(self.body)) >= self.quorum)

    # Deadlines, as instants

    def finalize_at(self) -> int | None:
        reached = self.quorum_reached_at()
        return None if reached is None else self.instant(self.voting_time(reached) + self.countdown)

    def close_at(self) -> int:
        return self.finalize_at() or self.instant(self.expiry)

    def remind_at(self) -> int | None:
        """When the reminder is due: not twice, not with the invitation, and not before the countdown it speaks of."""
        if self.remind is None or self.reminded_at is not None:
            return None
        reached = self.quorum_reached_at()
        if reached is None:
            return self.instant(self.expiry - self.remind) if self.remind < self.expiry else None
        begun = self.voting_time(reached)
        return self.instant(begun + max(0, self.countdown - self.remind))

    # The end

    def early_end(self) -> End | None:
        approve = deny = 0
        if self.early is None or self.quorum_reached_at() is None:
            return None
        for place, ballot in enumerate(self.ballots, start=1):
            approve += ballot.decision == "approve"
            deny += ballot.decision == "deny"
            if part(place, len(self.body)) < self.quorum:
                continue
            for name, votes in (("approve", approve), ("deny", deny)):
                if part(votes, len(self.body)) > self.early:
                    return End(name, "early", ballot.at)
        return None

    def end(self, at: int) -> End | None:
        """How and when the vote ended, if it has by `at`."""
        if self.force:
            return self.force
        if early := self.early_end():
            return early
        if self.paused_since is not None:
            return None
        if at < (close := self.close_at()):
            return None
        if self.quorum_reached_at() is None:
            return End("expired", "expired", close)
        approve, deny = self.votes_for("approve"), self.votes_for("deny")
        if approve == deny:
            return End(self.tie, "countdown", close)
        return End("approve" if approve > deny else "deny", "countdown", close)

    # What people do; each returns a word for what came of it

    def look(self, at: int) -> None:
        due = None if self.end(at) or self.paused_since is not None else self.remind_at()
        if due is not None and due <= at:
            self.reminded_at = at

    def vote(self, who: str, decision: str, at: int) -> str:
        mine = self.my_decision(who)
        if mine == decision:
            return "receipt"
        if who == self.proposer:
            return "own-proposal"
        if who not in self.role:
            return "not-a-voter"
        if who not in self.body:
            return "not-on-roll"
        if decision not in ("approve", "deny"):
            return "unknown-outcome"
        if mine:
            return "already-voted"
        if self.end(at):
            return "ballot-closed"
        if self.paused_since is not None:
            return "case-paused"
        self.ballots.append(Ballot(at, who, decision))
        return "receipt"

    def force_approve(self, at: int) -> bool:
        if self.end(at) or self.paused_since is not None:
            return False
        self.force = End("approve", "forced", at)
        return True

    def pause(self, at: int) -> bool:
        if self.end(at) or self.paused_since is not None:
            return False
        self.paused_since = at
        return True

    def resume(self, at: int) -> bool:
        if self.paused_since is None:
            return False
        self.pauses.append((self.paused_since, at))
        self.paused_since = None
        return True
