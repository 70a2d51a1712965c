"""An application for membership: who applies, and who does what by which policy."""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from placet.connectors.screening.port import ScreeningSubject
from placet.domain.membership import PROVISIONAL, NewMember, RoleOrder
from placet.domain.model import Durable
from placet.domain.people import MEMBER, External
from placet.domain.span import Span
from placet.domain.task import Outcome

CONFIRMATION = (
    Outcome(name="confirm", label="Yes, I apply"),
    Outcome(name="decline", label="No, I did not apply", favourable=False),
)
MEETING = (
    Outcome(name="introduced", label="They have met"),
    Outcome(name="not-suited", label="Do not go on", favourable=False),
)

By = Literal["human", "automated"]


class Application(Durable):
    """Somebody who wants to become a member, and the id that they are to have."""

    person_id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", title="Id of the new member")
    name: str = Field(min_length=1, max_length=200, title="Name")
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254, title="E-mail")
    birth_date: date | None = Field(default=None, title="Date of birth")
    countries: tuple[str, ...] = Field(default=(), max_length=10, title="Countries (two letters)")
    statement: str = Field(default="", max_length=8000, title="Why")

    @field_validator("countries")
    @classmethod
    def _codes(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        for country in countries:
            if not (len(country) == 2 and country.isascii() and country.isalpha()):
                raise ValueError(f"{country!r} is not an ISO code of two letters")
        return tuple(country.lower() for country in countries)

    @property
    def applicant(self) -> External:
        return External(name=self.name, email=self.email)

    @property
    def member(self) -> NewMember:
        return NewMember(person=self.person_id, name=self.name, email=self.email)

    @property
    def subject(self) -> ScreeningSubject:
        return ScreeningSubject(name=self.name, birth_date=self.birth_date, countries=self.countries)

    def provisional(self, scope: str, change: Literal["grant", "revoke"] = "grant") -> RoleOrder:
        return RoleOrder(person=self.person_id, role=PROVISIONAL, scope=scope, change=change)

    def full(self, scope: str) -> RoleOrder:
        return RoleOrder(person=self.person_id, role=MEMBER, scope=scope, change="grant")


class OnboardingPolicy(Durable):
    """Who does what (`human` or `automated`), how long the applicant has, and after which silence others are asked."""

    identity: By = "human"
    introduction: By = "human"
    applicant_answer: Span = Span("14d")
    reminder: Span = Span("1d")
    escalation: Span = Span("3d")
    answer: Span = Span("14d")


class OnboardingOutcome(Durable):
    """`identity` and `introduction` say who did it."""

    status: Literal["active"] = "active"
    person_id: str
    identity: By
    introduction: By
