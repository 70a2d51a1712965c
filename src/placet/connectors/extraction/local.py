"""The embedded extractor: reads each document in a limited process of its own, without network or models."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any

from pydantic import Field

from placet.connectors.extraction.content import MAX_BYTES, MEGABYTE, TOO_HARD, ExtractionRefused, check, format_of
from placet.connectors.extraction.port import Extraction, ExtractionUnavailable
from placet.domain.model import Strict

MAX_ANSWER = 40 * MEGABYTE
READY = b"ready\n"
PARSE = "placet.connectors.extraction.parse"
# Nothing of this process's environment: it holds secrets that a parser has no use for.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class LocalExtractionSettings(Strict):
    """How many documents are read at a time, and what reading one may take; docling needs 500 MB for itself."""

    parallel: int = Field(default=2, ge=1, le=64)
    memory_megabytes: int = Field(default=1536, ge=64)
    cpu_seconds: int = Field(default=30, ge=1)
    timeout_seconds: float = Field(default=50, gt=0)


class LocalExtractor:
    """Reads PDF and text itself; Office files and web pages with docling, which the extra `documents` installs."""

    def __init__(self, settings: LocalExtractionSettings | None = None) -> None:
        self._settings = settings or LocalExtractionSettings()
        self._free = asyncio.Semaphore(self._settings.parallel)

    async def extract(self, content: bytes, media_type: str, filename: str) -> Extraction:
        format = format_of(media_type, filename)
        if len(content) > MAX_BYTES:
            check(content, format)
        async with self._free:
            answer = await read_apart(PARSE, str(format), content, self._settings)
        if code := answer.get("refused"):
            raise ExtractionRefused(code, answer["note"])
        return Extraction.model_validate(answer)


async def read_apart(module: str, wanted: str, content: bytes, settings: LocalExtractionSettings) -> dict[str, Any]:
    """What that module finds in the content, in a limited process of its own."""
    limits = (str(settings.memory_megabytes), str(settings.cpu_seconds))
    command = (sys.executable, "-I", "-m", module, wanted, *limits)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT, start_new_session=True
        )
    except OSError as error:
        raise ExtractionUnavailable(f"No process could be started to read the document: {error}") from error
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            answer, _ = await asyncio.gather(_answer(process), _feed(process, content))
            status = await process.wait()
    except TimeoutError as late:
        # Its limit of processor time ends a document that is too hard; this is a machine that is too busy.
        raise ExtractionUnavailable("Reading the document took too long. This machine may be overloaded.") from late
    finally:
        await _end(process)
    ready, _, line = answer.partition(READY)
    if ready or not answer:
        raise ExtractionUnavailable(f"The process that reads documents did not start (exit status {status}).")
    if len(answer) > MAX_ANSWER:
        raise ExtractionRefused("too-large", "The document holds far more text than it should.")
    if status != 0:
        raise ExtractionRefused("unreadable", TOO_HARD)
    found: dict[str, Any] = json.loads(line)
    return found


async def _feed(process: Process, content: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(content)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        # It has ended; how is told by its exit status.
        pass


async def _answer(process: Process) -> bytes:
    """What it writes, at most one byte more than allowed."""
    assert process.stdout is not None
    answer = bytearray()
    while len(answer) <= MAX_ANSWER and (part := await process.stdout.read(MEGABYTE)):
        answer += part
    if len(answer) > MAX_ANSWER:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return bytes(answer[: MAX_ANSWER + 1])


async def _end(process: Process) -> None:
    """Leave nothing behind, also when this call is cancelled."""
    if process.returncode is None:
        # It may have ended by itself, and nobody told us yet.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
