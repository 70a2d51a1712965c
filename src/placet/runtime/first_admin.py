"""The first administrator, and the sample organisation of `placet up --demo`."""

from collections.abc import Iterator

import sqlalchemy as sa

from placet.domain.people import ADMIN, EVERYWHERE, SYSTEM, Grant
from placet.store import people, sessions
from placet.store import tables as t
from placet.store.engine import Tx

ADMIN_ID = "admin"
LABEL = "first administrator"

SAMPLE: tuple[tuple[str, str, str], ...] = (
    ("ada", "Ada Amari", "member@deals member@desk voter@coop"),
    ("marta", "Marta Mendes", "partner-manager@deals voter@coop"),
    ("leo", "Leo Larsen", "legal@deals voter@coop"),
    ("eva", "Eva Ekwueme", "executive@deals voter@coop"),
    ("omar", "Omar Osei", "compliance-officer@desk voter@coop"),
    ("cora", "Cora Chen", "coordinator@deals coordinator@desk coordinator@coop voter@coop"),
    ("kofi", "Kofi Klein", "council voter@coop"),
    ("lena", "Lena Lindt", "council"),
    ("abel", "Abel Alves", "council"),
    ("nils", "Nils Novak", "member@coop voter@coop"),
    ("yara", "Yara Yilmaz", "member@coop voter@coop"),
    ("tomo", "Tomo Tanaka", "member@coop voter@coop"),
    ("pia", "Pia Petrov", "member@coop proposer@coop"),
)


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


def ensure_sample(tx: Tx, password_hash: str) -> None:
    """Add the people of the sample organisation who are not there yet; who has no password gets this one."""
    for person, name, grants in SAMPLE:
        if people.find(tx, person) is None:
            held = [Grant(role=role, scope=scope or EVERYWHERE) for role, _, scope in _parted(grants)]
            people.add(tx, SYSTEM, person, name, f"{person}@example.org", held)
    for person in (ADMIN_ID, *(person for person, _, _ in SAMPLE)):
        if sessions.password_of(tx, person) is None:
            sessions.set_password(tx, SYSTEM, person, password_hash)


def _parted(grants: str) -> Iterator[tuple[str, str, str]]:
    """`role@scope`, or a role everywhere."""
    return (grant.partition("@") for grant in grants.split())
