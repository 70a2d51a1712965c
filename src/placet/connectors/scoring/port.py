"""How well a partner fits: the facts that go in, the explained score that comes out."""

from enum import StrEnum
from typing import Protocol

from pydantic import Field
from temporalio import activity

from placet.domain.model import Durable
from placet.domain.step import Step


class PartnerFacts(Durable):
    """What is known about a partner; a fact nobody has given counts for nothing."""

    annual_revenue_eur: int = Field(default=0, ge=0, title="Annual revenue in euros")
    countries: tuple[str, ...] = ()
    sector: str = ""
    references: int = Field(default=0, ge=0)
    certifications: tuple[str, ...] = ()
    years_active: int = Field(default=0, ge=0)
    sanctions_flag: bool = Field(default=False, title="Is on a list of sanctions")


class Grade(StrEnum):
    """The score in one letter; `excluded` is a partner nobody may work with, whatever else is true."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    EXCLUDED = "excluded"


class Reason(Durable):
    """One line of the explanation; points may be negative."""

    points: int
    text: str


class FitScore(Durable):
    """0-100 points; the points of the reasons add up to the score."""

    score: int = Field(ge=0, le=100)
    grade: Grade
    reasons: tuple[Reason, ...]


class Scorer(Protocol):
    """Judges a partner from facts."""

    async def partner_fit(self, facts: PartnerFacts) -> FitScore: ...


class ScoringActivities:
    """Scoring as steps of a case."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @activity.defn(name="scoring.partner-fit")
    async def partner_fit(self, step: Step, facts: PartnerFacts) -> FitScore:
        """Score one partner; without effect, so there is nothing to undo."""
        return await self._scorer.partner_fit(facts)
