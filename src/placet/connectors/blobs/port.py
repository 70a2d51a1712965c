"""Content kept once under its own hash; the hash is what cases carry and people sign."""

import hashlib
from typing import Protocol


class BlobMissing(LookupError):
    """No content is stored under this hash."""


class BlobStore(Protocol):
    """Write-once storage."""

    async def put(self, content: bytes, media_type: str) -> str:
        """Store and return the SHA-256 in hex; storing the same content again changes nothing."""
        ...

    async def get(self, hash: str) -> bytes:
        """The content; raises BlobMissing."""
        ...


def content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
