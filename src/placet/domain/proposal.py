"""Proposals, pure: what their bounties ask of the budget. Amounts are integers in the smallest unit."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal

from placet.domain.model import Durable

MAX_AMOUNT = 2**53 - 1
"""The largest amount that every reader of JSON keeps exactly."""


class Recurrence(StrEnum):
    ONE_TIME = "one_time"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


ProposalKind = Literal["workflow", "deletion", "governance"]
"""What a proposal would make: a workflow that is carried out, the end of one, or an act of the cooperative."""


class ProposalFacts(Durable):
    """What everybody sees of a proposal from the moment it is made; a deletion says of what."""

    kind: ProposalKind = "workflow"
    title: str
    description: str = ""
    steps: tuple[dict[str, Any], ...] = ()
    recurrence: Recurrence = Recurrence.ONE_TIME
    weekly_requirement: int = 0
    instance_requirement: int = 0
    series_id: str | None = None
    target_kind: str | None = None
    target_id: str | None = None


class WorkFacts(Durable):
    """One carrying-out of a proposal: the moment for which a series made it, or `once`, and its number."""

    proposal_id: str
    slot: str
    number: int


def instance_requirement(bounties: Sequence[int]) -> int:
    """What one instance pays out; raises ValueError for what is not an amount, or is too much together."""
    if any(type(bounty) is not int or bounty < 0 for bounty in bounties):
        raise ValueError("a bounty is a whole number of the smallest unit, and not less than 0")
    return _bounded(sum(bounties))


def weekly_requirement(recurrence: Recurrence, bounties: Sequence[int]) -> int:
    """What one week pays out, which is reserved at approval; twelve months are 52 weeks, rounded up.

    Raises ValueError for what is not an amount, or is too much together.
    """
    once = instance_requirement(bounties)
    match recurrence:
        case Recurrence.ONE_TIME | Recurrence.WEEKLY:
            return once
        case Recurrence.DAILY:
            return _bounded(once * 7)
        case Recurrence.MONTHLY:
            return -(-once * 12 // 52)


def _bounded(amount: int) -> int:
    if amount > MAX_AMOUNT:
        raise ValueError(f"the bounties add up to more than {MAX_AMOUNT}; use smaller amounts")
    return amount
