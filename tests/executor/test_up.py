"""The treasury of `placet up`: a local chain and an executor under the supervisor, killed and started again."""

import contextlib
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from executor import council
from executor.anvil import CHAIN_ID, Anvil
from executor.desk import somebody
from executor.ledger import judge
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import TreasuryRefused, TreasuryUnavailable
from placet.domain.intent import Intent
from placet.domain.payment import PaymentState
from placet.runtime.chain import ENDOWMENT
from placet.runtime.datadir import DataDir
from placet.store.engine import Store
from placet.store.house import House
from ports import free_port
from proof.harness import PATIENCE, PATIENCE_SECONDS, Installation, until

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]


@contextlib.asynccontextmanager
async def running(folder: Path, port: int) -> AsyncIterator[Installation]:
    place = Installation(folder, f'{PATIENCE}[chain]\nkind = "embedded"\nport = {port}\npoll_seconds = 0.1\n')
    try:
        await place.up()
        yield place
    finally:
        place.clean_up()


async def is_ready(place: Installation) -> bool:
    """Whether the API says so; it waits only a second for the executor."""
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        return bool((await http.get(f"{place.url}/readyz")).json()["treasury"] == "ready")


async def test_the_local_chain_and_the_executor_survive_kills_of_everything(tmp_path: Path) -> None:
    port = free_port()
    chain = Anvil(f"http://127.0.0.1:{port}", itertools.count(1))
    async with running(tmp_path, port) as place:
        await until(lambda: is_ready(place), "a treasury that is ready")
        assert {"executor", "chain"} <= set(place.children())
        client = ExecutorClient(DataDir(place.data).executor_socket())
        account = (await client.status())["account"]
        assert chain.balance(account) == ENDOWMENT
        genesis = chain.rpc("eth_getBlockByNumber", "0x0", False)["hash"]
        store = Store(f"sqlite:///{place.database}", House())
        intents = []
        for number, victim in enumerate(("chain", "executor", "everything"), start=1):
            case = f"case-{number}"
            intent = Intent(chain_id=CHAIN_ID, account=account, to=somebody(), amount="1000", case_id=case)
            decision = council.close(store, intent)
            key = f"{case}/treasury.pay/1"
            await client.pay(key, decision, case)
            if victim == "everything":
                place.kill_everything()
                await until(lambda: not place.left_over(), "the end of all")
                await place.up()
            else:
                pid = place.signal(victim, signal.SIGKILL)
                await until(lambda who=victim, pid=pid: place.children().get(who, pid) != pid, f"another {victim}")
            # A chain that was killed has forgotten its last block, until the executor sends the same bytes again.
            await until(lambda to=intent.to: _received(chain, to), f"the payment after a kill of {victim}")
            await until(lambda key=key: _confirmed(client, key), "its receipt")
            intents.append(intent)
            received = chain.received()
            seen, nonces = sum(received[one.to.lower()] for one in intents), chain.nonces(account)
            assert (seen, nonces) == (number, list(range(number)))
            judge(f"kill -9 of {victim} under `placet up`", 1, 1, (received[intent.to.lower()], 0, 0))
        store.close()
        assert chain.rpc("eth_getBlockByNumber", "0x0", False)["hash"] == genesis
        await until(lambda: is_ready(place), "a treasury that is ready again")
        told = json.loads(place.placet("--json", "executor", "status").stdout)
        assert (told["state"], told["payments"]) == ("ready", {"confirmed": 3})
        assert "is ready; its next nonce is 3" in place.placet("executor", "thaw").stdout
        assert place.placet("executor", "address").stdout.strip() == account
        await _no_page_may_call(port)
        secret = (place.data / "executor/passphrase").stat()
        assert secret.st_mode & 0o077 == 0 and secret.st_uid == os.geteuid()


def _received(chain: Anvil, to: str) -> bool:
    try:
        return chain.received()[to.lower()] > 0
    except OSError:
        return False


async def _confirmed(client: ExecutorClient, key: str) -> bool:
    with contextlib.suppress(TreasuryUnavailable, TreasuryRefused):
        return (await client.progress(key)).payment.state is PaymentState.CONFIRMED
    return False


async def _no_page_may_call(port: int) -> None:
    """A web page can send only what needs no permission, and the chain takes none of that."""
    nobody = f"0x{'11' * 20}"
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [nobody, "0x1"]})
    # A connection for each question, and no answer needed: the chain hangs up on those that it refuses to read.
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {"Origin": "https://evil.example", "Content-Type": kind}
        async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            with contextlib.suppress(httpx2.NetworkError, httpx2.RemoteProtocolError):
                await http.post(f"http://127.0.0.1:{port}", content=question, headers=headers)
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        preflight = await http.options(f"http://127.0.0.1:{port}", headers=asked)
    assert "access-control-allow-origin" not in preflight.headers
    chain = Anvil(f"http://127.0.0.1:{port}", itertools.count(1))
    assert chain.balance(nobody) == 0
