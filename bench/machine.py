"""What the machine says: processor time and memory of a process, percentiles, and what it is measured on."""

import json
import math
import os
import platform
import sqlite3
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from placet.runtime import embedded

_WORK = [{"id": f"case-{number}", "scope": "deals", "numbers": [number, number / 7, None]} for number in range(8000)]
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """User and system time that the process, with all its threads, has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def busy_ms() -> float:
    """Processor time that the whole machine has used so far, by everybody."""
    user, nice, system, *_ = (int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system) * _TICK_MS


def memory_mb(pid: int) -> float:
    """Resident memory."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _words(task / "children")]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\x00", b" ").decode()


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` is between 0 and 1."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def pace_ms() -> float:
    """How long one and the same piece of work takes at this moment: reading and writing some megabytes of JSON."""
    begun = perf_counter()
    json.loads(json.dumps(_WORK))
    return (perf_counter() - begun) * 1000


def paced(paces: Sequence[float]) -> str:
    """How evenly the machine ran: others may share its processors and its memory."""
    best, half, most = min(paces), percentile(paces, 0.5), percentile(paces, 0.95)
    return f"the same work took {best:.0f} ms at best, {half:.0f} at p50, {most:.0f} at p95"


def described() -> dict[str, str]:
    model = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), "?"
    )
    return {
        "processors": f"{os.cpu_count()} x {model}",
        "load": f"{os.getloadavg()[0]:.1f} before the run",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "temporalio": version("temporalio"),
        "temporal": embedded.cli_version(),
    }


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
