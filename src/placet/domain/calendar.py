"""The house calendar: which hours of which days count as business time."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from placet.domain.model import Durable
from placet.domain.span import Span

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BusinessCalendar(Durable):
    """Working days, the hour they close, their zone, and the holidays that are not working days."""

    zone: str = "UTC"
    weekdays: tuple[Weekday, ...] = WEEK[:5]
    closes: time = time(17, 0)
    holidays: tuple[date, ...] = Field(default=())

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except Exception as error:
            raise ValueError(f"{name!r} is not a time zone; write it like Europe/Berlin") from error
        return name

    @model_validator(mode="after")
    def _some_working_day(self) -> "BusinessCalendar":
        if not self.weekdays:
            raise ValueError("a calendar needs at least one working day")
        return self

    def is_working(self, day: date) -> bool:
        return WEEK[day.weekday()] in self.weekdays and day not in self.holidays

    def after(self, start: datetime, span: Span) -> datetime:
        """The instant `span` after `start`, in UTC.

        Elapsed spans are plain arithmetic. N business days end at closing time of the Nth working day after the
        day of `start`, in the calendar's zone; daylight saving is the zone's affair.
        """
        if not span.business_days:
            # In UTC: adding to a zoned time would count on its wall clock, an hour off when daylight saving changes.
            return start.astimezone(UTC) + span.elapsed
        day = start.astimezone(ZoneInfo(self.zone)).date()
        left = span.business_days
        while left:
            day += timedelta(days=1)
            left -= self.is_working(day)
        return datetime.combine(day, self.closes, ZoneInfo(self.zone)).astimezone(UTC)
