"""The executor's doors: a socket for its owner, TCP with a token, and what each answer means to the worker."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from executor.anvil import Anvil
from executor.desk import PATIENCE_SECONDS, Desk, desk, somebody
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import TreasuryRefused, TreasuryUnavailable
from placet.domain.payment import PaymentState, TransferRequest
from placet.executor import service
from placet.executor.keys import LocalKey
from ports import free_port

TOKEN = "a token of tests, long enough"


@asynccontextmanager
async def open_door(at: Desk, path: Path, listen: str | None = None, token: str | None = None) -> AsyncIterator[None]:
    serving = asyncio.create_task(service.serve(at.office, path, listen, token))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not path.exists():
                await asyncio.sleep(0.01)
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def ended(client: ExecutorClient, key: str) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (told := await client.progress(key)).payment.state.is_end:
            await asyncio.sleep(0.01)
    return told


async def test_the_worker_pays_over_the_socket_and_waits_for_the_receipt(paying: Desk, tmp_path: Path) -> None:
    path = tmp_path / "s"
    client = ExecutorClient(path)
    async with open_door(paying, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        wanted = TransferRequest(to=somebody(), token=paying.token, amount="42", case="case-a")
        intent = await client.prepare(wanted)
        assert (intent.account, intent.token, intent.case_id) == (paying.account, paying.token, "case-a")
        assert intent.balance == str(await paying.office.payments.chain.balance(paying.account, paying.token))
        _, decision = paying.approved(intent.intent)
        key = "case-a/treasury.pay/1"
        paid = (await client.pay(key, decision, "case-a")).payment
        assert paid.nonce == 0 and paid.tx_hash is not None
        told = await ended(client, key)
        assert told.payment.state is PaymentState.CONFIRMED and told.receipt.tx_hash == paid.tx_hash
        assert (await client.status())["payments"] == {"confirmed": 1}
        with pytest.raises(TreasuryRefused) as refused:
            await client.pay(key, decision, "another case")
        assert refused.value.code == "other-case"
        with pytest.raises(TreasuryRefused) as refused:
            await client.progress("no such key")
        assert refused.value.code == "unknown-payment"
        assert paying.judged([intent.intent], paying.token) == (1, 0, 0)


async def test_bad_transfers_are_told_apart_before_anybody_is_asked(paying: Desk, tmp_path: Path) -> None:
    client = ExecutorClient(tmp_path / "s")
    good = somebody()
    flipped = good[:-1] + good[-1].swapcase() if good[-1].isalpha() else good.swapcase().replace("0X", "0x")
    bad: list[tuple[str, dict[str, Any]]] = [
        ("bad-address", {"to": flipped}),
        ("bad-address", {"to": good[:-1]}),
        ("bad-address", {"to": f"0x{'0' * 40}"}),
        ("bad-address", {"to": "vitalik"}),
        ("unknown-token", {"token": somebody()}),
        ("bad-address", {"to": paying.token, "token": paying.token}),
        ("bad-amount", {"amount": "0"}),
        ("bad-amount", {"amount": "-1"}),
        ("bad-amount", {"amount": "1.5"}),
        ("bad-amount", {"amount": "1e9"}),
        ("bad-amount", {"amount": "٣"}),
        ("bad-amount", {"amount": str(2**256)}),
        ("bad-data", {"data": "0xz"}),
        ("bad-data", {"token": paying.token, "data": "0x00"}),
    ]
    async with open_door(paying, tmp_path / "s"):
        for code, wrong in bad:
            given = {"to": good, "amount": "1", "case": "case-a"} | wrong
            with pytest.raises(TreasuryRefused) as refused:
                await client.prepare(TransferRequest(**given))
            assert refused.value.code == code, wrong
        assert (
            await client.prepare(TransferRequest(to=good, amount=str(2**256 - 1), case="case-a"))
        ).units == 2**256 - 1


async def test_tcp_needs_the_token_and_never_thaws(paying: Desk, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with pytest.raises(ValueError, match="token"):
        await service.serve(paying.office, tmp_path / "s", listen, None)
    async with open_door(paying, tmp_path / "s", listen, TOKEN):
        for token in (None, "wrong", ""):
            with pytest.raises(TreasuryUnavailable):
                await ExecutorClient(tmp_path / "s", f"http://{listen}", token).status()
        client = ExecutorClient(tmp_path / "s", f"http://{listen}", TOKEN)
        assert (await client.status())["state"] == "ready"
        with pytest.raises(TreasuryRefused) as refused:
            await client.thaw()
        assert refused.value.code == "forbidden"
        assert (await ExecutorClient(tmp_path / "s", None, TOKEN).thaw())["state"] == "ready"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 422),
        (b"not json", 422),
        (b'{"key": "k", "decision": "d", "amount": "5"}', 422),
        (b'{"key": "", "decision": "d"}', 422),
        (b"[" * 70_000, 413),
    ],
)
async def test_bad_orders_are_refused_with_a_problem(paying: Desk, tmp_path: Path, body: bytes, status: int) -> None:
    path = tmp_path / "s"
    async with open_door(paying, path):
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with httpx2.AsyncClient(transport=transport, base_url="http://executor") as client:
            answer = await client.post("/payments", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert paying.journal.next_nonce == 0


async def test_what_may_help_later_is_unavailable_and_what_cannot_is_refused(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    path = tmp_path / "s"
    client = ExecutorClient(path)
    with pytest.raises(TreasuryUnavailable):
        await client.status()
    dead = f"http://127.0.0.1:{free_port()}"
    async with desk(chain, tmp_path, url=dead, key=key) as at, open_door(at, path):
        intent, decision = at.approved()
        with pytest.raises(TreasuryUnavailable):
            await client.pay("k", decision, intent.case_id)
        assert (await client.status())["state"] == "chain-unavailable"
        with pytest.raises(TreasuryRefused) as refused:
            await client.pay("k", "no such decision", intent.case_id)
        assert refused.value.code == "unknown-decision"


async def test_a_socket_that_a_killed_executor_left_behind_is_taken_over(paying: Desk, tmp_path: Path) -> None:
    path = tmp_path / "s"
    left = socket.socket(socket.AF_UNIX)
    left.bind(os.fspath(path))
    left.close()
    async with open_door(paying, path):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    assert (await ExecutorClient(path).status())["state"] == "ready"
                    break
                except TreasuryUnavailable:
                    await asyncio.sleep(0.02)


async def test_one_journal_has_one_executor(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    from placet.executor.journal import JournalInUse

    async with desk(chain, tmp_path, key=key):
        with pytest.raises(JournalInUse):
            async with desk(chain, tmp_path, key=key):
                pass
