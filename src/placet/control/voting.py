"""Proposals and their deletion: making them, seeing them, and approving one past the voters. Votes are in `votes`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import Field, ValidationInfo, field_validator

from placet.catalogue.voting.model import VOTERS, Proposed, ProposedStep
from placet.control import cursor, deletions
from placet.control.deletions import GivenDeletion
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found, not_found
from placet.control.proposals import ProposalView, shown
from placet.control.reading import Check, seen_case
from placet.control.sent import Because, Name, OneLine, Paging, Scope, Sent
from placet.control.views import Page
from placet.control.workflows import Start, Workflows
from placet.domain.access import SEES_ALL, SEES_SCOPE, Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.proposal import ProposalKind, Recurrence, instance_requirement, weekly_requirement
from placet.domain.said import Said
from placet.store import ballots, proposals
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.ballots import FORCE, locked_ballot, not_open_yet
from placet.store.decisions import NoSuchTask, decision_id
from placet.store.engine import Tx
from placet.store.sight import sees_all, sees_case

PROPOSAL = "proposal"
READ_PENDING = "proposal.read-pending"
MOST_OVERDUE = 1000

_p, _c, _d = t.proposal.c, t.case.c, t.decision.c

Line = TypeVar("Line")
Tell = Callable[[Tx, Sequence[Mapping[Any, Any]]], list[Line]]


class GivenStep(ProposedStep, Sent):
    """One step as its proposer wrote it."""

    title: Name = Field(title="Title")


class GivenProposal(Proposed, Sent):
    """A workflow that is proposed, and the scope whose voters decide."""

    title: Name = Field(title="Title")
    steps: tuple[GivenStep, ...] = Field(min_length=1, max_length=100, title="Steps")
    recurrence: Recurrence = Field(default=Recurrence.ONE_TIME, title="Recurrence", validate_default=True)
    scope: Scope = "general"

    @field_validator("steps")
    @classmethod
    def _payable(cls, steps: tuple[GivenStep, ...]) -> tuple[GivenStep, ...]:
        instance_requirement([step.bounty for step in steps])
        return steps

    @field_validator("recurrence")
    @classmethod
    def _payable_weekly(cls, recurrence: Recurrence, others: ValidationInfo) -> Recurrence:
        weekly_requirement(recurrence, [step.bounty for step in others.data.get("steps", ())])
        return recurrence


class PendingFilter(Paging):
    """Which open proposals: workflows (the default), deletions or acts of governance, of one scope if named."""

    kind: ProposalKind = "workflow"
    scope: OneLine | None = Field(default=None, max_length=64)


class PendingDeletions(Paging):
    """Which open deletion proposals: of one scope if named."""

    scope: OneLine | None = Field(default=None, max_length=64)

    @property
    def kind(self) -> ProposalKind:
        return "deletion"


class PendingGovernance(PendingDeletions):
    """Which open governance proposals: of one scope if named."""

    @property
    def kind(self) -> ProposalKind:
        return "governance"


class Voting:
    def __init__(self, door: Door, workflows: Workflows) -> None:
        self._door = door
        self._workflows = workflows

    async def propose(self, person: Person, given: GivenProposal, once: Once | None = None) -> Done:
        """Open a proposal and its vote, in one transaction."""
        start = Start(scope=given.scope, request=given.model_dump(mode="json", exclude={"scope"}))
        return await self._workflows.start(person, PROPOSAL, start, once, _answer)

    async def propose_deletion(self, person: Person, given: GivenDeletion, once: Once | None = None) -> Done:
        """Open the vote on a deletion, in the scope of what is to be deleted."""
        scope = await self._door.read(lambda tx: deletions.scope_of(tx, person, given))
        if scope is None:
            return await self._door.act(
                person, deletions.ATTEMPT, lambda tx, present: deletions.hidden(tx, present, given)
            )
        start = Start(scope=scope, request=given.model_dump(mode="json"))
        return await self._workflows.start(person, deletions.KIND, start, once, _answer)

    async def get(self, person: Person, kind: ProposalKind, proposal_id: str) -> ProposalView:
        """One proposal, as it stands at this instant."""

        def look(tx: Tx, check: Check) -> ProposalView | None:
            if _seen(tx, person, kind, proposal_id) is None:
                return None
            check(tx, [proposal_id])
            return _shown(tx, person, proposal_id)

        return found(await self._door.read_settled(look))

    async def mine(self, person: Person, page: Paging) -> Page[ProposalView]:
        """What this person proposed, newest first."""
        return await self._listed(person, page, (_p.proposer == person.id) & (_p.kind == "workflow"))

    async def pending(self, person: Person, which: PendingFilter | PendingDeletions) -> Page[ProposalView]:
        """What is voted on, or waits for funds, where this person votes or oversees; newest first."""
        where = await overseen(self._door, person) & (_p.status == proposals.PENDING) & (_p.kind == which.kind)
        if which.scope is not None:
            where &= _p.scope == which.scope
        return await self._listed(person, which, where)

    async def force(
        self, person: Person, kind: ProposalKind, proposal_id: str, because: Because, once: Once | None = None
    ) -> Done:
        """Approve past the voters; of this and the deciding vote exactly one wins."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            proposal = _seen(tx, present, kind, proposal_id)
            if proposal is None:
                audit_refusal(tx, present.id, FORCE, "not-visible", {"proposal": proposal_id})
                return not_found()
            if not permitted(present, Action.FORCE_APPROVE, proposal["scope"]):
                detail = Said("Only administrators approve past the voters.")
                return forbidden(tx, present, FORCE, detail, {"proposal": proposal_id})
            try:
                with locked_ballot(tx, decision_id(proposal_id, ballots.NAME, 1)) as ballot:
                    why = ballots.force(ballot, present, because.reason)
            except NoSuchTask:
                why = not_open_yet(tx, present.id, FORCE, proposal_id)
            view = _shown(tx, present, proposal_id).model_dump(mode="json")
            if why is None:
                return Done(view)
            extra = {"final": view} if why.code == "ballot-closed" else {}
            return Problem(why.code, why.detail, field=why.field, extra=extra)

        return await self._door.act(person, FORCE, act, once)

    async def _listed(self, person: Person, page: Paging, where: sa.ColumnElement[bool]) -> Page[ProposalView]:
        return await listed(self._door, page, where, lambda tx, rows: shown(tx, person.id, rows))


def _answer(tx: Tx, person: Person, case_id: str) -> dict[str, Any]:
    return _shown(tx, person, case_id).model_dump(mode="json")


def _shown(tx: Tx, person: Person, proposal_id: str) -> ProposalView:
    proposal = proposals.find(tx, proposal_id)
    assert proposal is not None
    return shown(tx, person.id, [proposal])[0]


def _seen(tx: Tx, person: Person, kind: ProposalKind, proposal_id: str) -> Mapping[Any, Any] | None:
    """The proposal, if it is of this kind and this person may see it."""
    proposal = proposals.find(tx, proposal_id)
    if proposal is None or proposal["kind"] != kind or seen_case(tx, person, proposal_id) is None:
        return None
    return proposal


def scopes_of(person: Person) -> set[str]:
    """Where this person votes, or sees every case."""
    if person.external or not person.active:
        return set()
    mine = {grant.scope for grant in person.grants if grant.role in (VOTERS.name, *SEES_SCOPE)}
    return {EVERYWHERE} if any(person.holds_any(role) for role in SEES_ALL) else mine


async def overseen(door: Door, person: Person) -> sa.ColumnElement[bool]:
    """The condition for the proposals that this person votes on or oversees, and may see: an act of governance can be
    seen once its discussion is open. Whoever votes and oversees nowhere is refused."""
    scopes = scopes_of(person)
    if not scopes:
        await door.act(person, READ_PENDING, _no_voter)
    where = sa.true() if EVERYWHERE in scopes else _p.scope.in_(sorted(scopes))
    if sees_all(person):
        return where
    # A query that has the case beside the proposal must not lend it to this one.
    return where & sa.select(_c.id).where(_c.id == _p.id, sees_case(person)).correlate(t.proposal).exists()


async def listed(door: Door, page: Paging, where: sa.ColumnElement[bool], tell: Tell[Line]) -> Page[Line]:
    """One page of these proposals, newest first; `tell` makes lines of their rows."""
    query = sa.select(t.proposal).where(where).order_by(_p.created_at.desc(), _p.id.desc())
    if page.cursor is not None:
        at, last = cursor.decode(page.cursor, int, str)
        place = sa.tuple_(sa.literal(cursor.moment(at), _p.created_at.type), sa.literal(last))
        query = query.where(sa.tuple_(_p.created_at, _p.id) < place)

    def look(tx: Tx, check: Check) -> Page[Line]:
        if late := overdue(tx, where):
            check(tx, late)
        rows = tx.conn.execute(query.limit(page.limit + 1)).mappings().all()
        these = rows[: page.limit]
        more = len(rows) > page.limit
        following = cursor.encode(cursor.micros(these[-1]["created_at"]), these[-1]["id"]) if more else None
        return Page(items=tell(tx, these), next_cursor=following)

    return await door.read_settled(look)


def overdue(tx: Tx, where: sa.ColumnElement[bool]) -> list[str]:
    """The cases of these proposals for which a moment has passed that nobody has applied yet."""
    query = (
        sa.select(_d.case_id)
        .join_from(t.decision, t.proposal, _p.id == _d.case_id)
        .join(t.case, _c.id == _d.case_id)
        .where(where, _d.state == "open", _d.next_at <= tx.now, _c.is_open, _c.paused_at.is_(None))
        .order_by(_d.next_at)
        .limit(MOST_OVERDUE)
    )
    return list(tx.conn.execute(query).scalars())


def _no_voter(tx: Tx, person: Person) -> Done | Problem:
    detail = Said(
        "Only voters and those who oversee their scope see what is voted on; ask an administrator for the role."
    )
    return forbidden(tx, person, READ_PENDING, detail)
