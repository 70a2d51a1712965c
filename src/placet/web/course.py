"""The course of a case as a picture: the steps and decisions there were, what it is at, and what lies ahead."""

from collections.abc import Sequence
from datetime import datetime

from placet.control.plan import Planned, step_title
from placet.control.views import CaseView, DecisionLine, StepLine, TaskLine
from placet.domain.step import StepState
from placet.web.pictures import Stop
from placet.web.words import _, later, outcome

MOST_STOPS = 24

# Names of steps that a reader would not guess the meaning of.
STEPS = {
    "mail.send": later("Mail"),
    "crm.set-status": later("Update the partner's status"),
    "drafting.term-sheet": later("Draft the term sheet"),
    "scoring.partner-fit": later("Score the fit"),
    "extraction.text": later("Read the document"),
    "screening.investigate": later("Screen the customer"),
    "works.begin": later("Begin the work"),
    "works.pay": later("Pay"),
    "works.stop-schedule": later("Stop the schedule"),
    "works.delete": later("Delete"),
}
STATES = {
    StepState.DONE: "done",
    StepState.SKIPPED: "done",
    StepState.COMPENSATED: "done",
    StepState.FAILED: "failed",
    StepState.UNDO_FAILED: "failed",
}


def step_name(name: str) -> str:
    return _(STEPS.get(name) or step_title(name))


def stops(case: CaseView, plan: Sequence[Planned]) -> list[Stop]:
    """Every stop in the order of time, then what the plan names behind the last of them. A case that is being taken
    back has nothing ahead; of a long course only the newest part is shown."""
    been: list[tuple[datetime, str, str, Stop]] = [_step(step) for step in case.steps]
    been += [_task(task) for task in case.tasks]
    been += [_decision(one) for one in case.decisions]
    been.sort(key=lambda one: one[0])
    shown = [stop for *_rest, stop in been[-MOST_STOPS:]]
    if case.closed_at is not None or case.state in ("compensating", "cancelled"):
        return shown
    return shown + [_ahead(stop) for stop in plan[_reached(been, plan) :]][: max(MOST_STOPS - len(shown), 6)]


def _reached(been: Sequence[tuple[datetime, str, str, Stop]], plan: Sequence[Planned]) -> int:
    """How much of the plan lies behind: each stop that there was takes the next of its name, or one before it when the
    story goes round again."""
    place = 0
    for _at, form, name, _stop in been:
        wanted = [number for number, stop in enumerate(plan) if _same(stop, form, name)]
        if wanted:
            place = next((number for number in wanted if number >= place), wanted[0]) + 1
    return place


def _same(stop: Planned, form: str, name: str) -> bool:
    return stop.form == form and (stop.name == name or form in ("ballot", "funds"))


def _ahead(stop: Planned) -> Stop:
    return Stop(step_name(stop.name) if stop.form == "step" else _(stop.title), "ahead", _("ahead"))


def _step(step: StepLine) -> tuple[datetime, str, str, Stop]:
    state = STATES.get(StepState(step.state), "now")
    if step.undoes:
        title = _("Take back: %(step)s", step=step_name(step.undoes))
        return step.planned_at, "undo", step.name, Stop(title, state, _(step.state.replace("-", " ")))
    return step.planned_at, "step", step.name, Stop(step_name(step.name), state, _(step.state.replace("-", " ")))


def _task(task: TaskLine) -> tuple[datetime, str, str, Stop]:
    if task.state == "open":
        return task.opened_at, "task", task.name, Stop(_(task.title), "now", _("waits for people"))
    verdict = task.verdict
    kind = "done" if verdict and verdict.favourable else "failed"
    return task.opened_at, "task", task.name, Stop(_(task.title), kind, outcome(verdict.outcome) if verdict else "")


def _decision(one: DecisionLine) -> tuple[datetime, str, str, Stop]:
    title = _(one.title)
    if one.state == "open":
        note = _("waits for votes") if one.form == "ballot" else _("waits for money")
        return one.opened_at, one.form, one.form, Stop(title, "now", note)
    verdict = one.verdict
    kind = "done" if verdict and verdict.favourable else "failed"
    return one.opened_at, one.form, one.form, Stop(title, kind, outcome(verdict.outcome) if verdict else "")
