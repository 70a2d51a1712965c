"""Open tasks that too few people can answer without somebody, so that a coordinator puts them to others."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from placet.control import asked, reading
from placet.control.views import CaseRef, View
from placet.domain.people import Person
from placet.domain.task import within_reach
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx

MOST = 200
"""How many of somebody's open tasks are looked at, the most urgent of them."""
MOST_HOLDERS = 1001
"""One more than the seats that a task can have: more people need not be counted."""

_d, _p, _g, _x, _a = t.decision.c, t.person.c, t.role_grant.c, t.exclusion.c, t.act.c


class StrandedTask(View):
    """An open task that waits for more people than the `able` who could still answer it."""

    id: str
    title: str
    case: CaseRef
    due_at: datetime | None
    able: int


def without(tx: Tx, person: Person) -> list[StrandedTask]:
    """Those of this person's open tasks that the others could not bring to a favourable outcome; most urgent first."""
    ids = [task_id for task_id, _ in asked.places(tx, person, None, MOST)]
    if not ids:
        return []
    tasks = {task.row["id"]: task for task in reading.tasks(tx, _d.id.in_(ids))}
    cases = reading.cases(tx, {task.row["case_id"] for task in tasks.values()})
    others = _Others(tx, person, list(tasks.values()))
    found = []
    for task in (tasks[task_id] for task_id in ids):
        case = cases[task.row["case_id"]]
        able = len(others.of(task, case["scope"]))
        if not within_reach(task.rules, task.progress, able):
            ref = reading.case_ref(case)
            found.append(
                StrandedTask(id=task.row["id"], title=task.rules.title, case=ref, due_at=task.row["due_at"], able=able)
            )
    return found


class _Others:
    """Who, beside one person, may answer these tasks; each role is looked up once."""

    def __init__(self, tx: Tx, person: Person, tasks: Sequence[reading.TaskFacts]) -> None:
        self._tx = tx
        self._person = person.id
        self._holders: dict[tuple[str, str], set[str]] = {}
        self._present = set(people.present(tx, (one.person for task in tasks for one in task.candidates if one.person)))
        self._settled: dict[str, set[str]] = {}
        ids = [task.row["id"] for task in tasks]
        for table in (_x, _a):
            rows = tx.conn.execute(sa.select(table.decision_id, table.person_id).where(table.decision_id.in_(ids)))
            for decision, who in rows:
                self._settled.setdefault(decision, set()).add(who)

    def of(self, task: reading.TaskFacts, scope: str) -> set[str]:
        """Those who may still answer this task."""
        able: set[str] = set()
        for one in task.candidates:
            if one.person is not None:
                able |= {one.person} & self._present
            elif one.role is not None:
                able |= self._having(one.role, one.scope or scope)
        for role in task.rules.requires:
            able &= self._having(role, scope)
        return able - self._settled.get(task.row["id"], set()) - {self._person}

    def _having(self, role: str, scope: str) -> set[str]:
        if (role, scope) not in self._holders:
            query = (
                sa.select(_g.person_id)
                .distinct()
                .join_from(t.role_grant, t.person, _p.id == _g.person_id)
                .where(people.holders(role, scope), _p.active, ~_p.external)
                .limit(MOST_HOLDERS)
            )
            self._holders[role, scope] = set(self._tx.conn.execute(query).scalars())
        return self._holders[role, scope]
