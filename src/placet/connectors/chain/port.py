"""A chain of Ethereum's kind: what is asked of a node, and its settings."""

from typing import Literal, Protocol

from pydantic import Field, model_validator

from placet.domain.intent import ADDRESS
from placet.domain.model import Durable, Strict
from placet.domain.payment import Token

LOCAL_CHAIN = 31337
DEPTH = 12


class ChainSettings(Strict):
    """`embedded`: a chain on this machine. `rpc`: a node by its URL. `none`: no treasury. `auto`: embedded if its
    program `anvil` is installed, else none.

    `confirmations` is how deep a receipt must lie (12 by default, 1 on the embedded chain). After `stuck_after` seconds
    a transaction that nobody mines is replaced by one with the same nonce and higher fees. With `mode = "safe"` the
    money lies in the Safe at `safe`.
    """

    kind: Literal["auto", "embedded", "rpc", "none"] = "auto"
    url_env: str | None = None
    chain_id: int = Field(default=LOCAL_CHAIN, ge=1, le=2**53 - 1)
    port: int | None = Field(default=None, ge=1, le=65535)
    confirmations: int | None = Field(default=None, ge=1, le=10_000)
    stuck_after: float = Field(default=180, gt=0, le=86_400)
    poll_seconds: float = Field(default=2, gt=0, le=60)
    mode: Literal["account", "safe"] = "account"
    safe: str | None = Field(default=None, pattern=ADDRESS)
    tokens: tuple[Token, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "ChainSettings":
        if self.kind == "rpc" and self.url_env is None:
            raise ValueError("a node needs url_env, the environment variable that holds its URL")
        if self.kind in ("auto", "embedded") and self.chain_id != LOCAL_CHAIN:
            raise ValueError(f"the embedded chain has the id {LOCAL_CHAIN}")
        if (self.mode == "safe") != (self.safe is not None):
            raise ValueError("mode safe and the address of the safe belong together")
        return self

    @property
    def depth(self) -> int:
        return self.confirmations or (DEPTH if self.kind == "rpc" else 1)


class ChainUnavailable(Exception):
    """The node did not answer, or with something that is no answer. What was asked of it may have happened."""


class ChainRefused(Exception):
    """The node answered with an error. Its words are for people; only `code` may decide anything, and rarely does."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def reverted(self) -> bool:
        """The contract itself said no."""
        return self.code == 3


class Block(Durable):
    number: int
    hash: str


class Log(Durable):
    """What a contract has noted in a transaction."""

    address: str
    topics: tuple[str, ...]
    data: str


class Receipt(Durable):
    """A mined transaction."""

    tx_hash: str
    block: Block
    gas_used: int
    ok: bool
    logs: tuple[Log, ...] = ()


class Fees(Durable):
    """What a transaction offers for a unit of gas, in wei: at most, and to whoever mines it."""

    most: int
    tip: int


class Call(Durable):
    """What a transaction does."""

    to: str
    value: int
    data: str


class Chain(Protocol):
    """One node. Everything raises ChainUnavailable or ChainRefused."""

    async def chain_id(self) -> int: ...

    async def head(self) -> Block: ...

    async def block(self, number: int) -> Block | None: ...

    async def next_nonce(self, account: str, at: int | Literal["latest", "pending"] = "latest") -> int:
        """How many transactions of the account are in the chain as of this block, or also in the node's pool."""
        ...

    async def balance(self, account: str, token: str | None = None) -> int: ...

    async def fees(self) -> Fees: ...

    async def gas(self, sender: str, call: Call) -> int:
        """How much the call would use; raises ChainRefused when it would revert."""
        ...

    async def send(self, raw: str) -> None:
        """Hand over signed bytes. After any error look their hash up: they may have arrived."""
        ...

    async def receipt(self, tx_hash: str) -> Receipt | None: ...

    async def knows(self, tx_hash: str) -> bool:
        """Whether the transaction is mined, or waits in the node's pool."""
        ...

    async def call(self, to: str, data: str) -> str: ...

    async def logged(self, address: str, topics: tuple[str, ...], since: float) -> tuple[str, ...]:
        """The hashes of the transactions since this moment in which the contract has noted this, oldest first."""
        ...

    async def close(self) -> None: ...
