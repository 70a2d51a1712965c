"""The data directory of one Placet: who may use it, what lies where, and who holds it right now."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DATA_FORMAT = "1"
ADMIN_TOKEN_VARIABLE = "PLACET_ADMIN_TOKEN"
ADMIN_TOKEN_LENGTH = 16
SOCKET_PATH_BYTES = 100


class DataDirError(Exception):
    """The data directory cannot be used; the message says why and what to do."""


class DataDir:
    """One private directory (mode 0700) that holds everything an embedded Placet keeps."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Create the directory, or check and tighten an existing one; raises `DataDirError` when it is not ours."""
        self.path = Path(path).expanduser().absolute()
        self._locked = False
        try:
            self._open()
        except OSError as error:
            raise DataDirError(
                f"The data directory {self.path} cannot be used: {error.strerror}. "
                "Choose a directory that you may write to."
            ) from error

    @property
    def app_db(self) -> Path:
        return self.path / "placet.db"

    @property
    def temporal_db(self) -> Path:
        return self.path / "temporal.db"

    @property
    def temporal_marker(self) -> Path:
        return self.path / "temporal.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def version_file(self) -> Path:
        return self.path / "format"

    @property
    def admin_token_file(self) -> Path:
        return self.path / "admin-token"

    @property
    def demo_password_file(self) -> Path:
        return self.path / "demo-password"

    @property
    def secret_file(self) -> Path:
        return self.path / "secret"

    @property
    def runtime_file(self) -> Path:
        return self.path / "running.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def mail(self) -> Path:
        return self.path / "mail"

    @property
    def executor(self) -> Path:
        """What the executor keeps: its key, its journal."""
        return self.path / "executor"

    @property
    def chain(self) -> Path:
        return self.path / "chain"

    def executor_socket(self) -> Path:
        """The executor's door. The system limits such paths; one that is too long moves to a private folder."""
        path = self.executor / "socket"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"placet-{os.geteuid()}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700:
            raise DataDirError(f"{folder} is not a private directory of yours. Remove it, or use a shorter --data.")
        return folder / "socket"

    @property
    def locked(self) -> bool:
        """Whether this object holds the lock."""
        return self._locked

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory alone; raises `DataDirError` naming the process that holds it already."""
        # os.open sets O_CLOEXEC: a child would otherwise keep the lock after the supervisor is dead.
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise DataDirError(
                    f"Another Placet (process {holder}) is using {self.path}. "
                    "Stop that one first, or choose another data directory."
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            self._locked = True
            try:
                yield
            finally:
                self._locked = False
        finally:
            os.close(descriptor)

    def secret(self) -> str:
        """The installation's secret, 32 random bytes in hex, created on first use."""
        return self._created_once(self.secret_file, secrets.token_hex(32))

    def demo_password(self) -> str:
        """The password of everybody in the sample organisation, created on first use."""
        return self._created_once(self.demo_password_file, secrets.token_urlsafe(15))

    def admin_token(self, environment: Mapping[str, str]) -> tuple[str, Path | None]:
        """The administrator's token, and the file it lies in (None when the environment gives it)."""
        given = environment.get(ADMIN_TOKEN_VARIABLE)
        if given is not None:
            if len(given) < ADMIN_TOKEN_LENGTH:
                raise DataDirError(
                    f"{ADMIN_TOKEN_VARIABLE} is too short: use at least {ADMIN_TOKEN_LENGTH} characters, "
                    "or unset it to have a token made for you."
                )
            return given, None
        return self._created_once(self.admin_token_file, secrets.token_urlsafe(32)), self.admin_token_file

    def check_space(self, min_mb: int) -> int:
        """Free space in MB; raises `DataDirError` when it is below `min_mb`."""
        free_mb = shutil.disk_usage(self.path).free // (1024 * 1024)
        if free_mb < min_mb:
            raise DataDirError(
                f"The disk under {self.path} is nearly full: {free_mb} MB free, {min_mb} MB needed. "
                "Free some space and try again."
            )
        return free_mb

    def write_runtime(self, running: Mapping[str, Any]) -> None:
        """Publish the ports and process ids of the running instance."""
        replace_file(self.runtime_file, json.dumps(dict(running), indent=2, sort_keys=True) + "\n")

    def read_runtime(self) -> dict[str, Any] | None:
        """What the running instance published, or None when none has (or the last one was killed half way)."""
        try:
            running = json.loads(self.runtime_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return running if isinstance(running, dict) else None

    def remove_runtime(self) -> None:
        self.runtime_file.unlink(missing_ok=True)

    def _open(self) -> None:
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=0o700, parents=True)
        found = self.path.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise DataDirError(f"{self.path} is a file. Choose a directory for Placet's data.")
        if found.st_uid != os.geteuid():
            raise DataDirError(
                f"{self.path} belongs to another user (id {found.st_uid}). "
                "Run Placet as that user, or choose another data directory."
            )
        self._refuse_foreign_files()
        if stat.S_IMODE(found.st_mode) != 0o700:
            # Closing a directory full of other things (a home, /tmp) to everyone else would break them.
            if not self.version_file.exists() and any(self.path.iterdir()):
                raise DataDirError(
                    f"{self.path} holds other files and is open to other users. "
                    "Choose an empty or new directory for Placet's data."
                )
            self.path.chmod(0o700)
        self._check_format()
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.mail.mkdir(mode=0o700, exist_ok=True)

    def _refuse_foreign_files(self) -> None:
        files = (
            self.app_db,
            self.temporal_db,
            self.temporal_marker,
            self.lock_file,
            self.version_file,
            self.admin_token_file,
            self.secret_file,
            self.runtime_file,
        )
        for path, is_ours, kind in [
            *((file, stat.S_ISREG, "a plain file") for file in files),
            *((folder, stat.S_ISDIR, "a directory") for folder in (self.logs, self.mail)),
        ]:
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if not is_ours(found.st_mode) or found.st_uid != os.geteuid():
                raise DataDirError(
                    f"{path} should be {kind} of yours, and is not. Move it away, or choose another data directory."
                )

    def _check_format(self) -> None:
        if not self.version_file.exists():
            replace_file(self.version_file, DATA_FORMAT + "\n")
        found = self.version_file.read_text().strip()
        if found != DATA_FORMAT:
            raise DataDirError(
                f"{self.path} was written in data format {found}, and this Placet knows only {DATA_FORMAT}. "
                "Use the Placet that wrote it, or choose another data directory."
            )

    def _created_once(self, path: Path, fresh: str) -> str:
        """Content of `path`, which is made with `fresh` when absent: of two racing creators one wins for both."""
        if not path.exists():
            draft = _draft(path, fresh + "\n")
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
            fsync_directory(path.parent)
        if stat.S_IMODE(path.lstat().st_mode) != 0o600:
            path.chmod(0o600)
        content = path.read_text().strip()
        if len(content) < ADMIN_TOKEN_LENGTH:
            raise DataDirError(f"{path} is empty or damaged. Restore it from a backup, or remove it to have one made.")
        return content


def replace_file(path: Path, content: str) -> None:
    """Write a file (mode 0600) so that a crash leaves the old content or the new, never half of it."""
    os.replace(_draft(path, content), path)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, content: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)
