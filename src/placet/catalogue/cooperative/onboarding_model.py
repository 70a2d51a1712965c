"""An application for membership: who applies, who does what by which policy, and the letters."""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from placet.connectors.mail.port import Letter
from placet.connectors.screening.port import ScreeningSubject
from placet.domain.membership import PROVISIONAL, Contact, NewMember, RoleOrder
from placet.domain.model import Durable
from placet.domain.people import MEMBER, External
from placet.domain.span import Span
from placet.domain.task import Outcome

CONFIRM = Outcome(name="confirm", label="Yes, I apply")
DECLINE = Outcome(name="decline", label="No, I did not apply", favourable=False)
INTRODUCED = Outcome(name="introduced", label="They have met")
NOT_SUITED = Outcome(name="not-suited", label="Do not go on", favourable=False)

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

    def welcome(self, scope: str) -> Letter:
        return self._letter(
            "Welcome",
            f"you are a provisional member of {scope} from today. A coordinator will be introduced to you.",
            "your provisional membership has ended. If you think that this is a mistake, write to a coordinator.",
        )

    def introduction(self, coordinator: Contact, scope: str) -> tuple[Letter, Letter]:
        """To the applicant and to the coordinator, each about the other."""
        about = f"{self.name} <{self.email}> is a new provisional member of {scope}.\n\n{self.statement}".strip()
        to_other = Letter(
            to_name=coordinator.name,
            to_email=coordinator.email,
            subject=f"A new member of {scope}: {self.name}",
            text=f"Hello {coordinator.name},\n\n{about}\n",
            retraction=f"Hello {coordinator.name},\n\nthe application of {self.name} has ended.\n",
        )
        text = f"{coordinator.name} <{coordinator.email}> coordinates {scope} and helps you to begin."
        return self._letter(f"Your coordinator in {scope}", text, "your application has ended."), to_other

    def _letter(self, subject: str, text: str, retraction: str) -> Letter:
        hello = f"Dear {self.name},\n\n"
        return Letter(
            to_name=self.name,
            to_email=self.email,
            subject=subject,
            text=f"{hello}{text}\n",
            retraction=f"{hello}{retraction}\n",
        )


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
