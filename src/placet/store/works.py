"""What an approved proposal becomes: its series, its cases of work, and how they end."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from placet.domain.course import Opening
from placet.domain.model import Durable
from placet.domain.people import SYSTEM
from placet.domain.proposal import Recurrence, WorkFacts
from placet.store import cases, course, policies, proposals
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.forms import open_decisions
from placet.store.funds import end_work, release
from placet.store.proposals import ACTIVE, DELETED, OPEN, STOPPED

KIND = "proposal-work"
POLICY = "voting"

_p, _s, _w, _c = t.proposal.c, t.series.c, t.work.c, t.case.c


class Series(Durable):
    id: str
    title: str
    recurrence: Recurrence
    active: bool


def begin_series(tx: Tx, proposal_id: str) -> Series | None:
    """The series of a recurring proposal, from its approval on; None for one that is carried out once."""
    proposal = proposals.find(tx, proposal_id)
    assert proposal is not None
    if proposal["series_id"] is None:
        return None
    row = {"id": proposal["series_id"], "proposal_id": proposal_id, "state": ACTIVE, "created_at": tx.now}
    tx.insert_ignoring(t.series, row)
    state = tx.conn.execute(sa.select(_s.state).where(_s.id == proposal["series_id"])).scalar_one()
    return Series(
        id=proposal["series_id"],
        title=proposal["title"],
        recurrence=Recurrence(proposal["recurrence"]),
        active=state == ACTIVE,
    )


def is_active(tx: Tx, series_id: str) -> bool:
    return tx.conn.execute(sa.select(_s.id).where(_s.id == series_id, _s.state == ACTIVE)).first() is not None


def tick(tx: Tx, series_id: str, slot: str) -> str | None:
    """Open the instance of this moment, once; None when the series has stopped."""
    proposal = _proposal_of(tx, series_id, lock=True)
    state = tx.conn.execute(sa.select(_s.state).where(_s.id == series_id)).scalar_one_or_none()
    return open_work(tx, proposal["id"], slot) if proposal is not None and state == ACTIVE else None


def open_work(tx: Tx, proposal_id: str, slot: str) -> str | None:
    """Open the case that carries a proposal out, once for each slot; its id, None if the proposal is gone."""
    proposal = _proposal_of(tx, proposal_id, lock=True)
    if proposal is None:
        return None
    own = _w.proposal_id == proposal_id
    known = tx.conn.execute(sa.select(_w.id).where(own, _w.slot == slot)).scalar_one_or_none()
    if known is not None:
        return str(known)
    if proposal["status"] == proposals.DELETED:
        return None
    number = _next_number(tx, proposal_id)
    parent = Opening.model_validate(tx.conn.execute(sa.select(_c.opening).where(_c.id == proposal_id)).scalar_one())
    title = proposal["title"] if proposal["series_id"] is None else f"{proposal['title']} ({number})"
    case_id = f"{proposal_id}-work-{number}"
    request = {
        "proposal": proposal_id,
        "series": proposal["series_id"],
        "slot": slot,
        "number": number,
        "title": title,
        "steps": proposal["steps"],
        "recurrence": proposal["recurrence"],
    }
    named = {"case_id": case_id, "kind": KIND, "title": title, "request": request, "parent": proposal_id}
    # The policy as it is now: a series can run for years.
    policy = {**parent.policy, **policies.newest(tx, POLICY)[1]}
    opening = parent.model_copy(update=named | {"policy": policy})
    told = opening.model_dump(mode="json")
    evidence = {"proposal": proposal_id, "slot": slot}
    cases.create(
        tx, case_id, KIND, opening.scope, title, opening.requester, told, SYSTEM, evidence, parent_id=proposal_id
    )
    with cases.locked(tx, case_id) as case:
        proposals.insert_work(tx, case, WorkFacts(proposal_id=proposal_id, slot=slot, number=number))
    return case_id


def _next_number(tx: Tx, proposal_id: str) -> int:
    """Also past work whose row a restored database has lost, but whose case has come back."""
    query = sa.select(sa.func.max(_w.number)).where(_w.proposal_id == proposal_id)
    number = int(tx.conn.execute(query).scalar_one() or 0) + 1
    while tx.conn.execute(sa.select(_c.id).where(_c.id == f"{proposal_id}-work-{number}")).first():
        number += 1
    return number


def stop_series(tx: Tx, target: str) -> str | None:
    """Let a series, named by its own id or its proposal's, open nothing more; its id, None if there is none."""
    found = _proposal_of(tx, target, lock=True)
    if found is None or found["series_id"] is None:
        return None
    mine = _s.id == found["series_id"]
    if alive(tx, found):
        # It may be about to begin.
        row = {"id": found["series_id"], "proposal_id": found["id"], "state": STOPPED, "created_at": tx.now}
        tx.insert_ignoring(t.series, row | {"stopped_at": tx.now})
    tx.conn.execute(t.series.update().where(mine, _s.state == ACTIVE).values(state=STOPPED, stopped_at=tx.now))
    return str(found["series_id"])


def delete(tx: Tx, target: str, by: str) -> bool:
    """Note that the target is deleted by this deletion proposal; False when it had already gone. A repeat agrees."""
    proposal = _proposal_of(tx, target)
    if proposal is None:
        own = _w.id == target
        tx.conn.execute(t.work.update().where(own, _w.state == OPEN).values(deleted_by=by))
        return tx.conn.execute(sa.select(_w.id).where(own, _w.deleted_by == by)).first() is not None
    with cases.locked(tx, proposal["id"]) as case:
        # What the clock has decided before stands; what is open must not be decided any more.
        for decision in open_decisions(case):
            decision.settle()
        proposal = _proposal_of(tx, target, lock=True)
        assert proposal is not None
        if proposal["deleted_by"] == by:
            return True
        there, goes_on = alive(tx, proposal), case.is_open
        if there:
            proposals.mark(tx, case.id, status=proposals.DELETED, awaiting_funds=False, deleted_by=by)
    if there and goes_on:
        cancel(tx, proposal["id"], by)
    return there


def alive(tx: Tx, proposal: Mapping[Any, Any]) -> bool:
    """Whether there is still something of this proposal that could be deleted."""
    if proposal["status"] == proposals.PENDING:
        return True
    return proposal["status"] == proposals.APPROVED and (
        proposal["series_id"] is not None or _unfinished(tx, proposal["id"])
    )


def running(tx: Tx, target: str) -> list[str]:
    """The open cases of the target: its own, and its cases of work."""
    proposal = _proposal_of(tx, target)
    ids = {target} if proposal is None else {proposal["id"]}
    if proposal is not None:
        ids |= set(tx.conn.execute(sa.select(_w.id).where(_w.proposal_id == proposal["id"])).scalars())
    return sorted(tx.conn.execute(sa.select(_c.id).where(_c.id.in_(ids), _c.is_open)).scalars())


def cancel(tx: Tx, case_id: str, by: str) -> None:
    """Cancel one case because its deletion was approved."""
    course.cancel_by(tx, SYSTEM, case_id, f"Deleted by {by}.")


def give_back(tx: Tx, target: str, key: str) -> None:
    """Work of the target is over, whether its case still winds up or was lost; what it had reserved becomes free."""
    proposal = _proposal_of(tx, target)
    if proposal is None:
        end_work(tx, target, DELETED, key)
        return
    mine = sa.select(_w.id).where(_w.proposal_id == proposal["id"], _w.state == OPEN).order_by(_w.number)
    for work_id in tx.conn.execute(mine).scalars().all():
        end_work(tx, work_id, DELETED, f"{key}/{work_id}")
    release(tx, proposal["id"], key)


def _unfinished(tx: Tx, proposal_id: str) -> bool:
    """Whether an approved proposal is still carried out, or about to be."""
    states = set(tx.conn.execute(sa.select(_w.state).where(_w.proposal_id == proposal_id)).scalars())
    return not states or OPEN in states


def _proposal_of(tx: Tx, target: str, lock: bool = False) -> dict[str, Any] | None:
    query = sa.select(t.proposal).where((_p.id == target) | (_p.series_id == target))
    # Rows that refer to it can still be written: a reservation, by whoever holds the budget.
    query = query.with_for_update(key_share=True) if lock else query
    row = tx.conn.execute(query).mappings().one_or_none()
    return dict(row) if row else None
