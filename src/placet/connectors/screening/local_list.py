"""The embedded screener: lists in a file, searched in this process."""

import asyncio
import os
import threading
from pathlib import Path

from pydantic import Field

from placet.connectors.screening.entries import Entry, Lists, ListUnreadable, read_lists
from placet.connectors.screening.evidence import besides_the_name
from placet.connectors.screening.index import NameIndex
from placet.connectors.screening.names import parse_name
from placet.connectors.screening.port import (
    MAX_HITS,
    MAX_SET_ASIDE,
    ScreeningHit,
    ScreeningRefused,
    ScreeningReport,
    ScreeningSubject,
    ScreeningUnavailable,
)
from placet.connectors.screening.similarity import NOTHING, Likeness, compare
from placet.domain.model import Strict

SAMPLE = Path(__file__).with_name("sample_list.csv")


class LocalListSettings(Strict):
    """A CSV or FollowTheMoney file (the built-in sample of invented names unless given), and the score of a hit."""

    path: Path | None = None
    threshold: int = Field(default=80, ge=50, le=100)


class LocalListScreener:
    """Searches the file as it is now: a file that has changed is read again."""

    def __init__(self, settings: LocalListSettings | None = None) -> None:
        """Raises ValueError for a file that does not exist."""
        self._settings = settings or LocalListSettings()
        self._path = self._settings.path or SAMPLE
        if not self._path.is_file():
            raise ValueError(f"There is no screening list at {self._path}. Correct the path in the settings.")
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], Lists, NameIndex] | None = None

    async def screen(self, subject: ScreeningSubject) -> ScreeningReport:
        return await asyncio.to_thread(self._screen, subject)

    def _screen(self, subject: ScreeningSubject) -> ScreeningReport:
        lists, index = self._current()
        threshold = self._settings.threshold
        judged = [
            _hit(subject, entry, name, likeness)
            for entry, (name, likeness) in _best(subject, index, threshold / 100).items()
        ]
        judged.sort(key=lambda pair: (-pair[0].score, pair[0].caption, pair[0].entity))
        hits = [hit for hit, _ in judged if hit.score >= threshold]
        aside = [hit for hit, by_name in judged if hit.score < threshold <= by_name]
        return ScreeningReport(
            hits=tuple(hits[:MAX_HITS]),
            lists=lists.sources,
            threshold=threshold,
            found=len(hits),
            set_aside=tuple(aside[:MAX_SET_ASIDE]),
        )

    def _current(self) -> tuple[Lists, NameIndex]:
        with self._lock:
            try:
                status = os.stat(self._path)
                seen = (status.st_mtime_ns, status.st_size)
                if self._read is None or self._read[0] != seen:
                    lists = read_lists(self._path)
                    self._read = (seen, lists, NameIndex(lists.entries))
            except (OSError, ListUnreadable) as error:
                # Also with an earlier version in memory: nobody should be cleared by a list that was replaced.
                raise ScreeningUnavailable(f"The screening list cannot be used. {error}") from error
            return self._read[1], self._read[2]


def _hit(subject: ScreeningSubject, entry: Entry, name: str, likeness: Likeness) -> tuple[ScreeningHit, int]:
    """The hit, and the score that its name alone would have."""
    by_name = round(100 * likeness.score)
    evidence = besides_the_name(subject, entry)
    listed = (f"Listed for: {', '.join(entry.topics)}.",) if entry.topics else ()
    hit = ScreeningHit(
        entity=entry.id,
        caption=entry.caption,
        score=max(0, by_name - sum(one.points for one in evidence)),
        matched_name=name,
        list_name=entry.list_name,
        birth_dates=entry.birth_dates,
        countries=entry.countries,
        topics=entry.topics,
        why=(*likeness.why, *(one.text for one in evidence), *listed),
    )
    return hit, by_name


def _best(subject: ScreeningSubject, index: NameIndex, threshold: float) -> dict[Entry, tuple[str, Likeness]]:
    """The most alike name of each entry that reaches the threshold."""
    names = [parse_name(text, subject.kind) for text in (subject.name, *subject.aliases)]
    if not names[0].parts:
        raise ScreeningRefused(
            "unusable-name", "The name has no letters, so nobody can be looked up by it. Correct it."
        )
    best: dict[Entry, tuple[str, Likeness]] = {}
    for name in names:
        for entry, theirs in index.candidates(name, subject.kind, threshold):
            likeness = compare(name, theirs)
            if likeness.score >= max(threshold, best.get(entry, ("", NOTHING))[1].score + 1e-9):
                line = f"“{name.text}” compared with “{theirs.text}”: {round(100 * likeness.score)} of 100."
                best[entry] = (theirs.text, Likeness(likeness.score, (line, *likeness.why)))
    return best
