"""A bare HTTP/1.1 connection: what is measured is the server, so the client must cost next to nothing."""

import asyncio
import json
from typing import Any


class Connection:
    """One kept-alive connection to the API on this machine; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, token: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        """The JSON answer; raises `RuntimeError` on anything but success."""
        content = json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {token}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *([f"Idempotency-Key: {key}"] if key else []),
        ]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        status, answer = await self._answer()
        if status not in (200, 201):
            raise RuntimeError(f"{path} answered {status}: {answer}")
        return answer

    async def _answer(self) -> tuple[int, dict[str, Any]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        content = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), json.loads(content)

    def close(self) -> None:
        self._writer.close()
