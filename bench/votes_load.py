"""`python -m bench.votes_load PORT PROPOSAL FIRST VOTERS CONNECTIONS SECONDS`: vote over HTTP as fast as it goes.

A process of its own, and as little work a vote as possible: what is measured is the server. Each connection sends its
next vote when the last one was answered. Prints one JSON object, a `Cast`.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from time import perf_counter, process_time

from bench.machine import percentile

FIRST = 1_000_000_000
"""Voters are numbered from here, so that all their ids are equally long."""


def token_of(voter: int) -> str:
    return f"plc_bench_{voter}"


@dataclass(frozen=True)
class Cast:
    """Votes that were acknowledged, in `seconds`; p50 and p99 in ms; the client's own processor time in ms a vote."""

    votes: int
    seconds: float
    p50: float
    p99: float
    client_ms: float

    @property
    def per_second(self) -> float:
        return self.votes / self.seconds


class Voting(asyncio.Protocol):
    """One kept-alive connection; `ended` once there is nobody left who votes."""

    def __init__(self, proposal: str, voters: Iterator[int], until: float) -> None:
        self.taken: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._voters = voters
        self._until = until
        self._path = f"/voter/workflows/{proposal}/vote"
        self._answer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        self.taken.append(perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError((head + body).decode("latin-1")))
            return
        self._answer = b""
        self._next()

    def _next(self) -> None:
        voter = next(self._voters, None)
        if voter is None or perf_counter() > self._until:
            self.ended.set_result(None)
            return
        body = b'{"decision":"deny"}' if voter % 2 else b'{"decision":"approve"}'
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token_of(voter)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._sent = perf_counter()
        self._transport.write(head.encode() + body)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def vote(port: int, proposal: str, first: int, voters: int, connections: int, seconds: float) -> Cast:
    loop = asyncio.get_running_loop()
    coming = iter(range(first, first + voters))
    used, begun = process_time(), perf_counter()
    made = [
        await loop.create_connection(lambda: Voting(proposal, coming, begun + seconds), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(voting.ended for _, voting in made))
    took, used = perf_counter() - begun, process_time() - used
    for transport, _ in made:
        transport.close()
    taken = [time for _, voting in made for time in voting.taken]
    p50, p99 = (percentile(taken, share) * 1000 for share in (0.5, 0.99))
    return Cast(len(taken), took, p50, p99, used * 1000 / len(taken))


if __name__ == "__main__":
    port, proposal, first, voters, connections, seconds = sys.argv[1:]
    found = vote(int(port), proposal, int(first), int(voters), int(connections), float(seconds))
    print(json.dumps(asdict(asyncio.run(found))))
