"""The audit log as proof, and copies of an installation."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from placet.cli.door import Door

if TYPE_CHECKING:
    from placet.store.engine import Store


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--ballot", help="Count this ballot again instead, from its own export or from the installation.")
@click.option("--receipt", help="With --ballot: the receipt of a vote; say whether it is in the log, and what it says.")
@click.option(
    "--witness", help="A hash that you kept (a checkpoint's; of a ballot, any line's): it must still be there."
)
@click.pass_obj
def verify(door: Door, file: Path | None, ballot: str | None, receipt: str | None, witness: str | None) -> None:
    """Check the audit log, offline: of an export FILE, or of the installation itself.

    Recomputes every line's hash, every chain, every checkpoint. Keep the last checkpoint's hash somewhere else; given
    as --witness later, it proves that nothing before it was rewritten.

    With --ballot ID, counts the votes of one ballot again: its log, its roll, each vote at its own time, the verdict.
    """
    if ballot is not None:
        _recount(door, file, ballot, receipt, witness)
        return
    if receipt is not None:
        raise click.UsageError("A receipt is looked up in a ballot; add --ballot ID.")
    from placet.domain import audit

    result = audit.verify(_whole_log(_from_file(file)) if file else _from_store(door), witness)
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


def _recount(door: Door, file: Path | None, ballot: str, receipt: str | None, witness: str | None) -> None:
    from placet.domain.recount import recount

    lines = _from_file(file) if file else _of_ballot(door, ballot)
    result = recount(lines, ballot, receipt=receipt, witnessed=witness)
    found = result.model_dump(mode="json") | {"ok": result.ok}
    words = [f"PROBLEM {problem}" for problem in result.problems]
    if (vote := result.vote) is not None:
        counts = "it counts" if vote.counted else "IT DOES NOT COUNT"
        words.append(f"receipt in line {vote.line}: {vote.person} voted to {vote.decision} at {vote.at}, {counts}")
    verdict = result.verdict
    ended = f"{verdict.outcome} ({verdict.reason}) as of {verdict.at.isoformat()}" if verdict else result.state.value
    words.append(f"{result.votes} of {result.voters} voted, {result.approve} for, {result.deny} against: {ended}")
    words.append(f"{result.lines} lines: {'the count holds' if result.ok else 'THE COUNT DOES NOT HOLD'}")
    words.append(f"last line {result.head}")
    door.show(found, "\n".join(words))
    if not result.ok:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--case", "case_id", help="Only this case; the checkpoints are left out then.")
@click.option("--ballot", help="Only what `placet verify --ballot` needs: rules, roll and log of this ballot.")
@click.option("--texts", is_flag=True, help="With --ballot: also what people wrote, such as their comments.")
@click.pass_obj
def export(door: Door, file: Path, case_id: str | None, ballot: str | None, texts: bool) -> None:
    """Write the audit log to FILE, one JSON object a line, for `placet verify` or any other checker.

    The export of a ballot (--ballot ID) may also be fetched over --url, by whoever sees its case.
    """
    if file.exists():
        raise click.UsageError(f"{file} exists already; choose another name.")
    if ballot is None:
        lines = list(_from_store(door, case_id))
        with file.open("x", encoding="utf-8") as target:
            target.writelines(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
        count = len(lines)
    elif case_id is not None:
        raise click.UsageError("Give either --case or --ballot.")
    else:
        count = _write_ballot(door, file, ballot, texts)
    door.show({"lines": count, "file": str(file)}, f"{count} lines in {file}")


def _write_ballot(door: Door, file: Path, ballot: str, texts: bool) -> int:
    """Write it beside the name first, so that a broken export is never taken for a whole one."""
    if door.url is not None:
        lines = door.lines(f"/api/v1/ballots/{quote(ballot, safe='')}/export", texts=texts)
    else:
        lines = (json.dumps(line, ensure_ascii=False) for line in _of_ballot(door, ballot, texts))
    partial, count = file.with_name(f"{file.name}.partial"), 0
    try:
        with partial.open("x", encoding="utf-8") as target:
            for line in lines:
                target.write(line + "\n")
                count += 1
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return count


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
            except (ValueError, RecursionError) as error:
                raise click.ClickException(f"{file}, line {number}: not JSON: {error}") from error
            yield value if isinstance(value, dict) else {"type": None}


def _whole_log(lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The lines of an export of the log; that of a ballot is something else."""
    for line in lines:
        if line.get("type") == "ballot":
            raise click.UsageError(f"This is the export of one ballot; add --ballot {line.get('ballot')}.")
        yield line


def _from_store(door: Door, case_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Read the log from the database of the installation, in one consistent view."""
    from placet.store import audit

    with _store(door) as store:
        yield from store.read_now(lambda tx: list(audit.export(tx, case_id)))


def _of_ballot(door: Door, ballot: str, texts: bool = False) -> Iterator[dict[str, Any]]:
    """Read a ballot from the database of the installation."""
    from placet.store.ballot_export import export
    from placet.store.decisions import NoSuchTask

    with _store(door) as store:
        try:
            yield from export(store.read_now, ballot, texts)
        except NoSuchTask:
            raise click.ClickException(
                f"There is no ballot {ballot}. That of a proposal is called like its case, with .vote.1 behind it."
            ) from None


@contextmanager
def _store(door: Door) -> Iterator["Store"]:
    from placet.catalogue.registry import CATALOGUE
    from placet.runtime.datadir import DataDir
    from placet.runtime.settings import load
    from placet.runtime.wiring import database_url
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
        yield store
    finally:
        store.close()
