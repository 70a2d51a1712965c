"""Copies of an embedded installation: both databases and its secrets in one archive, and back."""

import contextlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.domain.people import SYSTEM
from placet.runtime import chain
from placet.runtime.datadir import DataDir
from placet.store import outbox
from placet.store import tables as t
from placet.store.audit import append, take_checkpoint
from placet.store.engine import Store, Tx
from placet.store.house import House

MANIFEST = "backup.json"
BLOBS = "blobs"


class BackupError(Exception):
    """The archive cannot be made or used; the text says what to do."""


def backup(datadir: DataDir, target: Path) -> dict[str, Any]:
    """Write a consistent copy, of a running or a stopped installation; returns its manifest."""
    if not datadir.app_db.exists():
        raise BackupError(f"There is no embedded database in {datadir.path}; a Postgres database is saved by pg_dump.")
    if target.exists():
        raise BackupError(f"{target} exists already; choose another name.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".placet-backup-") as folder:
        scratch = Path(folder)
        manifest: dict[str, Any] = {"made_at": datetime.now(UTC).isoformat(), "format": 1}
        # The engine first: a case may then be behind the database, which heals by itself, but not ahead of it.
        sources = [path for path in (datadir.temporal_db, datadir.app_db) if path.exists()]
        for path in sources:
            _copy_database(path, scratch / path.name)
        keep = (datadir.secret_file, datadir.admin_token_file, datadir.version_file, datadir.temporal_marker)
        # Not the executor's journal: an older one in its place would not know what has been paid since.
        money = [datadir.executor / name for name in ("key.json", "passphrase")]
        money += [datadir.chain / name for name in (chain.MARKER, chain.STATE)]
        others = [path for path in (*keep, *money) if path.exists()]
        manifest["files"] = [str(path.relative_to(datadir.path)) for path in (*sources, *others)]
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=2))
        partial = scratch / "archive.tar"
        with tarfile.open(partial, "w") as archive:
            archive.add(scratch / MANIFEST, MANIFEST)
            for path in sources:
                archive.add(scratch / path.name, path.name)
            for path in others:
                archive.add(path, str(path.relative_to(datadir.path)))
            for blob in sorted((datadir.path / BLOBS).rglob("*")):
                # One that nobody needs may be deleted meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    archive.add(blob, str(blob.relative_to(datadir.path)), recursive=False)
        partial.chmod(0o600)
        os.replace(partial, target)
    return manifest


def restore(datadir: DataDir, archive_file: Path, keep_engine: bool = False) -> dict[str, Any]:
    """Put a copy in place of what is there, which is kept beside it; the restored database gets a new epoch.

    With `keep_engine` only the application database goes back: cases that are ahead of it then ask for attention.
    """
    with datadir.lock(), tempfile.TemporaryDirectory(dir=datadir.path, prefix="restore-") as folder:
        scratch = Path(folder)
        try:
            with tarfile.open(archive_file) as archive:
                archive.extractall(scratch, filter="data")
            manifest: dict[str, Any] = json.loads((scratch / MANIFEST).read_text())
            names = [str(name) for name in manifest["files"]]
        except (tarfile.TarError, OSError, ValueError, KeyError) as error:
            raise BackupError(f"{archive_file} is not a backup of Placet: {error}") from error
        if keep_engine:
            names = [name for name in names if name == datadir.app_db.name]
        for name in names:
            if name.endswith(".db"):
                _check_database(scratch / name)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        aside = datadir.path / f"before-restore-{stamp}"
        aside.mkdir(mode=0o700)
        for name in names:
            for folder_of in (aside, datadir.path):
                (folder_of / name).parent.mkdir(mode=0o700, exist_ok=True)
            for suffix in ("", "-wal", "-shm") if name.endswith(".db") else ("",):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(datadir.path / f"{name}{suffix}", aside / f"{name}{suffix}")
            os.replace(scratch / name, datadir.path / name)
        if (scratch / BLOBS).is_dir():
            # Named by their content: what is there already is the same.
            shutil.copytree(scratch / BLOBS, datadir.path / BLOBS, dirs_exist_ok=True)
        epoch = _new_epoch(datadir, manifest)
    return manifest | {"epoch": epoch, "kept_aside": str(aside)}


def _new_epoch(datadir: DataDir, manifest: dict[str, Any]) -> int:
    store = Store(f"sqlite:///{datadir.app_db}", House())

    copied_from = datetime.fromisoformat(manifest["made_at"])

    def bump(tx: Tx) -> int:
        found = tx.conn.execute(sa.select(t.meta.c.value).where(t.meta.c.key == "epoch")).scalar_one_or_none()
        epoch = int(found or 1) + 1
        tx.conn.execute(t.meta.delete().where(t.meta.c.key == "epoch"))
        tx.conn.execute(t.meta.insert().values(key="epoch", value=str(epoch)))
        for row in tx.conn.execute(sa.select(t.case.c.id, t.case.c.opened_at).where(t.case.c.is_open)).all():
            # Each workflow looks at once, and one that is ahead of this copy says so.
            outbox.put(tx, row.id, "wake")
            if row.opened_at >= copied_from:
                # The engine was copied first and may not know it: it is started again, its steps done stay done.
                tx.conn.execute(t.case.update().where(t.case.c.id == row.id).values(progress=0, run_id=None))
                outbox.put(tx, row.id, "start")
        append(tx, REGISTRY, SYSTEM, "database.restored", {"epoch": epoch, "made_at": manifest["made_at"]})
        take_checkpoint(tx)
        return epoch

    try:
        return store.submit(bump).result()
    finally:
        store.close()


def _copy_database(source: Path, target: Path) -> None:
    live = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    with contextlib.closing(live), contextlib.closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    target.chmod(0o600)


def _check_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as copy:
        verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"{path.name} in the archive is damaged: {verdict}")
