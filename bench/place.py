"""Installations for one measurement: a folder, its server, its processes; everything ends with the bench."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import serve
from placet.domain.people import Grant
from placet.runtime import embedded, processes
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from placet.runtime.supervisor import leashed
from placet.runtime.wiring import open_store
from placet.store import people
from placet.store.engine import Store, Tx

ROOT = Path(__file__).parents[1]
STOP_SECONDS = 40.0
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.02
ASKS, APPROVES = "ann", "ben"


class BenchFailed(Exception):
    """Something that is measured did not do its job, so its figures mean nothing."""


@dataclass
class Installation:
    """A data directory with a running server; `processes` are the others, by name."""

    place: Place
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.place.datadir.path

    def pid(self, name: str) -> int:
        return self.running[name].pid

    def launch(self, name: str, argv: Sequence[str], niceness: int = processes.BACKGROUND) -> None:
        log = (self.data / "logs" / f"{name}.log").open("wb")
        with log:
            self.running[name] = subprocess.Popen(
                leashed(argv, niceness),
                cwd=ROOT,
                env=embedded.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def serve(self, part: str) -> None:
        """Start one of `bench.serve`'s processes."""
        ports = [str(self.place.port), str(self.place.temporal_port)]
        niceness = 0 if part == "api" else processes.BACKGROUND
        self.launch(part, [sys.executable, "-m", "bench.serve", part, str(self.data), *ports], niceness)

    async def until_exists(self, path: Path) -> None:
        await until(f"{path.name} in {self.data}", path.exists)

    def open_store(self) -> Store:
        return open_store(self.place.settings(), self.place.datadir, self.place.port, os.environ)

    def look(self) -> sqlite3.Connection:
        """A read-only look into the application database."""
        return sqlite3.connect(f"file:{self.place.datadir.app_db}?mode=ro", uri=True, isolation_level=None)

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        # One that is held by SIGSTOP would not hear anything else.
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def installation(template: Path) -> AsyncIterator[Installation]:
    """A fresh installation with its server up; the database of the server is copied from the template."""
    data = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    for name in ("temporal.db", "temporal.json"):
        shutil.copy2(template / name, data / name)
    made = Installation(serve.place_of(data, embedded.free_port(), embedded.free_port()))
    try:
        await asyncio.to_thread(_prepare, made)
        made.launch("server", embedded.command(made.place.datadir, made.place.temporal_port))
        await embedded.ready(made.place.datadir, made.place.temporal_port)
        yield made
    finally:
        for name in [name for name in ("api", "worker", "naive", "server") if name in made.running]:
            made.stop(name)
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def template() -> Iterator[Path]:
    """A folder with the first database of the server; making it once is enough."""
    folder = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    try:
        datadir = DataDir(folder)
        with datadir.lock():
            asyncio.run(embedded.bootstrap(datadir))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(made: Installation) -> None:
    serve.use_own_catalogue()
    prepare(made.place)
    store = made.open_store()

    def hire(tx: Tx) -> dict[str, str]:
        staff = ((ASKS, "member"), (APPROVES, "approver"))
        for person, role in staff:
            people.add(tx, "bench", person, person.title(), f"{person}@example.org", [Grant(role=role)])
        return {person: people.issue_token(tx, "bench", person, "bench") for person, _ in staff}

    try:
        made.tokens = store.submit(hire).result()
    finally:
        store.close()


async def until(what: str, look: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait for a condition; how long it took in seconds."""
    begun = time.perf_counter()
    while not look():
        if time.perf_counter() - begun > seconds:
            raise BenchFailed(f"{what} did not happen within {seconds:.0f} seconds")
        await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - begun


def count(connection: sqlite3.Connection, query: str, *values: object) -> int:
    with contextlib.closing(connection.execute(query, values)) as rows:
        return int(rows.fetchone()[0])
