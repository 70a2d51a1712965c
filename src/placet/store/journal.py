"""The ledger of steps: intent before the effect, result after it, by natural key."""

from typing import Any

import sqlalchemy as sa

from placet.domain.audit import digest
from placet.domain.course import Direction
from placet.domain.model import Durable
from placet.domain.step import Step, StepState
from placet.store import tables as t
from placet.store.cases import LockedCase, NoSuchCase, locked
from placet.store.engine import Tx

_s = t.step.c
_IS = (
    (_s.case_id == sa.bindparam("of_case"))
    & (_s.name == sa.bindparam("of_name"))
    & (_s.ordinal == sa.bindparam("of_ordinal"))
)
_ROW = sa.select(t.step).where(_IS)
_SAVE = t.step.update().where(_IS)
_INSERT = t.step.insert()


class Planned(Durable):
    """May the step run? `done` carries the result of an earlier run of the same step."""

    direction: Direction = Direction.GO
    done: bool = False
    result: Any = None


def plan(tx: Tx, step: Step, argument: Any) -> Planned:
    """Write the intent, unless the case is paused or cancelled, or the step has already been done."""
    try:
        with locked(tx, step.case_id) as case:
            return _planned(case, step, argument)
    except NoSuchCase:
        return Planned(direction=Direction.UNKNOWN)


def _planned(case: LockedCase, step: Step, argument: Any) -> Planned:
    tx = case.tx
    row = tx.conn.execute(_ROW, _of(step)).one_or_none()
    if row is not None and row.state in (StepState.DONE, StepState.COMPENSATED):
        return Planned(done=True, result=row.result)
    if step.undoes is not None and tx.conn.execute(_ROW, _of(_undone(step))).one_or_none() is None:
        # The step never began, and no longer can: there is nothing to take back.
        return Planned(done=True)
    if step.undoes is None:
        if case["cancelled_by"] is not None:
            return Planned(direction=Direction.CANCELLED)
        # A case that has ended begins nothing; one that an operator has reset reports first, and lives again.
        if case.paused or not case.is_open:
            return Planned(direction=Direction.PAUSED)
        if step.final and case["final_step"] is None:
            case["final_step"] = step.name
            case.audit("placet", "case.point-of-no-return", {"step": step.name})
    if row is None:
        planned = {
            "case_id": step.case_id,
            "name": step.name,
            "ordinal": step.ordinal,
            "state": StepState.PLANNED,
            "undoes": step.undoes,
            "input_digest": digest(argument),
            "attempts": 1,
            "planned_at": tx.now,
        }
        tx.conn.execute(_INSERT, planned)
    else:
        # An attempt that was cut short may have taken effect; the key makes the next one the same call.
        tx.conn.execute(_SAVE, _of(step) | {"attempts": row.attempts + 1, "state": StepState.UNKNOWN})
    return Planned()


def finish(tx: Tx, step: Step, state: StepState, result: Any = None, error: str | None = None) -> None:
    """Write the result. A finished undo marks its step as compensated."""
    with locked(tx, step.case_id) as case:
        row = tx.conn.execute(_ROW, _of(step)).one_or_none()
        told_before = row is not None and row.state == state is StepState.FAILED
        if row is None or told_before or row.state in (StepState.DONE, StepState.COMPENSATED):
            return
        values = {"state": state, "result": result, "error": error, "finished_at": tx.now}
        tx.conn.execute(_SAVE, _of(step) | values)
        detail: dict[str, Any] = {"step": step.name, "ordinal": step.ordinal, "attempts": row.attempts}
        if state is StepState.DONE:
            detail["result"] = digest(result)
        if step.undoes is not None and state is StepState.DONE:
            tx.conn.execute(_SAVE, _of(_undone(step)) | {"state": StepState.COMPENSATED})
            detail |= {"step": step.undoes, "ordinal": step.undoes_ordinal, "by": step.name}
            case.audit("placet", "step.compensated", detail)
        else:
            failure = StepState.UNDO_FAILED if step.undoes is not None and state is StepState.FAILED else state
            case.audit("placet", f"step.{failure}", detail, error=error or "")


def mark(tx: Tx, step: Step, state: StepState, by: str) -> None:
    """What people decided about a step that failed: skipped, or handled by hand."""
    with locked(tx, step.case_id) as case:
        tx.conn.execute(_SAVE, _of(step) | {"state": state, "finished_at": tx.now})
        case.audit(by, f"step.{state}", {"step": step.name, "ordinal": step.ordinal})


def _undone(step: Step) -> Step:
    """The step that this undo takes back."""
    return Step(case_id=step.case_id, name=step.undoes or "", ordinal=step.undoes_ordinal)


def _of(step: Step) -> dict[str, Any]:
    return {"of_case": step.case_id, "of_name": step.name, "of_ordinal": step.ordinal}
