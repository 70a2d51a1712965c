"""The data directory is private, held by one process, and keeps its secrets."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from placet.runtime.datadir import DataDir, DataDirError

HOLDER = """
import subprocess, sys
from placet.runtime.datadir import DataDir
with DataDir(sys.argv[1]).lock():
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_and_its_parents_are_made_and_only_the_owner_may_enter(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "some" / "where")
    assert mode(data.path) == 0o700
    assert (mode(data.logs), mode(data.mail)) == (0o700, 0o700)


def test_an_existing_empty_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(DataDir(tmp_path / "open").path) == 0o700


def test_a_data_directory_that_was_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    path = DataDir(tmp_path / "data").path
    path.chmod(0o777)
    assert mode(DataDir(path).path) == 0o700


def test_an_open_directory_full_of_other_things_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    (home / "letter.txt").write_text("mine")
    with pytest.raises(DataDirError, match="holds other files"):
        DataDir(home)
    assert mode(home) == 0o755
    assert [file.name for file in home.iterdir()] == ["letter.txt"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirError, match=r"is a file\. Choose a directory"):
        DataDir(tmp_path / "data")


@pytest.mark.parametrize("name", ["placet.db", "temporal.db", "lock", "secret", "admin-token", "running.json"])
def test_a_link_where_a_file_of_ours_should_be_is_refused(tmp_path: Path, name: str) -> None:
    path = DataDir(tmp_path / "data").path
    (tmp_path / "elsewhere").write_text("")
    (path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataDirError, match=f"{name} should be a plain file"):
        DataDir(path)


def test_a_file_where_the_logs_should_be_is_refused(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.logs.rmdir()
    data.logs.write_text("")
    with pytest.raises(DataDirError, match="should be a directory"):
        DataDir(data.path)


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = DataDir(tmp_path / "data").path
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(DataDirError, match="belongs to another user"):
        DataDir(path)


def test_a_directory_in_another_data_format_is_refused(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.version_file.write_text("999\n")
    with pytest.raises(DataDirError, match="data format 999"):
        DataDir(data.path)


def test_a_second_holder_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    with data.lock():
        assert data.locked
        with pytest.raises(DataDirError, match=rf"process {os.getpid()}\) is using"), DataDir(data.path).lock():
            pytest.fail("the lock was given twice")
    assert not data.locked
    with DataDir(data.path).lock():
        pass


def test_the_lock_of_a_killed_holder_is_free_though_its_child_lives_on(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin and holder.stdout
    orphan = int(holder.stdout.readline())
    try:
        with pytest.raises(DataDirError, match=str(holder.pid)), data.lock():
            pytest.fail("the lock was given twice")
        holder.kill()
        holder.wait()
        os.kill(orphan, 0)
        with data.lock():
            pass
    finally:
        os.kill(orphan, signal.SIGKILL)
        holder.stdin.close()
        holder.stdout.close()


def test_the_secret_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    secret = data.secret()
    assert len(bytes.fromhex(secret)) == 32
    assert mode(data.secret_file) == 0o600
    assert DataDir(data.path).secret() == secret
    assert DataDir(tmp_path / "other").secret() != secret


def test_everyone_who_asks_at_the_same_moment_gets_the_same_secret(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    gate, found = threading.Barrier(8), []

    def ask() -> None:
        gate.wait()
        found.append(data.secret())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {data.secret()}
    assert [file.name for file in data.path.glob(".secret*")] == []


def test_an_emptied_secret_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.secret_file.write_text("")
    with pytest.raises(DataDirError, match="empty or damaged"):
        data.secret()


def test_the_admin_token_comes_from_the_environment_when_given(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert data.admin_token({"PLACET_ADMIN_TOKEN": "sixteen-letters!"}) == ("sixteen-letters!", None)
    assert not data.admin_token_file.exists()


@pytest.mark.parametrize("short", ["", "fifteen-letters"])
def test_a_short_admin_token_is_refused(tmp_path: Path, short: str) -> None:
    with pytest.raises(DataDirError, match="at least 16 characters"):
        DataDir(tmp_path / "data").admin_token({"PLACET_ADMIN_TOKEN": short})


def test_a_made_admin_token_stays_and_its_file_is_closed_to_others(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    token, source = data.admin_token({})
    assert len(token) >= 43
    assert source == data.admin_token_file
    data.admin_token_file.chmod(0o644)
    assert data.admin_token({}) == (token, source)
    assert mode(data.admin_token_file) == 0o600


def test_a_full_disk_is_told_before_it_hurts(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    free = data.check_space(0)
    assert free > 0
    with pytest.raises(DataDirError, match=r"nearly full: \d+ MB free"):
        data.check_space(free * 1000)


def test_what_runs_is_published_and_gone_after_the_stop(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert data.read_runtime() is None
    data.write_runtime({"api_port": 8000})
    data.write_runtime({"api_port": 8001, "pids": {"api": 12}})
    assert DataDir(data.path).read_runtime() == {"api_port": 8001, "pids": {"api": 12}}
    assert [file.name for file in data.path.glob(".running*")] == []
    data.remove_runtime()
    data.remove_runtime()
    assert data.read_runtime() is None
