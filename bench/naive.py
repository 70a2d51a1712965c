"""The same job written by hand on the plain SDK: three activities, a signal, a deadline, an audit row of its own.

It knows no people, no rights, no read model and no mails: what Placet does beside the audit row comes on top there.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

TASK_QUEUE = "naive"
PATIENCE = timedelta(seconds=20)
DEADLINE = timedelta(days=3)
_TABLE = """
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, case_id TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE (case_id, action)
)
"""


@dataclass
class Line:
    case_id: str
    action: str
    actor: str


class Log:
    """An audit table on SQLite: one durable transaction a row, the same row again changes nothing."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_TABLE)
        self._writer = ThreadPoolExecutor(max_workers=1)

    @activity.defn(name="opened")
    async def opened(self, line: Line) -> None:
        await self._write(line)

    @activity.defn(name="decided")
    async def decided(self, line: Line) -> None:
        await self._write(line)

    @activity.defn(name="done")
    async def done(self, line: Line) -> None:
        await self._write(line)

    async def _write(self, line: Line) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._insert, line)

    def _insert(self, line: Line) -> None:
        values = (line.case_id, line.action, line.actor)
        self._connection.execute("INSERT OR IGNORE INTO audit (case_id, action, actor) VALUES (?, ?, ?)", values)


@workflow.defn(name="naive-approval")
class NaiveApproval:
    def __init__(self) -> None:
        self._by: str | None = None

    @workflow.run
    async def run(self, case_id: str) -> str:
        await self._do(Log.opened, Line(case_id, "opened", "placet"))
        try:
            await workflow.wait_condition(lambda: self._by is not None, timeout=DEADLINE)
        except TimeoutError:
            self._by = "deadline"
        by = self._by or "nobody"
        await self._do(Log.decided, Line(case_id, "decided", by))
        await self._do(Log.done, Line(case_id, "done", by))
        return by

    @workflow.signal
    def approve(self, by: str) -> None:
        self._by = by

    async def _do(self, step: Callable[[Log, Line], Awaitable[None]], line: Line) -> None:
        await workflow.execute_activity_method(step, line, start_to_close_timeout=PATIENCE)


async def serve(data: Path, temporal_port: int) -> None:
    """The worker process, until SIGTERM."""
    client = await Client.connect(f"127.0.0.1:{temporal_port}")
    log = Log(data / "naive.db")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[NaiveApproval],
        activities=[log.opened, log.decided, log.done],
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(10),
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(10),
        max_concurrent_workflow_tasks=200,
        max_concurrent_activities=200,
        max_cached_workflows=20_000,
    ):
        (data / "worker.ready").write_text(str(os.getpid()))
        with contextlib.suppress(asyncio.CancelledError):
            await stop.wait()
