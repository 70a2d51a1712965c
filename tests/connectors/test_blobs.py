"""One contract for every place in which documents can lie: the database, a folder, and a real S3 server."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore
from pydantic import ValidationError
from tests.connectors import s3_server
from tests.connectors.s3_server import BUCKET, KEYS, S3Server

from placet.connectors.blobs.objects import ObjectBlobs, folder_blobs, s3_blobs
from placet.connectors.blobs.port import BlobDamaged, BlobMissing, BlobSettings, BlobStore, BlobsUnavailable
from placet.connectors.blobs.stored import StoredBlobs
from placet.store.engine import Store
from placet.store.tables import document
from ports import free_port

KINDS = ("database", "folder", "s3")
LARGE = bytes(range(256)) * 4 * 1024 * 20


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


def settings_of(server: S3Server) -> BlobSettings:
    return BlobSettings(
        kind="s3",
        bucket=BUCKET,
        endpoint=server.endpoint,
        access_key_env="S3_TEST_KEY",
        secret_key_env="S3_TEST_SECRET",
    )


@pytest.fixture(params=KINDS)
def blobs(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> BlobStore:
    match request.param:
        case "database":
            return StoredBlobs(store)
        case "folder":
            return folder_blobs(tmp_path / "blobs")
    return s3_blobs(settings_of(request.getfixturevalue("s3")), KEYS)


async def test_content_comes_back_under_its_hash(blobs: BlobStore) -> None:
    for content in (b"A deed.", b"", LARGE):
        key = await blobs.put(content, "text/plain")
        assert key == hashlib.sha256(content).hexdigest()
        assert await blobs.get(key) == content


async def test_the_same_content_is_stored_once_by_however_many_at_once(blobs: BlobStore) -> None:
    keys = await asyncio.gather(*(blobs.put(b"the same deed", "text/plain") for _ in range(4)))
    assert len(set(keys)) == 1
    assert await blobs.put(b"the same deed", "application/pdf") == keys[0]
    assert await blobs.get(keys[0]) == b"the same deed"


async def test_what_nobody_stored_is_missing(blobs: BlobStore) -> None:
    for unknown in ("0" * 64, "", "../../etc/passwd", "0" * 63 + "/", "A" * 64):
        with pytest.raises(BlobMissing):
            await blobs.get(unknown)


async def test_deleted_content_is_missing_until_it_is_stored_again(blobs: BlobStore) -> None:
    key, other = await blobs.put(b"A deed.", "text/plain"), await blobs.put(b"Another deed.", "text/plain")
    for gone in (key, key, "0" * 64, "", "../../etc/passwd"):
        await blobs.delete(gone)
    with pytest.raises(BlobMissing):
        await blobs.get(key)
    assert await blobs.get(other) == b"Another deed."
    assert await blobs.put(b"A deed.", "text/plain") == key
    assert await blobs.get(key) == b"A deed."


async def test_content_that_was_changed_in_the_storage_is_never_handed_out(
    request: pytest.FixtureRequest, store: Store, tmp_path: Path
) -> None:
    in_folder, in_rows = folder_blobs(tmp_path / "blobs"), StoredBlobs(store)
    server: S3Server = request.getfixturevalue("s3")
    in_bucket = s3_blobs(settings_of(server), KEYS)
    for blobs in (in_folder, in_rows, in_bucket):
        key = await blobs.put(b"what was signed", "text/plain")
    (tmp_path / "blobs" / "sha256" / key[:2] / key).write_bytes(b"what was forged")
    await store.write(lambda tx: tx.conn.execute(document.update().values(content=b"what was forged")))
    await obstore.put_async(server.store(), f"sha256/{key[:2]}/{key}", b"what was forged")
    for blobs in (in_folder, in_rows, in_bucket):
        with pytest.raises(BlobDamaged, match="restore it from a backup"):
            await blobs.get(key)


async def test_objects_lie_under_their_hash_and_nowhere_else(tmp_path: Path) -> None:
    blobs = folder_blobs(tmp_path / "blobs")
    key = await blobs.put(b"A deed.", "text/plain")
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert files == [tmp_path / "blobs" / "sha256" / key[:2] / key]
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


async def test_a_storage_that_refuses_or_is_not_there_is_unavailable(s3: S3Server, tmp_path: Path) -> None:
    wrong = s3_blobs(settings_of(s3), KEYS | {"S3_TEST_SECRET": "another"})
    nobody = s3_blobs(settings_of(S3Server(f"http://127.0.0.1:{free_port()}")), KEYS)
    blocked = tmp_path / "blobs"
    in_file = folder_blobs(blocked)
    (blocked / "sha256").write_text("a file where a folder should be")
    for blobs in (wrong, nobody, in_file):
        with pytest.raises(BlobsUnavailable, match="does not answer as it should"):
            await blobs.put(b"A deed.", "text/plain")
    for blobs in (wrong, nobody):
        with pytest.raises(BlobsUnavailable, match="does not answer as it should"):
            await blobs.delete("0" * 64)


async def test_without_a_folder_nothing_is_forced_to_a_disk() -> None:
    blobs = ObjectBlobs(MemoryStore())
    assert await blobs.get(await blobs.put(b"A deed.", "text/plain")) == b"A deed."


async def test_a_file_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[str] = []

    def note(descriptor: int) -> None:
        forced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)

    monkeypatch.setattr("placet.connectors.blobs.objects.os.fsync", note)
    blobs = ObjectBlobs(LocalStore(tmp_path), tmp_path)
    key = await blobs.put(b"A deed.", "text/plain")
    assert forced == [key, key[:2], "sha256", tmp_path.name]
    await blobs.put(b"A deed.", "text/plain")
    assert len(forced) == 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "s3"}, "needs a bucket"),
        ({"kind": "tape"}, "Input should be"),
        ({"max_file_mb": 0}, "greater than or equal"),
        ({"secret_key": "oops"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        BlobSettings(**given)


def test_keys_that_are_not_in_the_environment_are_named() -> None:
    settings = BlobSettings(kind="s3", bucket="b", access_key_env="S3_TEST_KEY", secret_key_env="S3_TEST_SECRET")
    with pytest.raises(ValueError, match="S3_TEST_SECRET is not set"):
        s3_blobs(settings, {"S3_TEST_KEY": "key"})
