"""Resources as people see them: registering one, and its state with every change."""

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from placet.control import cursor
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found
from placet.control.reading import seen_case
from placet.control.sent import Id, Name, OneLine, Paging, Scope, Sent
from placet.control.views import Page, View
from placet.domain import lifecycle
from placet.domain.access import Action, permitted
from placet.domain.lifecycle import ResourceKind, ResourceState
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import people, resources
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

ATTEMPT = "resource.register"

_r = t.resource.c


class GivenResource(Sent):
    """A project, or somebody's membership (then `id` is the person's); it is active from now on."""

    kind: Annotated[ResourceKind, Field(strict=False)]
    id: Id
    title: Name | None = None
    scope: Scope


class ResourceFilter(Paging):
    kind: ResourceKind | None = None
    state: ResourceState | None = None
    scope: OneLine | None = Field(default=None, max_length=64)


class ResourceLine(View):
    """`becomes`: the states that it can change into."""

    kind: str
    id: str
    title: str
    scope: str
    state: str
    changed_at: datetime
    becomes: list[str]


class StateChangeView(View):
    """One change, by the case that decided it; `undone_at` if that case took it back."""

    was: str
    becomes: str
    case_id: str
    at: datetime
    undone_at: datetime | None


class ResourceView(ResourceLine):
    history: list[StateChangeView]
    pending_case: str | None


class Resources:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, person: Person, which: ResourceFilter) -> Page[ResourceLine]:
        """Those in the scopes where I hold a role, by kind and id."""
        query = sa.select(t.resource).where(resources.visible(person)).order_by(_r.kind, _r.id)
        for column, wanted in ((_r.kind, which.kind), (_r.state, which.state), (_r.scope, which.scope)):
            if wanted is not None:
                query = query.where(column == wanted)
        if which.cursor is not None:
            kind, last = cursor.decode(which.cursor, str, str)
            query = query.where(sa.tuple_(_r.kind, _r.id) > sa.tuple_(sa.literal(kind), sa.literal(last)))

        def look(tx: Tx) -> Page[ResourceLine]:
            rows = tx.conn.execute(query.limit(which.limit + 1)).all()
            shown = rows[: which.limit]
            more = cursor.encode(shown[-1].kind, shown[-1].id) if len(rows) > which.limit else None
            return Page(items=[_line(row) for row in shown], next_cursor=more)

        return await self._door.read(look)

    async def get(self, person: Person, kind: str, resource_id: str) -> ResourceView:
        """One resource, with every change of its state."""
        return found(await self._door.read(lambda tx: _shown(tx, person, kind, resource_id)))

    async def register(self, person: Person, given: GivenResource, once: Once | None = None) -> Done:
        """Enter a resource; coordinators do it for their scopes."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.REGISTER_RESOURCE, given.scope):
                detail = Said("Only coordinators of %(scope)s and administrators may do this.", scope=given.scope)
                return forbidden(tx, present, ATTEMPT, detail, {"kind": given.kind, "id": given.id})
            title = given.title or given.id
            if given.kind is ResourceKind.MEMBER:
                member = people.find(tx, given.id)
                if member is None or member.external or not member.active:
                    problem = Problem(
                        "unknown-person", Said("There is no such person in the organisation."), field="id"
                    )
                    return _refused(tx, present, given, problem)
                title = member.name
            if not resources.register(tx, present.id, given.kind, given.id, given.scope, title):
                problem = Problem(
                    "resource-exists",
                    Said("There is such a %(kind)s already.", kind=Said(given.kind.value)),
                    field="id",
                )
                return _refused(tx, present, given, problem)
            shown = _shown(tx, present, given.kind, given.id)
            assert shown is not None
            return Done(shown.model_dump(mode="json"), created=True)

        return await self._door.act(person, ATTEMPT, act, once)


def _refused(tx: Tx, person: Person, given: GivenResource, problem: Problem) -> Problem:
    audit_refusal(tx, person.id, ATTEMPT, problem.code, {"kind": given.kind, "id": given.id})
    return problem


def _shown(tx: Tx, person: Person, kind: str, resource_id: str) -> ResourceView | None:
    mine = sa.select(t.resource).where(_r.kind == kind, _r.id == resource_id, resources.visible(person))
    row = tx.conn.execute(mine).one_or_none()
    if row is None:
        return None
    changes = [
        StateChangeView(
            was=one.from_state, becomes=one.to_state, case_id=one.case_id, at=one.at, undone_at=one.undone_at
        )
        for one in resources.history(tx, kind, resource_id)
    ]
    pending = resources.pending(tx, kind, resource_id)
    if pending is not None and seen_case(tx, person, pending) is None:
        pending = None
    return ResourceView(**_line(row).model_dump(), history=changes, pending_case=pending)


def _line(row: sa.Row[tuple[object, ...]]) -> ResourceLine:
    return ResourceLine(
        kind=row.kind,
        id=row.id,
        title=row.title,
        scope=row.scope,
        state=row.state,
        changed_at=row.changed_at,
        becomes=list(lifecycle.possible(row.kind, row.state)),
    )
