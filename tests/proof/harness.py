"""An installation as its users have it: `placet up` in a process of its own, reached over HTTP, and killed at will."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from placet.runtime.supervisor import leashed
from ports import free_port
from proof import postgres

Finished = subprocess.CompletedProcess[str]

PLACET = [sys.executable, "-m", "placet.cli.main"]
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.05
CHILDREN = {
    "temporal": "start-dev",
    "worker": "worker",
    "api": "api",
    "executor": "executor",
    "chain": "--load-state",
}
DATABASE_URL = "PLACET_PROOF_DATABASE_URL"
SAMPLE = ("ada", "marta", "leo", "eva", "omar", "cora", "kofi")
# A step that was running when its worker died is tried again after `attempt_seconds`.
# Money has a proof of its own.
NO_CHAIN = '[chain]\nkind = "none"\n'
PATIENCE = "[patience]\nattempt_seconds = 5\nfirst_retry_seconds = 0.2\nlongest_retry_seconds = 2\nattempts = 100\n"
SETTINGS = NO_CHAIN + PATIENCE


async def until(look: Callable[[], Any], what: str, patience: float = PATIENCE_SECONDS) -> Any:
    """Look again and again until there is something to see; fails with `what` after `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            while True:
                found = look()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"still not after {patience:g} s: {what}") from None


def born(pid: int) -> str | None:
    """When this process began, by the kernel's count, which tells it from a later one with its id; None for a dead one,
    also one that nobody has collected yet."""
    try:
        state, *words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state == "Z" else words[18]


def alive(pid: int) -> bool:
    return born(pid) is not None


class Installation:
    """One data directory with its ports; `environment` is added to what `placet up` gets.

    With the URL of a `server` the application database is on Postgres.
    """

    def __init__(
        self,
        folder: Path,
        settings: str = SETTINGS,
        environment: Mapping[str, str] | None = None,
        server: str | None = None,
    ) -> None:
        self.folder = folder
        self.server = server
        self.data = folder / "data"
        self.port, self.temporal_port = free_port(), free_port()
        self.output = folder / "up.log"
        self.tokens: dict[str, str] = {}
        # What everybody sent here, and what came of it; see proof.checker.
        self.history: list[dict[str, Any]] = []
        self._config = folder / "placet.toml"
        # Without a port of its own the chain would take one beside that of the API, which is for somebody else here.
        chain = "" if "[chain]" in settings else f"[chain]\nport = {free_port()}\n"
        self._config.write_text(settings + chain + (f'[database]\nurl_env = "{DATABASE_URL}"\n' if server else ""))
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PLACET_", "TEMPORAL_"))}
        own = {"PLACET_CONFIG": str(self._config)} | ({DATABASE_URL: server} if server else {})
        self.environment = clean | own | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, str | None] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.data / "placet.db"

    def arguments(self) -> list[str]:
        ports = ["--port", str(self.port), "--temporal-port", str(self.temporal_port)]
        return [*PLACET, "up", "--data", str(self.data), *ports, "--demo"]

    async def up(self) -> None:
        """Start everything and wait for the `ready` line, and for the tokens of the sample people."""
        with self.output.open("wb") as output:
            # Leashed: were the tests themselves killed, nothing would stay behind.
            command = leashed(self.arguments())
            self._process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        await until(self._is_ready, "the ready line of placet up")
        self.children()
        if not self.tokens:
            self.tokens["admin"] = (self.data / "admin-token").read_text().strip()
            async with httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS) as http:
                for person in SAMPLE:
                    self.tokens[person] = await self._token(http, person)

    async def hire(self, person: str, role: str, scope: str = "deals") -> None:
        """Add somebody, unless they are there, and get a token for them."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS) as http:
            grants = [{"role": role, "scope": scope}]
            body = {"id": person, "name": person.title(), "email": f"{person}@example.org", "grants": grants}
            added = await http.post("/api/v1/people", json=body, headers=self._authority("admin"))
            assert added.status_code in (200, 201), added.text
            self.tokens[person] = await self._token(http, person)

    async def down(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask `placet up` to stop, and wait until it has; its exit code."""
        process = self._running()
        process.send_signal(number)
        await until(lambda: process.poll() is not None, "the end of placet up")
        return process.returncode

    def children(self) -> dict[str, int]:
        """The process ids of temporal, worker and api, as far as they run now."""
        found: dict[str, int] = {}
        for pid in self._children_of(self._running().pid):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                found |= {name: pid for name, word in CHILDREN.items() if word in words and alive(pid)}
        self._seen |= {pid: born(pid) for pid in found.values()}
        return found

    def signal(self, child: str, number: signal.Signals) -> int:
        """Send a signal to the child's own process group; its process id."""
        pid = self.children()[child]
        os.killpg(pid, number)
        return pid

    async def is_serving(self, child: str) -> bool:
        """Whether the child does its work, as far as one can see from outside."""
        if child == "worker":
            with contextlib.suppress(OSError, ValueError):
                return alive(int((self.data / "worker.ready").read_text()))
            return False
        if child == "temporal":
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.temporal_port), 1):
                return True
            return False
        with contextlib.suppress(httpx2.TransportError):
            async with httpx2.AsyncClient(timeout=5) as http:
                return (await http.get(f"{self.url}/healthz")).status_code == 200
        return False

    async def is_ready(self) -> bool:
        """Whether acts are taken: the API has just written something."""
        with contextlib.suppress(httpx2.TransportError):
            async with httpx2.AsyncClient(timeout=5) as http:
                return (await http.get(f"{self.url}/readyz")).status_code == 200
        return False

    def kill_everything(self) -> None:
        """kill -9 of the supervisor and of all its children at once, as when the machine's power goes."""
        for pid in (self._running().pid, *self.children().values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._running().wait()

    def left_over(self) -> list[int]:
        """Processes that were seen as children, and still run."""
        return [pid for pid, begun in self._seen.items() if begun is not None and born(pid) == begun]

    def clean_up(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill_everything()
        for pid in self.left_over():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def placet(self, *words: str, token: str | None = None, stdin: str | None = None) -> Finished:
        """Run the command line on this installation's data directory."""
        environment = self.environment | ({"PLACET_TOKEN": token} if token else {})
        command = [*PLACET, "--data", str(self.data), *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, input=stdin
        )

    def temporal(self, *words: str) -> Finished:
        """Run the real `temporal` program against the embedded server."""
        program = str(Path(sys.executable).with_name("temporal"))
        command = [program, *words, "--address", f"127.0.0.1:{self.temporal_port}"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Read the application database, from outside."""
        if self.server:
            return postgres.rows(self.server, query, *values)
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as live:
            live.row_factory = sqlite3.Row
            return [dict(row) for row in live.execute(query, values)]

    def copied(self) -> Path:
        """The application database as an SQLite file; nobody writes to it any more."""
        if self.server is None:
            return self.database
        postgres.copy_to_sqlite(self.server, self.folder / "copy.db")
        return self.folder / "copy.db"

    def export(self, name: str = "audit.jsonl") -> Path:
        file = self.folder / name
        file.unlink(missing_ok=True)
        done = self.placet("export", str(file))
        assert done.returncode == 0, done.stderr
        return file

    def logs(self) -> str:
        ends = [self.output, *sorted((self.data / "logs").glob("*.log"))]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in ends)

    def _is_ready(self) -> bool:
        said = self.output.read_text()
        assert self._running().poll() is None, f"placet up ended before it was ready:\n{said}"
        return any(line.startswith("ready ") for line in said.splitlines())

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _children_of(self, parent: int) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                        yield int(entry.name)

    def _authority(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    async def _token(self, http: httpx2.AsyncClient, person: str) -> str:
        issued = await http.post(f"/api/v1/people/{person}/tokens", json={}, headers=self._authority("admin"))
        assert issued.status_code == 201, issued.text
        return str(issued.json()["token"])


@contextlib.asynccontextmanager
async def installed(
    folder: Path,
    settings: str = SETTINGS,
    environment: Mapping[str, str] | None = None,
    server: str | None = None,
) -> AsyncIterator[Installation]:
    """A running installation, of which nothing is left running at the end."""
    place = Installation(folder, settings, environment, server)
    try:
        await place.up()
        yield place
    except BaseException:
        # The people who read a failed run need the last words of the processes.
        print(place.logs())
        raise
    finally:
        place.clean_up()
