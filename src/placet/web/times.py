"""Moments on pages: in the reader's zone and language, absolute and relative; the script keeps them current."""

import math
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from markupsafe import Markup

from placet.domain.audit import stamp
from placet.domain.span import LONG, Unit, largest
from placet.web.charts import tag
from placet.web.words import locale_of, reader


def absolute(at: datetime) -> str:
    who = reader()
    return _absolute(at, who.zone, who.language)


# Lists tell of the same moments each time they are looked at.
@lru_cache(maxsize=4096)
def _absolute(at: datetime, zone: ZoneInfo, language: str) -> str:
    local = at.astimezone(zone)
    # Where a zone has no name people would know, it is told by its distance.
    name = local.tzname() or "UTC"
    name = f"UTC{name}" if name[0] in "+-" else name
    return f"{format_datetime(local, 'd MMMM y, HH:mm', locale=locale_of(language))} {name}"


def relative(at: datetime) -> str:
    away = at - reader().now
    number, unit = largest(abs(away), LONG)
    # What is a moment ago is past: nothing has happened in 0 seconds.
    return distance((1 if away > timedelta() else -1) * max(number, 1), unit)


def distance(number: int, unit: Unit) -> str:
    """So many of the unit from now, or ago; the unit stays the one that was chosen: ten days are not a week."""
    return _of_unit(number, unit, add_direction=True)


def length(number: int, unit: Unit) -> str:
    """So many of the unit, in short."""
    return _of_unit(number, unit, format="short")


def _of_unit(number: int, unit: Unit, **how: Any) -> str:
    whole = timedelta(seconds=number * dict(LONG)[unit])
    return str(format_timedelta(whole, unit, math.inf, locale=reader().locale, **how))


def moment(at: datetime) -> Markup:
    """The moment in full."""
    return tag("time", absolute(at), datetime=stamp(at), data_moment="")


def ago(at: datetime) -> Markup:
    """The moment as a distance from now, in full when one points at it."""
    return tag("time", relative(at), datetime=stamp(at), data_relative="", title=absolute(at))


def both(at: datetime) -> Markup:
    """In full, and how far away."""
    return Markup('{} <span class="quiet">({})</span>').format(moment(at), ago(at))


def countdown(at: datetime) -> Markup:
    """The time left; the script lets it run."""
    return tag("time", relative(at), datetime=stamp(at), data_countdown="", title=absolute(at))
