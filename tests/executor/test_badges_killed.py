"""Killed at each point around signing, issuing and delivering, and done again: the same bytes, one of everything."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from executor.badge_desk import Desk
from executor.badge_killed import run
from placet.executor.badge_journal import BadgeJournal
from placet.executor.badges import JOURNAL
from placet.store import tables as t
from placet.store.clock import SystemClock
from placet.store.engine import Store
from placet.store.house import House

PROGRAM = Path(__file__).with_name("badge_killed.py")
SIGN, ISSUE, DELIVER = "sign", "issue", "deliver"
POINTS = {
    "badge-planned": SIGN,
    "badge-signed": SIGN,
    "badge-returned": SIGN,
    "badge-planned of the list": ISSUE,
    "badge-signed of the list": ISSUE,
    "credential-published": ISSUE,
    "credential-issued": ISSUE,
    "credential-delivered": DELIVER,
}

# How many signatures there are at the kill.
SIGNED = dict(zip(POINTS, (0, 1, 1, 1, 2, 2, 2, 2), strict=True))


@pytest.fixture
def house() -> House:
    return House(secret="a secret of tests, of more than thirty-two characters")


@pytest.fixture
def desk(database_url: str, house: House) -> Any:
    store = Store(database_url, house, SystemClock())
    made = Desk(store)
    made.staff()
    yield made
    store.close()


async def killed(desk: Desk, folder: Path, what: str, argument: str, point: str, tickets: Path) -> int:
    """The exit code of a process that makes the call and is to die at the point."""
    tickets.mkdir()
    (tickets / point).write_text("kill")
    armed = {"PLACET_CRASH_AT": point, "PLACET_CRASH_TICKETS": str(tickets)}
    given = (desk.store.url, str(folder), what, argument)
    running = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), *given, env=os.environ | armed)
    return await running.wait()


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_loses_nothing_and_doubles_nothing(desk: Desk, tmp_path: Path, point: str) -> None:
    decision, order = desk.approved()
    executor = tmp_path / "executor"
    name, _, _ = point.partition(" ")
    arguments = {
        SIGN: json.dumps({"decision": decision, "order": order.model_dump(mode="json")}),
        ISSUE: order.id,
        DELIVER: order.id,
    }
    for what, argument in arguments.items():
        if what == POINTS[point]:
            code = await killed(desk, executor, what, argument, name, tmp_path / "tickets")
            assert code == -signal.SIGKILL
            known = _signed(executor)
            assert len(known) == SIGNED[point]
        await run(desk.store.url, executor, what, argument)
        if what == POINTS[point]:
            # What had been signed before the kill are the bytes that everybody has afterwards.
            assert known.items() <= _signed(executor).items()
    _one_of_everything(desk, executor)


def _signed(folder: Path) -> dict[str, str]:
    """The signed bytes that the executor remembers, by key."""
    if not (folder / JOURNAL).exists():
        return {}
    journal = BadgeJournal(folder / JOURNAL)
    try:
        found = [journal.find(key) for key in ("case-1/credentials.sign/1", "list/1/1")]
        return {entry.key: entry.jwt for entry in found if entry and entry.jwt}
    finally:
        journal.close()


def _one_of_everything(desk: Desk, executor: Path) -> None:
    def look(tx: Any) -> tuple[Any, ...]:
        rows = tx.conn.execute(sa.select(t.credential)).mappings().all()
        lists = tx.conn.execute(sa.select(t.credential_status)).mappings().all()
        mails = tx.conn.execute(sa.select(t.message).where(t.message.c.subject.like("Your cre%"))).all()
        actions = tx.conn.execute(sa.select(t.audit.c.action).where(t.audit.c.chain == "case-1")).scalars().all()
        return rows, lists, mails, actions

    rows, lists, mails, actions = desk.store.read_now(look)
    assert len(rows) == len(lists) == len(mails) == 1
    assert (rows[0]["state"], rows[0]["list_index"], lists[0]["next_index"]) == ("issued", 0, 1)
    signed = _signed(executor)
    assert (rows[0]["jwt"], lists[0]["jwt"]) == (signed["case-1/credentials.sign/1"], signed["list/1/1"])
    assert (actions.count("credential.signed"), actions.count("credential.issued")) == (1, 1)
