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
from placet.domain.explain import in_full
from placet.domain.model import Durable
from placet.domain.span import in_words
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
        return Refusal(code="own-proposal", detail="You cannot vote on your own proposal.")
    if standing.excluded is not None:
        return Refusal(code="excluded", detail=f"You cannot vote on this: {standing.excluded}.")
    if not standing.still_voter:
        role = rules.electorate.name
        return Refusal(
            code="not-a-voter", detail=f"Only people with the role {role} vote on this; ask an administrator."
        )
    if not standing.on_roll:
        detail = "The list of voters was fixed when this vote opened, and you were not on it."
        return Refusal(code="not-on-roll", detail=detail)
    if choice not in (Choice.APPROVE, Choice.DENY):
        return Refusal(code="unknown-outcome", detail="Choose one of: approve, deny.", field="decision")
    if len(comment) > MAX_COMMENT:
        detail = f"A comment may have at most {MAX_COMMENT} characters; shorten it."
        return Refusal(code="comment-too-long", detail=detail, field="comment")
    if standing.cast is not None:
        detail = f"You have already voted to {standing.cast}; a vote cannot be changed."
        return Refusal(code="already-voted", detail=detail)
    # While the clock stands still, only the row can say that the ballot is closed.
    if not is_open or (not paused and now >= deadline(rules, count)):
        return Refusal(code="ballot-closed", detail="This vote is closed; read how it ended.")
    if paused:
        return Refusal(code="case-paused", detail="The vote is paused; nobody can vote until it is resumed.")
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
    explanation: str


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


def ballot_sentence(rules: BallotRules, count: Count, now: datetime) -> str:
    """Whom an open ballot waits for, and what happens when if nobody votes."""
    ends = deadline(rules, count)
    when = f"{in_full(ends)} (in {in_words(ends - now)})"
    if rules.total == 0:
        return f"Nobody is entitled to vote; unless an administrator approves it, the vote expires on {when}."
    voted = f"{_turnout(rules, count)} ({count.approve} for, {count.deny} against)"
    if count.quorum_at is None:
        missing = quorum_threshold(rules) - count.cast
        more = "1 more vote is" if missing == 1 else f"{missing} more votes are"
        return f"{voted}; {more} needed for quorum, without which the vote expires on {when}."
    result = "approved" if leading(rules, count) is Choice.APPROVE else "rejected"
    tie = ", as a tie counts as that" if count.approve == count.deny else ""
    return f"{voted}; the vote closes on {when}, and as it stands the proposal would be {result}{tie}."


def closed_sentence(rules: BallotRules, count: Count, verdict: Verdict) -> str:
    """How a ballot ended, and why."""
    result = {Choice.APPROVE: "Approved", Choice.DENY: "Rejected", EXPIRED: "Expired"}.get(verdict.outcome, "Closed")
    match verdict.reason:
        case Reason.FORCED:
            why = "by an administrator, past the voters"
        case Reason.EARLY:
            why = "early, as enough of all voters agree"
        case Reason.COUNTDOWN:
            why = "at the end of the countdown" + (", by the rule for a tie" if count.approve == count.deny else "")
        case Reason.EXPIRED:
            why = "without quorum"
        case other:
            why = f"({other})"
    turnout = f"{_turnout(rules, count)} ({count.approve} for, {count.deny} against)"
    return f"{result} on {in_full(verdict.at)} {why}: {turnout}."


def _turnout(rules: BallotRules, count: Count) -> str:
    return f"{count.cast} of {rules.total} {'has' if count.cast == 1 else 'have'} voted"
