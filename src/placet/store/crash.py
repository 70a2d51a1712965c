"""Named points at which a proof can kill this very process, to show that nothing is lost there.

Off unless whoever starts the process says otherwise, in two places: `PLACET_CRASH_AT` names the points, such as
`outbox-sent,step-planned:2` (the second time only), and `PLACET_CRASH_TICKETS` a folder in which each kill needs a
ticket: a file with the point's name that belongs to the same user and holds the word `kill`. A kill uses its ticket
up. No request, signal, mail or setting leads here, so nobody can trigger one over the network.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

TICKET = "kill"


def _armed(environment: Mapping[str, str]) -> dict[str, int]:
    """The named points, and how many times each is still to be passed, this time included."""
    if not environment.get("PLACET_CRASH_TICKETS"):
        return {}
    named = [entry.strip().partition(":") for entry in environment.get("PLACET_CRASH_AT", "").split(",")]
    return {point: int(times or 1) for point, _, times in named if point}


_left = _armed(os.environ)


def reach(point: str) -> None:
    """Die here, as by kill -9, if this point is armed and its ticket is there."""
    if point not in _left or not _has_ticket(point):
        return
    _left[point] -= 1
    if _left[point] <= 0:
        # Of several processes that get here at once, one uses the ticket.
        try:
            _ticket(point).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _ticket(point: str) -> Path:
    return Path(os.environ["PLACET_CRASH_TICKETS"]) / point


def _has_ticket(point: str) -> bool:
    try:
        ticket = _ticket(point)
        return ticket.lstat().st_uid == os.geteuid() and ticket.read_text().strip() == TICKET
    except OSError:
        return False
