"""Money that must be there before a case goes on, pure. Amounts are integers in the smallest unit."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import Field

from placet.domain.model import Durable
from placet.domain.proposal import MAX_AMOUNT
from placet.domain.said import Said, together
from placet.domain.span import Span
from placet.domain.task import Reason, Verdict

FUNDED = "funded"
UNFUNDED = "expired"


class FundsSpec(Durable):
    """What a case needs from the budget; `within` bounds how long it waits for it, else it waits as long as it takes.

    The reservation of the proposal is topped up until it covers `amount` beside all that is owed from it already, and
    at least `floor`. With `work`, the amount is owed to that carrying-out from then on.
    """

    name: str = "funds"
    title: str = "Funding"
    proposal: str
    amount: int = Field(ge=0, le=MAX_AMOUNT)
    floor: int = Field(default=0, ge=0, le=MAX_AMOUNT)
    work: str | None = None
    within: Span | None = None


class FundsRules(Durable):
    """The frozen form of `FundsSpec`; `expires_at` is UTC, before any shift by a pause."""

    title: str
    proposal: str
    amount: int
    floor: int = 0
    work: str | None = None
    expires_at: datetime | None = None


def freeze(spec: FundsSpec, now: datetime) -> FundsRules:
    return FundsRules(
        title=spec.title,
        proposal=spec.proposal,
        amount=spec.amount,
        floor=spec.floor,
        work=spec.work,
        expires_at=now + spec.within.elapsed if spec.within else None,
    )


def expires_at(rules: FundsRules, shift: timedelta) -> datetime | None:
    return rules.expires_at + shift if rules.expires_at else None


def top_up(rules: FundsRules, reserved: int, owed: int) -> int:
    """How much more must be reserved, beside what is `reserved` and what is `owed` from it already."""
    return max(0, max(rules.floor, owed + rules.amount) - reserved)


def fits(needed: int, balance: int, allocated: int) -> bool:
    """Whether so much is neither spent nor promised."""
    return needed <= balance - allocated


def funded(at: datetime, reserved: int) -> Verdict:
    return Verdict(outcome=FUNDED, favourable=True, reason=Reason.FUNDED, at=at, data={"reserved": reserved})


def on_expiry(rules: FundsRules, shift: timedelta, now: datetime) -> Verdict | None:
    """The verdict of the deadline, dated at it; None before it."""
    at = expires_at(rules, shift)
    if at is None or now < at:
        return None
    comment = f"{rules.amount} could not be reserved in time."
    return Verdict(outcome=UNFUNDED, favourable=False, reason=Reason.EXPIRED, at=at, comment=comment)


def funds_sentence(rules: FundsRules, shift: timedelta, faucet: Mapping[str, int]) -> Said:
    """Why a case waits for money, and what happens if none comes."""
    why = Said(
        "Waiting for funds: %(amount)s is needed, %(free)s is free.", amount=rules.amount, free=faucet["unallocated"]
    )
    at = expires_at(rules, shift)
    end = Said("If none comes, it expires on %(at)s.", at=at) if at else Said("It waits until there is enough.")
    return together(why, end)
