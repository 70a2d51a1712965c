"""Letters of cases in the product's own outbox, and each mail in it as it leaves; the postman takes them from there."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from placet.connectors.mail.port import Letter, Mail
from placet.domain.people import External
from placet.store import notices, people
from placet.store import tables as t
from placet.store.engine import Store, Tx

LETTER = "letter/"


class StoredOutbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def post(self, key: str, case_id: str, letter: Letter) -> None:
        await self._store.write(lambda tx: _queue(tx, f"{LETTER}{key}", case_id, letter, letter.subject, letter.text))

    async def retract(self, key: str, case_id: str, letter: Letter) -> None:
        await self._store.write(lambda tx: _retract(tx, f"{LETTER}{key}", case_id, letter))


def mail_of(row: Mapping[Any, Any]) -> Mail:
    """A row of the outbox as the mail that leaves."""
    return Mail(
        key=row["key"],
        to=row["email"],
        to_name=row["name"],
        subject=row["subject"],
        text=row["text"],
        case_id=row["case_id"],
        # A case knows no address of ours: one in its letter was written by somebody who took part.
        leads=not row["key"].startswith(LETTER),
    )


def _queue(tx: Tx, key: str, case_id: str, letter: Letter, subject: str, text: str) -> None:
    to = External(name=letter.to_name, email=letter.to_email)
    people.admit_external(tx, to)
    notices.queue(tx, key, (to.person, to.name, to.email), subject, text, case_id)


def _retract(tx: Tx, key: str, case_id: str, letter: Letter) -> None:
    _queue(tx, key, case_id, letter, letter.subject, letter.text)
    mine = t.message.c.key == key
    tx.conn.execute(t.message.update().where(mine, t.message.c.state == "queued").values(state="withdrawn"))
    if tx.conn.execute(sa.select(t.message.c.state).where(mine)).scalar_one() != "withdrawn":
        _queue(tx, f"{key}/retraction", case_id, letter, f"Withdrawn: {letter.subject}", letter.retraction)
