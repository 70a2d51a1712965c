"""The course of a case as stages: done, current, and what the source of its workflow says is still ahead."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from placet.control import reading
from placet.control.door import Door
from placet.control.errors import found
from placet.control.outline import Outline, Stage, outline_of, plain
from placet.control.views import View
from placet.domain.people import Person
from placet.domain.step import StepState
from placet.durable.workflow import Entry
from placet.store import tables as t
from placet.store.engine import Tx

State = Literal["done", "current", "ahead", "failed", "passed"]

STANDS: dict[str, State] = {
    StepState.PLANNED: "current",
    StepState.UNKNOWN: "current",
    StepState.DONE: "done",
    StepState.COMPENSATED: "done",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "passed",
    "open": "current",
    "closed": "done",
    "withdrawn": "passed",
}
NOTES = {StepState.COMPENSATED: "taken back", StepState.SKIPPED: "gone on without it", "withdrawn": "withdrawn"}

NOTHING = "(?!)"
"""A pattern that no name has."""

_s, _d = t.step.c, t.decision.c


class StageView(View):
    """One stage. `times` is how often it has happened, `repeats` that it may again, `optional` that it may not at all.

    Stages of one `group` run side by side. `id` is the newest task or ballot, None for a step and for what is ahead.
    """

    title: str
    form: str
    state: State
    note: str
    times: int
    repeats: bool
    optional: bool
    group: int | None
    id: str | None
    began_at: datetime | None
    ended_at: datetime | None


class ProcessView(View):
    """`whole` is false when there may be more ahead than is shown."""

    case_id: str
    stages: list[StageView]
    whole: bool


@dataclass(frozen=True)
class Happened:
    """A step or a decision of the case."""

    form: str
    name: str
    title: str
    state: str
    began_at: datetime
    ended_at: datetime | None
    id: str | None = None


@dataclass
class _Slot:
    stage: Stage
    taken: list[Happened] = field(default_factory=list)


class Processes:
    def __init__(self, door: Door, catalogue: Sequence[Entry]) -> None:
        self._door = door
        self._outlines = {entry.kind: entry for entry in catalogue}

    async def get(self, person: Person, case_id: str) -> ProcessView:
        """The course of a case that this person may see."""

        def look(tx: Tx) -> ProcessView | None:
            case = reading.seen_case(tx, person, case_id)
            if case is None:
                return None
            entry = self._outlines.get(case["kind"])
            known = outline_of(entry) if entry else Outline((), False)
            ends = case["compensating"] or case["cancelled_by"] is not None or not case["is_open"]
            stages = merged(known, happened(tx, case_id), not ends)
            return ProcessView(case_id=case_id, stages=stages, whole=known.whole or ends)

        return found(await self._door.read(look))


def happened(tx: Tx, case_id: str) -> list[Happened]:
    """What has begun in the case, in its order; what was taken back is told at the step itself."""
    steps = tx.conn.execute(sa.select(t.step).where(_s.case_id == case_id, _s.undoes.is_(None))).mappings()
    decisions = tx.conn.execute(sa.select(t.decision).where(_d.case_id == case_id)).mappings()
    all_of = [*(_of_step(row) for row in steps), *(_of_decision(row) for row in decisions)]
    return sorted(all_of, key=lambda one: (one.began_at, one.name))


def merged(known: Outline, events: Iterable[Happened], goes_on: bool) -> list[StageView]:
    """What has happened, each at its stage, and behind it what is still ahead, if the case goes on.

    An event goes to the next stage that fits, counted from where the case is; a loop may take it back to one before.
    What fits nowhere, such as a question about a step that failed, stands where it happened.
    """
    slots = [_Slot(stage) for stage in known.stages]
    at = 0
    for event in events:
        place = _place(slots, event, at)
        if place is None:
            place = at + 1 if at < len(slots) and slots[at].taken else at
            slots.insert(place, _Slot(Stage(event.form, event.title, name=NOTHING)))
        slots[place].taken.append(event)
        at = place
    last = max((number for number, slot in enumerate(slots) if slot.taken), default=-1)
    return [_view(slot) for number, slot in enumerate(slots) if slot.taken or (goes_on and number > last)]


def _place(slots: Sequence[_Slot], event: Happened, at: int) -> int | None:
    fits = [number for number, slot in enumerate(slots) if slot.stage.is_of(event.form, event.name)]
    free = [number for number in fits if slots[number].stage.repeats or not slots[number].taken]
    onwards = [number for number in free if number >= at]
    back = [number for number in free if slots[number].stage.repeats]
    return next(iter([*onwards, *back, *reversed(fits)]), None)


def _view(slot: _Slot) -> StageView:
    stage, newest = slot.stage, slot.taken[-1] if slot.taken else None
    return StageView(
        title=newest.title if newest and stage.form != "step" else stage.title,
        form=stage.form,
        state=STANDS.get(newest.state, "done") if newest else "ahead",
        note=NOTES.get(newest.state, "") if newest else "",
        times=len(slot.taken),
        repeats=stage.repeats,
        optional=stage.optional,
        group=stage.group,
        id=newest.id if newest else None,
        began_at=slot.taken[0].began_at if slot.taken else None,
        ended_at=newest.ended_at if newest else None,
    )


def _of_step(row: Mapping[Any, Any]) -> Happened:
    return Happened("step", row["name"], plain(row["name"]), row["state"], row["planned_at"], row["finished_at"])


def _of_decision(row: Mapping[Any, Any]) -> Happened:
    title = row["rules"].get("title") or row["name"]
    return Happened(row["form"], row["name"], title, row["state"], row["opened_at"], row["closed_at"], id=row["id"])
