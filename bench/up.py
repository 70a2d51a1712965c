"""The whole product: how soon `placet up` is ready, and what it takes when nothing happens."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.place import ROOT, BenchFailed
from placet.runtime.embedded import free_port

SETTLED_SECONDS = 5.0


@dataclass(frozen=True)
class Up:
    """Seconds to the `ready` line on an empty folder and on the same one again; MB of each idle process."""

    fresh: float
    again: float
    idle_mb: dict[str, float]
    idle_processors: float


def measure() -> Up:
    data = Path(tempfile.mkdtemp(prefix="placet-bench-"))
    try:
        fresh, _, _ = _once(data, stay=False)
        again, idle, busy = _once(data, stay=True)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return Up(fresh, again, idle, busy)


def _once(data: Path, stay: bool) -> tuple[float, dict[str, float], float]:
    ports = ["--port", str(free_port()), "--temporal-port", str(free_port())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PLACET_", "TEMPORAL_"))}
    begun = time.perf_counter()
    up = subprocess.Popen(
        [sys.executable, "-m", "placet.cli.main", "up", "--data", str(data), *ports],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    try:
        if not any(line.startswith("ready ") for line in up.stdout):
            raise BenchFailed("placet up ended before it was ready")
        took = time.perf_counter() - begun
        if not stay:
            return took, {}, 0.0
        time.sleep(SETTLED_SECONDS)
        everybody = {"supervisor": up.pid} | {_name(child): child for child in machine.children(up.pid)}
        before, since = sum(map(machine.cpu_ms, everybody.values())), time.perf_counter()
        time.sleep(SETTLED_SECONDS)
        busy = (sum(map(machine.cpu_ms, everybody.values())) - before) / (time.perf_counter() - since) / 1000
        return took, {name: machine.memory_mb(pid) for name, pid in everybody.items()}, busy
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def _name(pid: int) -> str:
    command = machine.command_of(pid)
    return next((part for part in ("worker", "api") if f"placet.cli.main {part}" in command), "temporal")
