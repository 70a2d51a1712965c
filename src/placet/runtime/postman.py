"""Delivers the stored mails, each marked as being sent before it leaves."""

import logging
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.connectors.mail.outbox import mail_of
from placet.connectors.mail.port import DeliveryStatus, MailRefused, MailTransport, MailUnavailable
from placet.connectors.mail.stored import StoredMail
from placet.runtime.chore import carry_on
from placet.store import crash, mails
from placet.store import tables as t
from placet.store.engine import Store, Tx
from placet.store.mails import Telling
from placet.web.mails import told

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=5)
MARGIN = timedelta(seconds=5)

LINK = re.compile(r"/l/[^\s/]+")
INVITED = "An invitation to choose a password was sent. Its link is not kept here."

_m = t.message.c
_DUE = (
    sa.select(t.message)
    # A mail that was being sent when the process died may have left: it goes again, with the same Message-ID.
    # In plain words, as SQLite knows a partial index only by them.
    .where(_m.next_at <= sa.bindparam("now"), sa.text("message.state IN ('queued', 'sending')"))
    .order_by(_m.next_at, _m.id)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_KEPT = (
    t.message.update()
    .where(_m.id.in_(sa.bindparam("ids", expanding=True)))
    .values(state="stored", error=None, attempts=_m.attempts + 1)
)


class Postman:
    def __init__(self, store: Store, transport: MailTransport, poll_seconds: float = 1.0) -> None:
        self._store = store
        self._transport = transport
        self._poll = poll_seconds

    async def run(self) -> None:
        """Deliver until cancelled."""
        await carry_on(self._store, "mail", self.deliver_once, self._poll)

    async def deliver_once(self, limit: int = 50) -> int:
        """Deliver what is due, one after the other; returns how many were taken."""
        if isinstance(transport := self._transport, StoredMail):
            return await self._store.write(lambda tx: _keep(tx, transport, limit))
        for taken in range(limit):
            # One at a time: whoever dies on the way keeps no other mail waiting.
            claimed = await self._store.write(lambda tx: _claim(tx, self._transport.longest))
            if claimed is None:
                return taken
            crash.reach("mail-claimed")
            await self._deliver(*claimed)
        return limit

    async def _deliver(self, row: Mapping[Any, Any], telling: Telling | None) -> None:
        try:
            receipt = await self._transport.deliver(told(mail_of(row), telling, self._store.house.base_url))
        except MailRefused as refused:
            if refused.concerns_settings:
                # The address is fine, our settings are not: keep the mail for when they are mended.
                log.error("mail: the server refuses our settings (%s): %s", refused.code, refused)
                await self._again(row, str(refused))
            else:
                await self._mark(row, state="refused", error=_why(refused))
        except MailUnavailable as error:
            await self._again(row, str(error))
        else:
            stored = receipt.status is DeliveryStatus.STORED
            await self._mark(row, state="stored" if stored else "sent", error=None, **({} if stored else _spent(row)))

    async def _again(self, row: Mapping[Any, Any], error: str) -> None:
        """Try again later, at growing intervals; a mail that could not leave for days is given up, and shows it."""
        wait = timedelta(seconds=min(2 ** min(row["attempts"], 12), 3600))

        def later(tx: Tx) -> None:
            now = tx.read_clock()
            if now - row["created_at"] > GIVE_UP_AFTER:
                _set(tx, row["id"], state="refused", error=f"given up after {GIVE_UP_AFTER.days} days: {error}"[:500])
            else:
                _set(tx, row["id"], state="queued", error=error[:500], next_at=now + wait)

        await self._store.write(later)

    async def _mark(self, row: Mapping[Any, Any], state: str, error: str | None, **more: str | None) -> None:
        await self._store.write(
            lambda tx: _set(tx, row["id"], state=state, error=error, sent_at=tx.read_clock(), **more)
        )


def _spent(row: Mapping[Any, Any]) -> dict[str, str | None]:
    """What is no longer kept of a mail that has left: whoever holds an invitation may take the account, and whoever
    holds the link of somebody outside may answer for them."""
    if str(row["key"]).startswith("invitation/"):
        return {"text": INVITED, "said": None}
    text = LINK.sub("/l/…", row["text"])
    return {"text": text, "said": None} if text != row["text"] else {}


def _keep(tx: Tx, transport: StoredMail, limit: int) -> int:
    """Mark what is due as stored, all of it at once: nothing leaves, so nothing can be half done."""
    now = tx.read_clock()
    rows = tx.conn.execute(_DUE, {"now": now, "at_most": limit}).mappings().all()
    if not rows:
        return 0
    crash.reach("mail-claimed")
    kept = []
    for row in rows:
        try:
            transport.accept(mail_of(row))
        except MailRefused as refused:
            attempts = row["attempts"] + 1
            _set(tx, row["id"], state="refused", error=_why(refused), attempts=attempts, sent_at=now)
        else:
            kept.append(row["id"])
    if kept:
        tx.conn.execute(_KEPT, {"ids": kept, "sent_at": now})
    return len(rows)


def _claim(tx: Tx, longest: timedelta) -> tuple[Mapping[Any, Any], Telling | None] | None:
    now = tx.read_clock()
    row = tx.conn.execute(_DUE, {"now": now, "at_most": 1}).mappings().one_or_none()
    if row is None:
        return None
    _set(tx, row["id"], state="sending", attempts=_m.attempts + 1, next_at=now + longest + MARGIN)
    return row, mails.telling(tx, row)


def _set(tx: Tx, row_id: int, **values: Any) -> None:
    tx.conn.execute(t.message.update().where(_m.id == row_id).values(values))


def _why(refused: MailRefused) -> str:
    return f"{refused.code}: {refused}"
