"""What voters and proposers see on their pages: what is voted on, most urgent first; how votes ended; their own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from placet.control import cursor
from placet.control.door import Door
from placet.control.errors import found
from placet.control.proposals import ProposalView, shown
from placet.control.reading import Check, seen_case
from placet.control.sent import Paging
from placet.control.views import Page, View, WhyNot
from placet.control.voting import listed, overdue, overseen
from placet.domain import voting
from placet.domain.access import Action, permitted
from placet.domain.ballot import BallotRules, Choice
from placet.domain.collection import Received
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.voting import VoterStanding
from placet.store import ballots, collecting, proposals, roll, works
from placet.store import tables as t
from placet.store.ballots import count_of
from placet.store.decisions import decision_id
from placet.store.engine import Tx

MOST_VOTES = 200
NOT_OPEN = WhyNot(
    code="vote-not-open", detail=Said("Nobody can vote on this: it is being discussed, or was withdrawn.")
)

_p, _d, _a, _n, _x = t.proposal.c, t.decision.c, t.act.c, t.person.c, t.exclusion.c


class VoteLine(View):
    """One vote; `receipt` is the hash of the audit line that holds it."""

    person: str
    name: str
    decision: str
    comment: str
    at: datetime
    receipt: str


class PollLine(View):
    """A proposal in a list: `closes_at` is when its vote ends by itself, None while no clock runs or after the end;
    `opens_at` is when it begins, while it is discussed."""

    proposal: ProposalView
    proposer_name: str
    created_at: datetime
    closes_at: datetime | None
    opens_at: datetime | None
    ended_at: datetime | None


class PollView(PollLine):
    """One proposal with its votes, newest first: `why_not` is why the reader cannot vote now.

    `target` is the proposal that a deletion is about; `deletable` what a deletion could be about, both if readable.
    `action` is the act of a governance proposal, as it was asked for, and `documents` what it brought along.
    """

    why_not: WhyNot | None
    my_vote: VoteLine | None
    votes: list[VoteLine]
    can_force: bool
    target: str | None
    deletable: list[str]
    action: dict[str, Any] | None
    documents: list[Received]


class Polls:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def open(self, person: Person, which: Paging) -> Page[PollLine]:
        """What is voted on, or waits for funds, where this person votes or oversees; what ends next comes first."""
        # By number, as the order changes with each vote; then it is seldom more than a page.
        skipped = max(cursor.decode(which.cursor, int)[0], 0) if which.cursor is not None else 0
        where = await overseen(self._door, person) & (_p.status == proposals.PENDING)
        voted = sa.exists().where(_a.decision_id == _d.id, _a.person_id == person.id)
        query = (
            sa.select(t.proposal)
            .join(t.decision, (_d.case_id == _p.id) & (_d.name == ballots.NAME) & (_d.ordinal == 1), isouter=True)
            .where(where)
            # What I still owe a vote on, then what I have voted on, then what waits for something else.
            .order_by(sa.func.coalesce(_d.state, "") != "open", voted, _d.due_at, _p.id)
            .offset(skipped)
            .limit(which.limit + 1)
        )

        def look(tx: Tx, check: Check) -> Page[PollLine]:
            if late := overdue(tx, where):
                check(tx, late)
            rows = tx.conn.execute(query).mappings().all()
            following = cursor.encode(skipped + which.limit) if len(rows) > which.limit else None
            return Page(items=_lines(tx, person, rows[: which.limit]), next_cursor=following)

        return await self._door.read_settled(look)

    async def ended(self, person: Person, page: Paging) -> Page[PollLine]:
        """How the votes ended where this person votes or oversees, newest proposals first."""
        where = await overseen(self._door, person) & (_p.status != proposals.PENDING)
        return await self._listed(person, page, where)

    async def mine(self, person: Person, page: Paging) -> Page[PollLine]:
        """What this person proposed, deletions too, newest first."""
        return await self._listed(person, page, _p.proposer == person.id)

    async def get(self, person: Person, proposal_id: str) -> PollView:
        """One proposal of any kind, as it stands at this instant."""

        def look(tx: Tx, check: Check) -> PollView | None:
            proposal = proposals.find(tx, proposal_id)
            case = seen_case(tx, person, proposal_id)
            if proposal is None or case is None:
                return None
            check(tx, [proposal_id])
            return _poll(tx, person, proposal, case)

        return found(await self._door.read_settled(look))

    async def _listed(self, person: Person, page: Paging, where: sa.ColumnElement[bool]) -> Page[PollLine]:
        return await listed(self._door, page, where, lambda tx, rows: _lines(tx, person, rows))


def _lines(tx: Tx, person: Person, rows: Sequence[Mapping[Any, Any]]) -> list[PollLine]:
    who = {row["proposer"] for row in rows}
    names: dict[str, str] = {
        row.id: row.name for row in tx.conn.execute(sa.select(_n.id, _n.name).where(_n.id.in_(sorted(who))))
    }
    return [
        PollLine(
            proposal=view,
            proposer_name=names.get(view.proposer, view.proposer),
            created_at=row["created_at"],
            closes_at=_closes(view),
            opens_at=_opens(view),
            ended_at=row["finalized_at"],
        )
        for view, row in zip(shown(tx, person.id, rows), rows, strict=True)
    ]


def _closes(view: ProposalView) -> datetime | None:
    seconds = view.finalize_at or view.expires_at
    running = view.status == proposals.PENDING and view.finalized_at is None and not view.paused
    return datetime.fromtimestamp(seconds, UTC) if seconds and running else None


def _opens(view: ProposalView) -> datetime | None:
    waiting = view.status == proposals.PENDING and not view.paused
    return datetime.fromtimestamp(view.vote_opens_at, UTC) if view.vote_opens_at and waiting else None


def _poll(tx: Tx, person: Person, proposal: Mapping[Any, Any], case: Mapping[Any, Any]) -> PollView:
    line = _lines(tx, person, [proposal])[0]
    number = decision_id(proposal["id"], ballots.NAME, 1)
    ballot = tx.conn.execute(sa.select(t.decision).where(_d.id == number)).mappings().one_or_none()
    mine = _votes(tx, number, _a.person_id == person.id)
    is_open = ballot is not None and ballot["state"] == "open"
    may_force = permitted(person, Action.FORCE_APPROVE, proposal["scope"]) and proposal["proposer"] != person.id
    return PollView(
        **dict(line),
        why_not=_why_not(tx, person, proposal, case, ballot, mine) if ballot is not None else NOT_OPEN,
        my_vote=mine[0] if mine else None,
        votes=_votes(tx, number, sa.true()),
        can_force=is_open and may_force,
        target=_target(tx, person, proposal),
        deletable=_deletable(tx, proposal),
        action=case["opening"]["request"]["action"] if proposal["kind"] == "governance" else None,
        documents=collecting.received(tx, case["id"]) if proposal["kind"] == "governance" else [],
    )


def _votes(tx: Tx, ballot: str, which: sa.ColumnElement[bool]) -> list[VoteLine]:
    query = (
        sa.select(_a.person_id, _a.outcome, _a.comment, _a.at, _a.receipt, _n.name)
        .join_from(t.act, t.person, _n.id == _a.person_id, isouter=True)
        .where(_a.decision_id == ballot, which)
        .order_by(_a.at.desc(), _a.person_id)
        .limit(MOST_VOTES)
    )
    return [
        VoteLine(
            person=row.person_id,
            name=row.name or row.person_id,
            decision=row.outcome,
            comment=row.comment,
            at=row.at,
            receipt=row.receipt,
        )
        for row in tx.conn.execute(query)
    ]


def _why_not(
    tx: Tx,
    person: Person,
    proposal: Mapping[Any, Any],
    case: Mapping[Any, Any],
    ballot: Mapping[Any, Any],
    mine: Sequence[VoteLine],
) -> WhyNot | None:
    """The refusal that a vote would meet now; of who has voted already, that the vote stands."""
    rules = BallotRules.model_validate(ballot["rules"])
    excluded = sa.select(_x.reason).where(_x.decision_id == ballot["id"], _x.person_id == person.id)
    standing = VoterStanding(
        on_roll=bool(roll.members(tx, ballot["id"], [person.id])),
        still_voter=not person.external and person.holds(rules.electorate.name, rules.electorate.scope or ""),
        is_proposer=person.id == proposal["proposer"],
        excluded=tx.conn.execute(excluded).scalar_one_or_none(),
        cast=Choice(mine[0].decision) if mine else None,
    )
    other = Choice.DENY if standing.cast is Choice.APPROVE else Choice.APPROVE
    why = voting.refusal(
        rules,
        count_of(ballot),
        standing,
        other,
        "",
        tx.now,
        is_open=ballot["state"] == "open",
        paused=case["paused_at"] is not None,
    )
    return WhyNot(code=why.code, detail=why.detail) if why else None


def _target(tx: Tx, person: Person, proposal: Mapping[Any, Any]) -> str | None:
    """The proposal that this one would delete, by its own id or that of its series, if the person may see it."""
    if proposal["target_id"] is None:
        return None
    query = sa.select(_p.id).where((_p.id == proposal["target_id"]) | (_p.series_id == proposal["target_id"]))
    target = tx.conn.execute(query).scalar_one_or_none()
    return target if target is not None and seen_case(tx, person, target) is not None else None


def _deletable(tx: Tx, proposal: Mapping[Any, Any]) -> list[str]:
    """As what it can be deleted: a `workflow`, and a `series` if it is one."""
    if proposal["kind"] != "workflow" or not works.alive(tx, proposal):
        return []
    return ["workflow", "series"] if proposal["series_id"] else ["workflow"]
