"""A backup keeps the key and the local chain, and leaves the journal alone: an older one would forget payments."""

import tarfile
from pathlib import Path

from placet.executor.keys import local_key
from placet.runtime.backup import backup, restore
from placet.runtime.datadir import DataDir
from placet.store.schema import upgrade


def test_the_key_comes_back_and_the_journal_stays(tmp_path: Path) -> None:
    here = DataDir(tmp_path / "here")
    upgrade(f"sqlite:///{here.app_db}")
    address = local_key(here.executor, {}).address
    journal = here.executor / "journal.db"
    journal.write_text("what was paid")
    archive = tmp_path / "copy.tar"
    backup(here, archive)
    with tarfile.open(archive) as made:
        assert {"executor/key.json", "executor/passphrase"} <= set(made.getnames())
        assert not [name for name in made.getnames() if "journal" in name]
    restore(here, archive)
    assert (journal.read_text(), local_key(here.executor, {}).address) == ("what was paid", address)
    elsewhere = DataDir(tmp_path / "elsewhere")
    restore(elsewhere, archive)
    assert local_key(elsewhere.executor, {}).address == address
    assert (elsewhere.executor / "key.json").stat().st_mode & 0o077 == 0
