"""Documents as objects named by their hash: files of a local folder, or an S3 bucket."""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, S3Store

from placet.connectors.blobs.port import BlobMissing, BlobSettings, BlobsUnavailable, checked, content_hash

HASH = re.compile(r"[0-9a-f]{64}")


class ObjectBlobs:
    """Objects written once, under `sha256/<first two digits>/<hash>`."""

    def __init__(self, objects: ObjectStore, folder: Path | None = None) -> None:
        """`folder` is where the objects lie if they are files: they are then forced to the disk."""
        self._objects = objects
        self._folder = folder

    async def put(self, content: bytes, media_type: str) -> str:
        hash = content_hash(content)
        with _told():
            with suppress(AlreadyExistsError):
                await obstore.put_async(self._objects, _key(hash), content, mode="create")
            # Also when it was there: whoever wrote it may not have got as far as the disk yet.
            if self._folder is not None:
                await asyncio.to_thread(_force_to_disk, self._folder, self._folder / _key(hash))
        return hash

    async def get(self, hash: str) -> bytes:
        if not HASH.fullmatch(hash):
            raise BlobMissing("This is not the hash of a document.")
        try:
            with _told():
                found = await obstore.get_async(self._objects, _key(hash))
                content = bytes(await found.bytes_async())
        except (FileNotFoundError, NotFoundError) as error:
            raise BlobMissing(f"No document is stored under {hash}.") from error
        return checked(content, hash)

    async def delete(self, hash: str) -> None:
        if HASH.fullmatch(hash):
            with suppress(FileNotFoundError, NotFoundError), _told():
                await obstore.delete_async(self._objects, _key(hash))


def folder_blobs(folder: Path) -> ObjectBlobs:
    """Documents as files of a folder, which is made when absent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ObjectBlobs(LocalStore(folder), folder)


def s3_blobs(settings: BlobSettings, environment: Mapping[str, str]) -> ObjectBlobs:
    """Documents in an S3 bucket; raises ValueError when a key is not in the environment."""
    keys = {name: environment.get(name, "") for name in (settings.access_key_env, settings.secret_key_env)}
    if missing := [name for name, value in keys.items() if not value]:
        raise ValueError(f"the environment variable {missing[0]} is not set")
    store = S3Store(
        settings.bucket,
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=keys[settings.access_key_env],
        secret_access_key=keys[settings.secret_key_env],
        # With an address of its own the bucket is part of the path, as every S3 server understands it.
        virtual_hosted_style_request=settings.endpoint is None,
        client_options={
            "allow_http": (settings.endpoint or "").startswith("http://"),
            "connect_timeout": "5s",
            "timeout": "60s",
        },
        retry_config={"max_retries": 3},
    )
    return ObjectBlobs(store)


def _key(hash: str) -> str:
    return f"sha256/{hash[:2]}/{hash}"


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the storage as ours, without addresses or paths in the text."""
    try:
        yield
    except (FileNotFoundError, NotFoundError):
        raise
    except (BaseError, OSError) as error:
        raise BlobsUnavailable("The storage of documents does not answer as it should.") from error


def _force_to_disk(folder: Path, file: Path) -> None:
    for path in (file, file.parent, file.parent.parent, folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
