"""The embedded scorer: weighted rules that explain every point."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from placet.connectors.scoring.port import FitScore, Grade, PartnerFacts, Reason
from placet.domain.model import Durable


class Band(Durable):
    """Points for reaching an amount; of several bands the highest one reached counts."""

    at_least: int = Field(ge=0)
    points: int = Field(ge=0)


class Weighted(Durable):
    """Points for having one named property; names are compared without regard to case."""

    name: str
    points: int = Field(ge=0)


class FitWeights(Durable):
    """The weights of all rules. The defaults reach exactly 100; what goes beyond 100 is cut off, visibly."""

    revenue_eur: tuple[Band, ...] = (
        Band(at_least=250_000, points=5),
        Band(at_least=1_000_000, points=12),
        Band(at_least=5_000_000, points=20),
        Band(at_least=25_000_000, points=25),
    )
    years_active: tuple[Band, ...] = (
        Band(at_least=1, points=4),
        Band(at_least=3, points=10),
        Band(at_least=8, points=15),
    )
    points_per_reference: int = Field(default=4, ge=0)
    references_counted: int = Field(default=5, ge=0)
    points_per_country: int = Field(default=3, ge=0)
    countries_counted: int = Field(default=5, ge=0)
    certifications: tuple[Weighted, ...] = (
        Weighted(name="ISO 27001", points=6),
        Weighted(name="ISO 9001", points=5),
        Weighted(name="SOC 2", points=4),
    )
    sectors: tuple[Weighted, ...] = (
        Weighted(name="software", points=10),
        Weighted(name="finance", points=8),
        Weighted(name="manufacturing", points=6),
    )
    other_sector_points: int = Field(default=3, ge=0)
    grade_a: int = 75
    grade_b: int = 50
    grade_c: int = 25

    @model_validator(mode="after")
    def _rules_make_sense(self) -> Self:
        for bands in (self.revenue_eur, self.years_active):
            ordered = sorted(bands, key=lambda band: band.at_least)
            if any(higher.points < lower.points for lower, higher in pairwise(ordered)):
                raise ValueError("a higher band must not give fewer points than a lower one")
        if not self.grade_a >= self.grade_b >= self.grade_c:
            raise ValueError("grade_a, grade_b and grade_c must not rise")
        return self


def score(facts: PartnerFacts, weights: FitWeights) -> FitScore:
    """Add up the rules; a sanctions flag sets everything aside."""
    reasons: tuple[Reason, ...] = (
        _revenue(facts, weights),
        _years(facts, weights),
        _references(facts, weights),
        _countries(facts, weights),
        _certifications(facts, weights),
        _sector(facts, weights),
    )
    total = sum(reason.points for reason in reasons)
    if facts.sanctions_flag:
        excluded = Reason(points=-total, text="On a sanctions list: nothing else counts.")
        return FitScore(score=0, grade=Grade.EXCLUDED, reasons=(*reasons, excluded))
    if total > 100:
        reasons = (*reasons, Reason(points=100 - total, text="The score ends at 100."))
        total = 100
    return FitScore(score=total, grade=_grade(total, weights), reasons=reasons)


class RuleScorer:
    """Scores by `score` with one set of weights."""

    def __init__(self, weights: FitWeights | None = None) -> None:
        self._weights = weights or FitWeights()

    async def partner_fit(self, facts: PartnerFacts) -> FitScore:
        return score(facts, self._weights)


def _grade(total: int, weights: FitWeights) -> Grade:
    if total >= weights.grade_a:
        return Grade.A
    if total >= weights.grade_b:
        return Grade.B
    return Grade.C if total >= weights.grade_c else Grade.D


def _best(bands: Iterable[Band], amount: int) -> int:
    return max((band.points for band in bands if amount >= band.at_least), default=0)


def _distinct(names: Iterable[str]) -> set[str]:
    return {_comparable(name) for name in names} - {""}


def _comparable(name: str) -> str:
    return " ".join(name.split()).casefold()


def _revenue(facts: PartnerFacts, weights: FitWeights) -> Reason:
    points = _best(weights.revenue_eur, facts.annual_revenue_eur)
    if not facts.annual_revenue_eur:
        return Reason(points=points, text="Annual revenue is not known.")
    return Reason(points=points, text=f"Annual revenue of {facts.annual_revenue_eur:,} EUR.")


def _years(facts: PartnerFacts, weights: FitWeights) -> Reason:
    return Reason(
        points=_best(weights.years_active, facts.years_active),
        text=f"In business for {_count(facts.years_active, 'year', 'years')}.",
    )


def _references(facts: PartnerFacts, weights: FitWeights) -> Reason:
    counted = min(facts.references, weights.references_counted)
    text = _count(facts.references, "reference", "references")
    return Reason(points=counted * weights.points_per_reference, text=_counted(text, facts.references, counted))


def _countries(facts: PartnerFacts, weights: FitWeights) -> Reason:
    present = len(_distinct(facts.countries))
    counted = min(present, weights.countries_counted)
    text = f"Present in {_count(present, 'country', 'countries')}"
    return Reason(points=counted * weights.points_per_country, text=_counted(text, present, counted))


def _certifications(facts: PartnerFacts, weights: FitWeights) -> Reason:
    held = _distinct(facts.certifications)
    recognised = [known for key, known in _by_name(weights.certifications).items() if key in held]
    if not recognised:
        return Reason(points=0, text="No certification that counts.")
    names = ", ".join(known.name for known in recognised)
    return Reason(points=sum(known.points for known in recognised), text=f"Certified: {names}.")


def _sector(facts: PartnerFacts, weights: FitWeights) -> Reason:
    sector = " ".join(facts.sector.split())
    if not sector:
        return Reason(points=0, text="The sector is not known.")
    known = _by_name(weights.sectors).get(_comparable(sector))
    return Reason(points=known.points if known else weights.other_sector_points, text=f"Works in the sector {sector}.")


def _by_name(entries: Iterable[Weighted]) -> dict[str, Weighted]:
    return {_comparable(entry.name): entry for entry in entries}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _counted(text: str, given: int, counted: int) -> str:
    return f"{text}." if given == counted else f"{text}, of which {counted} count."
