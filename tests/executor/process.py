"""The executor as its users have it: a process behind a socket, killed at will."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from executor.anvil import CHAIN_ID, Anvil
from executor.desk import open_store
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import TreasuryRefused, TreasuryUnavailable
from placet.domain.intent import Intent
from placet.domain.payment import PaymentState, Progress
from placet.runtime.datadir import DataDir
from placet.runtime.supervisor import leashed
from placet.store.crash import TICKET

PATIENCE_SECONDS = 90.0
SETTINGS = """
[chain]
kind = "rpc"
url_env = "PROOF_CHAIN_URL"
chain_id = {chain_id}
confirmations = 1
poll_seconds = 0.1
stuck_after = {stuck_after}
"""


class Executor:
    """One data directory and its executor; every crash point is armed, and needs a ticket."""

    def __init__(self, folder: Path, chain: Anvil, points: tuple[str, ...] = (), stuck_after: float = 3600) -> None:
        self.datadir = DataDir(folder / "data")
        self.chain = chain
        self.config = folder / "placet.toml"
        self.config.write_text(SETTINGS.format(chain_id=CHAIN_ID, stuck_after=stuck_after))
        self.tickets = folder / "tickets"
        self.tickets.mkdir()
        self.store = open_store(self.datadir.path)
        self.client = ExecutorClient(self.datadir.executor_socket())
        self.process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "executor.log").open("ab")
        self._env = os.environ | {
            "PROOF_CHAIN_URL": chain.url,
            "PLACET_CRASH_AT": ",".join(points),
            "PLACET_CRASH_TICKETS": str(self.tickets),
        }

    def command(self, *more: str) -> list[str]:
        where = ["--data", str(self.datadir.path), "--config", str(self.config)]
        return [sys.executable, "-m", "placet.cli.main", "executor", *where, *more]

    def start(self) -> None:
        self.process = subprocess.Popen(
            leashed(self.command()), env=self._env, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*more), env=self._env, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )

    def ticket(self, point: str) -> None:
        (self.tickets / point).write_text(TICKET)

    def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def serving(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(TreasuryUnavailable):
                    return await self.client.status()
                assert self.process is not None and self.process.poll() is None, "the executor has ended"
                await asyncio.sleep(0.02)

    async def died(self) -> None:
        """It was killed at the point that a ticket named."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.process is not None and self.process.poll() is None:
                await asyncio.sleep(0.02)
        assert self.process is not None and self.process.returncode == -signal.SIGKILL

    async def ended(self, key: str) -> Progress:
        """The payment once it is over, by the executor's own doing."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(TreasuryUnavailable, TreasuryRefused):
                    told = await self.client.progress(key)
                    if told.payment.state.is_end:
                        return told
                await asyncio.sleep(0.02)

    async def confirmed(self, key: str) -> None:
        assert (await self.ended(key)).payment.state is PaymentState.CONFIRMED

    def judged(self, account: str, intents: list[Intent]) -> tuple[int, int, int]:
        received, nonces = self.chain.received(), self.chain.nonces(account)
        assert all(received[intent.to.lower()] <= 1 for intent in intents), "somebody was paid twice"
        seen = sum(received[intent.to.lower()] for intent in intents)
        return seen, len(nonces) - len(set(nonces)), (max(nonces) + 1 - len(set(nonces))) if nonces else 0

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.store.close()
        self._log.close()


@contextlib.contextmanager
def executor(folder: Path, chain: Anvil, points: tuple[str, ...] = (), stuck_after: float = 3600) -> Iterator[Executor]:
    made = Executor(folder, chain, points, stuck_after)
    try:
        yield made
    finally:
        made.close()
