"""What too few people can decide, now or once somebody has left: open tasks, and what is put to a council."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.control import asked, reading, waiting
from placet.control.views import CaseRef, View
from placet.control.waiting import MultisigFacts
from placet.domain.multisig import reach
from placet.domain.people import Person
from placet.domain.task import within_reach
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.multisig import LockedMultisig

MOST = 200
"""How many of somebody's open tasks are looked at, the most urgent of them."""
MOST_HOLDERS = 1001
"""One more than the seats that a task can have: more people need not be counted."""

_d, _p, _g, _x, _a, _c = t.decision.c, t.person.c, t.role_grant.c, t.exclusion.c, t.act.c, t.candidate.c


class StrandedTask(View):
    """An open task that waits for more people than the `able` who could still answer it."""

    id: str
    title: str
    case: CaseRef
    due_at: datetime | None
    able: int


class StrandedMultisig(View):
    """An open multisig that the `able` members who could still approve cannot bring from `approvals` to `threshold`."""

    id: str
    title: str
    case: CaseRef
    due_at: datetime | None
    able: int
    approvals: int
    threshold: int


def without(tx: Tx, person: Person) -> list[StrandedTask]:
    """Those of this person's open tasks that the others could not bring to a favourable outcome; most urgent first."""
    ids = [task_id for task_id, _ in asked.places(tx, person, None, MOST)]
    if not ids:
        return []
    tasks = {task.row["id"]: task for task in reading.tasks(tx, _d.id.in_(ids))}
    cases = reading.cases(tx, {task.row["case_id"] for task in tasks.values()})
    others = _Able(tx, person, list(tasks.values()))
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


def short(tx: Tx, case: Mapping[Any, Any], tasks: Sequence[reading.TaskFacts]) -> set[str]:
    """Those open tasks of a case that all who may answer them together could not bring to a favourable outcome."""
    still = [task for task in tasks if task.is_open]
    if not case["is_open"] or not still:
        return set()
    able = _Able(tx, None, still)
    return {
        task.row["id"]
        for task in still
        if not within_reach(task.rules, task.progress, len(able.of(task, case["scope"])))
    }


def councils_without(tx: Tx, person: Person) -> list[StrandedMultisig]:
    """The open multisigs that this person could approve, and that the others cannot; the most urgent first."""
    councils = sa.select(_c.decision_id).where(sa.text("candidate.live"), _c.person_id == person.id)
    acted = sa.exists().where(_a.decision_id == _d.id, _a.person_id == person.id)
    query = (
        sa.select(_d.id, t.case.c.scope)
        .join_from(t.decision, t.case, t.case.c.id == _d.case_id)
        .where(_d.id.in_(councils), _d.form == LockedMultisig.form, _d.state == "open", t.case.c.is_open, ~acted)
        .order_by(_d.due_at.asc().nulls_last(), _d.id)
        .limit(MOST)
    )
    scopes = {row.id: row.scope for row in tx.conn.execute(query)}
    if not scopes:
        return []
    facts = {one.row["id"]: one for one in waiting.others(tx, _d.id.in_(scopes)) if isinstance(one, MultisigFacts)}
    cases = reading.cases(tx, {one.row["case_id"] for one in facts.values()})
    found = []
    for one, scope in ((facts[multisig], scope) for multisig, scope in scopes.items()):
        rules, given = one.rules, len(one.heard.approvals)
        most = reach(rules, one.heard, set(one.able) - {person.id})
        if most < rules.threshold and person.holds(rules.council.name, rules.council.scope or scope):
            found.append(
                StrandedMultisig(
                    id=one.row["id"],
                    title=rules.title,
                    case=reading.case_ref(cases[one.row["case_id"]]),
                    due_at=one.row["due_at"],
                    able=most - given,
                    approvals=given,
                    threshold=rules.threshold,
                )
            )
    return found


class _Able:
    """Who may answer these tasks, without counting one person; each role is looked up once."""

    def __init__(self, tx: Tx, without: Person | None, tasks: Sequence[reading.TaskFacts]) -> None:
        self._tx = tx
        self._without = {without.id} if without else set()
        self._holders: dict[tuple[str, str, tuple[str, ...], str], set[str]] = {}
        self._present = people.present(tx, (one.person for task in tasks for one in task.candidates if one.person))
        self._settled: dict[str, set[str]] = {}
        ids = [task.row["id"] for task in tasks]
        for table in (_x, _a):
            rows = tx.conn.execute(sa.select(table.decision_id, table.person_id).where(table.decision_id.in_(ids)))
            for decision, who in rows:
                self._settled.setdefault(decision, set()).add(who)
        # So many remain after those who are settled, and the person, are taken away.
        self._most = MOST_HOLDERS + 1 + max(map(len, self._settled.values()), default=0)

    def of(self, task: reading.TaskFacts, scope: str) -> set[str]:
        """Those who may still answer this task."""
        able: set[str] = set()
        requires = tuple(sorted(task.rules.requires))
        for one in task.candidates:
            if one.person is not None:
                named = self._present.get(one.person)
                able |= {named.id} if named and all(named.holds(role, scope) for role in requires) else set()
            elif one.role is not None:
                able |= self._having(one.role, one.scope or scope, requires, scope)
        return able - self._settled.get(task.row["id"], set()) - self._without

    def _having(self, role: str, at: str, requires: tuple[str, ...], scope: str) -> set[str]:
        """Those with the role `at` one scope who hold in the scope of the case what is required beside it."""
        key = (role, at, requires, scope)
        if key not in self._holders:
            query = sa.select(_p.id).where(_p.active, ~_p.external)
            for name, place in ((role, at), *((more, scope) for more in requires)):
                query = query.where(_p.id.in_(sa.select(_g.person_id).where(people.holders(name, place))))
            self._holders[key] = set(self._tx.conn.execute(query.limit(self._most)).scalars())
        return self._holders[key]
