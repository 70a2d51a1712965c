"""What speaks for and against a hit besides the name: birth dates and countries."""

from datetime import date
from typing import NamedTuple

from placet.connectors.screening.entries import Entry
from placet.connectors.screening.port import ScreeningSubject, SubjectKind

# Points taken off; a person born in another decade is somebody else, a day or a year may be a slip.
OTHER_AGE = 40
OTHER_DAY = 10
SWAPPED_DAY = 3
OTHER_COUNTRY = 5
SLIP_OF_YEARS = 2


class Evidence(NamedTuple):
    """Points taken off the score, and the line that says why."""

    points: int
    text: str


def besides_the_name(subject: ScreeningSubject, entry: Entry) -> tuple[Evidence, ...]:
    what = "founding date" if subject.kind is SubjectKind.COMPANY else "birth date"
    return (_birth(what, subject.birth_date, entry.birth_dates), _countries(subject.countries, entry.countries))


def _birth(what: str, ours: date | None, listed: tuple[str, ...]) -> Evidence:
    if ours is None and not listed:
        return Evidence(0, f"No {what} is known on either side.")
    if ours is None:
        return Evidence(0, f"The list gives {_one_of(listed)} as {what}; the subject's is not known.")
    if not listed:
        return Evidence(0, f"The list gives no {what}.")
    return min((_born(what, ours, theirs) for theirs in listed), key=lambda evidence: evidence.points)


def _born(what: str, ours: date, listed: str) -> Evidence:
    year, *rest = map(int, listed.split("-"))
    if len(rest) == 2 and (year, *rest) == (ours.year, ours.month, ours.day):
        return Evidence(0, f"The {what} agrees: {listed}.")
    if (year, *rest) == (ours.year, ours.month)[: 1 + len(rest)]:
        told = "year" if not rest else "month"
        return Evidence(0, f"The list gives only the {told} {listed} as {what}, which agrees.")
    if (year, *rest) == (ours.year, ours.day, ours.month):
        return Evidence(SWAPPED_DAY, f"Day and month of the {what} are swapped: {ours} here, {listed} in the list.")
    apart = abs(year - ours.year)
    if apart <= SLIP_OF_YEARS:
        return Evidence(OTHER_DAY, f"The {what}s differ a little: {ours} here, {listed} in the list.")
    return Evidence(OTHER_AGE, f"The {what}s are {apart} years apart: {ours} here, {listed} in the list.")


def _countries(ours: tuple[str, ...], listed: tuple[str, ...]) -> Evidence:
    given = tuple(dict.fromkeys(country.strip().upper() for country in ours if country.strip()))
    shared = [country for country in given if country in listed]
    if shared:
        return Evidence(0, f"The country agrees: {', '.join(shared)}.")
    if not given or not listed:
        return Evidence(0, "The countries cannot be compared: they are not known on both sides.")
    return Evidence(OTHER_COUNTRY, f"The countries differ: {', '.join(given)} here, {', '.join(listed)} in the list.")


def _one_of(values: tuple[str, ...]) -> str:
    return " or ".join(values)
