"""The ballot, pure: frozen rules, the count so far, and now.

Nothing here reads a clock, a database or a network; the same functions serve the vote, the timer, the page and the
offline recount. All arithmetic is on integers and instants. What one voter may do, and what everybody is told, is in
`voting`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from placet.domain.funds import FundsSpec
from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.task import Reason, Verdict

EXPIRED = "expired"
"""The outcome of a ballot that ends without quorum; the others are the two choices."""


class Choice(StrEnum):
    APPROVE = "approve"
    DENY = "deny"


class Share(Durable):
    """A part of a whole as an exact fraction: `of` out of `out_of`, such as 1 out of 2."""

    of: int = Field(ge=1)
    out_of: int = Field(ge=1)

    @model_validator(mode="after")
    def _at_most_all(self) -> "Share":
        if self.of > self.out_of:
            raise ValueError("a share cannot be more than the whole")
        return self

    def reached(self, part: int, whole: int) -> bool:
        """Whether `part` is at least this share of `whole`."""
        return part * self.out_of >= whole * self.of

    def exceeded(self, part: int, whole: int) -> bool:
        """Whether `part` is more than this share of `whole`."""
        return part * self.out_of > whole * self.of

    def least(self, whole: int) -> int:
        """The smallest integer that reaches this share of `whole`."""
        return -(-whole * self.of // self.out_of)


HALF = Share(of=1, out_of=2)


class _Axes(Durable):
    """What an author chooses about a vote, the same while it is planned and once it is frozen.

    `quorum` is the share of the electorate that must vote. With `early`, more than that share of the whole
    electorate for one choice decides at once; None waits for the countdown always. `majority` says how the votes are
    weighed when the countdown ends: `simple` is more for than against, and `tie` decides when they are equal.
    `funds` is what an approval reserves from the budget in the same instant, or then waits for.
    """

    name: str
    title: str
    instructions: str = ""
    electorate: Role
    quorum: Share = HALF
    majority: Literal["simple"] = "simple"
    early: Share | None = HALF
    tie: Choice = Choice.DENY
    funds: FundsSpec | None = None

    @model_validator(mode="after")
    def _one_side_only(self) -> "_Axes":
        if self.early and 2 * self.early.of < self.early.out_of:
            raise ValueError("an early decision takes at least half of the electorate, else both sides could claim it")
        return self


class BallotSpec(_Axes):
    """What a workflow puts to the vote. Times are relative; `freeze` makes them absolute when the ballot opens.

    `excluded` says of each person who may not vote on this why (person id to reason). `remind_before` is how long
    before the close those who still owe a vote are reminded.
    """

    excluded: Mapping[str, str] = {}
    countdown: Span = Span("24h")
    expiry: Span = Span("14d")
    remind_before: Span | None = None
    shows: Any = None

    @field_validator("countdown", "expiry", "remind_before")
    @classmethod
    def _elapsed(cls, span: Span | None) -> Span | None:
        if span and span.business_days:
            raise ValueError("a vote runs on elapsed time, not on business days; write it like 24h or 14d")
        return span


class BallotRules(_Axes):
    """The frozen rules of one open ballot. Instants are UTC, before any shift by a pause.

    `total` is the size of the frozen electorate, without those who are excluded; `roll_hash` commits to its members.
    """

    total: int = Field(ge=0)
    roll_hash: str
    subject_hash: str
    countdown: timedelta
    opened_at: datetime
    expires_at: datetime
    remind_before: timedelta | None = None


def freeze(
    spec: BallotSpec, total: int, roll_hash: str, subject_hash: str, now: datetime, scope: str | None = None
) -> BallotRules:
    """The rules of a ballot that opens now; `scope` is that of the case, where the electorate names none of its own."""
    opened_at = now.astimezone(UTC)
    return BallotRules(
        name=spec.name,
        title=spec.title,
        instructions=spec.instructions,
        electorate=Role(name=spec.electorate.name, scope=spec.electorate.scope or scope),
        quorum=spec.quorum,
        majority=spec.majority,
        early=spec.early,
        tie=spec.tie,
        funds=spec.funds,
        total=total,
        roll_hash=roll_hash,
        subject_hash=subject_hash,
        countdown=spec.countdown.elapsed,
        opened_at=opened_at,
        expires_at=opened_at + spec.expiry.elapsed,
        remind_before=spec.remind_before.elapsed if spec.remind_before else None,
    )


def roll_hash(person_ids: Iterable[str]) -> str:
    """The commitment to an electorate: SHA-256 over the ids in order of their code points, a line each."""
    told = hashlib.sha256()
    for person_id in sorted(person_ids):
        told.update(person_id.encode() + b"\n")
    return told.hexdigest()


class Count(Durable):
    """The votes so far, and what has moved the clock.

    `shift` is all the time that the ballot has stood paused, `shift_at_quorum` how much of it lay before the vote that
    reached quorum (at `quorum_at`): a pause before the countdown does not lengthen it.
    """

    approve: int = Field(default=0, ge=0)
    deny: int = Field(default=0, ge=0)
    quorum_at: datetime | None = None
    shift_at_quorum: timedelta = timedelta()
    shift: timedelta = timedelta()
    reminded: bool = False

    @property
    def cast(self) -> int:
        return self.approve + self.deny


def quorum_threshold(rules: BallotRules) -> int:
    """The smallest number of votes that reaches quorum; 0 for an empty electorate, which never reaches it."""
    return rules.quorum.least(rules.total)


def quorum_reached(rules: BallotRules, cast: int) -> bool:
    return rules.total > 0 and rules.quorum.reached(cast, rules.total)


def counted(rules: BallotRules, count: Count, choice: Choice, now: datetime) -> Count:
    """The count after one more vote, which starts the countdown if it is the one that reaches quorum."""
    after = {choice.value: getattr(count, choice.value) + 1}
    if count.quorum_at is None and quorum_reached(rules, count.cast + 1):
        return count.model_copy(update={**after, "quorum_at": now, "shift_at_quorum": count.shift})
    return count.model_copy(update=after)


def expires_at(rules: BallotRules, count: Count) -> datetime:
    """When the ballot ends if quorum is not reached, moved by the time it stood paused."""
    return rules.expires_at + count.shift


def finalize_at(rules: BallotRules, count: Count) -> datetime | None:
    """When the running countdown ends, moved by the time it stood paused; None before quorum."""
    if count.quorum_at is None:
        return None
    return count.quorum_at + rules.countdown + (count.shift - count.shift_at_quorum)


def deadline(rules: BallotRules, count: Count) -> datetime:
    """The instant from which no vote counts any more. A running countdown wins over the expiry."""
    return finalize_at(rules, count) or expires_at(rules, count)


def reminder_at(rules: BallotRules, count: Count) -> datetime | None:
    """When those who still owe a vote are reminded, once; None if they were, or no sooner than they were asked.

    A countdown shorter than `remind_before` reminds as it starts.
    """
    if rules.remind_before is None or count.reminded:
        return None
    at = deadline(rules, count) - rules.remind_before
    if count.quorum_at is not None:
        return max(at, count.quorum_at)
    return at if at > rules.opened_at + count.shift else None


def reminder_due(rules: BallotRules, count: Count, now: datetime) -> bool:
    """Whether the reminder goes out now; a deadline that has come makes it pointless."""
    at = reminder_at(rules, count)
    return at is not None and at <= now < deadline(rules, count)


def next_at(rules: BallotRules, count: Count) -> datetime:
    """When the clock acts next: the reminder or the deadline."""
    return reminder_at(rules, count) or deadline(rules, count)


def decided(rules: BallotRules, count: Count) -> Choice | None:
    """The choice that the votes so far have decided early, or None."""
    if rules.early is None or not quorum_reached(rules, count.cast):
        return None
    if rules.early.exceeded(count.approve, rules.total):
        return Choice.APPROVE
    if rules.early.exceeded(count.deny, rules.total):
        return Choice.DENY
    return None


def leading(rules: BallotRules, count: Count) -> Choice:
    """The choice that wins if nobody votes any more and the countdown ends."""
    if count.approve == count.deny:
        return rules.tie
    return Choice.APPROVE if count.approve > count.deny else Choice.DENY


def on_vote(rules: BallotRules, count: Count, at: datetime) -> Verdict | None:
    """The verdict that the vote acknowledged at `at`, already in the count, has brought; None if it decides nothing."""
    choice = decided(rules, count)
    return _verdict(rules, count, choice, Reason.EARLY, at) if choice else None


def on_deadline(rules: BallotRules, count: Count, now: datetime) -> Verdict | None:
    """The verdict that the clock brings, dated at the exact instant of the deadline; None before it."""
    at = deadline(rules, count)
    if now < at:
        return None
    if count.quorum_at is None:
        return _verdict(rules, count, EXPIRED, Reason.EXPIRED, at)
    return _verdict(rules, count, leading(rules, count), Reason.COUNTDOWN, at)


def forced(rules: BallotRules, count: Count, by: str, at: datetime) -> Verdict:
    """The verdict of an administrator (`by`) who approves past the voters."""
    return _verdict(rules, count, Choice.APPROVE, Reason.FORCED, at, (by,))


def _verdict(
    rules: BallotRules, count: Count, outcome: str, reason: Reason, at: datetime, by: tuple[str, ...] = ()
) -> Verdict:
    tally = {"total_voters": rules.total, "votes_cast": count.cast, "approve": count.approve, "deny": count.deny}
    return Verdict(
        outcome=str(outcome), favourable=outcome == Choice.APPROVE, reason=reason, at=at, by=by, data={"votes": tally}
    )
