"""A change of state that is asked for, how long its authority has, and who hears of it."""

from typing import Literal

from pydantic import Field

from placet.connectors.mail.port import Letter
from placet.domain.lifecycle import ResourceKind, ResourceState, StateOrder
from placet.domain.membership import Contact
from placet.domain.model import Durable
from placet.domain.span import Span


class StateRequest(Durable):
    """Which resource is to change, into what, and why; what it is now, and its title, are looked up."""

    kind: ResourceKind = Field(title="Kind")
    id: str = Field(min_length=1, max_length=200, title="Id")
    becomes: ResourceState = Field(title="New state")
    reason: str = Field(default="", max_length=8000, title="Why")
    was: ResourceState = ResourceState.ACTIVE
    title: str = Field(default="", max_length=200)

    @property
    def order(self) -> StateOrder:
        return StateOrder(kind=self.kind, id=self.id, was=self.was, becomes=self.becomes)

    def letter(self, to: Contact) -> Letter:
        hello = f"Hello {to.name},\n\n"
        return Letter(
            to_name=to.name,
            to_email=to.email,
            subject=f"{self.title}: {self.becomes}"[:200],
            text=f"{hello}{self.title} was {self.was} and is {self.becomes} from now on.\n\n{self.reason}".strip()
            + "\n",
            retraction=f"{hello}{self.title} is {self.was} again.\n",
        )


class LifecyclePolicy(Durable):
    """How long whoever must authorise a change has, and after which silence the council is asked as well."""

    authorisation: Span = Span("14d")
    reminder: Span = Span("1d")
    escalation: Span = Span("3d")


class StateOutcome(Durable):
    """`told` is how many people were written to."""

    status: Literal["changed"] = "changed"
    state: ResourceState
    told: int
