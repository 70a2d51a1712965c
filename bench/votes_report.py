"""The figures of the vote as tables, the goals beside them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.report import RESULTS, Line
from bench.votes_large import Large
from bench.votes_rounds import CONNECTIONS, SYSTEMS, Cell


@dataclass(frozen=True)
class Report:
    machine: dict[str, str]
    quick: bool
    cells: list[Cell]
    large: Large | None
    history: dict[int, int]


def markdown(report: Report) -> str:
    seen = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    size = " Quick run: few samples." if report.quick else ""
    parts = ["# Bench of the vote", "", f"{seen}.{size}", ""]
    if report.cells:
        parts += [*_rounds(report.cells), ""]
    head = ["| figure | measured | goal | reached |", "|---|---|---|---|"]
    marks = {True: "yes", False: "no", None: ""}
    rows = [f"| {line.what} | {line.measured} | {line.goal} | {marks[line.reached]} |" for line in lines(report)]
    return "\n".join([*parts, *head, *rows]) + "\n"


def _rounds(cells: list[Cell]) -> list[str]:
    told = [
        "Acknowledged votes, each system in turn while all are up; median (least to most) of the rounds. CPU is that "
        "of the API, or of Temporal's server and the worker, in ms a vote. An update is refused beyond 10 in flight.",
        "",
        "| system | connections | votes/s | p50 ms | p99 ms | server CPU ms | client CPU ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for system in SYSTEMS:
        for connections in CONNECTIONS:
            some = _at(cells, system, connections)
            rates = [cell.per_second for cell in some]
            told.append(
                f"| {system} | {connections} | {median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) "
                f"| {_middle(some, lambda cell: cell.p50):.1f} | {_middle(some, lambda cell: cell.p99):.1f} "
                f"| {_middle(some, lambda cell: cell.server_ms):.2f} "
                f"| {_middle(some, lambda cell: cell.client_ms):.2f} |"
            )
    return told


def lines(report: Report) -> list[Line]:
    told: list[Line] = []
    if report.cells:
        ten, hundred = (_at(report.cells, SYSTEMS[0], connections) for connections in (10, 100))
        by_update = _at(report.cells, "update", 10)
        rate, many = (_middle(cells, lambda cell: cell.per_second) for cells in (ten, hundred))
        p99 = _middle(ten, lambda cell: cell.p99)
        ratios = [mine.per_second / theirs.per_second for mine, theirs in zip(ten, by_update, strict=True)]
        ratio, each = median(ratios), ", ".join(f"{one:.1f}" for one in ratios)
        told += [
            Line("10 connections: acknowledged votes/s", f"{rate:.0f}", "1,200", rate >= 1200),
            Line("… p99 ms", f"{p99:.1f}", "under 50", p99 < 50),
            Line("… to one update a vote", f"{ratio:.1f}x ({each})", "at least 4x", ratio >= 4),
            Line("100 connections: votes/s", f"{many:.0f}", "no less than at 10", many >= rate),
        ]
    if report.history:
        numbers = ", ".join(f"{events} with {votes} votes" for votes, events in report.history.items())
        told.append(Line("history events of a proposal", numbers, "the same", len(set(report.history.values())) == 1))
    if (large := report.large) is not None:
        of = f"{large.voters:,} voters"
        cost = f"p99 {large.by_http_p99:.0f} ms, API {large.by_http_api_ms:.2f} ms a vote"
        by_http = f"{large.by_http_per_second:.0f} ({cost})"
        told += [
            Line(f"{of}: s to open", f"{large.opened:.1f}", "10", large.opened < 10),
            Line(
                "… votes/s over HTTP, 100 connections",
                by_http,
            ),
            Line("… votes/s into the store, 1,000 at a time", f"{large.by_store_per_second:.0f}"),
            Line("… mails queued/s", f"{large.mails_per_second:.0f}"),
            Line("… s for the vote that closes it", f"{large.closed:.2f}"),
            Line("… s to export it, all having voted", f"{large.exported:.0f} ({large.export_mb:.0f} MB)"),
            Line(
                "… s to count it again",
                f"{large.recounted:.0f} ({large.recount_cpu:.0f} s of CPU)",
                "60",
                large.recounted < 60,
            ),
            Line("… MB of the API afterwards", f"{large.memory_mb:.0f}"),
        ]
    return told


def _at(cells: list[Cell], system: str, connections: int) -> list[Cell]:
    return [cell for cell in cells if (cell.system, cell.connections) == (system, connections)]


def _middle(cells: list[Cell], of: Callable[[Cell], float]) -> float:
    return median(of(cell) for cell in cells)


def write(report: Report) -> Path:
    """Write the tables and the raw figures into `bench/results`; the path of the tables."""
    RESULTS.mkdir(exist_ok=True)
    table = RESULTS / f"{datetime.now(UTC).strftime('%Y-%m-%d-%H%M')}-votes.md"
    table.write_text(markdown(report), encoding="utf-8")
    table.with_suffix(".json").write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return table
