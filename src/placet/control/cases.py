"""Cases: the list, one case, its audit lines, and the acts that steer a whole case."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from placet.control import counting, cursor, reading, stranded
from placet.control.counting import CountsView
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found, not_found, uncounted
from placet.control.listing import CaseFilter, Narrowing, newest, place_of
from placet.control.related import Related, related
from placet.control.sent import Because, Paging
from placet.control.views import CaseLine, CaseView, EventView, Page, RelatedCase, StepLine
from placet.control.waiting import decision_line, others, waiting_in
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import course
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted
from placet.store.engine import Tx
from placet.store.sight import sees_case

Steering = Callable[[Tx, Person, str, str], Counted | NotCounted]


class Cases:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, person: Person, which: CaseFilter) -> Page[CaseLine]:
        """What this person may see, newest first."""
        return await self._door.read_settled(partial(page, person, which))

    async def counts(self, person: Person, which: Narrowing) -> CountsView:
        """How many cases this person may see, by kind and state."""
        return await self._door.read(lambda tx: counting.cases(tx, person, which))

    async def get(self, person: Person, case_id: str) -> CaseView:
        def look(tx: Tx, check: reading.Check) -> CaseView | None:
            row = reading.seen_case(tx, person, case_id)
            if row is None:
                return None
            check(tx, [case_id])
            tasks = reading.tasks(tx, t.decision.c.case_id == case_id)
            short = stranded.short(tx, row, tasks)
            rest = others(tx, t.decision.c.case_id == case_id)
            family = t.case.c.parent_id == case_id
            if row["parent_id"] is not None:
                family |= t.case.c.id == row["parent_id"]
            # Sorted here: a database that is asked to may walk through all cases in that order.
            near = tx.conn.execute(sa.select(t.case).where(family, sees_case(person))).mappings()
            relatives = [related_line(one) for one in sorted(near, key=lambda one: (one["opened_at"], one["id"]))]
            s = t.step
            steps = tx.conn.execute(sa.select(s).where(s.c.case_id == case_id).order_by(s.c.planned_at, s.c.ordinal))
            return CaseView(
                **reading.case_line(row, [*rest, *tasks], tx.now).model_dump(),
                request=row["opening"]["request"],
                can_manage=permitted(person, Action.MANAGE_CASE, row["scope"]),
                tasks=[reading.task_line(task, short) for task in tasks],
                decisions=[decision_line(one) for one in rest],
                parent=next((one for one in relatives if one.id == row["parent_id"]), None),
                children=[one for one in relatives if one.id != row["parent_id"]],
                steps=[StepLine.model_validate(step, from_attributes=True) for step in steps],
            )

        return found(await self._door.read_settled(look))

    async def request(self, person: Person, case_id: str) -> Any:
        """What was asked for, of a case that this person sees."""

        def look(tx: Tx) -> Any:
            row = reading.seen_case(tx, person, case_id)
            return row["opening"]["request"] if row is not None else None

        return found(await self._door.read(look))

    async def related(self, person: Person, case_id: str) -> list[Related]:
        """Cases that have to do with this one, as far as this person may see them."""

        def look(tx: Tx) -> list[Related] | None:
            return related(tx, person, case_id) if reading.seen_case(tx, person, case_id) is not None else None

        return found(await self._door.read(look))

    async def events(self, person: Person, case_id: str, page: Paging, *, newest: bool = False) -> Page[EventView]:
        """The case's audit lines, oldest first, or the newest ones first."""
        place = cursor.decode(page.cursor, int)[0] if page.cursor is not None else None

        def look(tx: Tx) -> Page[EventView] | None:
            if reading.seen_case(tx, person, case_id) is None:
                return None
            a = t.audit.c
            query = sa.select(t.audit).where(a.chain == case_id).order_by(a.seq.desc() if newest else a.seq)
            if place is not None:
                query = query.where(a.seq < place if newest else a.seq > place)
            query = query.limit(page.limit + 1)
            rows = tx.conn.execute(query).all()
            shown = rows[: page.limit]
            texts = _texts(tx, case_id, [row.seq for row in shown])
            lines = [
                EventView(
                    seq=row.seq,
                    at=row.at,
                    actor=row.actor,
                    action=row.action,
                    detail=row.detail,
                    texts=texts.get(row.seq, {}),
                    hash=row.hash,
                )
                for row in shown
            ]
            more = len(rows) > page.limit
            return Page(items=lines, next_cursor=cursor.encode(shown[-1].seq) if more else None)

        return found(await self._door.read(look))

    async def pause(self, person: Person, case_id: str, because: Because, once: Once | None = None) -> Done:
        return await self._steer(person, case_id, "case.pause", course.pause, because, once)

    async def resume(self, person: Person, case_id: str, because: Because, once: Once | None = None) -> Done:
        return await self._steer(person, case_id, "case.resume", course.resume, because, once)

    async def cancel(self, person: Person, case_id: str, because: Because, once: Once | None = None) -> Done:
        return await self._steer(person, case_id, "case.cancel", course.cancel, because, once)

    async def _steer(
        self, person: Person, case_id: str, attempt: str, steering: Steering, because: Because, once: Once | None
    ) -> Done:
        def act(tx: Tx, present: Person) -> Done | Problem:
            row = reading.seen_case(tx, present, case_id)
            if row is None:
                return not_found()
            if not permitted(present, Action.MANAGE_CASE, row["scope"]):
                detail = Said("Only coordinators of %(scope)s and administrators may do this.", scope=row["scope"])
                return forbidden(tx, present, attempt, detail, {"case": case_id})
            result = steering(tx, present, case_id, because.reason)
            if isinstance(result, NotCounted):
                return uncounted(result)
            changed = reading.seen_case(tx, present, case_id)
            assert changed is not None
            waiting = waiting_in(tx, [case_id])
            return Done(reading.case_line(changed, waiting.get(case_id, ()), tx.now).model_dump(mode="json"))

        return await self._door.act(person, attempt, act, once)


def related_line(row: Mapping[Any, Any]) -> RelatedCase:
    return RelatedCase(id=row["id"], kind=row["kind"], title=row["title"], state=row["state"])


def page(person: Person, which: CaseFilter, tx: Tx, check: reading.Check) -> Page[CaseLine]:
    """One page of the cases that this person may see."""
    found = newest(tx, person, which, place_of(which), which.limit + 1)
    ids = [case_id for _, case_id in found[: which.limit]]
    rows = reading.cases(tx, ids)
    still = [case_id for case_id in ids if rows[case_id]["is_open"]]
    check(tx, still)
    waiting = waiting_in(tx, still)
    lines = [reading.case_line(rows[case_id], waiting.get(case_id, ()), tx.now) for case_id in ids]
    following = None
    if len(found) > which.limit:
        at, last = found[which.limit - 1]
        following = cursor.encode(cursor.micros(at), last)
    return Page(items=lines, next_cursor=following)


def _texts(tx: Tx, chain: str, lines: list[int]) -> dict[int, dict[str, str]]:
    x = t.audit_text.c
    query = sa.select(x.seq, x.field, x.text).where(x.chain == chain, x.seq.in_(lines), x.text.is_not(None))
    texts: dict[int, dict[str, str]] = {}
    for row in tx.conn.execute(query.order_by(x.seq, x.field)):
        texts.setdefault(row.seq, {})[row.field] = row.text
    return texts
