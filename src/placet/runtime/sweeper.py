"""Finds what should have moved by itself and has not, takes the audit log's checkpoints, deletes old uploads."""

import asyncio
import logging
from functools import partial

from placet.connectors.blobs.port import BlobStore, BlobsUnavailable
from placet.store import audit, course, uploads
from placet.store.engine import Store, StoreUnavailable

log = logging.getLogger(__name__)


class Sweeper:
    def __init__(self, store: Store, blobs: BlobStore, every_seconds: float = 5.0, checkpoint_every: int = 12) -> None:
        self._store = store
        self._blobs = blobs
        self._every = every_seconds
        self._checkpoint_every = checkpoint_every

    async def run(self) -> None:
        """Sweep until cancelled; a checkpoint, and an end for old uploads, with every `checkpoint_every`th round."""
        turn = 0
        while True:
            try:
                woken = await self._store.write(course.sweep)
                if woken:
                    log.info("woke %d cases that had not moved", woken)
                if turn % self._checkpoint_every == 0:
                    await self._seldom()
            except StoreUnavailable as error:
                log.warning("sweeper: the database is not available: %s", error)
            turn += 1
            await asyncio.sleep(self._every)

    async def _seldom(self) -> None:
        if point := await self._store.write(audit.take_checkpoint):
            log.info("audit checkpoint %d: %s", point.number, point.hash)
        await self._tidy()

    async def _tidy(self) -> None:
        """Delete content that nobody needs; what is cut short is taken up after an hour."""
        try:
            for hash in await self._store.write(uploads.sweep):
                await self._blobs.delete(hash)
                await self._store.write(partial(uploads.gone, hashes=(hash,)))
                log.info("deleted %s, which nobody started a case with", hash)
        except BlobsUnavailable as error:
            log.warning("sweeper: %s", error)
