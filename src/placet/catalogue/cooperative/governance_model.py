"""A governance proposal: the one act that is voted on, how long it is discussed, and what can come of it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from placet.domain.collection import Attachment
from placet.domain.disbursement import SMALLEST, AddressText, AmountText
from placet.domain.membership import RoleOrder
from placet.domain.model import Durable
from placet.domain.policy import PolicyOrder
from placet.domain.span import Span
from placet.domain.task import Outcome

WITHDRAW = Outcome(name="withdraw", label="Withdraw the proposal", favourable=False)
VOTE = Outcome(name="vote", label="the vote opens", by_clock=True)


class TreasuryTransfer(Durable):
    """A payment from the treasury; the amount is decimal text in the smallest unit of the token, or of the chain."""

    kind: Literal["treasury-transfer"]
    to: AddressText = Field(title="Recipient (0x…, with its checksum)")
    token: AddressText | None = Field(default=None, title="Token contract (none: the chain's currency)")
    amount: AmountText = Field(title="Amount (smallest unit)", description=SMALLEST)
    memo: str = Field(default="", max_length=2000, title="What for")


class RoleChange(RoleOrder):
    """A right that somebody is given, or loses."""

    kind: Literal["role-change"]


class PolicyUpdate(PolicyOrder):
    """New values of a policy, for cases that open after it."""

    kind: Literal["policy-update"]


Action = Annotated[TreasuryTransfer | RoleChange | PolicyUpdate, Field(discriminator="kind")]


class Governance(Durable):
    """What is proposed, and the act that an approval brings about."""

    title: str = Field(min_length=1, max_length=200, title="Title")
    description: str = Field(default="", max_length=50_000, title="Description (Markdown)")
    action: Action
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=10)


class GovernancePolicy(Durable):
    """How long a proposal is discussed before its vote opens; then as for every vote."""

    discussion: Span = Span("3d")
    countdown: Span = Span("24h")
    expiry: Span = Span("14d")
    reminder: Span = Span("6h")

    @field_validator("countdown", "expiry", "reminder")
    @classmethod
    def _elapsed(cls, span: Span) -> Span:
        if span.business_days:
            raise ValueError("a vote runs on elapsed time, not on business days; write it like 24h or 14d")
        return span


class GovernanceOutcome(Durable):
    """`execution` is how the approved act ended: done, moot (it was so already), refused, cancelled or failed."""

    status: Literal["approved", "rejected", "expired", "withdrawn"]
    execution: Literal["none", "done", "moot", "refused", "cancelled", "failed"] = "none"
    reason: str = ""


class ExecutionOrder(Durable):
    """One approved act, and the proposal whose voters approved it."""

    proposal: str
    title: str
    action: Action


class ExecutionOutcome(Durable):
    """`moot`: there was nothing left to do."""

    status: Literal["done", "moot"]
    reason: str = ""
