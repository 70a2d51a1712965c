"""Proposals as people see them: one shape for the list, the single one, and the answer to a vote."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from placet.control.markdown import rendered
from placet.control.waiting import funds_wanted
from placet.domain import ballot as rule
from placet.domain import voting
from placet.domain.ballot import BallotRules
from placet.domain.said import Said, Text, together
from placet.domain.task import Verdict
from placet.store import tables as t
from placet.store.ballots import NAME, count_of
from placet.store.decisions import decision_id
from placet.store.engine import Tx
from placet.store.proposals import PENDING

DISCUSSION = "discussion"


class VotesView(BaseModel):
    """The tally; the names are those that voters' tools know."""

    total_voters: int
    votes_cast: int
    approve: int
    deny: int
    quorum_reached: bool
    quorum_threshold: int


class StepView(BaseModel):
    """One step of what is proposed; `description_html` is safe to put on a page."""

    title: str
    description: str
    description_html: str
    bounty: int
    credentials: list[str]


class ProposalView(BaseModel):
    """A proposal, the deletion of one, or an act of the cooperative (`kind`). Moments are Unix seconds, as voters'
    tools expect them.

    Descriptions are Markdown; their `_html` is rendered and sanitised, safe to put on a page. While it is discussed,
    nobody can vote: then `vote_opens_at` says when that begins, and there are no voters and no expiry yet.
    """

    id: str
    kind: str
    status: str
    title: str
    description: str
    description_html: str
    proposer: str
    scope: str
    steps: list[StepView]
    recurrence: str
    series_id: str | None
    target_kind: str | None
    target_id: str | None
    weekly_bounty_requirement: int
    votes: VotesView
    quorum_reached_at: int | None
    finalize_at: int | None
    finalized_at: int | None
    expires_at: int | None
    vote_opens_at: int | None
    vote_decision: str | None
    vote_finalized_by_user_id: str | None
    my_decision: str | None
    awaiting_funds: bool
    created_at: int
    ballot: str
    subject_hash: str
    roll_hash: str
    paused: bool
    explanation: Text


def told(
    proposal: Mapping[Any, Any],
    ballot: Mapping[Any, Any],
    rules: BallotRules,
    my_decision: str | None,
    now: datetime,
    waiting: str = "",
    paused_at: datetime | None = None,
) -> ProposalView:
    """The view of these rows of `proposal` and `decision`; `now` explains an open vote, `waiting` what comes after.

    While the case is paused, `paused_at` is since when: no clock runs, and every deadline is later by the pause.
    """
    count = count_of(ballot)
    verdict = Verdict.model_validate(ballot["verdict"]) if ballot["verdict"] else None
    ends = rule.finalize_at(rules, count)
    explanation = voting.state(rules, count, paused_at or now, verdict).explanation
    if paused_at is not None and verdict is None:
        paused = Said("Paused since %(at)s: nobody can vote until it is resumed.", at=paused_at)
        explanation = together(paused, explanation)
    return ProposalView(
        id=proposal["id"],
        kind=proposal["kind"],
        status=proposal["status"],
        title=proposal["title"],
        description=proposal["description"],
        description_html=rendered(proposal["description"]),
        proposer=proposal["proposer"],
        scope=proposal["scope"],
        steps=[StepView(**step, description_html=rendered(step["description"])) for step in proposal["steps"]],
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
        vote_opens_at=None,
        vote_decision=proposal["vote_decision"],
        vote_finalized_by_user_id=proposal["finalized_by"],
        my_decision=my_decision,
        awaiting_funds=proposal["awaiting_funds"],
        created_at=_unix(proposal["created_at"]) or 0,
        ballot=ballot["id"],
        subject_hash=rules.subject_hash,
        roll_hash=rules.roll_hash,
        paused=paused_at is not None,
        explanation=together(explanation, waiting),
    )


def discussed(
    proposal: Mapping[Any, Any], discussion: Mapping[Any, Any] | None, paused_at: datetime | None = None
) -> ProposalView:
    """The view of a proposal whose vote has not opened; `discussion` is the row of the task that ends with it."""
    opens = discussion["due_at"] if discussion is not None and discussion["state"] == "open" else None
    if ended := proposal["status"] != PENDING:
        explanation = Said("Its vote never opened.")
    elif opens is not None:
        explanation = Said("It is being discussed; the vote opens on %(at)s.", at=opens)
    else:
        explanation = Said("It is being discussed; the vote opens in a moment.")
    if paused_at is not None and not ended:
        explanation = together(Said("Paused since %(at)s.", at=paused_at), explanation)
    return ProposalView(
        id=proposal["id"],
        kind=proposal["kind"],
        status=proposal["status"],
        title=proposal["title"],
        description=proposal["description"],
        description_html=rendered(proposal["description"]),
        proposer=proposal["proposer"],
        scope=proposal["scope"],
        steps=[],
        recurrence=proposal["recurrence"],
        series_id=None,
        target_kind=proposal["target_kind"],
        target_id=None,
        weekly_bounty_requirement=0,
        votes=VotesView(total_voters=0, votes_cast=0, approve=0, deny=0, quorum_reached=False, quorum_threshold=0),
        quorum_reached_at=None,
        finalize_at=None,
        finalized_at=None,
        expires_at=None,
        vote_opens_at=_unix(opens),
        vote_decision=None,
        vote_finalized_by_user_id=None,
        my_decision=None,
        awaiting_funds=False,
        created_at=_unix(proposal["created_at"]) or 0,
        ballot=decision_id(proposal["id"], NAME, 1),
        subject_hash="",
        roll_hash="",
        paused=paused_at is not None,
        explanation=explanation,
    )


def shown(tx: Tx, person_id: str, proposals: Sequence[Mapping[Any, Any]]) -> list[ProposalView]:
    """The views of these rows for this person, all of them with a few queries."""
    d, a, c = t.decision.c, t.act.c, t.case.c
    own = {decision_id(proposal["id"], NAME, 1): proposal for proposal in proposals}
    if not own:
        return []
    cases = [proposal["id"] for proposal in proposals]
    found = tx.conn.execute(sa.select(t.decision).where(d.id.in_(list(own)))).mappings()
    ballots = {row["id"]: row for row in found}
    mine: dict[str, str] = {
        row.decision_id: row.outcome
        for row in tx.conn.execute(
            sa.select(a.decision_id, a.outcome).where(a.decision_id.in_(list(own)), a.person_id == person_id)
        )
    }
    paused = sa.select(c.id, c.paused_at).where(c.id.in_(cases), c.paused_at.is_not(None))
    stood = {row.id: row.paused_at for row in tx.conn.execute(paused)}
    early = [proposal["id"] for ballot, proposal in own.items() if ballot not in ballots]
    talks = sa.select(t.decision).where(d.case_id.in_(early), d.name == DISCUSSION, d.ordinal == 1)
    discussions = {row["case_id"]: row for row in tx.conn.execute(talks).mappings()} if early else {}
    unfunded = funds_wanted(tx, [row["id"] for row in proposals if row["awaiting_funds"]], tx.now)
    return [
        told(
            proposal,
            ballots[ballot],
            BallotRules.model_validate(ballots[ballot]["rules"]),
            mine.get(ballot),
            tx.now,
            unfunded.get(proposal["id"], ""),
            stood.get(proposal["id"]),
        )
        if ballot in ballots
        else discussed(proposal, discussions.get(proposal["id"]), stood.get(proposal["id"]))
        for ballot, proposal in own.items()
    ]


def _unix(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
