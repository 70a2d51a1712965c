"""Stored documents, shown only through a case or a task that speaks of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from placet.control import reading
from placet.control.door import Door
from placet.control.errors import found
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.engine import Tx

ENDINGS = {"application/pdf": "pdf", "text/plain": "txt", "text/csv": "csv"}
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Document:
    """`hash` is the SHA-256 of the content, in hex."""

    hash: str
    media_type: str
    content: bytes

    @property
    def file_name(self) -> str:
        return f"{self.hash[:16]}.{ENDINGS.get(self.media_type, 'bin')}"


class Documents:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def get(self, person: Person, case_id: str, content_hash: str) -> Document:
        """A document that a task of the case shows or a step of it made."""

        def look(tx: Tx) -> Document | None:
            if reading.seen_case(tx, person, case_id) is None or not _of_case(tx, case_id, content_hash):
                return None
            return load(tx, content_hash)

        return found(await self._door.read(look))


def load(tx: Tx, content_hash: str) -> Document | None:
    d = t.document.c
    query = sa.select(d.media_type, d.content).where(d.hash == content_hash)
    row = tx.conn.execute(query).one_or_none()
    return Document(hash=content_hash, media_type=row.media_type, content=bytes(row.content)) if row else None


def stored(tx: Tx, hashes: Iterable[str]) -> set[str]:
    """Those of the hashes under which a document is stored."""
    d = t.document.c
    return set(tx.conn.execute(sa.select(d.hash).where(d.hash.in_(sorted(hashes)))).scalars())


def mentioned(value: Any) -> Iterator[str]:
    """Every hash in a JSON value."""
    if isinstance(value, str):
        if HASH.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from mentioned(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from mentioned(inner)


def _of_case(tx: Tx, case_id: str, content_hash: str) -> bool:
    for column in (t.decision.c.subject, t.step.c.result):
        values = tx.conn.execute(sa.select(column).where(column.table.c.case_id == case_id)).scalars()
        if any(content_hash in mentioned(value) for value in values):
            return True
    return False
