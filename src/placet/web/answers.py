"""Answering a task by a form: the inputs of all its outcomes on one page, and the answer that was sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from placet.control.views import OutcomeView, TaskView
from placet.domain.forms import Fault
from placet.domain.said import Said
from placet.web import forms
from placet.web.forms import Field, Input
from placet.web.words import _, later

CLOSED = ("task-closed", "seats-taken", "already-answered")
"""Refusals after which the page itself says how things stand."""


def answer_inputs(
    task: TaskView, sent: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[Input]:
    """Each field of each outcome once; it says with which outcomes it goes, unless with all."""
    wanted: dict[str, tuple[Field, list[str]]] = {}
    for outcome in task.outcomes:
        for one in forms.fields(outcome.form):
            wanted.setdefault(one.name, (one, []))[1].append(outcome.label)
    shown = forms.inputs([one for one, _ in wanted.values()], sent, errors, "data")
    every = len(task.outcomes)
    return [
        _only(one, () if len(labels) == every else tuple(labels))
        for one, (_, labels) in zip(shown, wanted.values(), strict=True)
    ]


def _beside(task: TaskView, chosen: OutcomeView | None, sent: Mapping[str, str]) -> Iterator[Fault]:
    """What somebody filled in that goes with another answer than the one by which the case goes on, and would be lost
    without a word; whoever says no says it to that as well.
    """
    taken = {one.name for one in forms.fields(chosen.form if chosen else None)}
    for other in task.outcomes if chosen and chosen.favourable else ():
        for one in forms.fields(other.form):
            # Of a list that opens, a browser sends what nobody has chosen.
            if (
                one.name not in taken
                and one.kind != "choice"
                and sent.get(one.name, "").strip() not in ("", one.default)
            ):
                taken.add(one.name)
                told = Said(
                    "This goes with “%(outcome)s” only: choose that, or leave it empty.", outcome=Said(other.label)
                )
                yield Fault(pointer=f"/data/{one.name}", detail=told)


def _only(one: Input, outcomes: tuple[str, ...]) -> Input:
    if not outcomes:
        return one
    # What goes with some outcomes only must not keep a browser from sending another.
    return replace(one, only=outcomes, parts=tuple(_only(part, outcomes) for part in one.parts))


def typed(task: TaskView, sent: Mapping[str, str] | None) -> str:
    """What somebody had written where the form is gone meanwhile; it must not be lost with it."""
    if not sent or task.can_answer:
        return ""
    kept = [f"{_(one.field.label)}: {one.value}" for one in _leaves(answer_inputs(task, sent)) if one.value]
    return "\n".join([*kept, sent.get("comment", "")]).strip()


def _leaves(inputs: Iterable[Input]) -> Iterator[Input]:
    for one in inputs:
        inner = (*one.parts, *one.rows)
        yield from _leaves(inner) if inner else (one,)


def given_by(task: TaskView, sent: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """The answer in a sent form, and what could not be read of it."""
    outcome = sent.get("outcome", "")
    chosen = next((choice for choice in task.outcomes if choice.name == outcome), None)
    data, faults = forms.read(sent, forms.fields(chosen.form if chosen else None))
    faults += _beside(task, chosen, sent)
    if chosen is None:
        faults.append(Fault(pointer="/outcome", detail=later("Choose one of the answers.")))
    comment = sent.get("comment", "").replace("\r\n", "\n")
    subject_hash = sent.get("subject_hash") or None
    return {"outcome": outcome, "comment": comment, "data": data, "subject_hash": subject_hash}, faults
