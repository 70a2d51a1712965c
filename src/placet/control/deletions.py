"""What a deletion proposal aims at: something that is there, that its proposer may see, and that nobody else is
already proposing to delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from placet.control.errors import Problem, not_found
from placet.control.reading import seen_case
from placet.control.sent import Sent
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import proposals, works
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.engine import Tx
from placet.store.proposals import OPEN

KIND = "deletion-proposal"
ATTEMPT = "deletion.propose"

_p, _w, _s, _c = t.proposal.c, t.work.c, t.series.c, t.case.c


class GivenDeletion(Sent):
    """What is to be deleted, and why: a `workflow` (a proposal, or one carrying-out of it) or a whole `series`."""

    target_kind: Literal["workflow", "series"]
    target_id: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=8000)


@dataclass(frozen=True)
class _Target:
    """`ids` are all the names of the same thing."""

    id: str
    title: str
    scope: str
    case_id: str
    ids: tuple[str, ...]
    there: bool


def scope_of(tx: Tx, person: Person, given: GivenDeletion) -> str | None:
    """The scope of what is to be deleted, whose voters decide; None if this person may not know of it."""
    target = _found(tx, person, given.target_kind, given.target_id)
    return target.scope if target else None


def hidden(tx: Tx, person: Person, given: GivenDeletion) -> Problem:
    """Refuse, as if there were no such thing."""
    audit_refusal(tx, person.id, ATTEMPT, "not-visible", {"target_kind": given.target_kind, "target": given.target_id})
    return not_found()


def aimed(tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
    """The request with its target under its own name and title, or why this cannot be proposed in this scope."""
    given = GivenDeletion.model_validate({name: request[name] for name in GivenDeletion.model_fields})
    about = {"target_kind": given.target_kind, "target": given.target_id}
    target = _found(tx, person, given.target_kind, given.target_id)
    if target is None:
        return hidden(tx, person, given)
    if target.scope != scope:
        detail = Said("This belongs to %(scope)s, and so does the vote on its deletion.", scope=target.scope)
        return Problem("invalid-request", detail, field="scope")
    # Of two who propose the same at once, one waits here for the other.
    tx.conn.execute(sa.select(_c.id).where(_c.id == target.case_id).with_for_update())
    if not target.there:
        audit_refusal(tx, person.id, ATTEMPT, "target-gone", about)
        return Problem("target-gone", Said("This has ended or been deleted already."), field="target_id")
    if (other := _open_for(tx, target)) is not None:
        audit_refusal(tx, person.id, ATTEMPT, "deletion-pending", about)
        detail = Said("Its deletion is being voted on already; vote on %(case)s.", case=other)
        return Problem("deletion-pending", detail, field="target_id", extra={"proposal": other})
    return request | {"target_id": target.id, "title": target.title}


def _found(tx: Tx, person: Person, kind: str, target_id: str) -> _Target | None:
    """What the id names, if there is such a thing and this person may see it."""
    if (proposal := _proposal(tx, kind, target_id)) is not None:
        if seen_case(tx, person, proposal["id"]) is None:
            return None
        series = proposal["series_id"]
        return _Target(
            id=series if kind == "series" else proposal["id"],
            title=proposal["title"],
            scope=proposal["scope"],
            case_id=proposal["id"],
            ids=(proposal["id"], series) if series else (proposal["id"],),
            there=works.alive(tx, proposal),
        )
    if kind == "series":
        return None
    row = tx.conn.execute(
        sa.select(_w.proposal_id, _w.state, _c.title, _c.scope)
        .join_from(t.work, t.case, _c.id == _w.id)
        .where(_w.id == target_id)
    ).one_or_none()
    if row is None or not any(seen_case(tx, person, case_id) for case_id in (target_id, row.proposal_id)):
        return None
    return _Target(target_id, row.title, row.scope, target_id, (target_id,), row.state == OPEN)


def _proposal(tx: Tx, kind: str, target_id: str) -> Mapping[Any, Any] | None:
    """The proposal that is named, or whose series is."""
    named = _p.id == target_id
    if kind == "series":
        named = (named | (_p.series_id == target_id)) & _p.series_id.is_not(None)
    query = sa.select(t.proposal).where(named, _p.kind == "workflow")
    return tx.conn.execute(query).mappings().one_or_none()


def _open_for(tx: Tx, target: _Target) -> str | None:
    """The deletion proposal that is open for the same target."""
    query = sa.select(_p.id).where(_p.kind == "deletion", _p.status == proposals.PENDING, _p.target_id.in_(target.ids))
    return tx.conn.execute(query.limit(1)).scalar_one_or_none()
