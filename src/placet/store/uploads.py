"""Files sent before there is a case for them: each waits a day for its sender to start one, then it is forgotten."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import tables as t
from placet.store.documents import MOST_BYTES, MOST_FILES, Stored
from placet.store.engine import Tx

LIFE = timedelta(hours=24)

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
        detail = Said(
            "Of one person at most %(most)s MB wait for a case; start it, or wait a day.", most=MOST_BYTES // 1_000_000
        )
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


def sweep(tx: Tx) -> int:
    """Forget the files that have waited too long; how many there were."""
    return tx.conn.execute(t.upload.delete().where(_u.at <= tx.now - LIFE)).rowcount
