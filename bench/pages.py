"""`python -m bench.pages [--quick] [--cases N] [--file F]`: how long lists take on a database after a busy year."""

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import httpx2
import sqlalchemy as sa

from bench import machine, pages_fill
from bench.pages_fill import Filled
from bench.place import BenchFailed
from bench.report import RESULTS
from placet.api.app import create_app
from placet.catalogue.registry import CATALOGUE
from placet.control.control import Control
from placet.store import sessions
from placet.store.engine import Store
from placet.store.house import House

MANY, FEW = 100_000, 2_000
WARM = 3
GOAL_MS, INBOX_GOAL_MS = 50.0, 10.0
INBOX = ("/api/v1/tasks", "/")

WHO = ("member", "lawyer", "chief", "coordinator", "council", "root", "v0")
ROUTES: dict[str, tuple[str, ...]] = {
    "/api/v1/tasks": WHO,
    "/api/v1/tasks?limit=200": ("chief",),
    "/api/v1/cases": WHO,
    "/api/v1/cases?state=needs-attention": WHO,
    "/api/v1/cases?state=open&kind=order": WHO,
    "/api/v1/cases?scope=desk-01&kind=audit": WHO,
    "/api/v1/cases?q=globex": WHO,
    "/api/v1/cases?q=012345": WHO,
    "/api/v1/cases?state=cancelled": WHO,
    "/api/v1/cases/counts": WHO,
    "/api/v1/overview": WHO,
    "/api/v1/cases/{case}": ("root",),
    "/api/v1/cases/{case}/events": ("root",),
    "/api/v1/tasks/{task}": ("root",),
    "/voter/workflows": ("v0", "root"),
    "/admin/faucet/ledger": ("root",),
    "/api/v1/admin/failed-steps": ("root",),
    "/api/v1/admin/outbox": ("root",),
    "/readyz": ("root",),
}
PAGES: dict[str, tuple[str, ...]] = {
    "/": WHO,
    "/cases": WHO,
    "/cases?state=needs-attention": ("lawyer", "root"),
    "/cases?q=globex": ("member", "coordinator"),
    "/cases/{case}": ("chief", "root"),
    "/tasks/{task}": ("chief", "root"),
    "/overview": WHO,
    "/overview?days=364&by=week": ("coordinator", "root"),
    "/voter": ("v0", "root"),
    "/voter/ended": ("v0",),
    "/voter/proposals/{proposal}": ("v0",),
    "/proposer": ("v0",),
    "/catalogue": ("member",),
    "/account": ("member",),
    "/admin": ("root",),
    "/admin/people": ("root",),
    "/admin/money": ("root",),
    "/admin/steps": ("root",),
    "/admin/outbox": ("root",),
}
"""What people look at, by their session; what is above, programs ask for with a token."""


@dataclass(frozen=True)
class Cell:
    """Milliseconds of a route for a caller: the whole answer, the processor time in it, and the same queries alone."""

    route: str
    caller: str
    p50: float
    p95: float
    cpu_p95: float
    sql_p50: float
    sql_p95: float
    queries: int

    @property
    def reached(self) -> bool:
        """The whole answer by the clock counts, and of the inbox also its queries."""
        return self.p95 < GOAL_MS and (self.route not in INBOX or self.sql_p95 < INBOX_GOAL_MS)


@dataclass
class Report:
    machine: dict[str, str]
    cases: int
    tasks: int
    megabytes: int
    samples: int
    cells: list[Cell] = field(default_factory=list)


Ask = Callable[[], Awaitable[None]]


@dataclass
class Probe:
    """A route for a caller, what it asks the database, and what was measured so far."""

    route: str
    caller: str
    ask: Ask
    asked: list[tuple[str, Any]]
    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)

    async def sample(self, store: Store) -> None:
        begun, used = perf_counter(), process_time()
        await self.ask()
        self.whole.append((perf_counter() - begun) * 1000)
        self.cpu.append((process_time() - used) * 1000)
        self.sql.append(_again(store, self.asked))

    def cell(self) -> Cell:
        percentile, sql = machine.percentile, self.sql
        whole = percentile(self.whole, 0.5), percentile(self.whole, 0.95), percentile(self.cpu, 0.95)
        return Cell(self.route, self.caller, *whole, percentile(sql, 0.5), percentile(sql, 0.95), len(self.asked))


async def measure(filled: Filled, samples: int, report: Callable[[str], object]) -> tuple[list[Cell], list[float]]:
    """In rounds: each asks for everything once, so that a slow moment of the machine is no route's alone; and how fast
    the machine was in each."""
    store = Store(f"sqlite:///{filled.file}", House("http://placet", pages_fill.SECRET))
    control = Control(store, CATALOGUE, policies=lambda entry: {})

    async def down() -> dict[str, Any]:
        return {"engine": "down"}

    app = create_app(control, down)
    known = store.read_now(_newest)
    keys = {caller: {"Authorization": f"Bearer {token}"} for caller, token in filled.tokens.items()}
    cookies = {caller: {"Cookie": f"placet={await store.write(_signed_in(caller))}"} for caller in filled.tokens}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://placet") as http:
        probes = [
            await _probe(store, route, caller, _asking(http, route.format(**known), of_caller[caller]))
            for routes, of_caller in ((ROUTES, keys), (PAGES, cookies))
            for route, callers in routes.items()
            for caller in callers
        ]
        # As the server does, once it is up.
        gc.collect()
        gc.freeze()
        paces = []
        for number in range(samples):
            report(f"round {number + 1} of {samples}")
            paces.append(machine.pace_ms())
            for probe in probes:
                await probe.sample(store)
    store.close()
    return [probe.cell() for probe in probes], paces


def _asking(http: httpx2.AsyncClient, path: str, headers: dict[str, str]) -> Ask:
    async def ask() -> None:
        answer = await http.get(path, headers=headers)
        if answer.status_code != 200:
            raise BenchFailed(f"{path}: {answer.status_code} {answer.text[:500]}")

    return ask


async def _probe(store: Store, route: str, caller: str, ask: Ask) -> Probe:
    for _ in range(WARM):
        await ask()
    with _queries(store) as asked:
        await ask()
    return Probe(route, caller, ask, asked)


@contextmanager
def _queries(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """What the block asks the database."""
    asked: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)


def _again(store: Store, asked: list[tuple[str, Any]]) -> float:
    """Milliseconds of the processor that the same queries take in the driver, all their rows fetched."""
    with store.engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        begun = thread_time()
        for statement, parameters in asked:
            driver.execute(statement, parameters).fetchall()
        return (thread_time() - begun) * 1000


def _newest(tx: Any) -> dict[str, str]:
    newest = "SELECT case_id, id FROM decision WHERE form = '{}' ORDER BY rowid DESC LIMIT 1"
    case, task = tx.conn.execute(sa.text(newest.format("task"))).one()
    proposal, _ = tx.conn.execute(sa.text(newest.format("ballot"))).one()
    return {"case": case, "task": task, "proposal": proposal}


def _signed_in(caller: str) -> Callable[[Any], str]:
    return lambda tx: sessions.open_session(tx, caller, "password", "bench")


def markdown(report: Report) -> str:
    seen = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    size = f"{report.cases:,} cases, {report.tasks:,} tasks and ballots, {report.megabytes:,} MB of SQLite"
    head = [
        "# Bench of lists and pages",
        "",
        f"{seen}. {size}; {report.samples} samples of each, in rounds.",
        "",
        "Milliseconds: the whole answer in the process of the API by the clock, the same by the processor, and of the"
        " processor what the queries take in the driver. The goals: 50 ms for an answer at p95 by the clock, 10 ms for"
        " the queries of the inbox. Behind the addresses of the API stand the pages. `member` sees what involves them,"
        " `lawyer` holds a role in one scope, `chief` two roles everywhere (every case and task), `coordinator` two of"
        " twenty scopes.",
        "",
        "| route | caller | p50 | p95 | processor p95 | queries p50 | queries p95 | number | goal reached |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| `{cell.route}` | {cell.caller} | {cell.p50:.1f} | {cell.p95:.1f} | {cell.cpu_p95:.1f} "
        f"| {cell.sql_p50:.1f} | {cell.sql_p95:.1f} "
        f"| {cell.queries} | {'yes' if cell.reached else 'no'} |"
        for cell in report.cells
    ]
    return "\n".join([*head, *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"with {FEW:,} cases, in half a minute")
    parser.add_argument("--cases", type=int, help=f"{MANY:,} unless told otherwise")
    parser.add_argument("--file", type=Path, help="keep the database here, or use it if it is there")
    given = parser.parse_args()
    cases, samples = given.cases or (FEW if given.quick else MANY), 10 if given.quick else 80
    seen = machine.described()
    with tempfile.TemporaryDirectory() as folder:
        filled = _filled(given.file or Path(folder) / "placet.db", cases)
        cells, paces = asyncio.run(measure(filled, samples, _say))
        size = filled.file.stat().st_size // 1_000_000
    seen["pace"] = machine.paced(paces)
    seen["load"] += f", {os.getloadavg()[1]:.1f} in its last five minutes"
    report = Report(seen, filled.cases, filled.tasks, size, samples, cells)
    text = markdown(report)
    if not given.quick:
        RESULTS.mkdir(exist_ok=True)
        table = RESULTS / f"{datetime.now(UTC).strftime('%Y-%m-%d-%H%M')}-pages.md"
        table.write_text(text, encoding="utf-8")
        table.with_suffix(".json").write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
        print(f"Written to {table}", file=sys.stderr)
    print(text)


def _filled(file: Path, cases: int) -> Filled:
    """The database, filled now or by an earlier run."""
    told = file.with_suffix(".json")
    if file.exists() and told.exists():
        known = json.loads(told.read_text(encoding="utf-8"))
        return Filled(file, known["cases"], known["tasks"], known["tokens"])
    begun = perf_counter()
    filled = pages_fill.fill(file, cases)
    told.write_text(json.dumps({"cases": cases, "tasks": filled.tasks, "tokens": filled.tokens}), encoding="utf-8")
    print(f"{cases:,} cases with {filled.tasks:,} tasks in {perf_counter() - begun:.0f} s", file=sys.stderr)
    return filled


def _say(told: str) -> None:
    print(told, file=sys.stderr)


if __name__ == "__main__":
    main()
