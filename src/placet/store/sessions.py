"""Sessions, passwords, invitations and identities as rows. What changes rights is a line of the `@registry` chain."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.domain.people import Person
from placet.domain.session import FORGOTTEN_AFTER, SessionRules, SessionTimes, alive, block
from placet.store import people
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

MOST_DEVICE = 200

_s, _acc, _inv, _try = t.session.c, t.account.c, t.invitation.c, t.sign_in_attempt.c
_BY_HASH = (
    sa.select(t.session, _acc.language, _acc.zone)
    .join_from(t.session, t.account, _acc.person_id == _s.person_id, isouter=True)
    .where(_s.hash == sa.bindparam("of_hash"))
)


@dataclass(frozen=True)
class Found:
    """A session that counts now, whose it is, and how that person likes to read."""

    id: str
    person: Person
    times: SessionTimes
    via: str
    language: str | None
    zone: str | None


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def open_session(tx: Tx, person_id: str, via: str, device: str, proved_at: datetime | None = None) -> str:
    """A new session; the secret of its cookie, kept nowhere else. They have proved who they are just now, or then."""
    secret, number = secrets.token_urlsafe(32), secrets.token_hex(8)
    row = {"id": number, "hash": hashed(secret), "person_id": person_id, "via": via, "device": device[:MOST_DEVICE]}
    moments = {"opened_at": tx.now, "seen_at": tx.now, "confirmed_at": proved_at or tx.now}
    tx.conn.execute(t.session.insert().values(**row, **moments, ended_at=None))
    append(tx, REGISTRY, person_id, "session.opened", {"session": number, "via": via})
    return secret


def by_secret(tx: Tx, secret: str, rules: SessionRules) -> Found | None:
    """The session behind a cookie, if it still counts."""
    row = tx.conn.execute(_BY_HASH, {"of_hash": hashed(secret)}).one_or_none()
    if row is None or not alive(rules, times_of(row), tx.now):
        return None
    person = people.find(tx, row.person_id)
    if person is None or not person.active or person.external:
        return None
    return Found(row.id, person, times_of(row), row.via, row.language, row.zone)


def times_of(row: Any) -> SessionTimes:
    return SessionTimes(
        opened_at=row.opened_at, seen_at=row.seen_at, confirmed_at=row.confirmed_at, ended_at=row.ended_at
    )


def seen(tx: Tx, session_id: str) -> None:
    tx.conn.execute(t.session.update().where(_s.id == session_id).values(seen_at=tx.now))


def confirmed(tx: Tx, session_id: str) -> None:
    tx.conn.execute(t.session.update().where(_s.id == session_id).values(confirmed_at=tx.now))


def of_person(tx: Tx, person_id: str) -> list[Any]:
    """The sessions of a person that nobody has ended, last used first."""
    query = sa.select(t.session).where(_s.person_id == person_id, _s.ended_at.is_(None))
    return list(tx.conn.execute(query.order_by(_s.seen_at.desc(), _s.id)).all())


def end(tx: Tx, by: str, person_id: str, which: sa.ColumnElement[bool]) -> int:
    """End those sessions of the person; how many there were."""
    open_ones = (_s.person_id == person_id) & _s.ended_at.is_(None) & which
    ended = list(tx.conn.execute(sa.select(_s.id).where(open_ones).order_by(_s.id)).scalars())
    if ended:
        tx.conn.execute(t.session.update().where(_s.id.in_(ended)).values(ended_at=tx.now))
        append(tx, REGISTRY, by, "session.ended", {"person": person_id, "sessions": ended})
    return len(ended)


def password_of(tx: Tx, person_id: str) -> str | None:
    return tx.conn.execute(sa.select(_acc.password_hash).where(_acc.person_id == person_id)).scalar_one_or_none()


def set_password(tx: Tx, by: str, person_id: str, password_hash: str) -> None:
    set_account(tx, person_id, password_hash=password_hash, password_at=tx.now)
    append(tx, REGISTRY, by, "account.password-set", {"person": person_id})


def set_account(tx: Tx, person_id: str, **values: Any) -> None:
    tx.insert_ignoring(t.account, {"person_id": person_id})
    tx.conn.execute(t.account.update().where(_acc.person_id == person_id).values(**values))


def named(tx: Tx, name: str) -> Person | None:
    """The person of the organisation with this id or this address."""
    p = t.person.c
    wanted = name.strip().lower()
    query = sa.select(p.id).where(~p.external, p.active, (p.id == wanted) | (sa.func.lower(p.email) == wanted))
    ids = tx.conn.execute(query.order_by(p.id != wanted, p.id).limit(3)).scalars().all()
    # An address that two people share names neither; an id always names its own.
    if not ids or (len(ids) > 1 and ids[0] != wanted):
        return None
    return people.find(tx, ids[0])


def blocked_until(tx: Tx, name: str) -> datetime | None:
    until = tx.conn.execute(sa.select(_try.blocked_until).where(_try.name_hash == _of(name))).scalar_one_or_none()
    return until if until is not None and until > tx.now else None


def failed(tx: Tx, name: str) -> timedelta | None:
    """Count a failure under this name; how long it is blocked from now on, if it is."""
    tx.conn.execute(t.sign_in_attempt.delete().where(_try.last_at < tx.now - FORGOTTEN_AFTER))
    tx.insert_ignoring(t.sign_in_attempt, {"name_hash": _of(name), "failures": 0, "last_at": tx.now})
    mine = _try.name_hash == _of(name)
    failures = tx.conn.execute(sa.select(_try.failures).where(mine).with_for_update()).scalar_one() + 1
    wait = block(failures)
    until = tx.now + wait if wait else None
    changed = {"failures": failures, "last_at": tx.now, "blocked_until": until}
    tx.conn.execute(t.sign_in_attempt.update().where(mine).values(changed))
    return wait


def succeeded(tx: Tx, name: str) -> None:
    tx.conn.execute(t.sign_in_attempt.delete().where(_try.name_hash == _of(name)))


def _of(name: str) -> str:
    return hashed(name.strip().lower())


def invite(tx: Tx, by: str, person_id: str, life: timedelta, number: str | None = None) -> str:
    """A new invitation in place of earlier ones; its id."""
    number = number or secrets.token_hex(12)
    end_invitations(tx, person_id)
    row = {"id": number, "person_id": person_id, "by": by, "created_at": tx.now, "expires_at": tx.now + life}
    tx.conn.execute(t.invitation.insert().values(**row, used_at=None))
    append(tx, REGISTRY, by, "invitation.issued", {"person": person_id, "invitation": number})
    return number


def end_invitations(tx: Tx, person_id: str) -> None:
    """Let no link that was written to this person work any more."""
    still = (_inv.person_id == person_id) & _inv.used_at.is_(None) & (_inv.expires_at > tx.now)
    tx.conn.execute(t.invitation.update().where(still).values(expires_at=tx.now))


def invitation(tx: Tx, number: str) -> Any | None:
    return tx.conn.execute(sa.select(t.invitation).where(_inv.id == number).with_for_update()).one_or_none()


def use_invitation(tx: Tx, number: str, person_id: str) -> None:
    tx.conn.execute(t.invitation.update().where(_inv.id == number).values(used_at=tx.now))
    append(tx, REGISTRY, person_id, "invitation.used", {"person": person_id, "invitation": number})


def by_identity(tx: Tx, issuer: str, subject: str) -> Person | None:
    i = t.identity.c
    query = sa.select(i.person_id).where(i.issuer == issuer, i.subject == subject)
    found = tx.conn.execute(query).scalar_one_or_none()
    return people.find(tx, found) if found else None


def link_identity(tx: Tx, person_id: str, issuer: str, subject: str) -> None:
    """From now on this subject is this person; one that is linked already stays as it is."""
    row = {"issuer": issuer, "subject": subject, "person_id": person_id, "linked_at": tx.now}
    if tx.insert_ignoring(t.identity, row):
        append(tx, REGISTRY, person_id, "identity.linked", {"person": person_id, "issuer": issuer})


def other_than(session_id: str) -> sa.ColumnElement[bool]:
    """The condition for every session but this one."""
    return _s.id != session_id
