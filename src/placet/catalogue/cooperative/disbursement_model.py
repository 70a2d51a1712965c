"""A payment from the treasury: who approves it, how long they have, and the receipt that is left."""

from typing import Literal

from pydantic import Field

from placet.domain.model import Durable
from placet.domain.payment import ReceiptFacts
from placet.domain.people import COUNCIL, Role
from placet.domain.span import Span

COUNCIL_MEMBERS = Role(name=COUNCIL)


class DisbursementPolicy(Durable):
    """How many of the council approve, whether one after the other and with wallets, and how long they have.

    `finality` is how long the receipt is waited for, until it lies deep enough in the chain.
    """

    threshold: int = Field(default=2, ge=1, le=1000, description="So many of the council must approve.")
    ordered: bool = Field(default=False, description="The council acts one after the other.")
    wallets: bool = Field(default=False, description="An approval takes the signature of the member's wallet.")
    approval: Span = Span("7d")
    reminder: Span = Span("2d")
    finality: Span = Span("2d")


class DisbursementOutcome(Durable):
    """What was paid, who approved it, and the receipt at its final depth."""

    status: Literal["paid"] = "paid"
    to: str
    token: str | None
    amount: str
    approved_by: tuple[str, ...]
    receipt: ReceiptFacts
