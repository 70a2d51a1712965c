"""People, their grants and their tokens. Every change is a line of the `@registry` chain."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.domain.people import ADMIN, EVERYWHERE, SYSTEM, Audience, External, Grant, Named, Person, Role
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

_p, _g, _a = t.person.c, t.role_grant.c, t.access_token.c
# One row a grant; of somebody without any, one without a role.
_KNOWN = sa.select(t.person, _g.role, _g.scope).join_from(t.person, t.role_grant, _g.person_id == _p.id, isouter=True)
_PERSON = _KNOWN.where(_p.id == sa.bindparam("of_person")).order_by(_g.role, _g.scope)
_HOLDER = (
    _KNOWN.join(t.access_token, _a.person_id == _p.id)
    .where(_a.hash == sa.bindparam("of_hash"), _a.revoked_at.is_(None), _p.active)
    .order_by(_g.role, _g.scope)
)
_HOLDERS = (
    _KNOWN.join(t.access_token, _a.person_id == _p.id)
    .add_columns(_a.hash)
    .where(_a.hash.in_(sa.bindparam("hashes", expanding=True)), _a.revoked_at.is_(None), _p.active)
    .order_by(_a.hash, _g.role, _g.scope)
)
_PRESENT = _KNOWN.where(_p.id.in_(sa.bindparam("people", expanding=True)), _p.active).order_by(_p.id, _g.role, _g.scope)

SAMPLE = "sample-people"
_STATE = sa.select(sa.cast(t.meta.c.value, sa.BigInteger)).where(t.meta.c.key == sa.bindparam("of_role"))
_NEXT_STATE = (
    t.meta.update()
    .where(t.meta.c.key == sa.bindparam("of_role"))
    .values(value=sa.cast(sa.cast(t.meta.c.value, sa.BigInteger) + 1, sa.Text))
)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def find(tx: Tx, person_id: str) -> Person | None:
    return _known(tx.conn.execute(_PERSON, {"of_person": person_id}).all())


def called(tx: Tx, text: str) -> str:
    """The id of whoever in the organisation is meant by an id, an e-mail address or a whole name; if that is nobody, or
    more than one, the text itself."""
    if find(tx, text) is not None:
        return text
    meant = (sa.func.lower(_p.email) == text.lower()) | (_p.name == text) | (sa.func.lower(_p.name) == text.lower())
    found = tx.conn.execute(sa.select(_p.id).where(meant, _p.active, ~_p.external).limit(2)).scalars().all()
    return found[0] if len(found) == 1 else text


def address_taken(tx: Tx, person_id: str, email: str) -> bool:
    """Whether the address, however it is written, is that of another active person of the organisation."""
    same = (sa.func.lower(_p.email) == email.lower()) & _p.active & ~_p.external & (_p.id != person_id)
    return tx.conn.execute(sa.select(_p.id).where(same).limit(1)).first() is not None


def by_token(tx: Tx, token: str) -> Person | None:
    """The active person behind a bearer token, or None."""
    return _known(tx.conn.execute(_HOLDER, {"of_hash": token_hash(token)}).all())


def by_tokens(tx: Tx, hashes: Iterable[str]) -> dict[str, Person]:
    """The active people behind these `token_hash`es, by hash; who is not there holds none of them."""
    rows: dict[str, list[sa.Row[Any]]] = {}
    for row in tx.conn.execute(_HOLDERS, {"hashes": sorted(set(hashes))}):
        rows.setdefault(row.hash, []).append(row)
    return {hashed: person for hashed, known in rows.items() if (person := _known(known)) is not None}


def names(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """What these people are called, by id."""
    if not (wanted := sorted(set(ids))):
        return {}
    p = t.person.c
    return {row.id: row.name for row in tx.conn.execute(sa.select(p.id, p.name).where(p.id.in_(wanted)))}


def present(tx: Tx, ids: Iterable[str]) -> dict[str, Person]:
    """Those of these people who are active, by id."""
    rows: dict[str, list[sa.Row[Any]]] = {}
    for row in tx.conn.execute(_PRESENT, {"people": sorted(set(ids))}):
        rows.setdefault(row.id, []).append(row)
    return {person_id: person for person_id, known in rows.items() if (person := _known(known)) is not None}


def _known(rows: Sequence[sa.Row[Any]]) -> Person | None:
    if not rows:
        return None
    first = rows[0]
    return Person(
        id=first.id,
        name=first.name,
        email=first.email,
        external=first.external,
        active=first.active,
        grants=tuple(Grant(role=row.role, scope=row.scope) for row in rows if row.role is not None),
    )


def registry_state(tx: Tx, role: str) -> int:
    """A number that grows with every change to who holds this role."""
    return int(tx.conn.execute(_STATE, {"of_role": f"{REGISTRY}:{role}"}).scalar_one_or_none() or 0)


def _changed(tx: Tx, roles: Iterable[str]) -> None:
    # In one order, as two may change the same roles at once.
    for role in sorted(set(roles)):
        tx.insert_ignoring(t.meta, {"key": f"{REGISTRY}:{role}", "value": "0"})
        tx.conn.execute(_NEXT_STATE, {"of_role": f"{REGISTRY}:{role}"})


def add(
    tx: Tx, actor: str, person_id: str, name: str, email: str, grants: Iterable[Grant], external: bool = False
) -> None:
    """Add somebody; the caller has checked that the id is free."""
    tx.conn.execute(
        t.person.insert().values(
            id=person_id, name=name, email=email, external=external, active=True, created_at=tx.now
        )
    )
    listed = _insert_grants(tx, actor, person_id, grants)
    _changed(tx, (role for role, _ in listed))
    append(tx, REGISTRY, actor, "person.added", {"person": person_id, "grants": listed}, name=name, email=email)


def set_grants(tx: Tx, actor: str, person_id: str, grants: Iterable[Grant]) -> None:
    """Replace all grants of a person."""
    before = tx.conn.execute(sa.select(_g.role).where(_g.person_id == person_id)).scalars().all()
    tx.conn.execute(t.role_grant.delete().where(_g.person_id == person_id))
    listed = _insert_grants(tx, actor, person_id, grants)
    _changed(tx, {*before, *(role for role, _ in listed)})
    append(tx, REGISTRY, actor, "person.grants-set", {"person": person_id, "grants": listed})


def _insert_grants(tx: Tx, actor: str, person_id: str, grants: Iterable[Grant]) -> list[list[str]]:
    pairs = sorted({(grant.role, grant.scope) for grant in grants})
    rows = [
        {"person_id": person_id, "role": role, "scope": scope, "granted_by": actor, "granted_at": tx.now}
        for role, scope in pairs
    ]
    if rows:
        tx.conn.execute(t.role_grant.insert(), rows)
    return [list(pair) for pair in pairs]


def grant(tx: Tx, actor: str, person_id: str, given: Grant, case_id: str) -> bool:
    """Give one right as a case decided; False when the person has just this one already."""
    row = {"person_id": person_id, "role": given.role, "scope": given.scope, "granted_by": actor, "granted_at": tx.now}
    if not tx.insert_ignoring(t.role_grant, row):
        return False
    _changed(tx, (given.role,))
    detail = {"person": person_id, "role": given.role, "scope": given.scope, "case": case_id}
    append(tx, REGISTRY, actor, "person.granted", detail)
    return True


def revoke(tx: Tx, actor: str, person_id: str, taken: Grant, case_id: str) -> bool:
    """Take one right as a case decided; False when the person does not have it."""
    one = (_g.person_id == person_id) & (_g.role == taken.role) & (_g.scope == taken.scope)
    if not tx.conn.execute(t.role_grant.delete().where(one)).rowcount:
        return False
    _changed(tx, (taken.role,))
    detail = {"person": person_id, "role": taken.role, "scope": taken.scope, "case": case_id}
    append(tx, REGISTRY, actor, "person.revoked", detail)
    return True


def set_active(tx: Tx, actor: str, person_id: str, active: bool, case_id: str | None = None, reason: str = "") -> None:
    """Let somebody in, or no longer (`departure` does all that belongs to it); their grants count only while
    they are active. `case_id` is the case that decided it."""
    held = tx.conn.execute(sa.select(_g.role).where(_g.person_id == person_id)).scalars().all()
    line = append(
        tx,
        REGISTRY,
        actor,
        "person.active-set",
        {"person": person_id, "active": active, "case": case_id},
        reason=reason,
    )
    tx.conn.execute(t.person.update().where(_p.id == person_id).values(active=active, active_line=line.seq))
    _changed(tx, held)


def mark_sample(tx: Tx, ids: Iterable[str]) -> None:
    """Remember that these people are samples, who share a password."""
    tx.insert_ignoring(t.meta, {"key": SAMPLE, "value": " ".join(ids)})


def samples(tx: Tx) -> list[str]:
    """The ids of the sample people, of an installation that began with them."""
    value = tx.conn.execute(sa.select(t.meta.c.value).where(t.meta.c.key == SAMPLE)).scalar_one_or_none()
    return (value or "").split()


def hold(tx: Tx) -> None:
    """Hold the registry: else two could add the same id, and two administrators could remove each other."""
    tx.conn.execute(sa.select(t.chain_head.c.seq).where(t.chain_head.c.chain == REGISTRY).with_for_update())


def remains_admin(tx: Tx, person_id: str, grants: Iterable[Grant]) -> bool:
    """Whether somebody administers everything once this person has these grants."""
    if any(given.covers(ADMIN, EVERYWHERE) for given in grants):
        return True
    others = (
        sa.select(_g.person_id)
        .join_from(t.role_grant, t.person, _p.id == _g.person_id)
        .where(_g.role == ADMIN, _g.scope == EVERYWHERE, _p.active, ~_p.external, _p.id != person_id)
    )
    return tx.conn.execute(others.limit(1)).first() is not None


def is_last_admin(tx: Tx, person_id: str) -> bool:
    """Whether this person is the only one who administers everything."""
    person = find(tx, person_id)
    return person is not None and person.holds(ADMIN, EVERYWHERE) and not remains_admin(tx, person_id, ())


def issue_token(tx: Tx, actor: str, person_id: str, label: str, token: str | None = None) -> str:
    """A new bearer token, shown once: only its hash is kept."""
    token = token or f"plc_{secrets.token_urlsafe(32)}"
    row = {"hash": token_hash(token), "person_id": person_id, "label": label, "created_at": tx.now, "revoked_at": None}
    tx.conn.execute(t.access_token.insert().values(row))
    append(tx, REGISTRY, actor, "token.issued", {"person": person_id, "label": label})
    return token


def token_id(hashed: str) -> str:
    """The name of a token: enough of its hash to tell it from others, and of no use otherwise."""
    return hashed[:16]


def revoke_token(tx: Tx, actor: str, hashed: str) -> None:
    """End a token; one that has ended already stays as it is."""
    here = t.access_token.update().where(_a.hash == hashed, _a.revoked_at.is_(None))
    row = tx.conn.execute(sa.select(_a.person_id, _a.label).where(_a.hash == hashed)).one()
    if tx.conn.execute(here.values(revoked_at=tx.now)).rowcount:
        append(tx, REGISTRY, actor, "token.revoked", {"person": row.person_id, "label": row.label})


def revoke_tokens(tx: Tx, actor: str, person_id: str) -> None:
    """End every token of a person."""
    for hashed in tx.conn.execute(sa.select(_a.hash).where(_a.person_id == person_id, _a.revoked_at.is_(None))).all():
        revoke_token(tx, actor, hashed.hash)


def admit_external(tx: Tx, who: External) -> None:
    """Make somebody outside known, so that acts and mails have an address; gives no rights and no token."""
    email = who.email.strip().lower()
    row = {"id": who.person, "name": who.name, "email": email, "external": True, "active": True, "created_at": tx.now}
    # Two cases may admit the same person at the same moment.
    if tx.insert_ignoring(t.person, row):
        append(tx, REGISTRY, SYSTEM, "person.added", {"person": who.person, "grants": []}, name=who.name, email=email)


def holders(role: str, scope: str) -> sa.ColumnElement[bool]:
    """The condition on `role_grant` for holding this role in this scope."""
    return (t.role_grant.c.role == role) & t.role_grant.c.scope.in_((EVERYWHERE, scope))


def addressees(tx: Tx, to: Iterable[Audience], scope: str) -> list[tuple[str, str, str, bool]]:
    """`(id, name, email, external)` of everybody meant, each once, ordered by id."""
    query = _meant(tuple(to), scope)
    if query is None:
        return []
    return [(row.id, row.name, row.email, row.external) for row in tx.conn.execute(query)]


@lru_cache(maxsize=256)
def _meant(to: tuple[Audience, ...], scope: str) -> sa.Select[tuple[str, str, str, bool]] | None:
    conditions: list[sa.ColumnElement[bool]] = []
    for who in to:
        if isinstance(who, Role):
            having = sa.select(t.role_grant.c.person_id).where(holders(who.name, who.scope or scope))
            conditions.append(t.person.c.id.in_(having))
        elif isinstance(who, Named | External):
            conditions.append(t.person.c.id == who.person)
    if not conditions:
        return None
    return sa.select(_p.id, _p.name, _p.email, _p.external).where(_p.active, sa.or_(*conditions)).order_by(_p.id)
