"""What the bounties of a proposal ask of the budget."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.proposal import MAX_AMOUNT, Recurrence, instance_requirement, weekly_requirement

BOUNTIES = st.lists(st.integers(0, 10**12), max_size=8)


@pytest.mark.parametrize(
    ("recurrence", "bounties", "week"),
    [
        ("one_time", (100, 50), 150),
        ("daily", (100, 50), 1050),
        ("weekly", (100, 50), 150),
        ("monthly", (100, 50), 35),
        ("monthly", (13,), 3),
        ("monthly", (14,), 4),
        ("monthly", (1,), 1),
        ("monthly", (0,), 0),
        ("daily", (), 0),
    ],
)
def test_one_week_of_a_proposal_pays_its_bounties_as_often_as_it_recurs(
    recurrence: str, bounties: Sequence[int], week: int
) -> None:
    assert weekly_requirement(Recurrence(recurrence), bounties) == week


def test_a_weekly_workflow_consumes_52_times_its_bounty_annually() -> None:
    assert 52 * weekly_requirement(Recurrence.WEEKLY, [7]) == 364


@given(BOUNTIES)
def test_52_weeks_of_reservations_always_pay_for_twelve_months_and_for_no_whole_unit_a_week_more(
    bounties: list[int],
) -> None:
    week = weekly_requirement(Recurrence.MONTHLY, bounties)
    assert week == ceil(Fraction(sum(bounties) * 12, 52))


@given(BOUNTIES)
def test_an_instance_pays_each_of_its_bounties_once(bounties: list[int]) -> None:
    assert instance_requirement(bounties) == sum(bounties)


@pytest.mark.parametrize("bounty", [-1, 1.0, 0.5, True, "1", None, 10**400 * -1])
@pytest.mark.parametrize("recurrence", Recurrence)
def test_what_is_no_whole_amount_is_refused(recurrence: Recurrence, bounty: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        weekly_requirement(recurrence, [5, bounty])


@pytest.mark.parametrize(
    ("recurrence", "bounties"),
    [
        ("one_time", [MAX_AMOUNT, 1]),
        ("weekly", [MAX_AMOUNT + 1]),
        ("monthly", [MAX_AMOUNT, 1]),
        ("daily", [MAX_AMOUNT // 7 + 1]),
    ],
)
def test_more_than_a_reader_of_json_keeps_exactly_is_refused(recurrence: str, bounties: list[int]) -> None:
    with pytest.raises(ValueError, match="smaller amounts"):
        weekly_requirement(Recurrence(recurrence), bounties)


def test_the_largest_amount_is_taken() -> None:
    assert weekly_requirement(Recurrence.ONE_TIME, [MAX_AMOUNT]) == 2**53 - 1
    assert weekly_requirement(Recurrence.DAILY, [MAX_AMOUNT // 7]) == MAX_AMOUNT // 7 * 7
