"""The audit log as proof, and copies of an installation."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from placet.cli.door import Door


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--witness", help="A checkpoint hash that you kept: the log must still contain it.")
@click.pass_obj
def verify(door: Door, file: Path | None, witness: str | None) -> None:
    """Check the audit log, offline: of an export FILE, or of the installation itself.

    Recomputes every line's hash, every chain, every checkpoint. Keep the last checkpoint's hash somewhere else; given
    as --witness later, it proves that nothing before it was rewritten.
    """
    from placet.domain import audit

    result = audit.verify(_from_file(file) if file else _from_store(door), witness)
    found = result.model_dump(mode="json") | {"ok": result.ok}
    lines = [f"PROBLEM {problem}" for problem in result.problems]
    lines.append(
        f"{result.events} events in {result.chains} chains, {result.texts} texts ({result.erased} erased), "
        f"{result.checkpoints} checkpoints: {'all hold' if result.ok else 'THE LOG WAS CHANGED'}"
    )
    if result.checkpoints:
        lines.append(f"last checkpoint {result.last_checkpoint}")
    door.show(found, "\n".join(lines))
    if not result.ok:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--case", "case_id", help="Only this case; the checkpoints are left out then.")
@click.pass_obj
def export(door: Door, file: Path, case_id: str | None) -> None:
    """Write the audit log to FILE, one JSON object a line, for `placet verify` or any other checker."""
    if file.exists():
        raise click.UsageError(f"{file} exists already; choose another name.")
    lines = list(_from_store(door, case_id))
    with file.open("x", encoding="utf-8") as target:
        target.writelines(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    door.show({"lines": len(lines), "file": str(file)}, f"{len(lines)} lines in {file}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(door: Door, file: Path) -> None:
    """Copy an embedded installation, running or not, into one archive. It holds secrets: keep it safe."""
    from placet.runtime.backup import BackupError
    from placet.runtime.backup import backup as make
    from placet.runtime.datadir import DataDir

    try:
        manifest = make(DataDir(door.data), file)
    except (BackupError, OSError) as error:
        raise click.ClickException(str(error)) from error
    door.show(manifest, f"{', '.join(manifest['files'])} in {file}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--keep-engine", is_flag=True, help="Leave Temporal's own database as it is.")
@click.pass_obj
def restore(door: Door, file: Path, keep_engine: bool) -> None:
    """Put an archive in place of a stopped installation; what was there is kept aside."""
    from placet.runtime.backup import BackupError
    from placet.runtime.backup import restore as put
    from placet.runtime.datadir import DataDir, DataDirError

    try:
        found = put(DataDir(door.data), file, keep_engine)
    except (BackupError, DataDirError) as error:
        raise click.ClickException(str(error)) from error
    door.show(found, f"restored the copy of {found['made_at']}, epoch {found['epoch']}; before: {found['kept_aside']}")


def _from_file(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                value = json.loads(line)
            except ValueError as error:
                raise click.ClickException(f"{file}, line {number}: not JSON: {error}") from error
            yield value if isinstance(value, dict) else {"type": None}


def _from_store(door: Door, case_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Read the log from the database of the installation, in one consistent view."""
    from placet.catalogue.registry import CATALOGUE
    from placet.runtime.datadir import DataDir
    from placet.runtime.settings import load
    from placet.runtime.wiring import database_url
    from placet.store import audit
    from placet.store.engine import Store
    from placet.store.house import House

    if door.url is not None:
        raise click.UsageError(
            "Over --url, fetch an export first; verifying needs the log itself, not the server's word."
        )
    settings = load(door.config, CATALOGUE)
    if not door.data.is_dir() or (settings.database.url_env is None and not (door.data / "placet.db").exists()):
        raise click.UsageError(
            f"There is no installation in {door.data}; name one with --data, or give an export FILE."
        )
    store = Store(database_url(settings, DataDir(door.data), os.environ), House())
    try:
        yield from store.read_now(lambda tx: list(audit.export(tx, case_id)))
    finally:
        store.close()
