"""Whether acts can be taken now, and the figures that operators watch."""

import asyncio

import sqlalchemy as sa

from placet.control.door import Door
from placet.control.errors import Problem
from placet.control.views import Vitals
from placet.store import outbox
from placet.store import tables as t
from placet.store.cases import OPEN_STATES
from placet.store.engine import StoreUnavailable, Tx

PATIENCE_SECONDS = 5


class Pulse:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def prove_writable(self) -> None:
        """Write something small; raises the problem `unavailable` when an act could not be taken now."""
        try:
            await asyncio.wait_for(self._door.store.write(_touch), PATIENCE_SECONDS)
        except (StoreUnavailable, TimeoutError) as error:
            raise Problem("unavailable", "The database takes no acts at the moment; try again soon.") from error

    async def figures(self) -> Vitals:
        return await self._door.read(figures)


def _touch(tx: Tx) -> None:
    at = tx.now.isoformat()
    if not tx.insert_ignoring(t.meta, {"key": "last-probe", "value": at}):
        tx.conn.execute(t.meta.update().where(t.meta.c.key == "last-probe").values(value=at))


def figures(tx: Tx) -> Vitals:
    """What monitors watch."""
    still = sa.select(sa.func.count()).select_from(t.case).where(t.case.c.state.in_(OPEN_STATES))
    return Vitals(outbox_waiting=outbox.waiting(tx), cases_open=int(tx.conn.execute(still).scalar_one()))
