"""Settings of the executor. What it pins here, no database can change."""

from typing import Literal

from pydantic import Field, field_validator

from placet.domain.intent import ADDRESS
from placet.domain.model import Strict
from placet.executor.lit import LitSettings

NATIVE = "native"


class ExecutorSettings(Strict):
    """`key`: a key file on this machine, or one held by Lit. `listen` (host:port) opens a door besides the socket in
    the data directory, and `url` is where the worker finds an executor elsewhere; both need `token_env`.

    With `wallets`, only what `min_threshold` of these addresses have signed is paid. `max_amount` (in the smallest
    unit, by token address or `native`) is the most that one payment may move; what is not named has no limit.
    `max_fee_gwei` is the most that is offered for a unit of gas.
    """

    key: Literal["local", "lit"] = "local"
    lit: LitSettings | None = None
    listen: str | None = Field(default=None, pattern=r"^[^:]+:[0-9]{1,5}$")
    url: str | None = None
    token_env: str | None = None
    wallets: tuple[str, ...] = ()
    min_threshold: int = Field(default=1, ge=1, le=1000)
    max_amount: dict[str, str] = {}
    max_fee_gwei: int = Field(default=500, ge=1, le=1_000_000)

    @field_validator("wallets")
    @classmethod
    def _addresses(cls, wallets: tuple[str, ...]) -> tuple[str, ...]:
        import re

        if wrong := [wallet for wallet in wallets if not re.match(ADDRESS, wallet)]:
            raise ValueError(f"{wrong[0]} is no address")
        return wallets

    @field_validator("max_amount")
    @classmethod
    def _amounts(cls, amounts: dict[str, str]) -> dict[str, str]:
        if wrong := [token for token, most in amounts.items() if not (most.isascii() and most.isdigit())]:
            raise ValueError(f"the limit of {wrong[0]} is a whole number in the smallest unit, as text")
        return {token.lower(): most for token, most in amounts.items()}

    def most(self, token: str | None) -> int | None:
        """The most that one payment may move of this token."""
        found = self.max_amount.get((token or NATIVE).lower())
        return None if found is None else int(found)
