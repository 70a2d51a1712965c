"""Passkeys as rows. What happens to them is a line of the `@registry` chain; a challenge is answered once."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.store import sessions
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

_p, _ch = t.passkey.c, t.passkey_challenge.c


def answered(tx: Tx, challenge: str, expires_at: datetime) -> bool:
    """Whether this is the first answer to the challenge, and in time; of two at once, one is."""
    if expires_at <= tx.now:
        return False
    tx.conn.execute(t.passkey_challenge.delete().where(_ch.expires_at <= tx.now))
    return tx.insert_ignoring(t.passkey_challenge, {"hash": sessions.hashed(challenge), "expires_at": expires_at})


def add(
    tx: Tx, person_id: str, credential: str, public_key: bytes, count: int, transports: Sequence[str], name: str
) -> str | None:
    """A new passkey of this person; its id, or None when the credential is registered already."""
    number = secrets.token_hex(8)
    row = {"id": number, "credential": credential, "person_id": person_id, "public_key": public_key, "name": name}
    more = {"sign_count": count, "transports": list(transports), "created_at": tx.now, "used_at": None}
    if not tx.insert_ignoring(t.passkey, row | more):
        return None
    append(tx, REGISTRY, person_id, "passkey.registered", {"person": person_id, "passkey": number}, name=name)
    return number


def of_person(tx: Tx, person_id: str) -> list[Any]:
    query = sa.select(t.passkey).where(_p.person_id == person_id)
    return list(tx.conn.execute(query.order_by(_p.created_at, _p.id)).all())


def by_credential(tx: Tx, credential: str) -> Any | None:
    return tx.conn.execute(sa.select(t.passkey).where(_p.credential == credential)).one_or_none()


def used(tx: Tx, passkey_id: str, count: int) -> bool | None:
    """Count a use of the passkey: False when its own counter has not grown, so that there may be a copy of it; None
    when it is gone. Devices that do not count always say 0."""
    row = tx.conn.execute(sa.select(t.passkey).where(_p.id == passkey_id).with_for_update()).one_or_none()
    if row is None:
        return None
    if (count > 0 or row.sign_count > 0) and count <= row.sign_count:
        detail = {"person": row.person_id, "passkey": row.id, "known": row.sign_count, "given": count}
        append(tx, REGISTRY, row.person_id, "passkey.refused", detail)
        return False
    tx.conn.execute(t.passkey.update().where(_p.id == row.id).values(sign_count=count, used_at=tx.now))
    return True


def confirmed(tx: Tx, person_id: str, session_id: str, passkey_id: str) -> None:
    """The session is fresh again."""
    sessions.confirmed(tx, session_id)
    append(tx, REGISTRY, person_id, "passkey.confirmed", {"session": session_id, "passkey": passkey_id})


def rename(tx: Tx, person_id: str, passkey_id: str, name: str) -> bool:
    """Call the passkey otherwise; whether this person has it."""
    mine = (_p.person_id == person_id) & (_p.id == passkey_id)
    before = tx.conn.execute(sa.select(_p.name).where(mine).with_for_update()).scalar_one_or_none()
    if before is None:
        return False
    if before != name:
        tx.conn.execute(t.passkey.update().where(mine).values(name=name))
        append(tx, REGISTRY, person_id, "passkey.renamed", {"person": person_id, "passkey": passkey_id}, name=name)
    return True


def remove(tx: Tx, person_id: str, passkey_id: str) -> bool:
    """Forget the passkey; whether this person had it."""
    mine = (_p.person_id == person_id) & (_p.id == passkey_id)
    if not tx.conn.execute(t.passkey.delete().where(mine)).rowcount:
        return False
    append(tx, REGISTRY, person_id, "passkey.removed", {"person": person_id, "passkey": passkey_id})
    return True
