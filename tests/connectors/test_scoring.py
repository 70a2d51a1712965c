"""The fit score: bounded, explained, monotone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from temporalio.testing import ActivityEnvironment

from placet.connectors.scoring.port import FitScore, Grade, PartnerFacts, ScoringActivities
from placet.connectors.scoring.rules import Band, FitWeights, RuleScorer, Weighted, score
from placet.domain.step import Step

names = (
    st.sampled_from(["software", "Finance", "ISO 9001", "iso  27001", "SOC 2", "farming", "DE", "fr", ""]) | st.text()
)
facts = st.builds(
    PartnerFacts,
    annual_revenue_eur=st.integers(0, 10**11),
    countries=st.lists(names).map(tuple),
    sector=names,
    references=st.integers(0, 1000),
    certifications=st.lists(names).map(tuple),
    years_active=st.integers(0, 300),
    sanctions_flag=st.booleans(),
)
points = st.integers(0, 150)
bands = st.lists(points, max_size=4).map(
    lambda rising: tuple(Band(at_least=10**i, points=value) for i, value in enumerate(sorted(rising)))
)
named = st.lists(st.builds(Weighted, name=names, points=points), max_size=4).map(tuple)
weights = st.builds(
    FitWeights,
    revenue_eur=bands,
    years_active=bands,
    points_per_reference=points,
    references_counted=st.integers(0, 50),
    points_per_country=points,
    countries_counted=st.integers(0, 50),
    certifications=named,
    sectors=named,
    other_sector_points=points,
)


@given(facts, weights)
def test_a_score_lies_between_0_and_100_and_its_reasons_add_up_to_it(given_facts: PartnerFacts, by: FitWeights) -> None:
    result = score(given_facts, by)
    assert 0 <= result.score <= 100
    assert sum(reason.points for reason in result.reasons) == result.score
    assert all(reason.text.endswith(".") for reason in result.reasons)


@given(facts, weights, st.integers(1, 100))
def test_more_references_never_lower_the_score(given_facts: PartnerFacts, by: FitWeights, more: int) -> None:
    better = given_facts.model_copy(update={"references": given_facts.references + more})
    assert score(better, by).score >= score(given_facts, by).score


@given(facts, weights)
def test_a_sanctioned_partner_is_excluded_whatever_else_is_true(given_facts: PartnerFacts, by: FitWeights) -> None:
    result = score(given_facts.model_copy(update={"sanctions_flag": True}), by)
    assert (result.score, result.grade) == (0, Grade.EXCLUDED)


def test_the_best_partner_has_100_points_and_an_a() -> None:
    best = PartnerFacts(
        annual_revenue_eur=30_000_000,
        countries=("DE", "FR", "IT", "ES", "PL", "AT"),
        sector="Software",
        references=9,
        certifications=("iso 27001", "ISO  9001", "SOC 2"),
        years_active=20,
    )
    result = score(best, FitWeights())
    assert (result.score, result.grade) == (100, Grade.A)
    assert [reason.text for reason in result.reasons] == [
        "Annual revenue of 30,000,000 EUR.",
        "In business for 20 years.",
        "9 references, of which 5 count.",
        "Present in 6 countries, of which 5 count.",
        "Certified: ISO 27001, ISO 9001, SOC 2.",
        "Works in the sector Software.",
    ]


def test_a_partner_nobody_knows_anything_about_has_no_points_and_a_d() -> None:
    result = score(PartnerFacts(), FitWeights())
    assert (result.score, result.grade) == (0, Grade.D)
    assert "Annual revenue is not known." in [reason.text for reason in result.reasons]


def test_a_country_named_twice_counts_once() -> None:
    assert score(PartnerFacts(countries=("DE", " de ", "")), FitWeights()).score == FitWeights().points_per_country


def test_points_beyond_100_are_cut_off_with_a_reason() -> None:
    result = score(PartnerFacts(references=2), FitWeights(points_per_reference=80))
    assert result.score == 100
    assert (result.reasons[-1].points, result.reasons[-1].text) == (-60, "The score ends at 100.")


def test_weights_that_punish_a_higher_revenue_are_refused() -> None:
    with pytest.raises(ValidationError, match="a higher band must not give fewer points"):
        FitWeights(revenue_eur=(Band(at_least=10, points=5), Band(at_least=5, points=9)))


def test_grade_limits_that_rise_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not rise"):
        FitWeights(grade_a=10, grade_b=20)


async def test_the_activity_scores_with_the_weights_it_was_wired_with() -> None:
    activities = ScoringActivities(RuleScorer(FitWeights(points_per_reference=7)))
    step = Step(case_id="partner-1", name="scoring.partner-fit")
    result: FitScore = await ActivityEnvironment().run(activities.partner_fit, step, PartnerFacts(references=1))
    assert result.score == 7
