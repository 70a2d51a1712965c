"""How long a session counts, what failures cost, and which passwords are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from placet.domain.session import LONGEST_BLOCK, SessionRules, SessionTimes, alive, block, confirmed, unfit_password

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RULES = SessionRules()


def times(opened: timedelta, seen: timedelta, ended: bool = False) -> SessionTimes:
    return SessionTimes(
        opened_at=NOW - opened, seen_at=NOW - seen, confirmed_at=NOW - opened, ended_at=NOW if ended else None
    )


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (times(timedelta(), timedelta()), True),
        (times(timedelta(days=13), timedelta(hours=23, minutes=59)), True),
        (times(timedelta(days=13), timedelta(hours=24)), False),
        (times(timedelta(days=14), timedelta()), False),
        (times(timedelta(), timedelta(), ended=True), False),
    ],
)
def test_a_session_counts_until_one_of_its_ends(given: SessionTimes, counts: bool) -> None:
    assert alive(RULES, given, NOW) is counts


def test_a_confirmation_is_good_for_its_time() -> None:
    assert confirmed(RULES, times(timedelta(minutes=9), timedelta()), NOW)
    assert not confirmed(RULES, times(timedelta(minutes=10), timedelta()), NOW)


def test_blocks_double_from_the_fifth_failure_up_to_the_longest() -> None:
    assert [block(number) for number in range(1, 5)] == [None] * 4
    assert [block(number) for number in (5, 6, 7)] == [timedelta(minutes=minutes) for minutes in (1, 2, 4)]
    assert block(10) == block(10_000_000) == LONGEST_BLOCK


def test_business_days_are_no_length_of_a_session() -> None:
    with pytest.raises(ValidationError, match="no business days"):
        SessionRules.model_validate({"idle": "3bd"})


@pytest.mark.parametrize(("length", "fit"), [(9, False), (10, True), (200, True), (201, False)])
def test_which_lengths_of_passwords_are_refused(length: int, fit: bool) -> None:
    assert (unfit_password("x" * length) is None) is fit
