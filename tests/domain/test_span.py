"""Lengths of time as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from placet.domain.span import SECONDS, Span, in_words


class Rule(BaseModel):
    within: Span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("15m", 900), ("24h", 86400), ("14d", 1209600), ("2w", 1209600), (" 3H ", 10800), ("007d", 604800)],
)
def test_an_elapsed_length_counts_its_seconds(text: str, seconds: int) -> None:
    span = Span(text)
    assert (span.elapsed, span.business_days) == (timedelta(seconds=seconds), 0)


def test_business_days_have_no_elapsed_length() -> None:
    assert (Span("3bd").business_days, Span("3bd").elapsed) == (3, timedelta())


@pytest.mark.parametrize(
    "text", ["", "3", "d", "0d", "-1d", "1.5h", "1 d", "1dd", "3bds", "9999999d", "٣d", "3d\n3d", "4000d", "2601bd"]
)
def test_anything_else_is_refused_with_help(text: str) -> None:
    with pytest.raises(ValueError, match="length of time"):
        Span(text)


@given(st.integers(1, 999_999), st.sampled_from([*SECONDS, "bd"]))
def test_a_span_survives_the_journey_through_json(number: int, unit: str) -> None:
    try:
        span = Span(f"{number}{unit}")
    except ValueError:
        assert number * SECONDS.get(unit, 86400) > 2600 * 86400
        return
    again = Rule.model_validate_json(Rule(within=span).model_dump_json()).within
    assert again == span
    assert hash(again) == hash(span)
    assert (again.elapsed, again.business_days) == (span.elapsed, span.business_days)


@pytest.mark.parametrize("wrong", [3, None, {"h": 3}, "soon"])
def test_a_model_refuses_what_is_not_a_length_of_time(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({"within": wrong})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (50, "50 seconds"),
        (59, "1 minute"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (7200, "2 hours"),
        (86400, "1 day"),
        (100, "2 minutes"),
        (179, "3 minutes"),
        (5400, "90 minutes"),
        (7140, "2 hours"),
        (10799, "3 hours"),
        (12600, "4 hours"),
        (86399, "1 day"),
        (90000, "1 day"),
        (93600, "26 hours"),
        (129600, "36 hours"),
        (172799, "2 days"),
        (216000, "3 days"),
        (388800, "5 days"),
        (259199, "3 days"),
        (259200, "3 days"),
        (5184000, "60 days"),
    ],
)
def test_a_length_in_words_uses_the_largest_unit_that_tells_it_well(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words
