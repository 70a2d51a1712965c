"""Audit lines as sentences for people; the line itself, with its evidence, is one click away."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from placet.control.views import CaseView, EventView
from placet.domain.people import SYSTEM
from placet.web.process import step_name
from placet.web.words import _, later, outcome

TOLD = {
    "case.opened": later("%(who)s opened the case"),
    "case.paused": later("%(who)s paused the case"),
    "case.resumed": later("%(who)s resumed the case"),
    "case.cancel-requested": later("%(who)s asked to cancel the case"),
    "case.cancelled": later("The case was cancelled"),
    "case.completed": later("The case was completed"),
    "case.refused": later("The case was refused"),
    "case.failed": later("The case failed"),
    "case.point-of-no-return": later("From here the case cannot be cancelled"),
    "case.reopened": later("The case was opened again"),
    "case.recovered": later("The case was restored"),
    "case.run-replaced": later("An operator set the case back"),
    "case.ahead-of-database": later("The database was older than the case"),
    "task.opened": later("“%(task)s” was asked"),
    "task.answered": later("%(who)s answered “%(task)s”: %(outcome)s"),
    "task.claimed": later("%(who)s claimed “%(task)s”"),
    "task.released": later("%(who)s gave back “%(task)s”"),
    "task.unclaimed": later("“%(task)s” is free again: whoever had claimed it was deactivated"),
    "task.delegated": later("%(who)s passed “%(task)s” on to %(to)s"),
    "task.reassigned": later("%(who)s put “%(task)s” to %(to)s"),
    "task.escalated": later("“%(task)s” was put to more people"),
    "task.reminded": later("Those who owe “%(task)s” were reminded"),
    "task.closed": later("“%(task)s” is decided: %(outcome)s"),
    "task.withdrawn": later("“%(task)s” was withdrawn"),
    "task.reopened": later("“%(task)s” was asked again"),
    "ballot.opened": later("The vote opened"),
    "ballot.vote": later("%(who)s voted: %(decision)s"),
    "ballot.closed": later("The vote closed: %(outcome)s"),
    "ballot.forced": later("%(who)s approved it past the voters"),
    "ballot.reminded": later("Those who owe a vote were reminded"),
    "ballot.withdrawn": later("The vote was withdrawn"),
    "multisig.opened": later("The payment was put to the council"),
    "multisig.approved": later("%(who)s approved the payment"),
    "multisig.refused": later("%(who)s refused the payment"),
    "multisig.approval-withdrawn": later("%(who)s took the approval back"),
    "multisig.reminded": later("Those of the council who owe an answer were reminded"),
    "multisig.closed": later("The council has decided: %(outcome)s"),
    "multisig.withdrawn": later("The payment was withdrawn from the council"),
    "case.commented": later("%(who)s commented"),
    "child.opened": later("A case of its own was opened for a part of it"),
    "child.closed": later("That case has ended: %(outcome)s"),
    "funds.opened": later("Money is waited for"),
    "funds.closed": later("The wait for money ended: %(outcome)s"),
    "funds.short": later("There was not enough money"),
    "document.received": later("%(who)s sent a document"),
    "step.done": later("Done: %(step)s"),
    "step.failed": later("Failed: %(step)s"),
    "step.unknown": later("Cut short: %(step)s"),
    "step.skipped": later("%(who)s went on without: %(step)s"),
    "step.compensated": later("Taken back: %(step)s"),
    "step.undo-failed": later("Could not be taken back: %(step)s"),
}


@dataclass(frozen=True)
class Told:
    """One line: `by_person` when somebody acted, and not the clock or a rule."""

    sentence: str
    at: datetime
    by_person: bool
    texts: Mapping[str, str]
    line: EventView


def told(events: list[EventView], case: CaseView, names: Mapping[str, str]) -> list[Told]:
    titles = {task.id: task.title for task in case.tasks}
    return [_told(event, titles, names) for event in events]


def people_of(events: list[EventView]) -> set[str]:
    """Everybody of whom these lines speak."""
    return {event.actor for event in events} | {
        str(event.detail["to"]) for event in events if isinstance(event.detail.get("to"), str)
    }


def _in_words(name: str) -> str:
    told = outcome(name)
    return name.replace("_", " ") if told == name else told


def _told(event: EventView, titles: Mapping[str, str], names: Mapping[str, str]) -> Told:
    detail = event.detail
    task = str(detail.get("task", ""))
    to = str(detail.get("to", ""))
    values = {
        "who": names.get(event.actor, event.actor),
        "task": _(titles.get(task, task.rpartition(".")[0].rpartition(".")[2] or task)),
        "to": names.get(to, to),
        "outcome": _in_words(str(detail.get("outcome", ""))),
        "decision": _in_words(str(detail.get("decision", ""))),
        "step": step_name(str(detail.get("step", ""))) if detail.get("step") else "",
    }
    pattern = TOLD.get(event.action)
    sentence = _(pattern) % values if pattern else event.action
    # Titles are on top of the page, and what is data is told where it belongs.
    texts = {name: text for name, text in event.texts.items() if name not in ("title", "data", "outcome")}
    return Told(sentence, event.at, event.actor not in (SYSTEM, ""), texts, event)
