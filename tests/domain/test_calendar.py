"""Business time: working days, holidays, and daylight saving."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.domain.calendar import WEEK, BusinessCalendar
from placet.domain.span import Span

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(946684800, 2208988800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        # Monday 2 March 2026, 09:00 in Berlin.
        ("2026-03-02T09:00", "1bd", "2026-03-03T17:00"),
        ("2026-03-02T23:59", "1bd", "2026-03-03T17:00"),
        ("2026-03-02T09:00", "5bd", "2026-03-09T17:00"),
        # From a weekend the first working day counts in full.
        ("2026-03-07T12:00", "1bd", "2026-03-09T17:00"),
        # Good Friday and Easter Monday are holidays here.
        ("2026-04-02T09:00", "1bd", "2026-04-07T17:00"),
        # Across the change to summer time, closing time stays closing time.
        ("2026-03-27T09:00", "1bd", "2026-03-30T17:00"),
        ("2026-10-23T09:00", "1bd", "2026-10-26T17:00"),
    ],
)
def test_business_days_end_at_closing_time_of_the_nth_working_day(start: str, span: str, end: str) -> None:
    calendar = BusinessCalendar(zone="Europe/Berlin", holidays=(date(2026, 4, 3), date(2026, 4, 6)))
    found = calendar.after(datetime.fromisoformat(start).replace(tzinfo=BERLIN), Span(span))
    assert found == datetime.fromisoformat(end).replace(tzinfo=BERLIN).astimezone(UTC)
    assert found.tzinfo is UTC


def test_an_elapsed_day_is_twenty_four_hours_even_when_the_clocks_change() -> None:
    start = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)
    end = BusinessCalendar(zone="Europe/Berlin").after(start, Span("1d"))
    assert end - start.astimezone(UTC) == timedelta(hours=24)
    assert end.astimezone(BERLIN).hour == 13


def test_the_day_begins_at_midnight_of_the_calendars_zone() -> None:
    # 23:30 UTC on Monday is already Tuesday in Berlin.
    start = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    assert BusinessCalendar(zone="Europe/Berlin").after(start, Span("1bd")).date() == date(2026, 3, 4)
    assert BusinessCalendar().after(start, Span("1bd")).date() == date(2026, 3, 3)


def test_a_closing_time_that_the_clock_skips_is_still_a_moment_of_that_day() -> None:
    calendar = BusinessCalendar(zone="Europe/Berlin", weekdays=WEEK, closes=time(2, 30))
    end = calendar.after(datetime(2026, 3, 28, 9, 0, tzinfo=UTC), Span("1bd"))
    assert end.astimezone(BERLIN).date() == date(2026, 3, 29)


@given(
    MOMENTS,
    st.integers(1, 60),
    st.sets(st.sampled_from(WEEK), min_size=1),
    st.sets(st.dates(date(2000, 1, 1), date(2041, 1, 1)), max_size=20),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_exactly_n_working_days_pass(
    start: datetime, number: int, weekdays: set[str], holidays: set[date], zone: str
) -> None:
    calendar = BusinessCalendar.model_validate({"zone": zone, "weekdays": sorted(weekdays), "holidays": holidays})
    end = calendar.after(start, Span(f"{number}bd")).astimezone(ZoneInfo(zone))
    first = start.astimezone(ZoneInfo(zone)).date()
    passed = [first + timedelta(days=day) for day in range(1, (end.date() - first).days + 1)]
    working = [day for day in passed if WEEK[day.weekday()] in weekdays and day not in holidays]
    assert len(working) == number
    assert working[-1] == end.date()
    assert end.time() == time(17, 0)


@given(MOMENTS, MOMENTS, st.sampled_from(["1bd", "3bd", "10bd", "36h", "14d"]))
def test_a_later_start_never_ends_earlier(one: datetime, other: datetime, span: str) -> None:
    calendar = BusinessCalendar(zone="Europe/Berlin")
    early, late = sorted((one, other))
    assert early < calendar.after(early, Span(span)) <= calendar.after(late, Span(span))


@pytest.mark.parametrize("wrong", [{"zone": "Mars/Olympus"}, {"zone": ""}, {"weekdays": []}, {"weekdays": ["someday"]}])
def test_an_impossible_calendar_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BusinessCalendar.model_validate(wrong)
