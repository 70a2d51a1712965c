"""A ballot of the product as an act plays it (settle, ask the rules, count, settle), beside the oracle."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from domain.ballot_oracle import OracleVote
from placet.domain.ballot import (
    BallotRules,
    BallotSpec,
    Choice,
    Count,
    Share,
    deadline,
    finalize_at,
    forced,
    freeze,
    next_at,
    on_deadline,
    on_vote,
    quorum_reached,
    quorum_threshold,
    reminder_at,
    reminder_due,
)
from placet.domain.ballot import counted as count_vote
from placet.domain.people import Role
from placet.domain.task import Verdict
from placet.domain.voting import VoterStanding, refusal, state

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
PROPOSER = "proposer"


def ballot_rules(total: int, **axes: Any) -> BallotRules:
    spec = BallotSpec.model_validate({"name": "vote", "title": "Vote", "electorate": Role(name="voter")} | axes)
    return freeze(spec, total, "roll", "subject", START, "coop")


def micro(at: datetime | timedelta) -> int:
    length = at - START if isinstance(at, datetime) else at
    return length // TICK


@dataclass
class Played:
    """One ballot, with what a store would keep of it. Times go in and out as microseconds since the opening."""

    rules: BallotRules
    roll: frozenset[str]
    role: set[str]
    count: Count = field(default_factory=Count)
    verdict: Verdict | None = None
    mine: dict[str, Choice] = field(default_factory=dict)
    paused_at: datetime | None = None

    def look(self, at: int) -> None:
        now = START + at * TICK
        if self.verdict or self.paused_at:
            return
        self.verdict = on_deadline(self.rules, self.count, now)
        if self.verdict is None and reminder_due(self.rules, self.count, now):
            self.count = self.count.model_copy(update={"reminded": True})

    def vote(self, who: str, decision: str, at: int) -> str:
        self.look(at)
        now = START + at * TICK
        standing = VoterStanding(
            on_roll=who in self.roll,
            still_voter=who in self.role,
            is_proposer=who == PROPOSER,
            cast=self.mine.get(who),
        )
        is_open, paused = self.verdict is None, self.paused_at is not None
        if why := refusal(self.rules, self.count, standing, decision, "", now, is_open=is_open, paused=paused):
            return why.code
        if standing.cast is None:
            self.mine[who] = Choice(decision)
            self.count = count_vote(self.rules, self.count, Choice(decision), now)
            self.verdict = on_vote(self.rules, self.count, now)
            self.look(at)
        return "receipt"

    def force_approve(self, at: int) -> bool:
        self.look(at)
        if self.verdict or self.paused_at:
            return False
        self.verdict = forced(self.rules, self.count, "admin", START + at * TICK)
        return True

    def pause(self, at: int) -> bool:
        self.look(at)
        if self.verdict or self.paused_at:
            return False
        self.paused_at = START + at * TICK
        return True

    def resume(self, at: int) -> bool:
        if self.paused_at is None:
            return False
        stood, self.paused_at = START + at * TICK - self.paused_at, None
        self.count = self.count.model_copy(update={"shift": self.count.shift + stood})
        self.look(at)
        return True


def ballots(
    voters: frozenset[str],
    quorum: tuple[int, int] = (1, 2),
    early: tuple[int, int] | None = (1, 2),
    tie: str = "deny",
    remind: str | None = None,
    countdown: str = "24h",
    expiry: str = "14d",
) -> tuple[Played, OracleVote]:
    """The same ballot twice: the product's and the oracle's. The proposer is never on the roll."""
    rules = ballot_rules(
        len(voters - {PROPOSER}),
        quorum=Share(of=quorum[0], out_of=quorum[1]),
        early=Share(of=early[0], out_of=early[1]) if early else None,
        tie=tie,
        remind_before=remind,
        countdown=countdown,
        expiry=expiry,
    )
    oracle = OracleVote(
        voters,
        PROPOSER,
        countdown=_length(countdown),
        expiry=_length(expiry),
        quorum=Fraction(*quorum),
        early=Fraction(*early) if early else None,
        tie=tie,
        remind=_length(remind) if remind else None,
    )
    return Played(rules, voters - {PROPOSER}, set(voters)), oracle


def _length(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "h": 3600, "d": 86400}[text[-1]] * 1_000_000


def disagreements(played: Played, oracle: OracleVote, at: int) -> list[str]:
    """What the two say differently about the ballot at this instant; both have settled."""
    rules, count, verdict = played.rules, played.count, played.verdict
    end, close, quorum_at = oracle.end(at), oracle.close_at(), oracle.quorum_reached_at()
    finalize, reminder, remind = finalize_at(rules, count), reminder_at(rules, count), oracle.remind_at()
    pairs: list[tuple[str, object, object]] = [
        ("approve", count.approve, oracle.votes_for("approve")),
        ("deny", count.deny, oracle.votes_for("deny")),
        ("threshold", quorum_threshold(rules), oracle.threshold()),
        ("quorum", quorum_reached(rules, count.cast), quorum_at is not None),
        ("quorum at", count.quorum_at and micro(count.quorum_at), quorum_at),
        ("finalize at", finalize and micro(finalize), oracle.finalize_at()),
        ("deadline", micro(deadline(rules, count)), close),
        ("reminded", count.reminded, oracle.reminded_at is not None),
        ("verdict", verdict and (verdict.outcome, verdict.reason.value, micro(verdict.at)), end),
        ("favourable", verdict and verdict.favourable, end and end.outcome == "approve"),
    ]
    if end is None:
        now = min(START + at * TICK, played.paused_at or datetime.max.replace(tzinfo=UTC))
        seen = state(rules, count, now)
        pairs += [
            ("reminder", reminder and micro(reminder), remind),
            ("next", micro(next_at(rules, count)), close if remind is None else remind),
            ("seen next", seen.next_at, next_at(rules, count)),
            ("seen", seen.state.value, "open" if quorum_at is None else "countdown"),
        ]
    else:
        seen = state(rules, count, START + at * TICK, verdict)
        pairs.append(("seen", (seen.state.value, seen.verdict, seen.next_at), ("closed", verdict, None)))
    return [f"{what}: {ours} against {theirs}" for what, ours, theirs in pairs if ours != theirs]
