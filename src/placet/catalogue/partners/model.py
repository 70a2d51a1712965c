"""A partner application: the request, its terms, and how it can end."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from placet.connectors.crm.port import PartnerStatus, StatusChange
from placet.connectors.drafting.port import TermSheet, TermSheetRequest
from placet.connectors.mail.port import Letter
from placet.connectors.scoring.port import PartnerFacts
from placet.domain.model import Durable
from placet.domain.people import External
from placet.domain.span import Span

# As text: a binary fraction has no two decimals.
PERCENT = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$"


class Terms(Durable):
    """What is offered: commission in percent (two decimals), length in months, where."""

    territory: str = Field(min_length=1, max_length=200)
    commission_percent: Decimal = Field(
        ge=0, le=100, max_digits=5, decimal_places=2, title="Commission in percent, such as 12.5"
    )
    term_months: int = Field(ge=1, le=600, title="Length in months")
    notes: str = Field(default="", max_length=2000)


class CounterOffer(Durable):
    """What a partner asks for instead."""

    commission_percent: str = Field(pattern=PERCENT, title="Commission in percent, such as 12.5")
    term_months: int = Field(ge=1, le=600, title="Length in months")


class PartnerApplication(Durable):
    """Who wants to become a partner, what is known of them, and the first terms to offer."""

    partner_id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        title="Partner id",
        description="A short name in small letters, such as acme-robotics; the same one for the same partner.",
    )
    name: str = Field(min_length=1, max_length=200, title="Company")
    contact_name: str = Field(min_length=1, max_length=200, title="Contact person")
    contact_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254, title="Contact e-mail")
    facts: PartnerFacts = Field(default=PartnerFacts(), title="What is known of the partner")
    terms: Terms = Field(title="Terms to offer")

    @property
    def contact(self) -> External:
        return External(name=f"{self.contact_name} of {self.name}", email=self.contact_email)

    def standing(self, status: PartnerStatus) -> StatusChange:
        return StatusChange(partner_id=self.partner_id, name=self.name, email=self.contact_email, status=status)

    def sheet(self, terms: Terms, version: int, on: date) -> TermSheetRequest:
        return TermSheetRequest(
            partner_id=self.partner_id,
            partner_name=self.name,
            contact_name=self.contact_name,
            territory=terms.territory,
            commission_percent=terms.commission_percent,
            term_months=terms.term_months,
            version=version,
            drafted_on=on,
            notes=terms.notes,
        )

    def letter(self, subject: str, text: str, retraction: str) -> Letter:
        greeting = f"Dear {self.contact_name},\n\n"
        return Letter(
            to_name=self.contact_name,
            to_email=self.contact_email,
            subject=subject,
            text=f"{greeting}{text}\n",
            retraction=f"{greeting}{retraction}\n",
        )

    def greeting(self) -> Letter:
        return self.letter(
            f"Your partnership with {self.name}",
            "thank you for your interest in a partnership. We are looking at it, and will write to you with terms.",
            "thank you for your patience. We have decided not to go on with this partnership.",
        )

    def offer(self, sheet: TermSheet, terms: Terms) -> Letter:
        return self.letter(
            sheet.title,
            f"we offer you {terms.commission_percent} % commission in {terms.territory} for {terms.term_months} months."
            f" A second mail has the link at which you accept, counter or decline."
            f"\n\nFingerprint of the document (SHA-256): {sheet.hash}",
            f"we withdraw “{sheet.title}” ({sheet.hash[:12]}…). It is no longer valid.",
        )

    def welcome(self) -> Letter:
        return self.letter(
            f"Welcome, {self.name}",
            "the partnership is active from today.",
            "the partnership has been withdrawn.",
        )


def countered(terms: Terms, wish: dict[str, Any]) -> Terms:
    """The terms with what the partner asked for."""
    offer = CounterOffer.model_validate(wish)
    percent = Decimal(offer.commission_percent)
    return terms.model_copy(update={"commission_percent": percent, "term_months": offer.term_months})


class PartnerPolicy(Durable):
    """How long each reviewer has, and how many rounds a negotiation may take."""

    manager_review: Span = Span("3bd")
    legal_review: Span = Span("5bd")
    executive_review: Span = Span("3bd")
    escalation: Span = Span("2bd")
    reminder: Span = Span("1bd")
    partner_answer: Span = Span("10d")
    negotiation_rounds: int = Field(default=3, ge=1, le=10)


class PartnerOutcome(Durable):
    status: Literal["activated"]
    partner_id: str
    term_sheet: str
    version: int
    score: int
