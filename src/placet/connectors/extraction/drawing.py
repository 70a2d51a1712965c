"""Pages of PDFs as pictures, drawn in limited processes of their own; nothing of the PDF itself reaches a browser."""

import asyncio
import base64
from dataclasses import dataclass

from placet.connectors.extraction.content import MAX_BYTES, ExtractionRefused, Format, check
from placet.connectors.extraction.local import LocalExtractionSettings, read_apart

DRAW = "placet.connectors.extraction.draw"
LIMITS = LocalExtractionSettings(memory_megabytes=768, cpu_seconds=10, timeout_seconds=25)
KEPT = 16


@dataclass(frozen=True)
class Drawn:
    """`picture` is a PNG, None for a page that is not there."""

    pages: int
    picture: bytes | None


class Drawing:
    def __init__(self) -> None:
        self._free = asyncio.Semaphore(LIMITS.parallel)
        self._drawn: dict[tuple[str, int], Drawn] = {}

    async def page(self, hash: str, content: bytes, number: int) -> Drawn:
        """That page of the PDF with this hash; raises ExtractionRefused, or ExtractionUnavailable for a while."""
        if (hash, number) in self._drawn:
            return self._drawn[hash, number]
        if len(content) > MAX_BYTES:
            check(content, Format.PDF)
        async with self._free:
            answer = await read_apart(DRAW, str(number), content, LIMITS)
        if code := answer.get("refused"):
            raise ExtractionRefused(code, answer["note"])
        drawn = Drawn(answer["pages"], base64.b64decode(answer["picture"]) or None)
        # Who opens a page asks for its picture next.
        while len(self._drawn) >= KEPT:
            self._drawn.pop(next(iter(self._drawn)), None)
        self._drawn[hash, number] = drawn
        return drawn
