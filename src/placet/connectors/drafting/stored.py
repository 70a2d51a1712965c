"""The embedded drafter: renders with typst, keeps the PDF in a blob store and the record in the database."""

import asyncio
from typing import Any

from sqlalchemy import Row, select, update

from placet.connectors.blobs.port import BlobStore
from placet.connectors.drafting.pdf import render
from placet.connectors.drafting.port import DraftingRefused, TermSheet, TermSheetRequest
from placet.store.engine import Store, Tx
from placet.store.tables import term_sheet

PDF = "application/pdf"


class StoredDrafter:
    """Drafts each key once; a later call answers from the record."""

    def __init__(self, store: Store, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    async def term_sheet(self, key: str, request: TermSheetRequest) -> TermSheet:
        recorded = await self._store.read(lambda tx: _find(tx, key))
        if recorded is None:
            pdf = await asyncio.to_thread(render, request)
            hash = await self._blobs.put(pdf, PDF)
            # The first record of a key stays, also against a draft that ran at the same time.
            recorded = await self._store.write(lambda tx: _record(tx, key, hash, request))
        if (recorded.partner_id, recorded.version) != (request.partner_id, request.version):
            raise DraftingRefused("draft-key-reused", f"{key} has already drafted another term sheet.")
        if recorded.retracted_at is not None:
            raise DraftingRefused("draft-retracted", f"{key} has been retracted. Draft a new version instead.")
        content = await self._blobs.get(recorded.hash)
        return TermSheet(hash=recorded.hash, version=request.version, size=len(content), title=request.title)

    async def retract(self, key: str, request: TermSheetRequest) -> None:
        if await self._store.write(lambda tx: _mark_retracted(tx, key)):
            return
        # Nothing is drafted yet, but an attempt may still be on its way: leave it a record that is already withdrawn.
        try:
            await self.term_sheet(key, request)
        except DraftingRefused:
            return
        await self._store.write(lambda tx: _mark_retracted(tx, key))


def _find(tx: Tx, key: str) -> Row[Any] | None:
    return tx.conn.execute(select(term_sheet).where(term_sheet.c.key == key)).one_or_none()


def _record(tx: Tx, key: str, hash: str, request: TermSheetRequest) -> Row[Any]:
    row = {"key": key, "hash": hash, "partner_id": request.partner_id, "version": request.version, "drafted_at": tx.now}
    tx.insert_ignoring(term_sheet, row)
    return tx.conn.execute(select(term_sheet).where(term_sheet.c.key == key)).one()


def _mark_retracted(tx: Tx, key: str) -> bool:
    """Whether the key has a record, which is retracted from now on; the first time of retraction stays."""
    open_record = (term_sheet.c.key == key) & term_sheet.c.retracted_at.is_(None)
    tx.conn.execute(update(term_sheet).where(open_record).values(retracted_at=tx.now))
    return _find(tx, key) is not None
