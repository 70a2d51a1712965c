"""What a treasury is asked to pay."""

from typing import Annotated

from pydantic import Field

from placet.domain.collection import Attachment
from placet.domain.intent import ADDRESS
from placet.domain.model import Durable

# The schema tells their form; what else is wrong with them is told at the door, in words of its own.
AddressText = Annotated[str, Field(max_length=100, json_schema_extra={"pattern": ADDRESS})]
AmountText = Annotated[str, Field(max_length=100, json_schema_extra={"pattern": "^[1-9][0-9]{0,77}$"})]
SMALLEST = (
    "1.5 of the chain's own currency, which has 18 decimals, is 1500000000000000000; 1.5 of a token with 6 decimals is "
    "1500000. A form also takes the number with its unit, such as 1.5 ETH."
)


class Disbursement(Durable):
    """The request of a payment: to whom, which token (None: the chain's own currency), how much, and what for.

    The council sees the invoice; what it signs is the payment alone.
    """

    to: AddressText = Field(title="Recipient (0x…, with its checksum)")
    amount: AmountText = Field(title="Amount (smallest unit)", description=SMALLEST)
    memo: str = Field(default="", max_length=2000, title="What for", description="It becomes the title of the case.")
    token: AddressText | None = Field(default=None, title="Token contract (none: the chain's currency)")
    threshold: int | None = Field(default=None, ge=1, title="Approvals it takes (if more than the policy says)")
    data: str = Field(default="0x", max_length=20_002, title="Call data (0x: none)")
    invoice: Attachment | None = Field(default=None, title="Invoice")
