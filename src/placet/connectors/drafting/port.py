"""Term sheets: what goes in, the reference that comes out, and the two steps of a case."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Protocol

from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.step import Step

Line = Annotated[str, Field(max_length=200)]


class TermSheetRequest(Durable):
    """The terms offered to a partner; the same request always gives the same bytes."""

    partner_id: Line
    partner_name: Line
    contact_name: Line = ""
    territory: Line
    commission_percent: Decimal = Field(ge=0, le=100, max_digits=5, decimal_places=2)
    term_months: int = Field(ge=1, le=600)
    version: int = Field(default=1, ge=1)
    drafted_on: date
    notes: str = Field(default="", max_length=10_000)

    @property
    def title(self) -> str:
        return f"Term sheet for {self.partner_name}, version {self.version}"


class TermSheet(Durable):
    """Reference to the stored PDF; `hash` is its SHA-256 in hex, `size` its bytes."""

    hash: str
    version: int
    size: int
    title: str


class DraftingRefused(Exception):
    """Drafting the same request again cannot help; `code` is stable.

    Codes: `unprintable-text`, `draft-retracted`, `draft-key-reused`, `document-not-drafted`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Drafter(Protocol):
    """Writes documents; `key` makes a repeated call the same call."""

    async def term_sheet(self, key: str, request: TermSheetRequest) -> TermSheet:
        """Draft and store, or return what this key has drafted before; raises DraftingRefused."""
        ...

    async def retract(self, key: str, request: TermSheetRequest) -> None:
        """Withdraw what this key has drafted, or forbid it to draft if it has not yet."""
        ...


class DraftingActivities:
    """Drafting as steps of a case."""

    def __init__(self, drafts: Drafter) -> None:
        self._drafts = drafts

    @activity.defn(name="drafting.term-sheet")
    async def term_sheet(self, step: Step, request: TermSheetRequest) -> TermSheet:
        try:
            return await self._drafts.term_sheet(step.key, request)
        except DraftingRefused as refused:
            raise ApplicationError(str(refused), type=refused.code, non_retryable=True) from refused

    @activity.defn(name="drafting.retract-term-sheet")
    async def retract_term_sheet(self, step: Step, request: TermSheetRequest) -> None:
        await self._drafts.retract(step.undone_key, request)
