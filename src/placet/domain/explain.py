"""One sentence for every waiting case: whom it waits for, and what happens when if nobody acts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from placet.domain.people import Audience, External, Named, Role
from placet.domain.said import Said, Value, Who, listed, together
from placet.domain.task import Progress, Rung, RungAction, TaskRules, due_at


def audience(who: Audience, scope: str, names: Mapping[str, str] | None = None) -> str:
    """Who that is; `names` says what people are called, by their ids."""
    match who:
        case Role():
            return Said("somebody with the role %(role)s in %(scope)s", role=who.name, scope=who.scope or scope)
        case Named():
            return Who.among(names, who.person)
        case External():
            return Said("%(name)s (outside the organisation)", name=who.name)


def reminder(at: datetime) -> Said:
    return Said("a reminder goes out on %(at)s", at=at)


def unless(steps: Sequence[str]) -> Said:
    """What the clock does unless somebody acts, one thing after the other."""
    if not steps:
        return Said("It waits until somebody acts.")
    first, *others = steps
    then = [Said("then %(step)s", step=one) for one in others]
    return Said("If nobody acts, %(steps)s.", steps=(first, *then))


def task_sentence(
    rules: TaskRules,
    progress: Progress,
    to: Iterable[Audience],
    scope: str,
    now: datetime,
    claimed_by: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Said:
    """Why a task waits, and what the clock will do; `to` is who may fill a seat now, `names` what they are called."""
    ahead = rules.ladder[progress.rung :]
    # The next thing the clock does, and every later one that brings in other people.
    told = [rung for place, rung in enumerate(ahead) if place == 0 or rung.action is RungAction.ESCALATE]
    steps = [_next_rung(rung, scope, rung.at + progress.shift) for rung in told]
    if deadline := due_at(rules, progress):
        steps.append(_lapse(rules, deadline, deadline - now))
    asked = listed(audience(who, scope, names) for who in to)
    holder = Who.among(names, claimed_by) if claimed_by else None
    return together(_waiting(rules, progress, asked, holder), unless(steps))


def silence_sentence(rules: TaskRules, progress: Progress) -> Said:
    """What happens to a task if nobody acts."""
    deadline = due_at(rules, progress)
    if deadline is None:
        return unless([])
    if rules.lapse:
        return Said("If nobody acts, %(lapse)s on %(at)s.", lapse=Said(rules.lapse), at=deadline)
    chosen = rules.outcome(rules.silence) if rules.silence else None
    if chosen is None:
        return Said("If nobody acts, it expires and the case is refused on %(at)s.", at=deadline)
    return Said("If nobody acts, it counts as “%(outcome)s” on %(at)s.", outcome=Said(chosen.label), at=deadline)


def _lapse(rules: TaskRules, deadline: datetime, left: timedelta) -> Said:
    when: dict[str, Value] = {"at": deadline, "left": left}
    if rules.lapse:
        return Said("%(lapse)s on %(at)s (%(left)s)", lapse=Said(rules.lapse), **when)
    if rules.silence and (chosen := rules.outcome(rules.silence)):
        return Said("it counts as “%(outcome)s” on %(at)s (%(left)s)", outcome=Said(chosen.label), **when)
    return Said("it expires and the case is refused on %(at)s (%(left)s)", **when)


def _waiting(rules: TaskRules, progress: Progress, asked: str, claimed_by: str | None) -> Said:
    seats, title = rules.seats, Said(rules.title)
    if seats.total > 1:
        return Said(
            "Waiting for %(needed)s of %(total)s answers from %(whom)s (%(count)s so far): %(title)s.",
            needed=seats.needed,
            total=seats.total,
            whom=asked,
            count=progress.cast,
            title=title,
        )
    if claimed_by:
        return Said("Waiting for %(whom)s, who claimed it: %(title)s.", whom=claimed_by, title=title)
    return Said("Waiting for %(whom)s: %(title)s.", whom=asked, title=title)


def _next_rung(rung: Rung, scope: str, at: datetime) -> Said:
    if rung.action is RungAction.REMIND:
        return reminder(at)
    whom = listed((audience(who, scope) for who in rung.to), "and")
    return Said("on %(at)s %(whom)s will be asked as well", at=at, whom=whom)
