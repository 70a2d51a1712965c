"""Screening people and companies against lists: whom to look for, what was found and why, and the step of a case."""

from datetime import date
from enum import StrEnum
from typing import Protocol

from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.step import Step

MAX_HITS = 50
MAX_SET_ASIDE = 10


class SubjectKind(StrEnum):
    PERSON = "person"
    COMPANY = "company"


class ScreeningSubject(Durable):
    """Whom to look for; `birth_date` is a company's date of foundation; `countries` are ISO codes of two letters."""

    name: str = Field(min_length=1, max_length=300)
    aliases: tuple[str, ...] = Field(default=(), max_length=20)
    kind: SubjectKind = SubjectKind.PERSON
    birth_date: date | None = None
    countries: tuple[str, ...] = ()


class ScreeningHit(Durable):
    """One listed entity that may be the subject.

    `score` is 0 to 100. `birth_dates` are as the list has them, sometimes only a year. `why` tells the evidence, for
    and against, line by line in plain English.
    """

    entity: str
    caption: str
    score: int = Field(ge=0, le=100)
    matched_name: str
    list_name: str
    birth_dates: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


class ScreenedList(Durable):
    """A list that was searched; `version` identifies its exact content, `entries` is None when that is not known."""

    name: str
    entries: int | None
    version: str


class ScreeningReport(Durable):
    """What was found, best first, at most 50 of the `found`.

    `set_aside` are entities of the same name that were kept out of the hits because something else speaks against them.
    """

    hits: tuple[ScreeningHit, ...]
    lists: tuple[ScreenedList, ...]
    threshold: int
    found: int
    set_aside: tuple[ScreeningHit, ...] = ()


class ScreeningRefused(Exception):
    """Screening the same subject again cannot help; `code` is stable: `unusable-name` or `subject-refused`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ScreeningUnavailable(Exception):
    """The subject may be screened later; the text says what is in the way."""


class Screener(Protocol):
    """Looks a subject up in lists. Raises ScreeningRefused or ScreeningUnavailable."""

    async def screen(self, subject: ScreeningSubject) -> ScreeningReport: ...


class ScreeningActivities:
    """Screening as steps of a case."""

    def __init__(self, screener: Screener) -> None:
        self._screener = screener

    @activity.defn(name="screening.investigate")
    async def investigate(self, step: Step, subject: ScreeningSubject) -> ScreeningReport:
        """Screen one subject; without effect, so there is nothing to undo."""
        try:
            return await self._screener.screen(subject)
        except ScreeningRefused as refused:
            raise ApplicationError(str(refused), type=refused.code, non_retryable=True) from refused
