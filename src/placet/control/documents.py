"""Documents that a case made or was given, shown only through that case or a task of it; and giving them."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, Protocol
from urllib.parse import quote

import sqlalchemy as sa

from placet.connectors.blobs.inspection import MOST_BYTES, TYPES, Scanner, check_size, inspect
from placet.connectors.blobs.port import BlobDamaged, BlobMissing, BlobStore, BlobsUnavailable, content_hash
from placet.connectors.blobs.unfit import Unfit
from placet.control import reading
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found, not_found, uncounted
from placet.control.views import GivenDocumentsView, GivenDocumentView, Page, UploadsView, UploadView
from placet.domain.audit import digest
from placet.domain.dossier import Entry
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import documents, uploads
from placet.store import tables as t
from placet.store.acts import NotCounted, audit_refusal
from placet.store.documents import ATTEMPT, Stored
from placet.store.engine import Tx

ACCEPTED = ",".join(f".{ending}" for kind in TYPES for ending in kind.endings)
"""What is taken, for the `accept` of an input: a phone then sends its pictures in a form that is taken."""
ENDINGS = {"application/pdf": "pdf", "text/plain": "txt", "text/csv": "csv"}
STAGING = "document.stage"
NOT_OURS = Said("Only people of the organisation start cases.")
HASH = re.compile(r"[0-9a-f]{64}")
MOST_TOGETHER = 100_000_000
"""Bytes of the files that one form may bring when it starts a case."""
AT_ONCE = 2
"""So many requests at a time may have their files in memory; the others wait, with theirs on the disk."""


@dataclass(frozen=True)
class Document:
    """`hash` is the SHA-256 of the content, in hex."""

    hash: str
    media_type: str
    content: bytes
    name: str = ""

    @property
    def file_name(self) -> str:
        return self.name or f"{self.hash[:16]}.{ENDINGS.get(self.media_type, 'bin')}"

    @property
    def headers(self) -> dict[str, str]:
        """How it is handed out: as a file to keep, never run or shown inside our own pages."""
        plain = self.file_name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
        named = f'attachment; filename="{plain}"'
        if plain != self.file_name:
            named += f"; filename*=UTF-8''{quote(self.file_name, safe='')}"
        return {
            "Content-Disposition": named,
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{self.hash}"',
        }


class SentFile(Protocol):
    """A file of a form, which may still lie outside the memory."""

    @property
    def size(self) -> int | None: ...

    @property
    def filename(self) -> str | None: ...

    @property
    def content_type(self) -> str | None: ...

    @property
    def file(self) -> BinaryIO: ...


May = Callable[[Tx, Person, tuple[Stored, ...]], Problem | None]
"""Why these files may not come, if so."""


@dataclass(frozen=True)
class Sending:
    """One file as somebody sends it, and the document that it should be."""

    name: str
    file: SentFile


class Documents:
    def __init__(
        self, door: Door, blobs: BlobStore, most_bytes: int = MOST_BYTES, scanner: Scanner | None = None
    ) -> None:
        self.most_bytes = most_bytes
        self.most_together = max(MOST_TOGETHER, most_bytes)
        self._door = door
        self._blobs = blobs
        self._scanner = scanner
        self._turn = asyncio.Semaphore(AT_ONCE)
        # Threads of its own, and few: every thread that has read a large file keeps memory back for the next one.
        self._readers = ThreadPoolExecutor(AT_ONCE, "placet-documents")

    async def get(self, person: Person, case_id: str, content_hash: str) -> Document:
        """A document that was given to the case, or that a step of it made."""

        def look(tx: Tx) -> bool:
            seen = reading.seen_case(tx, person, case_id) is not None
            return seen and content_hash in documents.recorded(tx, case_id)

        if not await self._door.read(look):
            raise not_found()
        return await self.content(case_id, content_hash)

    async def fetch(self, person: Person, document_id: str) -> Document:
        """A document that was given to a case, by its id."""

        def look(tx: Tx) -> sa.Row[Any] | None:
            row = tx.conn.execute(sa.select(t.case_document).where(t.case_document.c.id == document_id)).one_or_none()
            return row if row and reading.seen_case(tx, person, row.case_id) is not None else None

        row = found(await self._door.read(look))
        return Document(row.hash, row.media_type, await self._content(row.hash), row.filename)

    async def content(self, case_id: str, content_hash: str) -> Document:
        """The document with this hash, for somebody who has been found to may see it."""

        def look(tx: Tx) -> tuple[Document | None, sa.Row[Any, Any] | None]:
            c = t.case_document.c
            query = sa.select(c.media_type, c.filename).where(c.case_id == case_id, c.hash == content_hash).limit(1)
            given = tx.conn.execute(query).one_or_none()
            return (None if given else load(tx, content_hash)), given

        kept, given = await self._door.read(look)
        if kept is not None:
            return kept
        content = await self._content(content_hash)
        if given is None:
            return Document(content_hash, "application/octet-stream", content)
        return Document(content_hash, given.media_type, content, given.filename)

    async def mentioned(self, person: Person, case_id: str, value: Any) -> frozenset[str]:
        """The documents of this case that a value in it speaks of, by their hashes."""
        hashes = set(mentioned(value))
        if not hashes:
            return frozenset()

        def look(tx: Tx) -> frozenset[str]:
            seen = reading.seen_case(tx, person, case_id) is not None
            return documents.recorded(tx, case_id) & hashes if seen else frozenset()

        return await self._door.read(look)

    async def listed(self, person: Person, case_id: str) -> Page[Entry]:
        """What was asked for and what has come."""

        def look(tx: Tx) -> Page[Entry] | None:
            if reading.seen_case(tx, person, case_id) is None:
                return None
            return Page(items=list(documents.entries(tx, case_id)), next_cursor=None)

        return found(await self._door.read(look))

    async def admit(self, person: Person, case_id: str, size: int = 0, round: int | None = None) -> None:
        """Say no before anything is read, where that is already certain; `size` is what is announced."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if reading.seen_case(tx, present, case_id) is None:
                return not_found()
            why = documents.would_refuse(tx, present, case_id, (), size, round)
            return uncounted(why) if why else Done({})

        await self._door.act(person, "document.offer", act)

    async def give(
        self,
        person: Person,
        case_id: str,
        sent: Sequence[Sending],
        key: str | None = None,
        round: int | None = None,
    ) -> Done:
        """Take all files or none; `key` is the caller's for this act."""
        if not sent:
            raise Problem("invalid-request", Said("Choose a file."), field="file")

        def may(tx: Tx, present: Person, given: tuple[Stored, ...]) -> Problem | None:
            if reading.seen_case(tx, present, case_id) is None:
                return not_found()
            why = documents.would_refuse(tx, present, case_id, given, round=round)
            return uncounted(why) if why else None

        async with self._turn:
            stored = await self._stored(person, ATTEMPT, {"case": case_id}, sent, may)
        once = Once(key, digest([case_id, [one.model_dump() for one in stored]])) if key else None

        def act(tx: Tx, present: Person) -> Done | Problem:
            if reading.seen_case(tx, present, case_id) is None:
                return not_found()
            taken = documents.receive(tx, present, case_id, stored, round)
            if isinstance(taken, NotCounted):
                return uncounted(taken)
            items = [GivenDocumentView(document=one.document, receipt=one.receipt) for one in taken]
            view = GivenDocumentsView(items=items).model_dump(mode="json")
            return Done(view, created=any(one.new for one in taken))

        return await self._door.act(person, ATTEMPT, act, once)

    async def may_stage(self, person: Person, size: int = 0) -> None:
        """Say no to files for a case that is still to start, before they are read; `size` is what is announced."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if present.external:
                return forbidden(tx, present, STAGING, NOT_OURS)
            return _staged(tx, present, uploads.too_much(tx, present.id, size=size))

        await self._door.act(person, "document.offer", act)

    async def stage(self, person: Person, sent: Sequence[Sending]) -> Done:
        """Take all files or none, for a case that this person starts within a day. The same again is the same."""
        if not sent:
            raise Problem("invalid-request", Said("Choose a file."), field="file")

        def may(tx: Tx, present: Person, given: tuple[Stored, ...]) -> Problem | None:
            if present.external:
                return forbidden(tx, present, STAGING, NOT_OURS)
            done = _staged(tx, present, uploads.too_much(tx, present.id, given))
            return done if isinstance(done, Problem) else None

        async with self._turn:
            stored = await self._stored(person, STAGING, {}, sent, may)

        def act(tx: Tx, present: Person) -> Done | Problem:
            if present.external:
                return forbidden(tx, present, STAGING, NOT_OURS)
            expires_at = tx.now + uploads.LIFE
            items = [UploadView(**one.model_dump(exclude={"name"}), expires_at=expires_at) for one in stored]
            view = UploadsView(items=items).model_dump(mode="json")
            return _staged(tx, present, uploads.stage(tx, present.id, stored), view)

        return await self._door.act(person, STAGING, act)

    async def staged(self, person: Person) -> dict[str, Stored]:
        """The files of this person that wait for a case, by their hashes."""
        return await self._door.read(lambda tx: uploads.waiting(tx, person.id))

    async def _stored(
        self, person: Person, attempt: str, about: dict[str, Any], sent: Sequence[Sending], may: May
    ) -> tuple[Stored, ...]:
        """Look into every file, and ask whether they may come, before the first one is stored."""
        checked: list[tuple[Stored, bytes]] = []
        for sending in sent:
            judged = await asyncio.get_running_loop().run_in_executor(self._readers, self._judged, sending)
            if isinstance(judged, Refusal):
                await self._refuse(person, attempt, about, judged)
            checked.append(judged)
        given = tuple(stored for stored, _ in checked)

        def announce(tx: Tx, present: Person) -> Done | Problem:
            if why := may(tx, present, given):
                return why
            if uploads.announce(tx, present.id, {one.hash for one in given}):
                return Done({})
            raise Problem("unavailable", Said("The same file is being deleted just now; try again in a moment."))

        await self._door.act(person, "document.offer", announce)
        for stored, content in checked:
            try:
                await self._blobs.put(content, stored.media_type)
            except BlobsUnavailable as error:
                raise Problem("unavailable", f"{error} Nothing was kept; try again in a moment.") from error
        return given

    def _judged(self, sending: Sending) -> tuple[Stored, bytes] | Refusal:
        """Read and judge one file; what is known to be too large is not read."""
        file = sending.file
        size = file.size or 0
        try:
            check_size(size, self.most_bytes)
        except Unfit as why:
            return Refusal(code=why.code, detail=why.detail, field="file")
        # A read of known size takes no more memory than that.
        content = file.file.read(size)
        found = inspect(content, file.filename or "", file.content_type, self.most_bytes, self._scanner)
        if isinstance(found, Refusal):
            return found
        known = {"filename": found.filename, "media_type": found.media_type, "size": len(content)}
        return Stored(name=sending.name, hash=content_hash(content), **known), content

    async def _refuse(self, person: Person, attempt: str, about: dict[str, Any], why: Refusal) -> NoReturn:
        def act(tx: Tx, present: Person) -> Done | Problem:
            audit_refusal(tx, present.id, attempt, why.code, about)
            return uncounted(NotCounted(refusal=why))

        await self._door.act(person, attempt, act)
        raise AssertionError("unreachable")

    async def _content(self, hash: str) -> bytes:
        try:
            return await self._blobs.get(hash)
        except (BlobDamaged, BlobMissing) as error:
            detail = Said("This document is missing in the storage or damaged there; tell an administrator.")
            raise Problem("unavailable", detail) from error
        except BlobsUnavailable as error:
            raise Problem("unavailable", f"{error} Try again in a moment.") from error


def _staged(tx: Tx, person: Person, why: Refusal | None, view: dict[str, Any] | None = None) -> Done | Problem:
    if why is None:
        return Done(view or {}, created=view is not None)
    audit_refusal(tx, person.id, STAGING, why.code, {})
    return uncounted(NotCounted(refusal=why))


def load(tx: Tx, content_hash: str) -> Document | None:
    d = t.document.c
    query = sa.select(d.media_type, d.content).where(d.hash == content_hash)
    row = tx.conn.execute(query).one_or_none()
    return Document(hash=content_hash, media_type=row.media_type, content=bytes(row.content)) if row else None


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
