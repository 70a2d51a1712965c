"""The forms of a decision, and what treats them alike."""

import sqlalchemy as sa

from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Ask
from placet.domain.task import TaskSpec
from placet.store import tables as t
from placet.store.cases import LockedCase
from placet.store.decisions import LockedDecision
from placet.store.tasks import LockedTask, open_task

FORMS: dict[str, type[LockedDecision]] = {form.form: form for form in (LockedTask,)}

_d = t.decision.c
_OPEN = (
    sa.select(t.decision)
    .where(_d.case_id == sa.bindparam("of_case"), _d.state == "open")
    .order_by(_d.opened_at, _d.id)
    .with_for_update()
)


def open_decisions(case: LockedCase) -> list[LockedDecision]:
    """The open decisions of a case, locked, oldest first."""
    rows = case.tx.conn.execute(_OPEN, {"of_case": case.id}).mappings().all()
    return [FORMS[row["form"]](case, row) for row in rows]


def opened(case: LockedCase, ask: Ask, calendar: BusinessCalendar) -> LockedDecision:
    """Get the decision that a case asks for, or open it now."""
    match ask.spec:
        case TaskSpec():
            return open_task(case, ask.spec, ask.ordinal, calendar)
