"""Delivers the stored mails, each marked as being sent before it leaves."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.connectors.mail.port import DeliveryStatus, Mail, MailRefused, MailTransport, MailUnavailable
from placet.store import crash
from placet.store import tables as t
from placet.store.engine import Store, StoreUnavailable, Tx

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=5)
MARGIN = timedelta(seconds=5)


class Postman:
    def __init__(self, store: Store, transport: MailTransport, poll_seconds: float = 1.0) -> None:
        self._store = store
        self._transport = transport
        self._poll = poll_seconds
        self._kick = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        loop = asyncio.get_running_loop()
        unlisten = self._store.listen("mail", lambda: loop.call_soon_threadsafe(self._kick.set))
        try:
            while True:
                self._kick.clear()
                try:
                    busy = await self.deliver_once()
                except StoreUnavailable as error:
                    log.warning("mail: the database is not available: %s", error)
                    busy = 0
                if not busy:
                    try:
                        await asyncio.wait_for(self._kick.wait(), self._poll)
                    except TimeoutError:
                        continue
        finally:
            unlisten()

    async def deliver_once(self, limit: int = 50) -> int:
        """Deliver what is due, one after the other; returns how many were taken."""
        for taken in range(limit):
            # One at a time: whoever dies on the way keeps no other mail waiting.
            row = await self._store.write(lambda tx: _claim(tx, self._transport.longest))
            if row is None:
                return taken
            crash.reach("mail-claimed")
            await self._deliver(row)
        return limit

    async def _deliver(self, row: dict[str, Any]) -> None:
        mail = Mail(
            key=row["key"],
            to=row["email"],
            to_name=row["name"],
            subject=row["subject"],
            text=row["text"],
            case_id=row["case_id"],
        )
        try:
            receipt = await self._transport.deliver(mail)
        except MailRefused as refused:
            if refused.concerns_settings:
                # The address is fine, our settings are not: keep the mail for when they are mended.
                log.error("mail: the server refuses our settings (%s): %s", refused.code, refused)
                await self._again(row, str(refused))
            else:
                await self._mark(row, state="refused", error=f"{refused.code}: {refused}")
        except MailUnavailable as error:
            await self._again(row, str(error))
        else:
            stored = receipt.status is DeliveryStatus.STORED
            await self._mark(row, state="stored" if stored else "sent", error=None)

    async def _again(self, row: dict[str, Any], error: str) -> None:
        """Try again later, at growing intervals; a mail that could not leave for days is given up, and shows it."""
        wait = timedelta(seconds=min(2 ** min(row["attempts"], 12), 3600))

        def later(tx: Tx) -> None:
            now = tx.read_clock()
            if now - row["created_at"] > GIVE_UP_AFTER:
                _set(tx, row["id"], state="refused", error=f"given up after {GIVE_UP_AFTER.days} days: {error}"[:500])
            else:
                _set(tx, row["id"], state="queued", error=error[:500], next_at=now + wait)

        await self._store.write(later)

    async def _mark(self, row: dict[str, Any], state: str, error: str | None) -> None:
        await self._store.write(lambda tx: _set(tx, row["id"], state=state, error=error, sent_at=tx.read_clock()))


def _claim(tx: Tx, longest: timedelta) -> dict[str, Any] | None:
    m, now = t.message.c, tx.read_clock()
    # A mail that was being sent when the process died may have left: it goes again, with the same Message-ID.
    due = (m.next_at <= now) & m.state.in_(("queued", "sending"))
    query = sa.select(t.message).where(due).order_by(m.id).limit(1).with_for_update(skip_locked=True)
    row = tx.conn.execute(query).mappings().one_or_none()
    if row is None:
        return None
    _set(tx, row["id"], state="sending", attempts=m.attempts + 1, next_at=now + longest + MARGIN)
    return dict(row)


def _set(tx: Tx, row_id: int, **values: Any) -> None:
    tx.conn.execute(t.message.update().where(t.message.c.id == row_id).values(values))
