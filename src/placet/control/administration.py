"""What administrators look after: steps that failed, what is owed to the engine, mails that could not be delivered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.control import attention, cursor
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, not_found
from placet.control.listing import newest, place_of
from placet.control.overview_views import Attention
from placet.control.sent import Paging
from placet.control.views import Page, View, Vitals
from placet.control.vitals import figures
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.store import mails, people
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

READ, RETRY = "admin.read", "message.retry"
NOT_ADMIN = "Only administrators look after the installation."
LISTED, MOST_COUNTED = 50, 1000

_o, _m = t.outbox.c, t.message.c
# In plain words: SQLite knows a partial index only by them.
LEAVING = sa.text("message.state IN ('queued', 'sending')")
REFUSED = sa.text("message.state = 'refused'")


class OwedLine(View):
    """A start or a wake-up that the engine has not confirmed; `attempts` is how often it was sent."""

    id: int
    case_id: str
    action: str
    created_at: datetime
    next_at: datetime
    attempts: int


class MailLine(View):
    """A mail without its text, and why it could not be delivered."""

    id: int
    person: str
    email: str
    subject: str
    case_id: str | None
    state: str
    created_at: datetime
    attempts: int
    error: str | None


class OutboxView(View):
    """`owed`: the oldest of what waits for the engine. `leaving` and `failed`: mails; `mails_failed` stops at 1,000."""

    waiting: int
    owed: list[OwedLine]
    mails_leaving: int
    leaving: list[MailLine]
    mails_failed: int
    failed: list[MailLine]


class HealthView(Vitals):
    """How the installation is: beside what monitors watch, what people should look at.

    `sample_accounts` counts the active people of the sample organisation, who share a password.
    """

    mails_leaving: int
    mails_failed: int
    oldest_owed_at: datetime | None
    sample_accounts: int


class RetriedView(View):
    id: int
    state: str


class Administration:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def failed_steps(self, person: Person, page: Paging) -> Page[Attention]:
        """The cases that need attention, newest first: which step failed, why, and the task that asks what to do."""
        await self._only(person)

        def look(tx: Tx) -> Page[Attention]:
            found = newest(tx, person, attention.NEEDED, place_of(page), page.limit + 1)
            lines = attention.lines(tx, found[: page.limit])
            following = None
            if len(found) > page.limit:
                at, last = found[page.limit - 1]
                following = cursor.encode(cursor.micros(at), last)
            return Page(items=lines, next_cursor=following)

        return await self._door.read(look)

    async def outbox(self, person: Person) -> OutboxView:
        """What is owed to the engine, oldest first, and the mails that wait or have failed, newest first."""
        await self._only(person)
        return await self._door.read(_outbox)

    async def health(self, person: Person) -> HealthView:
        await self._only(person)
        return await self._door.read(_health)

    async def retry(self, person: Person, message_id: int, once: Once | None = None) -> Done:
        """Send a mail again that could not be delivered."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            about = {"message": message_id}
            if not permitted(present, Action.OPERATE, EVERYWHERE):
                return forbidden(tx, present, RETRY, "Only administrators send mails again.", about)
            state = mails.retry(tx, message_id, present.id)
            if state is None:
                return not_found()
            if state != mails.REFUSED:
                audit_refusal(tx, present.id, RETRY, "mail-not-failed", about)
                return Problem("mail-not-failed", f"This mail has not failed: it is {state}.")
            return Done(RetriedView(id=message_id, state=mails.QUEUED).model_dump())

        return await self._door.act(person, RETRY, act, once)

    async def _only(self, person: Person) -> None:
        if not permitted(person, Action.OPERATE, EVERYWHERE):
            await self._door.act(person, READ, lambda tx, present: forbidden(tx, present, READ, NOT_ADMIN))


def _outbox(tx: Tx) -> OutboxView:
    owed = tx.conn.execute(sa.select(t.outbox).order_by(_o.id).limit(LISTED)).mappings()
    leaving = sa.select(t.message).where(LEAVING).order_by(_m.next_at).limit(LISTED)
    failed = sa.select(t.message).where(REFUSED).order_by(_m.id.desc()).limit(LISTED)
    return OutboxView(
        waiting=figures(tx).outbox_waiting,
        owed=[OwedLine.model_validate(dict(row)) for row in owed],
        mails_leaving=_up_to(tx, LEAVING),
        leaving=[_mail(row) for row in tx.conn.execute(leaving).mappings()],
        mails_failed=_up_to(tx, REFUSED),
        failed=[_mail(row) for row in tx.conn.execute(failed).mappings()],
    )


def _health(tx: Tx) -> HealthView:
    oldest = tx.conn.execute(sa.select(_o.created_at).order_by(_o.id).limit(1)).scalar_one_or_none()
    return HealthView(
        **figures(tx).model_dump(),
        mails_leaving=_up_to(tx, LEAVING),
        mails_failed=_up_to(tx, REFUSED),
        oldest_owed_at=oldest,
        sample_accounts=len(people.present(tx, people.samples(tx))),
    )


def _up_to(tx: Tx, which: sa.TextClause) -> int:
    some = sa.select(_m.id).where(which).limit(MOST_COUNTED).subquery()
    return int(tx.conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _mail(row: Mapping[Any, Any]) -> MailLine:
    return MailLine(**{**row, "person": row["person_id"]})
