"""The named points at which a proof can kill a process do nothing for anybody else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PASSES = "from placet.store.crash import reach\nfor _ in range(3):\n    reach('step-planned')\nprint('alive')"
KILLED = -signal.SIGKILL


def passing(**variables: str) -> int:
    """Pass the point three times in a process with these variables; its exit code."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLACET_")} | variables
    return subprocess.run([sys.executable, "-c", PASSES], env=environment, capture_output=True, check=False).returncode


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    (tmp_path / "step-planned").write_text("kill\n")
    return tmp_path


def test_a_point_kills_once_for_one_ticket(tickets: Path) -> None:
    armed = {"PLACET_CRASH_AT": "outbox-sent,step-planned", "PLACET_CRASH_TICKETS": str(tickets)}
    assert passing(**armed) == KILLED
    assert list(tickets.iterdir()) == []
    assert passing(**armed) == 0


@pytest.mark.parametrize(("times", "code"), [("1", KILLED), ("3", KILLED), ("4", 0)])
def test_a_point_can_be_passed_some_times_first(tickets: Path, times: str, code: int) -> None:
    armed = {"PLACET_CRASH_AT": f"step-planned:{times}", "PLACET_CRASH_TICKETS": str(tickets)}
    assert passing(**armed) == code


def test_without_both_variables_nothing_happens(tickets: Path) -> None:
    assert passing() == 0
    assert passing(PLACET_CRASH_AT="step-planned") == 0
    assert passing(PLACET_CRASH_TICKETS=str(tickets)) == 0
    assert passing(PLACET_CRASH_AT="step-effected", PLACET_CRASH_TICKETS=str(tickets)) == 0
    assert list(tickets.iterdir()) != []


def test_without_a_proper_ticket_nothing_happens(tickets: Path) -> None:
    armed = {"PLACET_CRASH_AT": "step-planned", "PLACET_CRASH_TICKETS": str(tickets)}
    ticket = tickets / "step-planned"
    ticket.write_text("please")
    assert passing(**armed) == 0
    ticket.unlink()
    ticket.mkdir()
    assert passing(**armed) == 0
    ticket.rmdir()
    assert passing(**armed) == 0
