"""A node that misbehaves: a proxy in front of a real one, which cuts, stalls and lies on the calls it is told to."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

SEND = "eth_sendRawTransaction"


class FaultyNode:
    """`faults` are taken one by one by calls of `method`; each says what happens to that call.

    `refuse`: nothing arrives. `drop`: it arrives, and the connection is cut. `stall`: it arrives, and no answer comes.
    `lie`: it arrives, and an error comes. `garbage`: it arrives, and nonsense comes. `deny`: an error, nothing arrives.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._client = httpx2.AsyncClient(timeout=60)
        self.method = SEND
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.chance: Callable[[str], str | None] = lambda method: None

    def randomly(self, seed: int, share: float) -> None:
        """From now on this share of all calls goes wrong."""
        dice = random.Random(seed)
        kinds = ("refuse", "drop", "lie", "garbage", "deny")
        self.chance = lambda method: dice.choice(kinds) if dice.random() < share else None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            question = json.loads(await reader.readexactly(length))
            answer = await self._answer(question)
            if answer is not None:
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, question: dict[str, Any]) -> Any:
        method = question["method"]
        self.calls[method] += 1
        fault = self.faults.pop(0) if method == self.method and self.faults else self.chance(method)
        if fault is not None:
            self.done[fault] += 1
        wrong = {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32000, "message": "no such luck"}}
        if fault == "refuse":
            return None
        if fault == "deny":
            return wrong
        told = (await self._client.post(self._target, json=question)).json()
        match fault:
            case "drop":
                return None
            case "stall":
                await asyncio.sleep(3600)
            case "lie":
                return wrong
            case "garbage":
                return b"<html>busy</html>"
        return told


@contextlib.asynccontextmanager
async def faulty(target: str) -> AsyncIterator[FaultyNode]:
    node = FaultyNode(target)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(node._serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    node._server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield node
    finally:
        node._server.close()
        await node._client.aclose()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
