"""Mail as it was written: readable in the product, also where nothing is sent."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from placet.connectors.mail.outbox import mail_of
from placet.connectors.mail.port import Mail
from placet.control import cursor
from placet.control.door import Done, Door, forbidden
from placet.control.errors import Problem, found
from placet.control.sent import Paging
from placet.control.views import MessageView, Page
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.mails import Telling, telling


class MessageFilter(Paging):
    """`all`: those of everybody, for administrators."""

    all: bool = False


class Messages:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, person: Person, which: MessageFilter) -> Page[MessageView]:
        """Newest first. Administrators may read mail to people outside, with its signed links: where mail is stored and
        not sent, this is the postbox from which they hand it on."""
        if which.all:
            await self._only_administrators(person)
        m = t.message.c
        query = sa.select(t.message).order_by(m.id.desc()).limit(which.limit + 1)
        if not which.all:
            query = query.where(m.person_id == person.id)
        if which.cursor is not None:
            query = query.where(m.id < cursor.decode(which.cursor, int)[0])

        def look(tx: Tx) -> Page[MessageView]:
            rows = tx.conn.execute(query).mappings().all()
            shown = [_view(row) for row in rows[: which.limit]]
            return Page(items=shown, next_cursor=cursor.encode(shown[-1].id) if len(rows) > which.limit else None)

        return await self._door.read(look)

    async def get(self, person: Person, message_id: int) -> tuple[Mail, Telling | None]:
        """One mail as it was written, and what it is told from as it leaves; for administrators."""
        await self._only_administrators(person)
        query = sa.select(t.message).where(t.message.c.id == message_id)

        def look(tx: Tx) -> tuple[Mail, Telling | None] | None:
            row = tx.conn.execute(query).mappings().one_or_none()
            return (mail_of(row), telling(tx, row)) if row else None

        return found(await self._door.read(look))

    async def _only_administrators(self, person: Person) -> None:
        if not permitted(person, Action.READ_ALL_MAIL, EVERYWHERE):
            await self._door.act(person, "message.read-all", _refused)


def _view(row: Mapping[Any, Any]) -> MessageView:
    return MessageView(**row, person=row["person_id"], to=f"{row['name']} <{row['email']}>")


def _refused(tx: Tx, person: Person) -> Done | Problem:
    return forbidden(tx, person, "message.read-all", "Only administrators may read everybody's mail.")
