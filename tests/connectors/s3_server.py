"""A real S3 server for tests: SeaweedFS, on loopback, with ports and a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from ports import free_port

BUCKET = "documents"
KEYS = {"S3_TEST_KEY": "placet-tests", "S3_TEST_SECRET": "a-secret-of-tests"}
READY_SECONDS = 120
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class S3Server:
    endpoint: str

    def store(self) -> S3Store:
        """The bucket as a plain client sees it."""
        return S3Store(
            BUCKET,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=KEYS["S3_TEST_KEY"],
            secret_access_key=KEYS["S3_TEST_SECRET"],
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """Start it, wait until it takes an object, and stop it at the end."""
    names = ("master", "volume", "filer", "s3", "admin")
    given = [f"-{name}.{kind}={free_port()}" for name in names for kind in ("port", "port.grpc")]
    endpoint = next(f"http://127.0.0.1:{one.partition('=')[2]}" for one in given if one.startswith("-s3.port="))
    socket_file = folder / "filer.sock"
    command = [
        shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed",
        "-logtostderr=true",
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={BUCKET}",
        f"-filer.localSocket={socket_file}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        *given,
    ]
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": KEYS["S3_TEST_KEY"],
        "AWS_SECRET_ACCESS_KEY": KEYS["S3_TEST_SECRET"],
    }
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    server = S3Server(endpoint)
    try:
        _wait_until_it_writes(process, server, folder / "weed.log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_writes(process: "subprocess.Popen[bytes]", server: S3Server, log: Path) -> None:
    patience = time.monotonic() + READY_SECONDS
    while True:
        try:
            obstore.put(server.store(), "ready", b"yes")
            return
        except (BaseError, OSError) as error:
            if process.poll() is not None or time.monotonic() > patience:
                told = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"The S3 server does not work: {told}") from error
            time.sleep(POLL_SECONDS)
