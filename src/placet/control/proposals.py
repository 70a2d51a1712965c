"""Proposals as people see them: one shape for the list, the single one, and the answer to a vote."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from placet.domain import ballot as rule
from placet.domain import voting
from placet.domain.ballot import BallotRules
from placet.domain.task import Verdict
from placet.store.ballots import count_of


class VotesView(BaseModel):
    """The tally; the names are those that voters' tools know."""

    total_voters: int
    votes_cast: int
    approve: int
    deny: int
    quorum_reached: bool
    quorum_threshold: int


class ProposalView(BaseModel):
    """A proposal, or the deletion of one (`kind`). Moments are Unix seconds, as voters' tools expect them."""

    id: str
    kind: str
    status: str
    title: str
    description: str
    proposer: str
    scope: str
    steps: list[dict[str, Any]]
    recurrence: str
    series_id: str | None
    target_kind: str | None
    target_id: str | None
    weekly_bounty_requirement: int
    votes: VotesView
    quorum_reached_at: int | None
    finalize_at: int | None
    finalized_at: int | None
    expires_at: int
    vote_decision: str | None
    vote_finalized_by_user_id: str | None
    my_decision: str | None
    awaiting_funds: bool
    created_at: int
    ballot: str
    subject_hash: str
    roll_hash: str
    explanation: str


def told(
    proposal: Mapping[Any, Any], ballot: Mapping[Any, Any], rules: BallotRules, my_decision: str | None, now: datetime
) -> ProposalView:
    """The view of these rows of `proposal` and `decision`; `now` explains an open vote."""
    count = count_of(ballot)
    verdict = Verdict.model_validate(ballot["verdict"]) if ballot["verdict"] else None
    ends = rule.finalize_at(rules, count)
    return ProposalView(
        id=proposal["id"],
        kind=proposal["kind"],
        status=proposal["status"],
        title=proposal["title"],
        description=proposal["description"],
        proposer=proposal["proposer"],
        scope=proposal["scope"],
        steps=proposal["steps"],
        recurrence=proposal["recurrence"],
        series_id=proposal["series_id"],
        target_kind=proposal["target_kind"],
        target_id=proposal["target_id"],
        weekly_bounty_requirement=proposal["weekly_requirement"],
        votes=VotesView(
            total_voters=rules.total,
            votes_cast=count.cast,
            approve=count.approve,
            deny=count.deny,
            quorum_reached=count.quorum_at is not None,
            quorum_threshold=rule.quorum_threshold(rules),
        ),
        quorum_reached_at=_unix(count.quorum_at),
        finalize_at=_unix(ends),
        finalized_at=_unix(proposal["finalized_at"]),
        expires_at=_unix(rule.expires_at(rules, count)) or 0,
        vote_decision=proposal["vote_decision"],
        vote_finalized_by_user_id=proposal["finalized_by"],
        my_decision=my_decision,
        awaiting_funds=proposal["awaiting_funds"],
        created_at=_unix(proposal["created_at"]) or 0,
        ballot=ballot["id"],
        subject_hash=rules.subject_hash,
        roll_hash=rules.roll_hash,
        explanation=voting.state(rules, count, now, verdict).explanation,
    )


def _unix(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
