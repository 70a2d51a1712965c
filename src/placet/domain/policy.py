"""What is ordered about a policy beyond the settings, and what came of it."""

from typing import Any, Literal

from pydantic import Field

from placet.domain.model import Durable


class PolicyOrder(Durable):
    """New values for some keys of a policy, decided on the basis of one version of it (0: the settings alone)."""

    policy: str = Field(min_length=1, max_length=100, title="Policy")
    values: dict[str, Any] = Field(min_length=1, max_length=50, title="New values")
    base_version: int = Field(ge=0, le=2**31 - 1, title="Version that this changes")


class PolicyChanged(Durable):
    """`stale`: another version has come into force since; `refused`: the values are not valid, and `why`."""

    result: Literal["done", "stale", "refused"]
    version: int = 0
    why: str = ""
