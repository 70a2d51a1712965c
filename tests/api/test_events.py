"""The live stream, over a real server: what each caller sees, resuming, and ending."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn

from api.office import Office
from placet.api.app import close_streams
from placet.store import cases
from placet.store import tables as t
from placet.store.engine import Store

PATIENCE_SECONDS = 60


class Serving:
    def __init__(self, office: Office) -> None:
        self.office = office
        config = uvicorn.Config(office.app, host="127.0.0.1", port=0, log_level="error", access_log=False)
        self.server = uvicorn.Server(config)
        self.address = ""

    async def start(self) -> None:
        self.task = asyncio.create_task(self.server.serve())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.server.started:
                await asyncio.sleep(0)
        self.address = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.task

    @contextlib.asynccontextmanager
    async def stream(self, who: str, last: str | None = None) -> AsyncIterator[AsyncIterator[str]]:
        headers = {"Authorization": f"Bearer {self.office.tokens[who]}"} | ({"Last-Event-ID": last} if last else {})
        async with (
            httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as client,
            client.stream("GET", f"{self.address}/api/v1/events", headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            # The first line comes once the stream's position is fixed.
            assert await anext(lines) == ": ping"
            yield lines


@pytest.fixture
async def serving(office: Office) -> AsyncIterator[Serving]:
    made = Serving(office)
    await made.start()
    yield made
    close_streams(office.app)
    await made.stop()


async def events(lines: AsyncIterator[str], count: int) -> list[dict[str, Any]]:
    """The next events; `event` and `id` beside the data."""
    found: list[dict[str, Any]] = []
    one: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            line = await anext(lines)
            name, _, value = line.partition(": ")
            if not line and "data" in one:
                found.append(json.loads(one["data"]) | {"event": one["event"], "last": one["id"]})
                one = {}
            elif name in ("event", "id", "data"):
                one[name] = value
    return found


async def test_acts_appear_as_they_happen_and_a_stream_resumes_where_it_stopped(
    office: Office, serving: Serving
) -> None:
    async with serving.stream("rita") as lines:
        task = await office.task()
        seen = await events(lines, 2)
    assert [(one["event"], one["case_id"], one["seq"]) for one in seen] == [
        ("case.opened", task.partition(".")[0], 1),
        ("task.opened", task.partition(".")[0], 2),
    ]
    assert all(one["id"] == one["last"] for one in seen)
    await office.answer("ben", task)
    async with serving.stream("rita", last=seen[0]["id"]) as lines:
        resumed = await events(lines, 3)
    assert [one["action"] for one in resumed] == ["task.opened", "task.answered", "task.closed"]
    assert (resumed[1]["actor"], resumed[1]["detail"]["outcome"]) == ("ben", "approve")


async def test_each_caller_sees_the_lines_of_their_own_cases(office: Office, serving: Serving) -> None:
    async with serving.stream("cora") as coras, serving.stream("root") as roots:
        hidden = await office.start(scope="labs")
        await office.call("rita", "GET", "/api/v1/messages?all=true")
        shown = await office.start(scope="deals")
        assert [one["case_id"] for one in await events(coras, 1)] == [shown]
        seen = await events(roots, 3)
    assert [(one["case_id"], one["action"]) for one in seen] == [
        (hidden, "case.opened"),
        (None, "message.read-all"),
        (shown, "case.opened"),
    ]


async def test_lines_that_another_process_wrote_come_too(office: Office, serving: Serving) -> None:
    other = Store(office.store.url, office.store.house, office.clock)
    try:
        async with serving.stream("cora") as lines:
            await other.write(lambda tx: cases.create(tx, "order-1", "order", "deals", "x", "rita", {}, "rita", {}))
            assert [one["case_id"] for one in await events(lines, 1)] == ["order-1"]
    finally:
        other.close()


async def test_a_quiet_stream_keeps_beating_and_ends_when_the_server_stops(office: Office, serving: Serving) -> None:
    async with serving.stream("rita") as lines:
        beats = [line async for line in _first(lines, 4)]
        assert beats.count(": ping") == 2
        close_streams(office.app)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [line async for line in lines if line] == []
            await serving.stop()


async def test_a_revoked_token_ends_its_stream(office: Office, serving: Serving) -> None:
    async with serving.stream("rita") as lines:
        revoke = t.access_token.update().where(t.access_token.c.person_id == "rita")
        await office.store.write(lambda tx: tx.conn.execute(revoke.values(revoked_at=tx.now)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [line async for line in lines if line and line != ": ping"] == []


@pytest.mark.parametrize("last", ["x", "1", "-1.2", "1.2.3", "99999999999999999999.1", "9999999999999999999.1"])
async def test_an_unknown_event_id_is_refused(office: Office, last: str) -> None:
    answer = await office.call("rita", "GET", "/api/v1/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-cursor")


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(count):
            yield await anext(lines)
