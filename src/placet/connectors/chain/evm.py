"""Any node that speaks Ethereum's JSON-RPC over HTTP. No words of a node are ever taken apart."""

import itertools
from typing import Any, Literal

import httpx2

from placet.connectors.chain.port import Block, Call, ChainRefused, ChainUnavailable, Fees, Log, Receipt

TIMEOUT_SECONDS = 10.0
MAX_ANSWER = 10_000_000
BALANCE_OF = "70a08231"
BLOCKS_LOOKED_AT = 5
PERCENTILE = 50
GWEI = 10**9
# How many blocks a node is asked about at once: most of them answer for no more.
BLOCKS_AT_ONCE = 2000
# The clocks of nodes and ours may differ by this much.
CLOCKS_DIFFER = 3600


class EvmNode:
    """A node behind a URL, which may hold a secret and is never shown."""

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._client = httpx2.AsyncClient(timeout=timeout_seconds)
        self._url = url
        self._numbers = itertools.count(1)

    async def chain_id(self) -> int:
        return _number(await self._ask("eth_chainId"))

    async def head(self) -> Block:
        return _block(await self._ask("eth_getBlockByNumber", "latest", False))

    async def block(self, number: int) -> Block | None:
        found = await self._ask("eth_getBlockByNumber", hex(number), False)
        return None if found is None else _block(found)

    async def next_nonce(self, account: str, at: int | Literal["latest", "pending"] = "latest") -> int:
        return _number(await self._ask("eth_getTransactionCount", account, hex(at) if isinstance(at, int) else at))

    async def balance(self, account: str, token: str | None = None) -> int:
        if token is None:
            return _number(await self._ask("eth_getBalance", account, "latest"))
        return _number(await self.call(token, f"0x{BALANCE_OF}{account[2:].lower():0>64}"))

    async def fees(self) -> Fees:
        history = await self._ask("eth_feeHistory", hex(BLOCKS_LOOKED_AT), "latest", [PERCENTILE])
        try:
            base = _number(history["baseFeePerGas"][-1])
            tips = [_number(each[0]) for each in history.get("reward") or [] if each]
        except (KeyError, IndexError, TypeError) as error:
            raise ChainUnavailable("The node's history of fees makes no sense.") from error
        # Where nobody tips, next to nothing is enough: a gwei on the main chain, less where gas costs less.
        tip = max(tips, default=0) or min(GWEI, max(base, 1))
        # Room for six full blocks in a row, each of which raises the base fee by an eighth.
        return Fees(most=2 * base + tip, tip=tip)

    async def gas(self, sender: str, call: Call) -> int:
        wanted = {"from": sender, "to": call.to, "value": hex(call.value), "data": call.data}
        return _number(await self._ask("eth_estimateGas", wanted))

    async def send(self, raw: str) -> None:
        await self._ask("eth_sendRawTransaction", raw)

    async def receipt(self, tx_hash: str) -> Receipt | None:
        found = await self._ask("eth_getTransactionReceipt", tx_hash)
        if found is None or found.get("blockNumber") is None:
            return None
        try:
            return Receipt(
                tx_hash=tx_hash,
                block=Block(number=_number(found["blockNumber"]), hash=found["blockHash"]),
                gas_used=_number(found["gasUsed"]),
                ok=_number(found["status"]) == 1,
                logs=tuple(
                    Log(address=one["address"].lower(), topics=tuple(one["topics"]), data=one["data"])
                    for one in found.get("logs", ())
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ChainUnavailable("The node's receipt makes no sense.") from error

    async def knows(self, tx_hash: str) -> bool:
        return await self._ask("eth_getTransactionByHash", tx_hash) is not None

    async def call(self, to: str, data: str) -> str:
        return str(await self._ask("eth_call", {"to": to, "data": data}, "latest"))

    async def logged(self, address: str, topics: tuple[str, ...], since: float) -> tuple[str, ...]:
        last = (await self.head()).number
        found: list[str] = []
        for first in range(await self._block_at(since - CLOCKS_DIFFER, last), last + 1, BLOCKS_AT_ONCE):
            blocks = {"fromBlock": hex(first), "toBlock": hex(min(first + BLOCKS_AT_ONCE - 1, last))}
            logs = await self._ask("eth_getLogs", {"address": address, "topics": list(topics), **blocks})
            try:
                found += [str(one["transactionHash"]) for one in logs if not one.get("removed")]
            except (KeyError, TypeError, AttributeError) as error:
                raise ChainUnavailable("The node's logs make no sense.") from error
        return tuple(dict.fromkeys(found))

    async def _block_at(self, moment: float, last: int) -> int:
        """The first block that is not older than this; `last` when all are."""
        low, high = 0, last
        while low < high:
            middle = (low + high) // 2
            block = await self._ask("eth_getBlockByNumber", hex(middle), False)
            if not isinstance(block, dict):
                raise ChainUnavailable("The node does not show one of its blocks.")
            low, high = (low, middle) if _number(block.get("timestamp")) >= moment else (middle + 1, high)
        return low

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, *params: Any) -> Any:
        question = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": list(params)}
        try:
            answer = await self._client.post(self._url, json=question)
            told = answer.json() if len(answer.content) <= MAX_ANSWER else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            # The client's own words may hold the URL, and with it a key.
            raise ChainUnavailable(f"The node does not answer ({type(error).__name__}).") from error
        if not isinstance(told, dict) or ("result" not in told and not isinstance(told.get("error"), dict)):
            raise ChainUnavailable(f"The node answered {answer.status_code}, without a result.")
        if (refused := told.get("error")) is not None:
            code = refused.get("code")
            raise ChainRefused(code if isinstance(code, int) else 0, str(refused.get("message", ""))[:300])
        return told["result"]


def _number(value: Any) -> int:
    try:
        return int(value, 16)
    except (TypeError, ValueError) as error:
        raise ChainUnavailable("The node answered with something that is no number.") from error


def _block(found: Any) -> Block:
    try:
        return Block(number=_number(found["number"]), hash=found["hash"])
    except (KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable("The node's block makes no sense.") from error
