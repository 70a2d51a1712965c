"""A compliance case: who is looked into, what is asked of them, and how it can end."""

from datetime import date
from typing import Any, Literal

from pydantic import Field

from placet.connectors.extraction.port import DocumentRef
from placet.connectors.screening.port import ScreeningReport, ScreeningSubject
from placet.domain.collection import NAME, DocumentRequest, Received
from placet.domain.model import Durable
from placet.domain.people import External
from placet.domain.span import Span
from placet.domain.task import Outcome

APPROVE = Outcome(name="approve", label="Approve")
REJECT = Outcome(name="reject", label="Reject")
ESCALATE = Outcome(name="escalate", label="Escalate")
REQUEST_DOCUMENTS = Outcome(name="request_documents", label="Ask for documents again")
DECISIONS = (APPROVE, REJECT, ESCALATE, REQUEST_DOCUMENTS)

IDENTITY = DocumentRequest(name="identity", title="Passport or identity card")
ADDRESS = DocumentRequest(name="address", title="Proof of address, not older than three months")


class CustomerFile(Durable):
    """The customer, how to reach them, and the documents of the first round."""

    customer_id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        title="Customer id",
        description="A short name in small letters, such as noor-haddad; the same one for the same customer.",
    )
    name: str = Field(min_length=1, max_length=200, title="Name")
    kind: Literal["person", "company"] = "person"
    aliases: tuple[str, ...] = Field(default=(), max_length=20, title="Other names")
    birth_date: date | None = Field(default=None, title="Date of birth")
    countries: tuple[str, ...] = Field(default=(), max_length=20, title="Countries (two letters)")
    contact_name: str = Field(min_length=1, max_length=200, title="Contact person")
    contact_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254, title="Contact e-mail")
    documents: tuple[DocumentRequest, ...] = Field(
        default=(IDENTITY, ADDRESS), min_length=1, max_length=20, title="Documents to ask for"
    )

    @property
    def contact(self) -> External:
        return External(name=self.contact_name, email=self.contact_email)

    @property
    def subject(self) -> ScreeningSubject:
        return ScreeningSubject(
            name=self.name,
            aliases=self.aliases,
            kind=self.kind,
            birth_date=self.birth_date,
            countries=self.countries,
        )


class WantedDocument(Durable):
    """A document that the officer asks for (again), and why."""

    name: str = Field(pattern=NAME, title="Name")
    reason: str = Field(min_length=1, max_length=2000, title="Reason")


class MoreDocuments(Durable):
    documents: tuple[WantedDocument, ...] = Field(min_length=1, max_length=20, title="Documents")


def content_of(document: Received) -> DocumentRef:
    return DocumentRef(hash=document.hash, media_type=document.media_type, filename=document.filename)


class CompliancePolicy(Durable):
    """The window of the whole case, the rounds in it, and how long a customer has for each."""

    window: Span = Span("60d")
    rounds: int = Field(default=5, ge=1, le=20)
    submission: Span = Span("14d")
    reminder: Span = Span("7d")


class ComplianceOutcome(Durable):
    """Terminal: APPROVED, REJECTED or ESCALATED, after so many rounds, and why."""

    status: Literal["APPROVED", "REJECTED", "ESCALATED"]
    rounds: int
    reason: str = ""
    officer: str | None = None


class Findings(Durable):
    """What the officer reads before deciding."""

    round: int
    documents: tuple[Any, ...]
    screening: ScreeningReport
