"""What a treasury is asked to pay."""

from typing import Annotated

from pydantic import Field

from placet.domain.collection import Attachment
from placet.domain.intent import ADDRESS
from placet.domain.model import Durable

# The schema tells their form; what else is wrong with them is told at the door, in words of its own.
AddressText = Annotated[str, Field(max_length=100, json_schema_extra={"pattern": ADDRESS})]
AmountText = Annotated[str, Field(max_length=100, json_schema_extra={"pattern": "^[1-9][0-9]{0,77}$"})]


class Disbursement(Durable):
    """The request of a payment: to whom, which token (None: the chain's own currency), how much, and what for.

    The council sees the invoice; what it signs is the payment alone.
    """

    to: AddressText
    token: AddressText | None = None
    amount: AmountText
    memo: str = Field(default="", max_length=2000)
    data: str = Field(default="0x", max_length=20_002)
    threshold: int | None = Field(default=None, ge=1)
    invoice: Attachment | None = None
