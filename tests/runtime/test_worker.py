"""The worker tells that it is ready only when it is."""

import asyncio
from pathlib import Path

import pytest

from placet.runtime.worker import announced


async def test_a_worker_that_fails_before_it_serves_never_says_that_it_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "worker.ready"

    async def failing() -> None:
        raise RuntimeError("no such namespace")

    with pytest.raises(RuntimeError, match="no such namespace"):
        await announced(file, asyncio.create_task(failing()), asyncio.Event())
    assert not file.exists()


async def test_a_worker_says_that_it_is_ready_as_soon_as_it_serves(tmp_path: Path) -> None:
    file, ready, over = tmp_path / "worker.ready", asyncio.Event(), asyncio.Event()

    async def serving() -> None:
        ready.set()
        await over.wait()

    telling = asyncio.create_task(announced(file, asyncio.create_task(serving()), ready))
    async with asyncio.timeout(60):
        while not file.exists():
            await asyncio.sleep(0)
        assert not telling.done()
        over.set()
        await telling
