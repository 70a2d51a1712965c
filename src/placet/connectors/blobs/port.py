"""Content kept once under its own hash; the hash is what cases carry and people sign."""

import hashlib
from typing import Literal, Protocol

from pydantic import Field, model_validator

from placet.domain.model import Strict


class BlobMissing(LookupError):
    """No content is stored under this hash."""


class BlobDamaged(Exception):
    """What is stored under this hash is not the content that has it."""


class BlobsUnavailable(Exception):
    """The storage cannot be reached, or refuses us; trying again may help."""


class BlobStore(Protocol):
    """Write-once storage. Every call raises BlobsUnavailable."""

    async def put(self, content: bytes, media_type: str) -> str:
        """Store and return the SHA-256 in hex; storing the same content again changes nothing."""
        ...

    async def get(self, hash: str) -> bytes:
        """The content, checked against its hash; raises BlobMissing or BlobDamaged."""
        ...

    async def delete(self, hash: str) -> None:
        """Delete the content, if it is there; whoever calls has found that nobody needs it, see `store.uploads`."""
        ...


class BlobSettings(Strict):
    """Where documents lie: rows of the database, files of a folder, or objects of an S3 bucket.

    The keys of S3 come from the environment variables named here. `max_file_mb` is the most that one file may have.
    """

    kind: Literal["database", "folder", "s3"] = "database"
    bucket: str | None = None
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_env: str = "AWS_ACCESS_KEY_ID"
    secret_key_env: str = "AWS_SECRET_ACCESS_KEY"
    max_file_mb: int = Field(default=25, ge=1, le=100)

    @model_validator(mode="after")
    def _complete(self) -> "BlobSettings":
        if self.kind == "s3" and not self.bucket:
            raise ValueError('kind = "s3" needs a bucket')
        return self


def content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checked(content: bytes, hash: str) -> bytes:
    """The content if it has this hash; raises BlobDamaged."""
    if content_hash(content) != hash:
        raise BlobDamaged(f"The stored document {hash} is damaged; restore it from a backup.")
    return content
