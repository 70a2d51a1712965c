"""What awaits somebody: tasks they may answer, votes not cast, payments to approve as a council; urgent first."""

from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from placet.catalogue.voting.model import VOTERS
from placet.control import reading
from placet.control.door import Door
from placet.control.multisigs import MultisigLine, Multisigs
from placet.control.sent import Paging
from placet.control.tasks import Tasks
from placet.control.views import CaseRef, OutcomeView, View
from placet.domain import voting
from placet.domain.ballot import BallotRules, deadline
from placet.domain.intent import Intent
from placet.domain.people import EVERYWHERE, Person
from placet.domain.said import Said, Text
from placet.store import proposals
from placet.store import tables as t
from placet.store.ballots import NAME, count_of
from placet.store.engine import Tx

MOST_VOTES = 50
WAITS = "not-your-turn"

_p, _d, _r, _a, _c = t.proposal.c, t.decision.c, t.roll.c, t.act.c, t.case.c


class Awaiting(View):
    """One thing that awaits somebody: `why` them, and what `silence` does. Votes and payments have no outcomes here:
    each has a page of its own. `intent` is what a payment pays."""

    form: Literal["task", "ballot", "multisig"]
    id: str
    case: CaseRef
    title: str
    due_at: datetime | None
    why: Text
    silence: Text
    claimed_by: list[str] = []
    outcomes: list[OutcomeView] = []
    subject_hash: str = ""
    intent: Intent | None = None


class InboxView(View):
    """The votes and payments, and a page of the tasks; `next_cursor` leads to more tasks."""

    items: list[Awaiting]
    next_cursor: str | None


class Inbox:
    def __init__(self, door: Door, tasks: Tasks, multisigs: Multisigs) -> None:
        self._door = door
        self._tasks = tasks
        self._multisigs = multisigs

    async def of(self, person: Person, page: Paging) -> InboxView:
        """Earliest deadline first. Votes and payments come with the first page of tasks."""
        tasks = await self._tasks.mine(person, page)
        found = [
            Awaiting(
                form="task",
                id=one.id,
                case=one.case,
                title=one.title,
                due_at=one.due_at,
                why=one.why,
                silence=one.silence,
                claimed_by=one.claimed_by,
                outcomes=one.outcomes,
                subject_hash=one.subject_hash,
            )
            for one in tasks.items
        ]
        if page.cursor is None:
            found += await self.votes(person)
            found += await self.payments(person)
        found.sort(key=lambda one: (one.due_at is None, one.due_at, one.id))
        return InboxView(items=found, next_cursor=tasks.next_cursor)

    async def payments(self, person: Person) -> list[Awaiting]:
        """The payments that this person may approve or refuse now, as one of their council."""
        if person.external:
            return []
        lines = await self._multisigs.mine(person, Paging(limit=MOST_VOTES))
        return [_payment(line) for line in lines.items if line.why_not is None or line.why_not.code != WAITS]

    async def votes(self, person: Person, case_id: str | None = None) -> list[Awaiting]:
        """The open votes on whose roll this person is, and which they have not cast: of one case, or what ends first of
        all."""
        query = _open_votes(person)
        if query is None:
            return []
        if case_id is not None:
            query = query.where(_d.case_id == case_id)

        def look(tx: Tx, check: reading.Check) -> list[Awaiting]:
            rows = tx.conn.execute(query).mappings().all()
            check(tx, [row["case_id"] for row in rows])
            return [_vote(row, tx.now) for row in rows]

        return await self._door.read_settled(look)


def _open_votes(person: Person) -> sa.Select[Any] | None:
    """From the few proposals that are pending, never from all decisions there are."""
    scopes = {grant.scope for grant in person.grants if grant.role == VOTERS.name}
    if person.external or not scopes:
        return None
    voted = sa.exists().where(_a.decision_id == _d.id, _a.person_id == person.id)
    barred = sa.exists().where(t.exclusion.c.decision_id == _d.id, t.exclusion.c.person_id == person.id)
    query = (
        sa.select(
            _d.id, _d.case_id, _d.rules, _d.tally, _d.shift_us, _d.due_at, _c.kind, _c.title, _c.scope, _c.paused_at
        )
        .join_from(t.proposal, t.decision, (_d.case_id == _p.id) & (_d.name == NAME) & (_d.ordinal == 1))
        .join(t.case, _c.id == _p.id)
        .join(t.roll, (_r.decision_id == _d.id) & (_r.person_id == person.id))
        .where(_p.status == proposals.PENDING, _d.state == "open", _c.is_open, ~voted, ~barred)
        .order_by(_d.due_at, _d.id)
        .limit(MOST_VOTES)
    )
    return query if EVERYWHERE in scopes else query.where(_p.scope.in_(sorted(scopes)))


def _vote(row: Any, now: datetime) -> Awaiting:
    rules, count = BallotRules.model_validate(row["rules"]), count_of(row)
    case = CaseRef(
        id=row["case_id"],
        kind=row["kind"],
        title=row["title"],
        scope=row["scope"],
        paused=row["paused_at"] is not None,
    )
    return Awaiting(
        form="ballot",
        id=row["id"],
        case=case,
        title=rules.title,
        due_at=deadline(rules, count),
        why=Said("You are %(role)s of %(scope)s.", role=rules.electorate.name, scope=row["scope"]),
        silence=voting.ballot_sentence(rules, count, row["paused_at"] or now),
    )


def _payment(line: MultisigLine) -> Awaiting:
    return Awaiting(
        form="multisig",
        id=line.id,
        case=line.case,
        title=line.title,
        due_at=line.due_at,
        why=Said(
            "You are of the council; %(given)s of %(threshold)s have approved.",
            given=line.approvals,
            threshold=line.threshold,
        ),
        silence=line.waiting_for,
        intent=line.intent,
    )
