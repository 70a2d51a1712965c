"""What the overview tells: figures as tables, so that a chart, a page and a CSV file say the same."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from placet.control.counting import CountLine
from placet.control.sent import Sent
from placet.control.views import View

Table = Literal["counts", "throughput", "waiting", "turnout", "overdue", "attention", "budget"]

MOST_LISTED = 50
"""So many entries has each list of single tasks, cases and ballots."""


class Period(Sent):
    """Which days: the last so many, today among them; by `week`, each bar begins on a Monday."""

    days: int = Field(default=30, ge=1, le=366)
    by: Literal["day", "week"] = "day"


class Throughput(View):
    """How many cases of a kind opened and closed within the day, or the week that begins on it."""

    begins: date
    kind: str
    opened: int
    closed: int


class Waiting(View):
    """How long people took over a step, in seconds: half of them at most `median`, nine of ten at most `p90`."""

    kind: str
    name: str
    form: str
    decided: int
    median: float
    p90: float


class Turnout(View):
    """How many of those who could vote did."""

    ballot: str
    case_id: str
    title: str
    closed_at: datetime
    outcome: str
    voters: int
    cast: int
    approve: int
    deny: int


class Overdue(View):
    """What waits beyond its deadline, or has been escalated."""

    task: str
    case_id: str
    case_title: str
    title: str
    scope: str
    opened_at: datetime
    due_at: datetime | None
    escalated: bool


class Attention(View):
    """A case that needs people to go on: the step that failed, why, and the task that asks what to do."""

    case_id: str
    case_title: str
    kind: str
    scope: str
    step: str | None
    error: str | None
    since: datetime
    task: str | None


class Budget(View):
    """The faucet at the end of a day, or of the week that ends with it."""

    day: date
    balance: int
    allocated: int
    unallocated: int


class OverviewView(View):
    """Figures of what the caller sees: `everything`, `scopes`, or single cases (`own`).

    `complete` is false when somebody sees so many single cases that the figures are of the newest only. `waiting` and
    `turnout` are of the newest decisions of the period. `overdue_number` and `attention_number` count what is
    late or needs people, up to 51; `overdue_more` and `attention_more` say that there are more than are listed.
    `budget` is null for who may not read it.
    """

    sees: Literal["everything", "scopes", "own"]
    scopes: list[str]
    since: date
    until: date
    complete: bool
    counts: list[CountLine]
    throughput: list[Throughput]
    waiting: list[Waiting]
    turnout: list[Turnout]
    overdue: list[Overdue]
    overdue_number: int
    overdue_more: bool
    attention: list[Attention]
    attention_number: int
    attention_more: bool
    budget: list[Budget] | None
