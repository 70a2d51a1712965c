"""The first administrator, and the sample organisation of `placet up --demo`."""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from placet.domain.people import ADMIN, EVERYWHERE, SYSTEM, Grant
from placet.runtime.datadir import DataDirError
from placet.store import people, sessions
from placet.store import tables as t
from placet.store.engine import Tx

ADMIN_ID = "admin"
LABEL = "first administrator"


class Sampled(NamedTuple):
    """Somebody of the sample organisation: what they hold (`role@scope`), and in a word what they are there for."""

    id: str
    name: str
    grants: str
    duty: str


SAMPLE = (
    Sampled("ada", "Ada Amari", "member@deals member@desk voter@coop", "starts cases: partners, customers, payments"),
    Sampled("marta", "Marta Mendes", "partner-manager@deals voter@coop", "approves a new partner first"),
    Sampled("leo", "Leo Larsen", "legal@deals voter@coop", "reviews the terms for a partner"),
    Sampled("eva", "Eva Ekwueme", "executive@deals voter@coop", "has the last word on a partner"),
    Sampled("omar", "Omar Osei", "compliance-officer@desk voter@coop", "decides about a customer"),
    Sampled(
        "cora",
        "Cora Chen",
        "coordinator@deals coordinator@desk coordinator@coop voter@coop",
        "coordinates: follows cases, adds documents",
    ),
    Sampled("kofi", "Kofi Klein", "council voter@coop", "approves payments, as one of the council"),
    Sampled("lena", "Lena Lindt", "council", "approves payments, as one of the council"),
    Sampled("abel", "Abel Alves", "council", "approves payments, as one of the council"),
    Sampled("pia", "Pia Petrov", "member@coop proposer@coop", "proposes what others vote on"),
    Sampled("nils", "Nils Novak", "member@coop voter@coop", "votes"),
    Sampled("yara", "Yara Yilmaz", "member@coop voter@coop", "votes"),
    Sampled("tomo", "Tomo Tanaka", "member@coop voter@coop", "votes"),
)
FIRST_SAMPLE = ("ada", "marta", "leo", "eva", "cora", "kofi")
"""Those whom every sample organisation has had; those before the mark are known by them."""
_SIGNING_IN = (t.account.c.person_id, t.identity.c.person_id, t.passkey.c.person_id)
EVERYBODY = (*SAMPLE, Sampled(ADMIN_ID, "Administrator", ADMIN, "looks after people, money and policies"))


def ensure_admin(tx: Tx, token: str, keep: bool = False) -> None:
    """Make the given token the one of the administrator `admin`, in place of earlier first ones; or `keep` those."""
    if people.find(tx, ADMIN_ID) is None:
        people.add(tx, SYSTEM, ADMIN_ID, "Administrator", "admin@localhost", (Grant(role=ADMIN),))
    mine = (t.access_token.c.person_id == ADMIN_ID) & (t.access_token.c.label == LABEL)
    known = set(
        tx.conn.execute(sa.select(t.access_token.c.hash).where(mine, t.access_token.c.revoked_at.is_(None))).scalars()
    )
    if known == {people.token_hash(token)} or (keep and known):
        return
    tx.conn.execute(t.access_token.update().where(mine).values(revoked_at=tx.now))
    again = t.access_token.update().where(t.access_token.c.hash == people.token_hash(token))
    if tx.conn.execute(again.values(revoked_at=None)).rowcount == 0:
        people.issue_token(tx, SYSTEM, ADMIN_ID, LABEL, token)


def recognise_sample(tx: Tx, demo: bool) -> None:
    """Mark an installation with sample people as one; a new one too if it becomes one by `demo`.

    Raises `DataDirError` when `demo` meets an installation in real use, whose people must not get a shared password.
    """
    if people.samples(tx):
        return
    p = t.person.c
    addresses = [(one, f"{one}@example.org") for one in FIRST_SAMPLE]
    there = tx.conn.execute(sa.select(p.id).where(sa.tuple_(p.id, p.email).in_(addresses))).all()
    if len(there) < len(FIRST_SAMPLE):
        if not demo:
            return
        used = (sa.select(p.id).where(p.id != ADMIN_ID), *map(sa.select, (t.case.c.id, *_SIGNING_IN)))
        if any(tx.conn.execute(query.limit(1)).first() for query in used):
            raise DataDirError(
                "This installation is in use without sample people; --demo would add people with a shared password to "
                "it. Start without --demo, or give --demo a new data directory and an empty database."
            )
    people.mark_sample(tx, (one.id for one in SAMPLE))


def ensure_sample(tx: Tx, password_hash: str) -> None:
    """Add the people of the sample organisation who are not there yet; who has no password gets this one."""
    for one in SAMPLE:
        if people.find(tx, one.id) is None:
            held = [Grant(role=role, scope=scope or EVERYWHERE) for role, _, scope in _parted(one.grants)]
            people.add(tx, SYSTEM, one.id, one.name, f"{one.id}@example.org", held)
    for one in EVERYBODY:
        if sessions.password_of(tx, one.id) is None:
            sessions.set_password(tx, SYSTEM, one.id, password_hash)


def _parted(grants: str) -> Iterator[tuple[str, str, str]]:
    """`role@scope`, or a role everywhere."""
    return (grant.partition("@") for grant in grants.split())
