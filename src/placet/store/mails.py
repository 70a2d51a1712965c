"""What a mail is told from, what became of it, and sending one again that could not be delivered."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from placet.domain.said import unpacked
from placet.store import notices
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

CHAIN = "@mail"
QUEUED, REFUSED = "queued", "refused"

_m, _acc = t.message.c, t.account.c
_LIKES = sa.select(_acc.language, _acc.zone).where(_acc.person_id == sa.bindparam("of_person"))
_OF_MAILING = sa.select(t.mailing.c.said).where(t.mailing.c.key == sa.bindparam("of_mailing"))


class Telling(NamedTuple):
    """What a mail is told again from, for somebody who has set a language or a zone."""

    language: str | None
    zone: str | None
    subject: str
    text: str


def telling(tx: Tx, row: Mapping[Any, Any]) -> Telling | None:
    """How to tell this row of the outbox to whom it is for; None when it goes as it is stored."""
    likes = tx.conn.execute(_LIKES, {"of_person": row["person_id"]}).one_or_none()
    if likes is None or not (likes.language or likes.zone):
        return None
    if said := row["said"]:
        return Telling(likes.language, likes.zone, unpacked(said["subject"]), unpacked(said["text"]))
    # A voter's mail: there may be a million of the same, so what it was made of is kept once.
    said = tx.conn.execute(_OF_MAILING, {"of_mailing": row["key"].rpartition("/")[0]}).scalar_one_or_none()
    if not said:
        return None
    text = notices.addressed(row["name"], unpacked(said["text"]))
    return Telling(likes.language, likes.zone, unpacked(said["subject"]), text)


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
