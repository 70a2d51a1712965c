"""The supervisor starts, restarts and drains real processes, and leaves none behind."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from placet.runtime.supervisor import Backoff, Child, ChildState, Status, Supervisor

DEADLINE_SECONDS = 90.0
POLL_SECONDS = 0.02
QUICK = Backoff(first=0.01, most=0.05)

# Writes `<name>.pid`, then goes on until SIGTERM, which it notes in `order`.
STAYS = """
import os, signal, sys, time
name, folder = sys.argv[1], sys.argv[2]
def end(*_):
    with open(os.path.join(folder, "order"), "a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with open(os.path.join(folder, name + ".tmp"), "w") as file:
    file.write(str(os.getpid()))
os.rename(os.path.join(folder, name + ".tmp"), os.path.join(folder, name + ".pid"))
print("up", flush=True)
while True:
    signal.pause()
"""
DEAF = STAYS.replace("signal.SIGTERM, end", "signal.SIGTERM, signal.SIG_IGN")

# A supervisor of its own, as a program, for what needs signals or kill -9.
PROGRAM = """
import asyncio, json, os, signal, sys
from pathlib import Path
from placet.runtime.supervisor import Child, Supervisor
# What a shell starts in the background begins without them.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
folder = Path(sys.argv[1])
def ready(name):
    async def up():
        while not (folder / f"{name}.pid").exists():
            await asyncio.sleep(0.01)
    return up
children = [
    Child(name, [sys.executable, "-S", "-c", program, name, str(folder)], dict(os.environ), ready(name),
          grace_seconds=grace)
    for name, program, grace in json.loads(sys.argv[2])
]
def show(status):
    print(status.child, status.state, flush=True)
sys.exit(asyncio.run(Supervisor(children, folder, show).run()))
"""


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():
            await asyncio.sleep(POLL_SECONDS)


def wait_until(holds: Callable[[], bool]) -> None:
    asyncio.run(until(holds))


def alive(pid: int) -> bool:
    """Whether the process runs; a dead one that nobody has collected yet does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_ready(seen: list[Status], name: str = "") -> bool:
    return any(status.state is ChildState.READY and name in ("", status.child) for status in seen)


def pid_of(folder: Path, name: str) -> int:
    return int((folder / f"{name}.pid").read_text())


def child(folder: Path, name: str, program: str = STAYS, **options: float) -> Child:
    async def up() -> None:
        await until((folder / f"{name}.pid").exists)

    argv = [sys.executable, "-S", "-c", program, name, str(folder)]
    return Child(name, argv, dict(os.environ), up, **options)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator["asyncio.Task[int]"]:
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
    finally:
        supervisor.stop()
        await task


@contextlib.contextmanager
def program(folder: Path, *children: tuple[str, str, float]) -> Iterator["subprocess.Popen[str]"]:
    """A supervisor in a process of its own, with all its children ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(children)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        for line in process.stdout:
            if line == f"{children[-1][0]} ready\n":
                break
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_children_start_one_after_the_other_and_stop_the_other_way_round(tmp_path: Path) -> None:
    seen: list[Status] = []
    supervisor = Supervisor([child(tmp_path, name) for name in ("one", "two", "three")], tmp_path, seen.append)
    async with running(supervisor) as task:
        await until(lambda: is_ready(seen, "three"))
        pids = [pid_of(tmp_path, name) for name in ("one", "two", "three")]
        assert all(alive(pid) for pid in pids)
        supervisor.stop()
        assert await task == 0
    begun = [(status.child, status.state) for status in seen if status.state in (ChildState.STARTING, ChildState.READY)]
    assert begun == [(name, state) for name in ("one", "two", "three") for state in ("starting", "ready")]
    assert (tmp_path / "order").read_text().split() == ["three", "two", "one"]
    assert not any(alive(pid) for pid in pids)
    assert (tmp_path / "one.log").read_text() == "up\n"


async def test_a_given_stop_order_comes_before_the_order_of_start(tmp_path: Path) -> None:
    seen: list[Status] = []
    children = [child(tmp_path, "first"), child(tmp_path, "last", stop_order=1), child(tmp_path, "second")]
    supervisor = Supervisor(children, tmp_path, seen.append)
    async with running(supervisor):
        await until(lambda: is_ready(seen, "second"))
    assert (tmp_path / "order").read_text().split() == ["second", "first", "last"]


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    seen: list[Status] = []
    supervisor = Supervisor([child(tmp_path, "a"), child(tmp_path, "b")], tmp_path, seen.append, QUICK)

    def ready(name: str) -> int:
        return sum(status.child == name and status.state is ChildState.READY for status in seen)

    async with running(supervisor):
        await until(lambda: ready("b") == 1)
        first, other = pid_of(tmp_path, "a"), pid_of(tmp_path, "b")
        for times in (2, 3):
            (tmp_path / "a.pid").unlink()
            current = [status.pid for status in seen if status.child == "a" and status.pid][-1]
            assert current
            os.kill(current, signal.SIGKILL)
            await until(lambda times=times: ready("a") == times)  # type: ignore[misc]
        assert pid_of(tmp_path, "a") != first
        assert pid_of(tmp_path, "b") == other
        assert alive(other)
    died = [status.detail for status in seen if status.state is ChildState.DIED]
    assert died == ["killed by signal 9 (Killed)"] * 2


async def test_a_restart_waits_longer_each_time_until_the_child_stays_up(tmp_path: Path) -> None:
    moments: list[tuple[ChildState, float]] = []

    async def at_once() -> None:
        return None

    ends = Child("ends", [sys.executable, "-S", "-c", "pass"], dict(os.environ), at_once)
    supervisor = Supervisor(
        [ends], tmp_path, lambda status: moments.append((status.state, time.monotonic())), Backoff(0.04, 0.16)
    )

    def pauses() -> list[float]:
        ended = [moment for state, moment in moments if state is ChildState.DIED]
        begun = [moment for state, moment in moments if state is ChildState.STARTING][1:]
        return [begin - end for end, begin in zip(ended, begun, strict=False)]

    async with running(supervisor):
        await until(lambda: len(pauses()) >= 4)
    assert all(pause >= least for pause, least in zip(pauses(), (0.04, 0.08, 0.16, 0.16), strict=False))

    # With a life of any length counted as "stayed up", the pause never grows: this many would last for minutes.
    moments.clear()
    patient = Supervisor(
        [ends], tmp_path, lambda status: moments.append((status.state, time.monotonic())), Backoff(0.01, 600.0, 0.0)
    )
    async with running(patient):
        await until(lambda: len(pauses()) >= 14)


async def test_a_child_that_never_becomes_ready_stops_everything_and_shows_its_last_words(tmp_path: Path) -> None:
    seen: list[Status] = []
    broken = child(tmp_path, "broken", "import sys; sys.exit('no such database')")
    supervisor = Supervisor([child(tmp_path, "good"), broken, child(tmp_path, "never")], tmp_path, seen.append, QUICK)
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await supervisor.run() == 1
    assert sum(status.child == "broken" and status.state is ChildState.STARTING for status in seen) == 5
    [given_up] = [status for status in seen if status.state is ChildState.GIVEN_UP]
    assert "broken ended before it was ready, 5 times in a row" in given_up.detail
    assert given_up.detail.count("no such database") == 5
    assert not alive(pid_of(tmp_path, "good"))
    assert not any(status.child == "never" for status in seen)


async def test_a_child_that_has_served_once_is_never_given_up(tmp_path: Path) -> None:
    seen: list[Status] = []
    starts = tmp_path / "starts"
    starts.write_text("")
    # Serves at its first start, then ends at once nine times, then serves again.
    moody = f"""
import sys
with open({str(starts)!r}, "a") as file:
    file.write("x")
if 1 < len(open({str(starts)!r}).read()) < 11:
    sys.exit("not now")
{STAYS}"""
    supervisor = Supervisor([child(tmp_path, "good"), child(tmp_path, "moody", moody)], tmp_path, seen.append, QUICK)
    async with running(supervisor):
        await until(lambda: is_ready(seen, "moody"))
        other = pid_of(tmp_path, "good")
        first = pid_of(tmp_path, "moody")
        (tmp_path / "moody.pid").unlink()
        os.kill(first, signal.SIGKILL)
        await until(lambda: sum(s.child == "moody" and s.state is ChildState.READY for s in seen) == 2)
        assert alive(other)
    assert len(starts.read_text()) == 11
    assert not any(status.state is ChildState.GIVEN_UP for status in seen)


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    seen: list[Status] = []

    async def never() -> None:
        await asyncio.Event().wait()

    missing = Child("missing", ["/no/such/program"], dict(os.environ), never)
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await Supervisor([missing], tmp_path, seen.append, QUICK).run() == 1
    assert "cannot run /no/such/program" in next(s.detail for s in seen if s.state is ChildState.GIVEN_UP)


async def test_a_child_that_is_up_but_not_ready_in_time_is_killed_and_tried_again(tmp_path: Path) -> None:
    seen: list[Status] = []
    asked = 0

    async def second_time() -> None:
        nonlocal asked
        asked += 1
        # At once the second time: how long a start takes is the machine's affair.
        if asked == 1:
            await asyncio.Event().wait()

    slow = Child(
        "slow",
        [sys.executable, "-S", "-c", STAYS, "slow", str(tmp_path)],
        dict(os.environ),
        second_time,
        ready_seconds=0.5,
    )
    async with running(Supervisor([slow], tmp_path, seen.append, QUICK)):
        await until(lambda: is_ready(seen))
    assert [s.detail for s in seen if s.state is ChildState.NOT_READY] == ["slow was not ready after 0.5 s"]
    assert not any(alive(status.pid) for status in seen if status.pid)


async def test_a_child_that_ignores_the_request_to_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    seen: list[Status] = []
    supervisor = Supervisor([child(tmp_path, "deaf", DEAF, grace_seconds=0.2)], tmp_path, seen.append)
    async with running(supervisor):
        await until(lambda: is_ready(seen))
        asked = time.monotonic()
    assert 0.2 <= time.monotonic() - asked < DEADLINE_SECONDS
    assert [status.state for status in seen][-3:] == ["stopping", "killed", "stopped"]
    assert not alive(pid_of(tmp_path, "deaf"))


async def test_what_a_killed_child_had_started_goes_with_it(tmp_path: Path) -> None:
    seen: list[Status] = []
    program = STAYS.replace(
        "print(", "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); print("
    )
    supervisor = Supervisor([child(tmp_path, "parent", program)], tmp_path, seen.append)
    async with running(supervisor):
        await until(lambda: is_ready(seen) and "up" in (tmp_path / "parent.log").read_text())
        grandchild = int((tmp_path / "parent.log").read_text().split()[0])
        assert alive(grandchild)
        os.kill(pid_of(tmp_path, "parent"), signal.SIGKILL)
        await until(lambda: not alive(grandchild))


async def test_a_log_that_grows_too_large_is_moved_aside_while_the_child_writes_on(tmp_path: Path) -> None:
    chatty = STAYS.replace("signal.pause()", "print('x' * 1000, flush=True); time.sleep(0.001)")
    seen: list[Status] = []
    supervisor = Supervisor([child(tmp_path, "chatty", chatty)], tmp_path, seen.append, log_limit_bytes=100_000)
    log, old = tmp_path / "chatty.log", tmp_path / "chatty.log.1"
    async with running(supervisor):
        await until(lambda: old.exists() and old.stat().st_size > 100_000)
        await until(lambda: log.stat().st_size > 10_000)
        # Before the loop goes on: it may be moved aside once more, and nothing come after it.
        assert log.read_text().startswith("x")
    assert [status.state for status in seen].count(ChildState.STARTING) == 1


async def test_the_log_of_the_run_before_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("yesterday\n")
    seen: list[Status] = []
    async with running(Supervisor([child(tmp_path, "a")], tmp_path, seen.append)):
        await until(lambda: is_ready(seen) and (tmp_path / "a.log").stat().st_size > 0)
    assert (tmp_path / "a.log").read_text() == "up\n"
    assert (tmp_path / "a.log.1").read_text() == "yesterday\n"


async def test_an_error_while_telling_the_status_ends_everything_instead_of_leaving_it_unwatched(
    tmp_path: Path,
) -> None:
    def show(status: Status) -> None:
        if status.state is ChildState.READY:
            raise ValueError("the printer is broken")

    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await Supervisor([child(tmp_path, "a")], tmp_path, show).run() == 1
    assert not alive(pid_of(tmp_path, "a"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_supervisor_drains_the_children(tmp_path: Path, number: signal.Signals) -> None:
    with program(tmp_path, ("one", STAYS, 10.0), ("two", STAYS, 10.0)) as supervisor:
        pids = [pid_of(tmp_path, name) for name in ("one", "two")]
        supervisor.send_signal(number)
        assert supervisor.wait(DEADLINE_SECONDS) == 0
    assert (tmp_path / "order").read_text().split() == ["two", "one"]
    assert not any(alive(pid) for pid in pids)


def test_a_second_signal_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    with program(tmp_path, ("one", DEAF, 600.0), ("two", DEAF, 600.0)) as supervisor:
        pids = [pid_of(tmp_path, name) for name in ("one", "two")]
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.stdout
        assert supervisor.stdout.readline() == "two stopping\n"
        assert all(alive(pid) for pid in pids)
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(DEADLINE_SECONDS) == 0
    assert not any(alive(pid) for pid in pids)


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    with program(tmp_path, ("one", STAYS, 10.0), ("deaf", DEAF, 10.0)) as supervisor:
        pids = [pid_of(tmp_path, name) for name in ("one", "deaf")]
        assert all(alive(pid) for pid in pids)
        supervisor.kill()
        supervisor.wait()
        wait_until(lambda: not any(alive(pid) for pid in pids))
    assert not (tmp_path / "order").exists()
