"""Real exports of ballots that took every course."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from tests.conftest import ManualClock

from placet.domain.audit import GENESIS, line_hash
from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata
from voting.assembly import DAY, HOUR, Assembly, coop

Line = dict[str, Any]
LONG_WINDED = "Because it fell down. " * 3


def early(coop: Assembly) -> str:
    case = coop.propose()
    coop.votes(case, approve=6, deny=1, after=HOUR)
    return case


def after_the_countdown(coop: Assembly) -> str:
    """With a pause before quorum, one in the countdown, and a reminder."""
    case = coop.propose()
    coop.votes(case, approve=1, deny=2, after=HOUR)
    coop.steer("pause", case)
    coop.wait(3 * HOUR)
    coop.steer("resume", case)
    coop.votes(case, approve=2, after=HOUR)
    coop.steer("pause", case)
    coop.wait(DAY)
    coop.steer("resume", case)
    coop.wait(20 * HOUR)
    coop.look(case)
    assert coop.vote(case, "v9", "approve", LONG_WINDED)
    coop.wait(9 * DAY)
    coop.look(case)
    return case


def forced(coop: Assembly) -> str:
    coop.deposit(100)
    case = coop.propose()
    coop.votes(case, approve=1, deny=2, after=HOUR)
    assert coop.force(case, reason="The goats are out.") == "approved"
    return case


def expired(coop: Assembly) -> str:
    case = coop.propose()
    coop.votes(case, deny=4, after=DAY)
    coop.wait(30 * DAY)
    coop.look(case)
    return case


def withdrawn(coop: Assembly) -> str:
    case = coop.propose()
    coop.votes(case, approve=2, after=HOUR)
    coop.steer("cancel", case)
    return case


def still_open(coop: Assembly) -> str:
    case = coop.propose()
    coop.votes(case, approve=3, deny=3, after=HOUR)
    return case


COURSES: dict[str, Callable[[Assembly], str]] = {
    course.__name__: course for course in (early, after_the_countdown, forced, expired, withdrawn, still_open)
}
CLOSED = ("early", "after_the_countdown", "forced", "expired")


WHICH = st.tuples(st.sampled_from(sorted(COURSES)), st.booleans())


@cache
def written() -> dict[tuple[str, bool], str]:
    """JSON by course, and whether it has the texts."""
    exports = {}
    for name, course in COURSES.items():
        with TemporaryDirectory() as folder:
            clock = ManualClock()
            store = Store(f"sqlite:///{Path(folder) / 'placet.db'}", House(), clock)
            metadata.create_all(store.engine)
            made = coop(store, clock)
            case = course(made)
            exports |= {(name, texts): json.dumps(made.export(case, texts)) for texts in (False, True)}
            store.close()
    return exports


def exported(which: tuple[str, bool]) -> list[Line]:
    lines: list[Line] = json.loads(written()[which])
    return lines


def events(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["type"] == "event"]


def votes(lines: list[Line]) -> list[Line]:
    return [line for line in events(lines) if line["action"] == "ballot.vote"]


def hashed_anew(lines: list[Line]) -> list[Line]:
    """What a forger makes of changed lines who knows how the chain works, and tells what goes with it."""
    prev = GENESIS
    for seq, line in enumerate(events(lines), start=1):
        line["seq"], line["prev"] = seq, prev
        if line["action"] == "ballot.closed":
            line["detail"]["log"] = prev
        content = (line["at"], line["actor"], line["action"], line["detail"])
        prev = line["hash"] = line_hash(line["chain"], seq, *content, prev)
    lines[0]["lines"] = len(events(lines))
    return lines


def changed_rules(lines: list[Line], **rules: Any) -> None:
    opened = next(line for line in events(lines) if line["action"] == "ballot.opened")
    opened["detail"]["rules"] |= rules
    lines[0]["rules"] |= rules
