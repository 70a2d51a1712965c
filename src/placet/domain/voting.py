"""What one voter may do on a ballot, and what everybody is told about it."""

from datetime import datetime
from enum import StrEnum

from placet.domain.ballot import (
    EXPIRED,
    BallotRules,
    Choice,
    Count,
    deadline,
    leading,
    next_at,
    on_deadline,
    on_vote,
    quorum_threshold,
)
from placet.domain.model import Durable
from placet.domain.said import Said, Text, later
from placet.domain.task import Reason, Refusal, Verdict

MAX_COMMENT = 8000
"""Characters of the comment on a vote."""


class VoterStanding(Durable):
    """What one person is to one ballot, looked up at the moment of the vote.

    `on_roll` is the electorate as it was frozen, `still_voter` whether the person is active and holds the role now.
    """

    on_roll: bool
    still_voter: bool
    is_proposer: bool = False
    excluded: str | None = None
    cast: Choice | None = None


def refusal(
    rules: BallotRules,
    count: Count,
    standing: VoterStanding,
    choice: str,
    comment: str,
    now: datetime,
    *,
    is_open: bool = True,
    paused: bool = False,
) -> Refusal | None:
    """Why this vote may not count, or None. The same vote again is never refused: it gets the same receipt."""
    if standing.cast is not None and choice == standing.cast:
        return None
    if standing.is_proposer:
        return Refusal(code="own-proposal", detail=Said("You cannot vote on your own proposal."))
    if standing.excluded is not None:
        detail = Said("You cannot vote on this: %(why)s.", why=Said(standing.excluded))
        return Refusal(code="excluded", detail=detail)
    if not standing.still_voter:
        role = rules.electorate.name
        detail = Said("Only people with the role %(role)s vote on this; ask an administrator.", role=role)
        return Refusal(code="not-a-voter", detail=detail)
    if not standing.on_roll:
        detail = Said("The list of voters was fixed when this vote opened, and you were not on it.")
        return Refusal(code="not-on-roll", detail=detail)
    if choice not in (Choice.APPROVE, Choice.DENY):
        return Refusal(code="unknown-outcome", detail=Said("Choose one of: approve, deny."), field="decision")
    if len(comment) > MAX_COMMENT:
        detail = Said("A comment may have at most %(most)s characters; shorten it.", most=MAX_COMMENT)
        return Refusal(code="comment-too-long", detail=detail, field="comment")
    if standing.cast is not None:
        detail = (
            Said("You have already voted to approve; a vote cannot be changed.")
            if standing.cast is Choice.APPROVE
            else Said("You have already voted to deny; a vote cannot be changed.")
        )
        return Refusal(code="already-voted", detail=detail)
    # While the clock stands still, only the row can say that the ballot is closed.
    if not is_open or (not paused and now >= deadline(rules, count)):
        return Refusal(code="ballot-closed", detail=Said("This vote is closed; read how it ended."))
    if paused:
        detail = Said("The vote is paused; nobody can vote until it is resumed.")
        return Refusal(code="case-paused", detail=detail)
    return None


class BallotState(StrEnum):
    OPEN = "open"
    COUNTDOWN = "countdown"
    CLOSED = "closed"


class Evaluation(Durable):
    """Where a ballot stands at one instant; `next_at` is when the clock acts next, None once it is closed."""

    state: BallotState
    verdict: Verdict | None
    next_at: datetime | None
    explanation: Text


def state(rules: BallotRules, count: Count, now: datetime, verdict: Verdict | None = None) -> Evaluation:
    """Where the ballot stands now; `verdict` is the recorded one, if it was closed before.

    While the ballot stands paused, `now` is the instant of the pause, as no clock runs. Without a recorded verdict an
    early decision is dated `now`: the vote that brings it closes the ballot in the same act.
    """
    verdict = verdict or on_vote(rules, count, now) or on_deadline(rules, count, now)
    if verdict:
        told = closed_sentence(rules, count, verdict)
        return Evaluation(state=BallotState.CLOSED, verdict=verdict, next_at=None, explanation=told)
    return Evaluation(
        state=BallotState.OPEN if count.quorum_at is None else BallotState.COUNTDOWN,
        verdict=None,
        next_at=next_at(rules, count),
        explanation=ballot_sentence(rules, count, now),
    )


def ballot_sentence(rules: BallotRules, count: Count, now: datetime) -> Said:
    """Whom an open ballot waits for, and what happens when if nobody votes."""
    ends = deadline(rules, count)
    at, left = ends, ends - now
    if rules.total == 0:
        return Said(
            "Nobody is entitled to vote; unless an administrator approves it, the vote expires on %(at)s (%(left)s).",
            at=at,
            left=left,
        )
    voted = _turnout(rules, count)
    if count.quorum_at is None:
        needed = Said.plural(
            "%(num)s more vote is needed for quorum, without which the vote expires on %(at)s (%(left)s)",
            "%(num)s more votes are needed for quorum, without which the vote expires on %(at)s (%(left)s)",
            quorum_threshold(rules) - count.cast,
            at=at,
            left=left,
        )
        return Said("%(voted)s; %(needed)s.", voted=voted, needed=needed)
    return Said(
        "%(voted)s; the vote closes on %(at)s (%(left)s), and as it stands %(result)s.",
        voted=voted,
        at=at,
        left=left,
        result=_foreseen(leading(rules, count) is Choice.APPROVE, count.approve == count.deny),
    )


def _foreseen(approved: bool, tie: bool) -> Said:
    if approved:
        if tie:
            return Said("the proposal would be approved, as a tie counts as that")
        return Said("the proposal would be approved")
    return (
        Said("the proposal would be rejected, as a tie counts as that")
        if tie
        else Said("the proposal would be rejected")
    )


CLOSED = {
    Choice.APPROVE: later("Approved on %(at)s %(why)s: %(voted)s."),
    Choice.DENY: later("Rejected on %(at)s %(why)s: %(voted)s."),
    EXPIRED: later("Expired on %(at)s %(why)s: %(voted)s."),
}


def closed_sentence(rules: BallotRules, count: Count, verdict: Verdict) -> Said:
    """How a ballot ended, and why."""
    match verdict.reason:
        case Reason.FORCED:
            why = Said("by an administrator, past the voters")
        case Reason.EARLY:
            why = Said("early, as enough of all voters agree")
        case Reason.COUNTDOWN if count.approve == count.deny:
            why = Said("at the end of the countdown, by the rule for a tie")
        case Reason.COUNTDOWN:
            why = Said("at the end of the countdown")
        case Reason.EXPIRED:
            why = Said("without quorum")
        case other:
            why = Said("(%(reason)s)", reason=Said(other))
    template = CLOSED.get(verdict.outcome, later("Closed on %(at)s %(why)s: %(voted)s."))
    return Said(template, at=verdict.at, why=why, voted=_turnout(rules, count))


def _turnout(rules: BallotRules, count: Count) -> Said:
    return Said.plural(
        "%(num)s of %(total)s has voted (%(approve)s for, %(deny)s against)",
        "%(num)s of %(total)s have voted (%(approve)s for, %(deny)s against)",
        count.cast,
        total=rules.total,
        approve=count.approve,
        deny=count.deny,
    )
