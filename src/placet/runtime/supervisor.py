"""Keeps a few child processes running as one: started in order, restarted when they die, drained together."""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

FAILED_STARTS = 5
LOG_LIMIT_BYTES = 10 * 1024 * 1024
LOG_CHECK_SECONDS = 0.5
LAST_LINES = 20

# Runs before the child's own program: asks Linux to kill it when the supervisor dies, even by kill -9. It is a
# program of its own because code between fork and exec is unsafe in a process with threads. SIGKILL, because a
# child that hangs while draining would be an orphan holding its port.
_LEASH = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the supervisor is gone")
try:
    os.nice(int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])
except OSError as error:
    sys.exit(f"cannot run {sys.argv[3]}: {error.strerror}")
"""


def leashed(argv: Sequence[str], niceness: int = 0) -> list[str]:
    """The command that runs `argv` so that it dies with this process; start it from the main thread."""
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), str(niceness), *argv]


class ChildState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    NOT_READY = "not ready"
    STOPPING = "stopping"
    KILLED = "killed"
    STOPPED = "stopped"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Child:
    """One process: `env` is its whole environment; `ready` returns once it serves, or raises.

    It is started once those before it are ready, or at once if it `waits` for none. Children with a lower `stop_order`
    stop first, equal ones in reverse order of start. `grace_seconds` is the time between the request to end and the
    kill. One with a `niceness` above 0 leaves the processors to the others while they need them.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], Awaitable[None]]
    stop_order: int = 0
    grace_seconds: float = 10.0
    ready_seconds: float = 60.0
    waits: bool = True
    niceness: int = 0


@dataclass(frozen=True)
class Status:
    """What just happened to a child; `detail` is one plain sentence, or the last log lines when it is given up."""

    child: str
    state: ChildState
    detail: str = ""
    pid: int | None = None


@dataclass(frozen=True)
class Backoff:
    """Seconds before a restart: doubles from `first` to `most`, and begins anew after `reset_after` seconds up."""

    first: float = 0.2
    most: float = 10.0
    reset_after: float = 60.0


@dataclass
class _Kept:
    child: Child
    first_ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs children until it is asked to stop (SIGTERM, SIGINT, SIGHUP, `stop()`) or one cannot be started."""

    def __init__(
        self,
        children: Sequence[Child],
        logs: Path,
        on_status: Callable[[Status], None],
        backoff: Backoff | None = None,
        log_limit_bytes: int = LOG_LIMIT_BYTES,
    ) -> None:
        self._kept = [_Kept(child) for child in children]
        self._logs = logs
        self._on_status = on_status
        self._backoff = backoff or Backoff()
        self._log_limit = log_limit_bytes
        self._stopping = asyncio.Event()
        self._immediate = asyncio.Event()
        self._given_up = False

    async def run(self) -> int:
        """Start everything, stay until told to stop, drain; the exit code: 0, or 1 when a child was given up."""
        loop = asyncio.get_running_loop()
        # A program started with nohup must go on when its terminal closes.
        signals = [s for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if signal.getsignal(s) != signal.SIG_IGN]
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        rotation = asyncio.create_task(self._rotate_while_running())
        try:
            await self._start_in_order()
            await self._stopping.wait()
            await self._drain()
        finally:
            self._stopping.set()
            for kept in self._kept:
                _signal_group(kept.process, signal.SIGKILL)
            tasks = [rotation, *(kept.task for kept in self._kept if kept.task)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for number in signals:
                loop.remove_signal_handler(number)
        return 1 if self._given_up else 0

    def stop(self) -> None:
        """Ask for a drain; asked a second time, kill at once."""
        if self._stopping.is_set():
            self._immediate.set()
        self._stopping.set()

    async def _start_in_order(self) -> None:
        for position, kept in enumerate(self._kept):
            if kept.child.waits:
                for earlier in self._kept[:position]:
                    await self._unless(self._stopping, earlier.first_ready.wait())
            if self._stopping.is_set():
                return
            with contextlib.suppress(OSError):
                rotate(self._log_path(kept.child))
            kept.task = asyncio.create_task(self._keep(kept))
            kept.task.add_done_callback(functools.partial(self._ended, kept))

    def _ended(self, kept: _Kept, task: "asyncio.Task[None]") -> None:
        # An error of ours must stop the whole, not leave it half supervised.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(kept, f"Supervising {kept.child.name} failed: {error!r}")

    async def _keep(self, kept: _Kept) -> None:
        loop = asyncio.get_running_loop()
        failed_starts = 0
        delay = self._backoff.first
        while not self._stopping.is_set():
            started = loop.time()
            problem = await self._run_once(kept)
            if self._stopping.is_set():
                return
            # What has served once is wanted back, however long that takes: the others go on serving people meanwhile.
            failed_starts = failed_starts + 1 if problem and not kept.first_ready.is_set() else 0
            if failed_starts == FAILED_STARTS:
                lines = last_lines(self._log_path(kept.child))
                self._give_up(kept, f"{problem}, {FAILED_STARTS} times in a row.\n{lines}")
                return
            if loop.time() - started >= self._backoff.reset_after:
                delay = self._backoff.first
            await self._unless(self._stopping, asyncio.sleep(delay))
            delay = min(delay * 2, self._backoff.most)

    def _give_up(self, kept: _Kept, detail: str) -> None:
        self._given_up = True
        self._stopping.set()
        self._report(kept, ChildState.GIVEN_UP, detail)

    async def _run_once(self, kept: _Kept) -> str:
        """One life of a child; returns why it never became ready, or an empty text when it had."""
        self._report(kept, ChildState.STARTING)
        try:
            process = await self._spawn(kept.child)
        except OSError as error:
            return f"{kept.child.name} could not be started: {error.strerror}"
        kept.process = process
        if self._stopping.is_set():
            # The drain may have passed this child while it had no process.
            _signal_group(process, signal.SIGKILL)
        died = asyncio.create_task(process.wait())
        try:
            problem = await self._until_ready(kept, died)
            if problem and not died.done():
                self._report(kept, ChildState.NOT_READY, problem)
                _signal_group(process, signal.SIGKILL)
            elif not problem:
                self._report(kept, ChildState.READY)
                kept.first_ready.set()
            await asyncio.wait({died})
        finally:
            # What the child itself has started must not outlive it.
            _signal_group(process, signal.SIGKILL)
            code = await died
            kept.process = None
        if not self._stopping.is_set():
            self._report(kept, ChildState.DIED, _how_it_ended(code))
        return problem

    async def _until_ready(self, kept: _Kept, died: "asyncio.Task[int]") -> str:
        async def ready() -> None:
            await kept.child.ready()

        asking = asyncio.create_task(ready())
        try:
            await asyncio.wait({asking, died}, timeout=kept.child.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                return f"{kept.child.name} ended before it was ready"
            if not asking.done():
                return f"{kept.child.name} was not ready after {kept.child.ready_seconds:g} s"
            error = asking.exception()
            return f"{kept.child.name} is not ready: {error}" if error else ""
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _spawn(self, child: Child) -> asyncio.subprocess.Process:
        with self._log_path(child).open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *leashed(child.argv, child.niceness),
                env=dict(child.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _drain(self) -> None:
        for kept in sorted(reversed(self._kept), key=lambda kept: kept.child.stop_order):
            if kept.task is None:
                continue
            if kept.process is not None:
                self._report(kept, ChildState.STOPPING)
                _signal_group(kept.process, signal.SIGTERM)
                ended = asyncio.ensure_future(asyncio.wait({kept.task}, timeout=kept.child.grace_seconds))
                await self._unless(self._immediate, ended)
                if not kept.task.done() and kept.process is not None:
                    self._report(kept, ChildState.KILLED)
                    _signal_group(kept.process, signal.SIGKILL)
            await asyncio.wait({kept.task})
            self._report(kept, ChildState.STOPPED)

    async def _unless(self, event: asyncio.Event, other: Awaitable[object]) -> None:
        """Wait for `other`, but no longer than until `event` is set."""
        waits = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(other)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _rotate_while_running(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for kept in self._kept:
                with contextlib.suppress(OSError):
                    if self._log_path(kept.child).stat().st_size > self._log_limit:
                        rotate(self._log_path(kept.child))

    def _report(self, kept: _Kept, state: ChildState, detail: str = "") -> None:
        pid = kept.process.pid if kept.process else None
        # A closed terminal must not end the supervision.
        with contextlib.suppress(OSError):
            self._on_status(Status(kept.child.name, state, detail, pid))

    def _log_path(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"


def rotate(path: Path) -> None:
    """Move the log's content to `<name>.1`; by copy, since a running child keeps writing to the same file."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size:
            # On a full disk the old lines go: the limit matters more.
            with contextlib.suppress(OSError):
                shutil.copyfile(path, path.with_name(path.name + ".1"))
            os.truncate(path, 0)


def last_lines(path: Path, count: int = LAST_LINES) -> str:
    """The end of a log, at most 16 KB."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 16 * 1024))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def _signal_group(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _how_it_ended(code: int) -> str:
    return f"killed by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with code {code}"
