"""Credentials: what is asked for, what it may cost, and how it can end."""

from typing import Literal

from pydantic import Field

from placet.connectors.credentials.port import BADGE, CREDENTIAL, DID, EXACT_IN_JSON, Badge, RevocationOrder, Wish
from placet.domain.model import Durable
from placet.domain.span import Span
from placet.durable.endings import Ending


class BadgeRequest(Durable):
    """A badge for somebody of the organisation: oneself, unless a coordinator names another holder.

    With `did` the credential speaks of that identifier, else of a salted hash of the holder's address.
    """

    badge: str = Field(pattern=BADGE, title="Badge")
    holder: str = Field(default="", max_length=200, title="Holder (yourself if empty)")
    did: str | None = Field(default=None, pattern=DID, title="Decentralised identifier of the holder")
    note: str = Field(default="", max_length=2000, title="Why they have earned it")

    @property
    def wish(self) -> Wish:
        return Wish(badge=self.badge, holder=self.holder, did=self.did)


class IssuancePolicy(Durable):
    """What a badge may cost, in the smallest unit, and how long its approval may take.

    Every order needs an approval: it is what the executor looks at before it signs, so there is no other choice.
    """

    approval: Literal["always"] = "always"
    free_up_to: int = Field(default=0, ge=0, le=EXACT_IN_JSON)
    max_cost: int = Field(default=100_000, ge=0, le=EXACT_IN_JSON)
    review: Span = Span("5bd")
    reminder: Span = Span("2bd")
    escalation: Span = Span("3bd")

    def advice(self, badge: Badge, request: BadgeRequest) -> str:
        """What whoever approves should know."""
        cost = f"It costs {badge.cost}; up to {self.free_up_to} is free." if badge.cost > self.free_up_to else ""
        note = f"They say: {request.note}" if request.note else ""
        return " ".join(part for part in (cost, note) if part)


class TooCostly(Ending):
    """The badge costs more than the policy allows."""

    state = "refused"

    def __init__(self, badge: Badge, most: int) -> None:
        super().__init__(f"The badge {badge.name} costs {badge.cost}; at most {most} may be spent on one.")


class IssuanceOutcome(Durable):
    """`delivery` is how it reached the holder: `offer`, `file`, `webhook`, or `none`; it can be fetched in any case."""

    status: Literal["issued"]
    credential: str
    badge: str
    holder: str
    valid_until: str | None
    delivery: str


class RevocationRequest(Durable):
    """A credential that is to be revoked, and why. Its badge and holder are looked up."""

    credential: str = Field(pattern=CREDENTIAL, title="Credential")
    reason: str = Field(min_length=1, max_length=2000, title="Reason")
    badge: str = Field(default="", max_length=200, title="Badge (looked up)")
    holder: str = Field(default="", max_length=200, title="Holder (looked up)")

    @property
    def order(self) -> RevocationOrder:
        return RevocationOrder(credential=self.credential, reason=self.reason)


class RevocationPolicy(Durable):
    """How long the approval of a revocation may take."""

    review: Span = Span("3bd")
    reminder: Span = Span("1bd")
    escalation: Span = Span("2bd")


class RevocationOutcome(Durable):
    """`version` is that of the published status list that says so."""

    status: Literal["revoked"]
    credential: str
    status_list: str
    version: int
