"""The embedded chain: the `anvil` program on loopback, whose state is kept here.

Anvil would write its state itself, but over the old file: a kill in that moment leaves half a chain. So the supervisor
asks for the state whenever a block was added, and replaces the file as a whole. The last block may be lost by a kill;
the executor notices, and sends the same bytes again.
"""

import asyncio
import contextlib
import gzip
import importlib.util
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2

from placet.connectors.chain.port import LOCAL_CHAIN, ChainSettings
from placet.runtime.datadir import DataDir, replace_file
from placet.runtime.embedded import LOOPBACK, EmbeddedServerError, free_port
from placet.runtime.supervisor import leashed

log = logging.getLogger(__name__)

BOOT_SECONDS = 60.0
LOOK_SECONDS = 0.25
STATE, MARKER = "state.json", "chain.json"
ENDOWMENT = 1_000 * 10**18


def program() -> str | None:
    """Path of `anvil`: beside this Python, else on PATH; never downloaded."""
    beside = Path(sys.executable).with_name("anvil")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("anvil")


def resolved(settings: ChainSettings) -> ChainSettings:
    """The settings with what `auto` comes to here: a chain if the program and the extra `chain` are installed."""
    if settings.kind != "auto":
        return settings
    there = program() and importlib.util.find_spec("eth_keyfile")
    return settings.model_copy(update={"kind": "embedded" if there else "none"})


def port_of(settings: ChainSettings, port: int) -> int:
    """Where the embedded chain of an installation listens; `port` is that of its API."""
    return settings.port or port + 2


def command(datadir: DataDir, port: int) -> list[str]:
    """The command line of the chain; `bootstrap` must have run."""
    marker = json.loads((datadir.chain / MARKER).read_text())
    return [*_command(port, int(marker["began"])), "--load-state", str(datadir.chain / STATE)]


def _command(port: int, began: int) -> list[str]:
    found = program()
    if found is None:
        raise EmbeddedServerError(
            'The program anvil is missing. Install it (`npm ci`), or set [chain] kind = "none" or "rpc" in placet.toml.'
        )
    return [
        found,
        *("--host", LOOPBACK),
        *("--port", str(port)),
        *("--chain-id", str(LOCAL_CHAIN)),
        # It holds no account of its own, and no web page may call it.
        *("--accounts", "0"),
        "--no-cors",
        # The first block, and with it the identity of this chain, is the same after each start.
        *("--timestamp", str(began)),
        "--quiet",
    ]


def begun(datadir: DataDir) -> bool:
    """Whether this installation has its chain."""
    return (datadir.chain / STATE).exists()


async def bootstrap(datadir: DataDir, treasury: Sequence[str]) -> None:
    """Begin the chain of this installation, with money for these addresses."""
    datadir.chain.mkdir(mode=0o700, exist_ok=True)
    port, began = free_port(), int(time.time())
    anvil = await asyncio.create_subprocess_exec(
        *leashed(_command(port, began)), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await ready(port)
        async with _node(port) as node:
            for address in treasury:
                await node.ask("anvil_setBalance", address, hex(ENDOWMENT))
            replace_file(datadir.chain / MARKER, json.dumps({"began": began, "treasury": list(treasury)}) + "\n")
            await _keep(node, datadir)
    finally:
        with contextlib.suppress(ProcessLookupError):
            anvil.kill()
        await anvil.wait()


async def ready(port: int) -> None:
    """Return once the chain answers."""
    async with asyncio.timeout(BOOT_SECONDS), _node(port) as node:
        while True:
            try:
                await node.ask("eth_chainId")
                return
            except httpx2.HTTPError:
                await asyncio.sleep(0.05)


async def keep(datadir: DataDir, port: int) -> None:
    """Save the state after each change, until cancelled."""
    last: str | None = None
    async with _node(port) as node:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                head = (await node.ask("eth_getBlockByNumber", "latest", False))["hash"]
                if head != last:
                    await _keep(node, datadir)
                    last = head
            except (httpx2.HTTPError, OSError, KeyError, TypeError, ValueError) as error:
                log.debug("the state of the chain was not saved: %s", error)


async def _keep(node: "_Node", datadir: DataDir) -> None:
    state = gzip.decompress(bytes.fromhex((await node.ask("anvil_dumpState"))[2:])).decode()
    json.loads(state)
    await asyncio.to_thread(replace_file, datadir.chain / STATE, state)


class _Node:
    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, *params: Any) -> Any:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return (await self._client.post("/", json=question)).json()["result"]


@contextlib.asynccontextmanager
async def _node(port: int) -> AsyncIterator[_Node]:
    async with httpx2.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=10) as client:
        yield _Node(client)
