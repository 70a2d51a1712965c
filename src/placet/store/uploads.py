"""Files sent before there is a case for them: each waits a day for its sender to start one, then it is forgotten.

Its row stays another day, for `sweep`, which then also deletes the content if nobody else needs it.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import documents
from placet.store import tables as t
from placet.store.documents import MOST_BYTES, MOST_FILES, Stored
from placet.store.engine import Tx

LIFE = timedelta(hours=24)
CUT_SHORT = timedelta(hours=1)
"""Whoever deletes and takes longer has been cut short; no call to a storage waits so long."""

_u = t.upload.c
_COLUMNS = (_u.hash, _u.filename, _u.media_type, _u.size)


def waiting(tx: Tx, person: str) -> dict[str, Stored]:
    """The files of this person that still wait, by their hashes."""
    query = sa.select(*_COLUMNS).where(_u.person_id == person, _u.at > tx.now - LIFE).order_by(_u.at, _u.hash)
    return {row.hash: Stored(name="", **row._mapping) for row in tx.conn.execute(query)}


def too_much(tx: Tx, person: str, given: Sequence[Stored] = (), size: int = 0) -> Refusal | None:
    """Why these files, or so many bytes, would be too much beside what waits already."""
    sizes = {one.hash: one.size for one in (*waiting(tx, person).values(), *given)}
    if len(sizes) > MOST_FILES:
        detail = Said("At most %(most)s files of one person wait for a case; start it, or wait a day.", most=MOST_FILES)
        return Refusal(code="too-many-documents", detail=detail)
    if sum(sizes.values()) + size > MOST_BYTES:
        most = MOST_BYTES // 1_000_000
        detail = Said("Of one person at most %(most)s MB wait for a case; start it, or wait a day.", most=most)
        return Refusal(code="too-many-documents", detail=detail)
    return None


def stage(tx: Tx, person: str, given: Sequence[Stored]) -> Refusal | None:
    """Have all these files wait, or none; one that waits already waits anew, under the name it has now."""
    # Of two requests at once, one counts after the other.
    tx.conn.execute(sa.select(t.person.c.id).where(t.person.c.id == person).with_for_update())
    if why := too_much(tx, person, given):
        return why
    rows = {one.hash: one.model_dump(exclude={"name"}) for one in sorted(given, key=lambda one: one.hash)}
    forget(tx, person, rows)
    tx.conn.execute(t.upload.insert(), [{**row, "person_id": person, "at": tx.now} for row in rows.values()])
    return None


def locked(tx: Tx, person: str, hashes: Collection[str]) -> dict[str, Stored]:
    """Those of these files that wait, held until the transaction ends: two cases at once cannot both take them."""
    mine = sa.select(_u.hash).where(_u.person_id == person, _u.hash.in_(sorted(hashes)))
    tx.conn.execute(mine.order_by(_u.hash).with_for_update())
    return {hash: one for hash, one in waiting(tx, person).items() if hash in hashes}


def forget(tx: Tx, person: str, hashes: Collection[str]) -> None:
    """These files wait no more."""
    tx.conn.execute(t.upload.delete().where(_u.person_id == person, _u.hash.in_(sorted(hashes))))


def announce(tx: Tx, person: str, hashes: Collection[str]) -> bool:
    """Write down that this content is about to be stored, so that `sweep` finds it if nobody comes to need it.

    False while the same content is being deleted: take the transaction back, and store it in a moment.
    """
    for hash in sorted(set(hashes)):
        row = {"person_id": person, "hash": hash, "filename": "", "media_type": "", "size": 0}
        tx.insert_ignoring(t.upload, {**row, "at": tx.now - LIFE})
    mine = (_u.person_id == person) & _u.hash.in_(sorted(hashes)) & (_u.at < tx.now - LIFE) & _u.going_at.is_(None)
    tx.conn.execute(t.upload.update().where(mine).values(at=tx.now - LIFE))
    going = sa.select(_u.hash).where(_u.hash.in_(sorted(hashes)), _u.going_at.is_not(None)).limit(1)
    return tx.conn.execute(going).first() is None


def sweep(tx: Tx, limit: int = 100) -> frozenset[str]:
    """The content to delete now: nobody has sent it for two days, and no case has it. Afterwards call `gone`.

    Whoever is about to store the same content has announced it, and then it is not chosen; or announces it after
    this transaction, and is told to wait until it is gone.
    """
    over = _u.at <= tx.now - 2 * LIFE
    idle = _u.going_at.is_(None) | (_u.going_at < tx.now - CUT_SHORT)
    old = sa.select(_u.hash).where(over, idle).order_by(_u.hash).limit(limit)
    if tx.conn.execute(old.limit(1)).first() is None:
        return frozenset()
    if tx.on_postgres:
        # What others announce, give to a case or sweep is seen below or comes after; SQLite has one writer at a time.
        tx.conn.execute(sa.text("LOCK TABLE upload IN SHARE ROW EXCLUSIVE MODE"))
    hashes = set(tx.conn.execute(old).scalars())
    fresh = sa.select(_u.hash).where(_u.hash.in_(sorted(hashes)), ~over)
    needed = documents.named(tx, sorted(hashes)) | set(tx.conn.execute(fresh).scalars())
    going = hashes - needed
    tx.conn.execute(t.upload.delete().where(_u.hash.in_(sorted(needed)), over))
    tx.conn.execute(t.upload.update().where(_u.hash.in_(sorted(going))).values(going_at=tx.now))
    return frozenset(going)


def gone(tx: Tx, hashes: Collection[str]) -> None:
    """This content is deleted; the same can be stored again."""
    tx.conn.execute(t.upload.delete().where(_u.hash.in_(sorted(hashes)), _u.going_at.is_not(None)))
