"""The human task, pure: frozen rules, the tally so far, one person's standing, and now.

Nothing here reads a clock, a database or a network; the same functions serve the act, the timer, the page and the
offline recount. Terms follow WS-HumanTask where it has one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from placet.domain.calendar import BusinessCalendar
from placet.domain.collection import DocumentRequest
from placet.domain.model import Durable
from placet.domain.people import Audience, Role
from placet.domain.said import Said, Text, later
from placet.domain.span import Span


class Outcome(Durable):
    """One possible answer. `favourable` says whether the case may go on with it.

    What only the clock brings (`by_clock`) nobody can choose, and so nobody can hasten.
    """

    name: str
    label: str
    favourable: bool = True
    by_clock: bool = False


APPROVE = Outcome(name="approve", label="Approve")
REFUSE = Outcome(name="refuse", label="Refuse", favourable=False)


class Seats(Durable):
    """How many answers a task takes, and how many alike decide it.

    `total` never changes while a task is open: escalation and delegation change who may fill a seat. With `veto`,
    one unfavourable answer decides; without it, the task is refused once `needed` can no longer be reached.
    """

    total: int = Field(default=1, ge=1, le=1000)
    needed: int = Field(default=1, ge=1)
    veto: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> "Seats":
        if self.needed > self.total:
            raise ValueError("a task cannot need more answers than it has seats")
        return self


ANY = Seats()


def all_of(total: int) -> Seats:
    """Everybody must agree; the first refusal decides."""
    return Seats(total=total, needed=total, veto=True)


def n_of(needed: int, total: int, veto: bool = False) -> Seats:
    """`needed` of `total` decide."""
    return Seats(total=total, needed=needed, veto=veto)


class RungAction(StrEnum):
    REMIND = "remind"
    ESCALATE = "escalate"


class RungSpec(Durable):
    """One rung of the escalation ladder, `after` the opening of the task."""

    action: RungAction
    after: Span
    to: tuple[Audience, ...] = ()


class TaskSpec(Durable):
    """What a workflow asks of people. Times are relative; `freeze` makes them absolute when the task opens.

    Whoever holds a role in `seen_by` sees the case from now on, and is not asked. `lapse` says what follows when nobody
    answers in time, and `window_lapse` what follows when the window of the case ends first, where that is not a refusal
    of the case or has better words than the label of an outcome: they complete "If nobody acts, … on the day".
    """

    name: str
    title: str
    instructions: str = ""
    to: tuple[Audience, ...]
    outcomes: tuple[Outcome, ...] = (APPROVE, REFUSE)
    seats: Seats = ANY
    excluded: Mapping[str, str] = {}
    ladder: tuple[RungSpec, ...] = ()
    within: Span | None = None
    silence: str | None = None
    lapse: str | None = None
    window_lapse: str | None = None
    comment_on: tuple[str, ...] = ()
    form: dict[str, Any] | None = None
    form_on: tuple[str, ...] = ()
    shows: Any = None
    signal: str | None = None
    signal_outcome: str | None = None
    attention: bool = False
    documents: tuple[DocumentRequest, ...] = ()
    documents_on: tuple[str, ...] = ()
    round: int = 1
    window: Span | None = None
    requires: tuple[str, ...] = ()
    seen_by: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> "TaskSpec":
        names = [outcome.name for outcome in self.outcomes]
        if not names or len(set(names)) != len(names):
            raise ValueError("a task needs outcomes, each with a name of its own")
        if not self.to:
            raise ValueError("a task must be put to somebody")
        alone = {name for name in (self.silence, self.signal_outcome) if name}
        spoken = {*self.comment_on, *self.form_on, *self.documents_on, *alone}
        if unknown := spoken - set(names):
            raise ValueError(f"not an outcome of this task: {', '.join(sorted(unknown))}")
        return self


class Rung(Durable):
    action: RungAction
    at: datetime
    to: tuple[Audience, ...] = ()


class TaskRules(Durable):
    """The frozen rules of one open task; all times are absolute (UTC), before any shift by a pause."""

    title: str
    instructions: str = ""
    outcomes: tuple[Outcome, ...]
    seats: Seats
    ladder: tuple[Rung, ...] = ()
    due_at: datetime | None = None
    silence: str | None = None
    lapse: str | None = None
    comment_on: tuple[str, ...] = ()
    form: dict[str, Any] | None = None
    form_on: tuple[str, ...] = ()
    subject_hash: str
    signal: str | None = None
    signal_outcome: str | None = None
    attention: bool = False
    documents: tuple[DocumentRequest, ...] = ()
    documents_on: tuple[str, ...] = ()
    round: int = 1
    window_at: datetime | None = None
    requires: tuple[str, ...] = ()

    def outcome(self, name: str) -> Outcome | None:
        return next((outcome for outcome in self.outcomes if outcome.name == name), None)

    def form_for(self, outcome: str) -> dict[str, Any] | None:
        """The JSON Schema of the data that comes with this outcome; None when it takes no data."""
        return self.form if not self.form_on or outcome in self.form_on else None


def freeze(
    spec: TaskSpec, calendar: BusinessCalendar, subject_hash: str, now: datetime, window_at: datetime | None = None
) -> TaskRules:
    """The rules of a task that opens now. `window_at` is when the window of the whole case ends, if it has one."""
    ends = [calendar.after(now, spec.within)] if spec.within else []
    due_at = min([*ends, window_at] if window_at else ends, default=None)
    rungs = (Rung(action=rung.action, at=calendar.after(now, rung.after), to=rung.to) for rung in spec.ladder)
    return TaskRules(
        title=spec.title,
        instructions=spec.instructions,
        outcomes=spec.outcomes,
        seats=spec.seats,
        # A rung at or after the deadline could never be climbed.
        ladder=tuple(sorted((rung for rung in rungs if due_at is None or rung.at < due_at), key=lambda rung: rung.at)),
        due_at=due_at,
        silence=spec.silence,
        lapse=spec.window_lapse if window_at and due_at == window_at else spec.lapse,
        comment_on=spec.comment_on,
        form=spec.form,
        form_on=spec.form_on,
        subject_hash=subject_hash,
        signal=spec.signal,
        signal_outcome=spec.signal_outcome,
        attention=spec.attention,
        documents=spec.documents,
        documents_on=spec.documents_on,
        round=spec.round,
        window_at=window_at,
        requires=spec.requires,
    )


class Progress(Durable):
    """How far an open task has come: answers by outcome, rungs climbed, and the time it stood still."""

    tally: Mapping[str, int] = {}
    rung: int = 0
    shift: timedelta = timedelta()

    @property
    def cast(self) -> int:
        return sum(self.tally.values())


class Standing(Durable):
    """What one person is to one task, looked up at the moment of the act.

    `lacks` are the roles that the task requires of everybody, and that this person does not hold.
    """

    candidate: bool
    lacks: tuple[str, ...] = ()
    excluded: str | None = None
    answered: bool = False
    holds_claim: bool = False
    claimed_by_others: int = 0


class Reason(StrEnum):
    ANSWERED = "answered"
    SILENCE = "silence"
    WINDOW = "window"
    WITHDRAWN = "withdrawn"
    EARLY = "early"
    COUNTDOWN = "countdown"
    EXPIRED = "expired"
    FORCED = "forced"
    FUNDED = "funded"
    ENDED = "ended"
    IMPOSSIBLE = "impossible"


class Verdict(Durable):
    """How a decision was closed, once and for good."""

    outcome: str
    favourable: bool
    reason: Reason
    at: datetime
    by: tuple[str, ...] = ()
    comment: str = ""
    data: dict[str, Any] = {}


class Refusal(Durable):
    """Why an act does not count: a stable code, a sentence for the person, and the field at fault."""

    code: str
    detail: Text
    field: str | None = None


PASSED_ON = later("you passed it on to %(person)s")


def barred(reason: str) -> Said:
    """Why somebody may not decide, by what is kept of it."""
    passed_on = PASSED_ON.partition("%")[0]
    return Said(PASSED_ON, person=reason.removeprefix(passed_on)) if reason.startswith(passed_on) else Said(reason)


def refusal(rules: TaskRules, progress: Progress, standing: Standing) -> Refusal | None:
    """Why this person may not act on this task, or None. The one place where separation of duties is decided."""
    if standing.excluded is not None:
        detail = Said("You cannot decide this: %(why)s.", why=barred(standing.excluded))
        return Refusal(code="excluded", detail=detail)
    if standing.answered:
        detail = Said("You have already answered; an answer cannot be changed.")
        return Refusal(code="already-answered", detail=detail)
    if not standing.candidate:
        return Refusal(code="not-asked", detail=Said("This task was not put to you."))
    if standing.lacks:
        detail = Said("This takes somebody who holds %(roles)s.", roles=standing.lacks)
        return Refusal(code="not-qualified", detail=detail)
    if not standing.holds_claim:
        if progress.cast >= rules.seats.total:
            return Refusal(code="seats-taken", detail=Said("Everybody who was needed has answered."))
        if progress.cast + standing.claimed_by_others >= rules.seats.total:
            detail = Said("Somebody else has claimed this task; ask them to release it, or a coordinator.")
            return Refusal(code="claimed", detail=detail)
    return None


def answer_refusal(
    rules: TaskRules,
    progress: Progress,
    standing: Standing,
    outcome: str,
    comment: str,
    subject_hash: str | None,
    missing: tuple[str, ...] = (),
) -> Refusal | None:
    """Why this answer may not count, or None. `missing` are the documents asked for that have not come."""
    if why := refusal(rules, progress, standing):
        return why
    chosen = rules.outcome(outcome)
    if chosen is None or chosen.by_clock:
        names = tuple(choice.name for choice in rules.outcomes if not choice.by_clock)
        detail = Said("Choose one of: %(choices)s.", choices=names)
        return Refusal(code="unknown-outcome", detail=detail, field="outcome")
    if outcome in rules.comment_on and not comment.strip():
        return Refusal(code="comment-required", detail=Said("Say why in a comment."), field="comment")
    if subject_hash is not None and subject_hash != rules.subject_hash:
        detail = Said("What you looked at has changed since; read it again.")
        return Refusal(code="stale-subject", detail=detail, field="subject_hash")
    if missing and outcome in rules.documents_on:
        titles = {one.name: one.title or one.name for one in rules.documents}
        detail = Said("Still missing: %(documents)s.", documents=tuple(Said(titles.get(one, one)) for one in missing))
        return Refusal(code="documents-missing", detail=detail, field="documents")
    return None


def decided(rules: TaskRules, progress: Progress) -> Outcome | None:
    """The outcome that the answers so far have decided, or None."""
    seats, tally = rules.seats, progress.tally
    for outcome in rules.outcomes:
        needed = seats.needed if outcome.favourable else 1 if seats.veto else seats.total - seats.needed + 1
        if tally.get(outcome.name, 0) >= needed:
            return outcome
    left = seats.total - progress.cast
    hopes = [tally.get(outcome.name, 0) + left for outcome in rules.outcomes if outcome.favourable]
    against = [outcome for outcome in rules.outcomes if not outcome.favourable]
    if left and (not against or max(hopes, default=seats.needed) >= seats.needed):
        return None
    # No outcome can have enough any more: the most frequent unfavourable one, else the last that was offered.
    return max(against or [rules.outcomes[-1]], key=lambda outcome: tally.get(outcome.name, 0))


def within_reach(rules: TaskRules, progress: Progress, able: int) -> bool:
    """Whether `able` people who have not answered yet are enough to bring a favourable outcome, if there is one."""
    hopes = [progress.tally.get(one.name, 0) for one in rules.outcomes if one.favourable and not one.by_clock]
    return able > 0 and (not hopes or max(hopes) + able >= rules.seats.needed)


def due_at(rules: TaskRules, progress: Progress) -> datetime | None:
    """The deadline, moved by the time the case stood paused."""
    return rules.due_at + progress.shift if rules.due_at else None


def rungs_due(rules: TaskRules, progress: Progress, now: datetime) -> tuple[Rung, ...]:
    """The rungs not yet climbed whose time has come."""
    return tuple(rung for rung in rules.ladder[progress.rung :] if rung.at + progress.shift <= now)


def next_at(rules: TaskRules, progress: Progress) -> datetime | None:
    """When the clock acts next: the next rung or the deadline."""
    ahead = rules.ladder[progress.rung :]
    return ahead[0].at + progress.shift if ahead else due_at(rules, progress)


def on_silence(rules: TaskRules, progress: Progress) -> Verdict | None:
    """The verdict that the deadline brings by itself, dated at the deadline; None for a task without one."""
    deadline = due_at(rules, progress)
    if deadline is None:
        return None
    chosen = rules.outcome(rules.silence) if rules.silence else None
    return Verdict(
        outcome=chosen.name if chosen else "expired",
        favourable=chosen.favourable if chosen else False,
        reason=Reason.WINDOW if rules.due_at == rules.window_at else Reason.SILENCE,
        at=deadline,
        comment="Too few people answered in time." if progress.cast else "Nobody answered in time.",
    )
