"""Letters of cases in the product's own outbox; the postman takes them from there."""

import sqlalchemy as sa

from placet.connectors.mail.port import Letter
from placet.domain.people import External
from placet.store import notices, people
from placet.store import tables as t
from placet.store.engine import Store, Tx


class StoredOutbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def post(self, key: str, case_id: str, letter: Letter) -> None:
        await self._store.write(lambda tx: _queue(tx, key, case_id, letter, letter.subject, letter.text))

    async def retract(self, key: str, case_id: str, letter: Letter) -> None:
        await self._store.write(lambda tx: _retract(tx, key, case_id, letter))


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
