"""What a treasury is asked to pay."""

from pydantic import Field

from placet.domain.intent import ADDRESS
from placet.domain.model import Durable


class Disbursement(Durable):
    """The request of a payment: to whom, which token (None: the chain's own currency), how much, and what for."""

    to: str = Field(pattern=ADDRESS)
    token: str | None = Field(default=None, pattern=ADDRESS)
    amount: str = Field(pattern=r"^[1-9][0-9]{0,77}$")
    memo: str = Field(default="", max_length=2000)
    data: str = Field(default="0x", pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=20_002)
    threshold: int | None = Field(default=None, ge=1)
