"""One executor in this process, on a real chain and a real database, whose rounds a test takes by hand."""

import asyncio
import contextlib
import itertools
import secrets
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from executor import council
from executor.anvil import CHAIN_ID, Anvil
from placet.connectors.chain.evm import EvmNode
from placet.connectors.chain.port import ChainSettings, ChainUnavailable
from placet.domain.intent import Intent
from placet.domain.payment import PaymentState, Token
from placet.executor import service
from placet.executor.journal import Journal, Payment
from placet.executor.keys import LocalKey
from placet.executor.office import Office
from placet.executor.settings import ExecutorSettings
from placet.store import tables as t
from placet.store.engine import Store
from placet.store.house import House

PATIENCE_SECONDS = 60.0
_numbers = itertools.count(1)


def somebody() -> str:
    """An address that nothing was ever paid to."""
    return str(to_checksum_address(f"0x{secrets.token_hex(20)}"))


def open_store(folder: Path) -> Store:
    store = Store(f"sqlite:///{folder}/placet.db", House())
    t.metadata.create_all(store.engine)
    return store


@dataclass
class Desk:
    chain: Anvil
    office: Office
    store: Store
    folder: Path
    token: str | None = None

    @property
    def account(self) -> str:
        return self.office.own.account

    @property
    def journal(self) -> Journal:
        return self.office.payments.journal

    def intent(self, to: str | None = None, amount: int = 1000, **more: Any) -> Intent:
        """A payment of a new case."""
        given = {"chain_id": CHAIN_ID, "account": self.account, "case_id": f"case-{next(_numbers)}"} | more
        return Intent(to=to or somebody(), amount=str(amount), **given)

    def approved(self, intent: Intent | None = None, **how: Any) -> tuple[Intent, str]:
        """An intent with the decision that approves it."""
        wanted = intent or self.intent()
        return wanted, council.close(self.store, wanted, **how)

    async def pay(self, decision: str, key: str | None = None) -> Payment:
        return await self.office.pay(key or f"{decision.split('.')[0]}/treasury.pay/1", decision, None, None)

    async def rounds(self, decision: str, until: PaymentState = PaymentState.CONFIRMED) -> Payment:
        """Round after round until the payment has come so far."""
        return await self.carried_on(decision, lambda found: found.state is until)

    async def carried_on(self, decision: str, holds: Callable[[Payment], bool]) -> Payment:
        """Round after round, as the executor takes them, also while the node is too slow, until this holds."""
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.0
        while True:
            found = self.journal.of_decision(decision)
            assert found is not None
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{decision} is {found.state}: {found.why}"
            # A chain that mines by itself takes a moment to do so.
            await asyncio.sleep(pause)
            pause = min(pause + 0.01, 0.1)
            with contextlib.suppress(ChainUnavailable):
                await self.office.payments.round()

    def judged(self, intents: list[Intent], token: str | None = None) -> tuple[int, int, int]:
        """What the chain itself says: transfers seen to these payees, nonces used twice, nonces left out."""
        received = self.chain.received(token)
        nonces = self.chain.nonces(self.office.payments.account)
        seen = sum(received[intent.to.lower()] for intent in intents)
        assert all(received[intent.to.lower()] <= 1 for intent in intents), "somebody was paid twice"
        return seen, len(nonces) - len(set(nonces)), (max(nonces) + 1 - len(set(nonces))) if nonces else 0


@contextlib.asynccontextmanager
async def desk(
    chain: Anvil,
    folder: Path,
    *,
    url: str | None = None,
    pins: ExecutorSettings | None = None,
    key: LocalKey | None = None,
    endowed: bool = True,
    timeout: float = PATIENCE_SECONDS,
    tokens: tuple[str, ...] = (),
    **settings: Any,
) -> AsyncIterator[Desk]:
    """Opened again on the same folder and key, it is the same executor, started anew."""
    key = key or LocalKey(secrets.token_bytes(32))
    if endowed:
        chain.give(key.address)
    known = tuple(Token(symbol="SMPL", address=one, decimals=6) for one in tokens)
    on = ChainSettings(
        **{"kind": "embedded", "confirmations": 1, "poll_seconds": 0.05, "tokens": known, "stuck_after": 3600}
        | settings
    )
    store = open_store(folder)
    journal = Journal(folder / "executor/journal.db", on.chain_id, key.address)
    node = EvmNode(url or chain.url, timeout)
    try:
        office = service.office_of(node, key, journal, on, pins or ExecutorSettings(), store)
        yield Desk(chain, office, store, folder)
    finally:
        await node.close()
        journal.close()
        store.close()


def copy_journal(folder: Path, target: Path) -> None:
    """A backup of the journal, as of now."""
    target.unlink(missing_ok=True)
    live = sqlite3.connect(folder / "executor/journal.db")
    with contextlib.closing(live), contextlib.closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def put_journal(folder: Path, source: Path) -> None:
    """Put a backup in place of the journal."""
    for suffix in ("", "-wal", "-shm"):
        (folder / f"executor/journal.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(source, folder / "executor/journal.db")
