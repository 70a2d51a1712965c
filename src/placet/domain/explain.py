"""One sentence for every waiting case: whom it waits for, and what happens when if nobody acts."""

from collections.abc import Iterable
from datetime import datetime

from placet.domain.people import Audience, External, Named, Role
from placet.domain.span import in_words
from placet.domain.task import Progress, Rung, RungAction, TaskRules, due_at


def in_full(at: datetime) -> str:
    return f"{at:%-d %B %Y %H:%M} UTC"


def listed(names: Iterable[str], conjunction: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = [*names] or ["nobody"]
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def audience(who: Audience, scope: str) -> str:
    match who:
        case Role():
            return f"somebody with the role {who.name} in {who.scope or scope}"
        case Named():
            return who.person
        case External():
            return f"{who.name} (outside the organisation)"


def _next_rung(rung: Rung, scope: str, at: datetime) -> str:
    if rung.action is RungAction.REMIND:
        return f"a reminder goes out on {in_full(at)}"
    return f"on {in_full(at)} {listed((audience(who, scope) for who in rung.to), 'and')} will be asked as well"


def task_sentence(
    rules: TaskRules,
    progress: Progress,
    to: Iterable[Audience],
    scope: str,
    now: datetime,
    claimed_by: str | None = None,
) -> str:
    """Why a task waits, and what the clock will do; `to` is who may fill a seat now."""
    asked = listed(audience(who, scope) for who in to)
    seats = rules.seats
    whom = f"{claimed_by}, who claimed it" if claimed_by else asked
    if seats.total > 1:
        count = progress.cast
        whom = f"{seats.needed} of {seats.total} answers from {asked} ({count} so far)"
    parts = [f"Waiting for {whom}: {rules.title}."]
    deadline = due_at(rules, progress)
    ahead = rules.ladder[progress.rung :]
    # The next thing the clock does, and every later one that brings in other people.
    told = [rung for place, rung in enumerate(ahead) if place == 0 or rung.action is RungAction.ESCALATE]
    steps = [_next_rung(rung, scope, rung.at + progress.shift) for rung in told]
    if deadline:
        left = deadline - now
        chosen = rules.outcome(rules.silence) if rules.silence else None
        end = f"counts as “{chosen.label}”" if chosen else "expires and the case is refused"
        when = f"in {in_words(left)}" if left.total_seconds() > 0 else "now"
        steps.append(f"it {end} on {in_full(deadline)} ({when})")
    if steps:
        sentence = ", then ".join(steps)
        parts.append(f"If nobody acts, {sentence}.")
    else:
        parts.append("It waits until somebody acts.")
    return " ".join(parts)
