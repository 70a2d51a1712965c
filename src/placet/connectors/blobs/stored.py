"""The embedded blob store: content lives in the application database."""

from sqlalchemy import exists, select

from placet.connectors.blobs.port import BlobMissing, BlobsUnavailable, checked, content_hash
from placet.store.engine import Store, StoreUnavailable, Tx
from placet.store.tables import document, term_sheet


class StoredBlobs:
    """Blobs as rows, written once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, content: bytes, media_type: str) -> str:
        key = content_hash(content)

        def insert(tx: Tx) -> None:
            row = {
                "hash": key,
                "media_type": media_type,
                "size": len(content),
                "content": content,
                "created_at": tx.now,
            }
            tx.insert_ignoring(document, row)

        known = select(document.c.hash).where(document.c.hash == key)
        try:
            # Content that is there already does not go through the one writer again.
            if await self._store.read(lambda tx: tx.conn.execute(known).first()) is None:
                await self._store.write(insert)
        except StoreUnavailable as error:
            raise BlobsUnavailable(str(error)) from error
        return key

    async def get(self, hash: str) -> bytes:
        query = select(document.c.content).where(document.c.hash == hash)
        try:
            found = await self._store.read(lambda tx: tx.conn.execute(query).scalar_one_or_none())
        except StoreUnavailable as error:
            raise BlobsUnavailable(str(error)) from error
        if found is None:
            raise BlobMissing(f"No document is stored under {hash}.")
        return checked(bytes(found), hash)

    async def delete(self, hash: str) -> None:
        # A drafted document may have come to the same content meanwhile: its record needs the row.
        drafted = exists().where(term_sheet.c.hash == hash)
        query = document.delete().where(document.c.hash == hash, ~drafted)
        try:
            await self._store.write(lambda tx: tx.conn.execute(query))
        except StoreUnavailable as error:
            raise BlobsUnavailable(str(error)) from error
