"""The overview: how cases stand, how fast they go and where they wait, of what its reader sees; also as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated

from babel.dates import format_date
from fastapi import Query, Request
from fastapi.responses import Response

from placet.control.csv_export import TableExport
from placet.control.overview_views import MOST_LISTED, OverviewView, Period, Throughput
from placet.domain.span import largest
from placet.store.cases import OPEN_STATES, CaseState
from placet.web.charts import SERIES, Figure, Series, bars, spans
from placet.web.pages import control_of, label, page, router
from placet.web.process import step_name
from placet.web.session import Visitor
from placet.web.telling import amount
from placet.web.times import length
from placet.web.words import _, later, locale_of, reader

routes = router()

PERIODS = (
    (later("7 days"), "days=7&by=day"),
    (later("30 days"), "days=30&by=day"),
    (later("90 days"), "days=90&by=week"),
    (later("A year"), "days=364&by=week"),
)
STEPS = {"day": 1, "week": 7}
MOST_STEPS, LISTED = 12, 10
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Drawn:
    """A figure, the colours of its series, and the table behind it as a file."""

    name: str
    figure: Figure
    legend: tuple[str, ...] = ()


@routes.get("/overview")
async def show(request: Request, visitor: Visitor, period: Annotated[Period, Query()]) -> Response:
    view = await control_of(request).overview.show(visitor.person, period, LISTED)
    standing = {state: sum(line.cases for line in view.counts if line.state == state) for state in CaseState}
    return page(
        request,
        "overview/overview.html",
        view=view,
        standing=standing,
        opened=sum(standing[state] for state in OPEN_STATES),
        all_cases=sum(standing.values()),
        figures=_figures(view, period),
        periods=PERIODS,
        chosen=f"days={period.days}&by={period.by}",
        step_name=step_name,
        most=MOST_LISTED,
    )


@routes.get("/overview/export.csv")
async def export(request: Request, visitor: Visitor, which: Annotated[TableExport, Query()]) -> Response:
    """One table of the overview; spreadsheets take it for UTF-8, and no cell of it for a formula."""
    table = await control_of(request).csv.table(visitor.person, which.model_copy(update={"bom": True}))
    return Response(table, media_type=CSV, headers=attached(which.table))


def attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}


def _figures(view: OverviewView, period: Period) -> list[Drawn]:
    begins = _begins(view.since, view.until, period)
    days = [_day(one) for one in begins]
    kinds = _busiest(view.throughput)
    opened = [Series(_told(kind), _by_day(view.throughput, kind, kinds, begins, "opened")) for kind in kinds]
    closed = [Series(_told(kind), _by_day(view.throughput, kind, kinds, begins, "closed")) for kind in kinds]
    names = tuple(one.name for one in opened)
    drawn = []
    if view.throughput:
        drawn.append(Drawn("throughput", bars(_("Cases opened"), days, opened), names))
        drawn.append(Drawn("throughput", bars(_("Cases closed"), days, closed), names))
    if view.waiting:
        longest = sorted(view.waiting, key=lambda line: -line.p90)[:MOST_STEPS]
        rows = [(f"{label(line.name)} ({_told(line.kind)})", line.median, line.p90) for line in longest]
        drawn.append(Drawn("waiting", spans(_("Time waiting for people"), rows, lasting)))
    if view.budget:
        money = [
            Series(_("Promised"), tuple(line.allocated for line in view.budget)),
            Series(_("Free"), tuple(line.unallocated for line in view.budget)),
        ]
        budget = bars(_("Budget"), days, money, lambda number: amount(int(number)))
        drawn.append(Drawn("budget", budget, tuple(one.name for one in money)))
    return drawn


def _begins(since: date, until: date, period: Period) -> list[date]:
    """The first day of each bar, also of those in which nothing happened."""
    return [since + timedelta(days=number) for number in range(0, (until - since).days + 1, STEPS[period.by])]


def _busiest(lines: Sequence[Throughput]) -> list[str]:
    """The kinds with most cases; when there are too many to tell apart, the rest is the empty name."""
    cases: dict[str, int] = {}
    for line in lines:
        cases[line.kind] = cases.get(line.kind, 0) + line.opened + line.closed
    ordered = sorted(cases, key=lambda kind: (-cases[kind], kind))
    return ordered if len(ordered) <= SERIES else [*ordered[: SERIES - 1], ""]


def _by_day(
    lines: Sequence[Throughput], kind: str, kinds: Sequence[str], begins: Sequence[date], what: str
) -> tuple[float, ...]:
    sums = dict.fromkeys(begins, 0)
    for line in lines:
        if line.kind == kind or (not kind and line.kind not in kinds):
            sums[line.begins] += getattr(line, what)
    return tuple(sums.values())


def _told(kind: str) -> str:
    return _(label(kind)) if kind else _("Others")


def _day(day: date) -> str:
    return _short(day, reader().language)


@lru_cache(maxsize=1024)
def _short(day: date, language: str) -> str:
    return str(format_date(day, "d MMM", locale=locale_of(language)))


def lasting(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    number, unit = largest(timedelta(seconds=seconds))
    return length(number, unit)
