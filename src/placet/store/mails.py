"""What became of a mail, and sending one again that could not be delivered."""

import sqlalchemy as sa

from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

CHAIN = "@mail"
QUEUED, REFUSED = "queued", "refused"

_m = t.message.c


def retry(tx: Tx, message_id: int, by: str) -> str | None:
    """Queue a mail again that was refused or given up; the state in which it was, None when there is none.

    It keeps its key, so a server that knows it already takes it for the same mail.
    """
    row = tx.conn.execute(sa.select(t.message).where(_m.id == message_id).with_for_update()).mappings().one_or_none()
    if row is None:
        return None
    if row["state"] == REFUSED:
        again = t.message.update().where(_m.id == message_id)
        tx.conn.execute(again.values(state=QUEUED, error=None, sent_at=None, next_at=tx.now))
        detail = {"message": message_id, "key": row["key"], "attempts": row["attempts"]}
        append(tx, CHAIN, by, "mail.retried", detail, error=row["error"] or "")
        tx.announce("mail")
    return str(row["state"])
