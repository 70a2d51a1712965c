"""What a workflow asks of the treasury, and what it is told: plain data."""

from enum import StrEnum

from pydantic import Field

from placet.domain.intent import ADDRESS, Intent
from placet.domain.model import Durable


class PaymentState(StrEnum):
    """How far a payment has come. The last three are ends.

    `reserved`: it has its nonce; `signed`: its bytes are kept; `sent`: a node has taken them; `confirmed`: mined, deep
    enough; `reverted`: mined without effect; `frozen`: its nonce was used by a transaction that is not ours.
    """

    RESERVED = "reserved"
    SIGNED = "signed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    FROZEN = "frozen"

    @property
    def is_end(self) -> bool:
        return self in (PaymentState.CONFIRMED, PaymentState.REVERTED, PaymentState.FROZEN)


class TransferRequest(Durable):
    """A transfer that is wanted: in the smallest unit, of a token or (None) the chain's own currency."""

    to: str
    token: str | None = None
    amount: str
    data: str = "0x"
    case: str


class Paid(Durable):
    """A payment that is under way: from here on the executor carries it, whoever asks."""

    key: str
    tx_hash: str | None
    nonce: int
    state: PaymentState


class ReceiptFacts(Durable):
    """How a payment ended on the chain, at its final depth."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    confirmations: int
    status: str


class Prepared(Intent):
    """The exact intent that a council is to approve, with what the account held when it was prepared: `balance`, as
    decimal text in the smallest unit of what is paid; None where nobody has looked."""

    balance: str | None = Field(default=None, pattern=r"^[0-9]{1,78}$")

    @property
    def intent(self) -> Intent:
        """What is approved and paid, without the circumstances."""
        return Intent.model_validate(self.model_dump(exclude={"balance"}))

    @property
    def hash(self) -> str:
        return self.intent.hash


class Progress(Durable):
    """A payment as it is now; `receipt` once it has ended on the chain, `why` when something is in its way."""

    payment: Paid
    why: str = ""
    receipt: ReceiptFacts | None = None


class Token(Durable):
    """An ERC-20 contract that the house knows."""

    symbol: str = Field(pattern=r"^[A-Za-z0-9.$-]{1,16}$")
    address: str = Field(pattern=ADDRESS)
    decimals: int = Field(ge=0, le=36)
