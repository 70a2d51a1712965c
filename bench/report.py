"""The figures as a table, the goals beside them; ratios within a round are the message, absolute figures drift."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.approval import Round
from bench.over_http import Latency, OverHttp
from bench.up import Up

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Line:
    """One figure; `goal` is empty where none was set."""

    what: str
    measured: str
    goal: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Report:
    machine: dict[str, str]
    quick: bool
    rounds: list[Round]
    http: OverHttp | None
    up: Up | None


def lines(report: Report) -> list[Line]:
    told: list[Line] = []
    if report.rounds:
        told += _approval(report.rounds)
    if report.http is not None:
        told += _http(report.http)
    if report.up is not None:
        told += _up(report.up)
    return told


def _approval(rounds: list[Round]) -> list[Line]:
    ours = [one for one in rounds if one.system == "placet"]
    theirs = [one for one in rounds if one.system != "placet"]
    ratios = [mine.per_second / yours.per_second for mine, yours in zip(ours, theirs, strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    events = max(one.events for one in ours)
    cpu = [
        (mine.server_ms + mine.worker_ms) / (yours.server_ms + yours.worker_ms)
        for mine, yours in zip(ours, theirs, strict=True)
    ]
    middle = median(ratios)
    return [
        Line("one approval: history events", f"{events} (by hand {theirs[0].events})", "at most 12", events <= 12),
        Line("one approval: cases/s to the same by hand", f"{middle:.2f}x ({each})", "at least 2.5x", middle >= 2.5),
        Line("one approval: cases/s, 20 in flight", _pair(ours, theirs, lambda one: one.per_second, 1)),
        Line("… cases opened/s", _pair(ours, theirs, lambda one: one.opened_per_second, 1)),
        Line("… cases decided/s", _pair(ours, theirs, lambda one: one.decided_per_second, 1)),
        Line("… server CPU a case, ms", _pair(ours, theirs, lambda one: one.server_ms, 1)),
        Line("… worker CPU a case, ms", _pair(ours, theirs, lambda one: one.worker_ms, 1)),
        Line("… driver CPU a case, ms", _pair(ours, theirs, lambda one: one.driver_ms, 1)),
        Line("… server and worker CPU to the same by hand", f"{median(cpu):.2f}x"),
        Line("… processors busy, everybody's", _pair(ours, theirs, lambda one: one.busy, 2)),
    ]


def _pair(ours: Iterable[Round], theirs: Iterable[Round], of: Callable[[Round], float], digits: int) -> str:
    mine, yours = (median(of(one) for one in rounds) for rounds in (ours, theirs))
    return f"{mine:.{digits}f} (by hand {yours:.{digits}f})"


def _http(http: OverHttp) -> list[Line]:
    told = [_latency(one) for one in http.latencies]
    if (waiting := http.waiting) is not None:
        grown = waiting.per_thousand("worker")
        told += [
            Line(
                f"{waiting.cases} cases that wait: MB of the worker per 1,000",
                f"{grown:.1f} ({waiting.before['worker']:.0f} to {waiting.after['worker']:.0f} MB)",
                "100 MB for 5,000",
                waiting.after["worker"] - waiting.before["worker"] < 100 * waiting.cases / 5000,
            ),
            Line("… MB of the server per 1,000", f"{waiting.per_thousand('server'):.1f}"),
            Line("… starts acknowledged/s", f"{waiting.acknowledged_per_second:.0f}"),
            Line("… cases opened/s, with the queue drained", f"{waiting.opened_per_second:.0f}"),
        ]
    if (burst := http.burst) is not None:
        ended = f"{burst.ended_during} of {burst.acknowledged} had ended by then"
        told += [
            Line(
                f"burst of {burst.seconds:.0f} s over {burst.connections} connections: answers acknowledged/s",
                f"{burst.per_second:.0f} (p50 {burst.p50:.0f} ms, p99 {burst.p99:.0f} ms)",
                "500",
                burst.per_second >= 500,
            ),
            Line("… s to drain afterwards", f"{burst.drain:.1f} ({ended})"),
            Line("… acknowledged answers lost or doubled", str(burst.lost), "0", burst.lost == 0),
        ]
    return told


def _latency(one: Latency) -> Line:
    alone = one.connections == 1
    at = "at rest" if alone else f"{one.connections} at once, {one.per_second:.0f}/s"
    engine = "" if one.temporal == "running" else ", Temporal stopped"
    return Line(
        f"{one.what} over HTTP, {at}{engine}: p50 / p99 ms",
        f"{one.p50:.1f} / {one.p99:.1f} (n = {one.samples})",
        "p99 under 30" if alone else "",
        one.p99 < 30 if alone else None,
    )


def _up(up: Up) -> list[Line]:
    idle = ", ".join(f"{name} {mb:.0f}" for name, mb in sorted(up.idle_mb.items()))
    return [
        Line("`placet up` to ready: s, on an empty folder", f"{up.fresh:.1f}", "5", up.fresh <= 5),
        Line("… s, again", f"{up.again:.1f}", "5", up.again <= 5),
        Line("idle: MB of each process", f"{idle}; {sum(up.idle_mb.values()):.0f} in all"),
        Line("idle: share of one processor", f"{up.idle_processors:.1%}"),
    ]


def markdown(report: Report) -> str:
    seen = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    size = " Quick run: few samples." if report.quick else ""
    head = ["| figure | measured | goal | reached |", "|---|---|---|---|"]
    marks = {True: "yes", False: "no", None: ""}
    rows = [f"| {line.what} | {line.measured} | {line.goal} | {marks[line.reached]} |" for line in lines(report)]
    return "\n".join(["# Bench", "", f"{seen}.{size}", "", *head, *rows]) + "\n"


def write(report: Report) -> Path:
    """Write the table and the raw figures into `bench/results`; the path of the table."""
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC).strftime("%Y-%m-%d-%H%M")
    table = RESULTS / f"{at}.md"
    table.write_text(markdown(report), encoding="utf-8")
    table.with_suffix(".json").write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return table
