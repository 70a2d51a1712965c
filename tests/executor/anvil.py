"""A real local chain, and an oracle that reads it without any code of the product."""

import contextlib
import itertools
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address

from placet.runtime.chain import program
from placet.runtime.supervisor import leashed
from ports import free_port

CHAIN_ID = 31337
RICH = 10**21
PATIENCE_SECONDS = 60.0
TRANSFERRED = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TOKEN = Path(__file__).parents[1] / "samples/token.json"


@dataclass
class Anvil:
    """One chain on loopback."""

    url: str
    _ids: Iterator[int]

    def rpc(self, method: str, *params: Any) -> Any:
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        request = urllib.request.Request(self.url, json.dumps(question).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            told = json.load(answer)
        assert "error" not in told, told
        return told["result"]

    def give(self, account: str, units: int = RICH) -> None:
        self.rpc("anvil_setBalance", account, hex(units))

    def automine(self, on: bool) -> None:
        self.rpc("evm_setAutomine", on)

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def balance(self, account: str) -> int:
        return int(self.rpc("eth_getBalance", account, "latest"), 16)

    def nonce(self, account: str) -> int:
        return int(self.rpc("eth_getTransactionCount", account, "latest"), 16)

    def transactions(self) -> list[dict[str, Any]]:
        """Everything that was mined."""
        head = int(self.rpc("eth_blockNumber"), 16)
        blocks = (self.rpc("eth_getBlockByNumber", hex(number), True) for number in range(head + 1))
        return [one for block in blocks for one in block["transactions"]]

    def nonces(self, account: str) -> list[int]:
        """The nonces of the account's transactions, as they were mined."""
        mine = account.lower()
        return [int(one["nonce"], 16) for one in self.transactions() if one["from"].lower() == mine]

    def received(self, token: str | None = None) -> Counter[str]:
        """How many transfers each address received, in lower case."""
        if token is None:
            return Counter(one["to"].lower() for one in self.transactions() if one["to"] and int(one["value"], 16))
        logs = self.rpc("eth_getLogs", {"address": token, "fromBlock": "0x0", "topics": [TRANSFERRED]})
        return Counter(f"0x{log['topics'][2][-40:]}".lower() for log in logs)

    def pool(self) -> list[str]:
        """The hashes that wait to be mined."""
        waiting = self.rpc("txpool_content")["pending"]
        return [one["hash"] for nonces in waiting.values() for one in nonces.values()]

    def deploy(self, code: str, kinds: list[str], values: list[Any]) -> str:
        """A contract from a throw-away account; its address."""
        maker = Account.create()
        self.give(maker.address)
        made = self.transact(maker, None, code + encode(kinds, values).hex())
        assert made["status"] == "0x1", "the contract was not made"
        return str(to_checksum_address(made["contractAddress"]))

    def transact(self, sender: Any, to: str | None, data: str, value: int = 0) -> dict[str, Any]:
        """Send a transaction of somebody's own; its receipt."""
        call = {"chainId": CHAIN_ID, "nonce": self.nonce(sender.address), "gas": 15_000_000, "data": data}
        fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "value": value}
        signed = sender.sign_transaction(call | fees | ({"to": to} if to else {}))
        hashed = self.rpc("eth_sendRawTransaction", f"0x{bytes(signed.raw_transaction).hex()}")
        return self.receipt(hashed)

    def receipt(self, hashed: str) -> dict[str, Any]:
        """The receipt of a transaction, once it is mined: also with automine that is a moment after it was taken."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (receipt := self.rpc("eth_getTransactionReceipt", hashed)) is None:
            assert time.monotonic() < deadline, "the transaction was not mined"
        mined: dict[str, Any] = receipt
        return mined

    def token(self, holder: str, supply: int = 10**12) -> str:
        """The sample token; its address, with the checksum."""
        return self.deploy(json.loads(TOKEN.read_text())["bytecode"], ["uint256", "address"], [supply, holder])


@contextlib.contextmanager
def anvil(*options: str) -> Iterator[Anvil]:
    """A chain while the block runs; it dies with this process."""
    found = program()
    assert found is not None, "anvil is missing: npm ci"
    port = free_port()
    command = [found, "--port", str(port), "--chain-id", str(CHAIN_ID), "--accounts", "0", "--quiet", *options]
    process = subprocess.Popen(leashed(command), stdout=subprocess.DEVNULL)
    chain = Anvil(f"http://127.0.0.1:{port}", itertools.count(1))
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            try:
                chain.rpc("eth_chainId")
                break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline and process.poll() is None, "anvil did not start"
                time.sleep(0.02)
        yield chain
    finally:
        process.kill()
        process.wait()
