"""The roll of a ballot: its electorate, frozen before it opens, staged in chunks however large it is.

Staging reads the grants piece by piece, each piece in a transaction of its own, so that others come in between. The
registry counts its changes: a roll that was read while they went on is staged again, and the last pass that nothing
disturbed is what the ballot opens with.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from placet.domain.ballot import roll_hash as roll_hash
from placet.domain.model import Durable
from placet.domain.people import EVERYWHERE
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Store, Tx

CHUNK = 20_000
AT_ONCE = 2_000
"""Electorates of up to this size are read where the ballot opens, in the same transaction."""

_r, _h = t.roll.c, t.roll_head.c
_MEMBERS = sa.select(_r.person_id).where(
    _r.decision_id == sa.bindparam("of_task"), _r.person_id.in_(sa.bindparam("people", expanding=True))
)


class Electorate(Durable):
    """Who may vote: everybody active in the organisation who holds the role in the scope, but for the excluded."""

    role: str
    scope: str
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roll:
    total: int
    hash: str


@dataclass
class Staging:
    """How far one pass over the grants has come; `stage` moves it on."""

    decision_id: str
    electorate: Electorate
    registry: int = -1
    scopes_left: tuple[str, ...] = ()
    after: str = ""
    measured: Roll | None = None
    passes: int = 0
    done: bool = False

    @property
    def complete(self) -> bool:
        """Whether every grant has been read, and the roll is to be measured."""
        return self.registry >= 0 and not self.scopes_left and self.measured is None


def size_up_to(tx: Tx, electorate: Electorate, limit: int) -> int:
    """The number of voters, counted up to the limit."""
    g = t.role_grant.c
    query = sa.select(g.person_id).where(people.holders(electorate.role, electorate.scope)).limit(limit)
    return len(tx.conn.execute(query).all())


def stage(tx: Tx, staging: Staging) -> None:
    """Do the next piece of a pass; from the last one on, `done` says that the roll is whole."""
    if staging.registry < 0:
        staging.registry, staging.measured = people.registry_state(tx, staging.electorate.role), None
        staging.passes += 1
        staging.scopes_left = tuple(sorted({EVERYWHERE, staging.electorate.scope}))
        tx.conn.execute(t.roll.delete().where(_r.decision_id == staging.decision_id))
        tx.conn.execute(t.roll_head.delete().where(_h.decision_id == staging.decision_id))
    if staging.scopes_left:
        _take(tx, staging)
        return
    if people.registry_state(tx, staging.electorate.role) != staging.registry:
        staging.registry = -1
        return
    if staging.measured is None:
        measure(tx, staging)
    _conclude(tx, staging)


def measure(tx: Tx, staging: Staging) -> None:
    """Count and commit to a complete roll; only reads, so a large one is measured without holding others up."""
    query = sa.select(_r.person_id).where(_r.decision_id == staging.decision_id)
    ids = tx.conn.execute(query).scalars().all()
    staging.measured = Roll(len(ids), roll_hash(ids))


def stage_whole(tx: Tx, decision_id: str, electorate: Electorate) -> Roll:
    """Read a small electorate in this one transaction."""
    staging = Staging(decision_id, electorate)
    while not staging.done:
        stage(tx, staging)
    found = staged(tx, decision_id, electorate)
    assert found is not None
    return found


def staged(tx: Tx, decision_id: str, electorate: Electorate) -> Roll | None:
    """The roll that waits for its ballot; None when there is none, or when grants have changed since."""
    row = tx.conn.execute(sa.select(t.roll_head).where(_h.decision_id == decision_id)).one_or_none()
    if row is None or row.registry != people.registry_state(tx, electorate.role):
        return None
    return Roll(row.total, row.hash)


async def forget(store: Store, staging: Staging) -> None:
    """Drop what was staged for a ballot that will not open, piece by piece."""
    mine = _r.decision_id == staging.decision_id
    piece = sa.select(_r.person_id).where(mine).limit(CHUNK).scalar_subquery()
    while await store.write(lambda tx: tx.conn.execute(t.roll.delete().where(mine, _r.person_id.in_(piece))).rowcount):
        pass


async def move_on(store: Store, staging: Staging) -> None:
    """Do the next piece of a pass in a transaction of its own, or measure it in one that only reads."""
    if staging.complete:
        await store.read(lambda tx: measure(tx, staging))
    else:
        await store.write(lambda tx: stage(tx, staging))


def members(tx: Tx, decision_id: str, which: Collection[str]) -> set[str]:
    """Those of these people who are on the roll."""
    return set(tx.conn.execute(_MEMBERS, {"of_task": decision_id, "people": sorted(which)}).scalars())


def _take(tx: Tx, staging: Staging) -> None:
    """One piece of the grants of one scope, by person."""
    g, p, electorate = t.role_grant.c, t.person.c, staging.electorate
    scope = staging.scopes_left[0]
    keys = (
        sa.select(g.person_id)
        .where(g.role == electorate.role, g.scope == scope, g.person_id > staging.after)
        .order_by(g.person_id)
        .limit(CHUNK)
    )
    piece = keys.subquery()
    last = tx.conn.execute(sa.select(sa.func.max(piece.c.person_id))).scalar_one()
    if last is None:
        staging.scopes_left, staging.after = staging.scopes_left[1:], ""
        return
    fit = (
        sa.select(sa.literal(staging.decision_id), p.id)
        .join_from(t.person, piece, piece.c.person_id == p.id)
        .where(p.active, ~p.external)
    )
    if electorate.excluded:
        fit = fit.where(p.id.not_in(electorate.excluded))
    if scope != sorted({EVERYWHERE, electorate.scope})[0]:
        fit = fit.where(~sa.exists().where(_r.decision_id == staging.decision_id, _r.person_id == p.id))
    tx.conn.execute(t.roll.insert().from_select(["decision_id", "person_id"], fit))
    staging.after = last


def _conclude(tx: Tx, staging: Staging) -> None:
    assert staging.measured is not None
    measured = staging.measured
    row = {"decision_id": staging.decision_id, "total": measured.total, "hash": measured.hash}
    tx.conn.execute(t.roll_head.insert(), row | {"registry": staging.registry})
    staging.done = True
