"""Local doubles of outside systems: an ASGI application behind a real server on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

READY_SECONDS = 60
POLL_SECONDS = 0.005


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address while the application is served, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, name="double")
    thread.start()
    deadline = time.monotonic() + READY_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the double did not start"
        time.sleep(POLL_SECONDS)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
