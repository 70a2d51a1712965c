"""Finding the few listed names worth comparing among many."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from placet.connectors.screening.entries import Entry
from placet.connectors.screening.names import Name, Writing, bone, parse_name
from placet.connectors.screening.port import SubjectKind
from placet.connectors.screening.similarity import ALIKE, MAX_PERMUTED

MAX_COMPARED = 500
# A bone shorter than this is in too many names to lead anywhere on its own.
TELLING_BONE = 3
JOINED_WORDS = 3


class Listed(NamedTuple):
    """One name of one entry."""

    entry: Entry
    name: Name


class NameIndex:
    """All names of the entries by how their words sound, and by their consonants."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._listed = [
            Listed(entry, name)
            for entry in entries
            for text in entry.names
            # An entry that may be either is read like a company: then its legal form does not count.
            if (name := parse_name(text, entry.kind or SubjectKind.COMPANY)).parts
        ]
        by_sound: defaultdict[str, list[int]] = defaultdict(list)
        by_bone: defaultdict[str, list[int]] = defaultdict(list)
        self._lengths = [0] * len(self._listed)
        for number, (_, name) in enumerate(self._listed):
            self._lengths[number] = sum(map(len, name.sounds))
            if name.writing is not Writing.SYLLABLES:
                for sound in set(name.sounds):
                    by_sound[sound].append(number)
            for key in _bones_in_order(name):
                by_bone[key].append(number)
        self._sounds = list(by_sound)
        self._numbers = list(by_sound.values())
        self._by_bone = dict(by_bone)

    def __len__(self) -> int:
        return len(self._listed)

    def candidates(self, name: Name, kind: SubjectKind, threshold: float) -> list[Listed]:
        """The names most likely to reach the threshold (0 to 1), best first, at most 500 of each way of looking."""
        if name.writing is Writing.SYLLABLES:
            found = self._alike_in_bones(name, kind)
        else:
            found = {**self._alike_in_sound(name, kind, threshold), **self._alike_in_bones(name, kind)}
        return [self._listed[number] for number in found]

    def _alike_in_sound(self, name: Name, kind: SubjectKind, threshold: float) -> dict[int, None]:
        agreed: defaultdict[int, float] = defaultdict(float)
        for sound, times in Counter(name.sounds).items():
            alike = process.extract(
                sound, self._sounds, scorer=OSA.normalized_similarity, score_cutoff=ALIKE, limit=None, processor=None
            )
            for _, score, place in alike:
                worth = score * len(sound) * times
                for number in self._numbers[place]:
                    agreed[number] += worth
        ours = sum(map(len, name.sounds))
        # Initials agree without being alike, hence some slack.
        enough = 0.75 * threshold
        ranked = [
            (share, worth, number)
            for number, worth in agreed.items()
            if (share := worth / min(ours, self._lengths[number])) >= enough and self._may_be(number, kind)
        ]
        ranked.sort(key=lambda one: (-min(one[0], 1), -one[1], one[2]))
        return {number: None for *_, number in ranked[:MAX_COMPARED]}

    def _alike_in_bones(self, name: Name, kind: SubjectKind) -> dict[int, None]:
        agreed: defaultdict[int, int] = defaultdict(int)
        for key in _bones_in_any_order(name):
            for number in self._by_bone.get(key, ()):
                theirs = self._listed[number].name.writing
                # Within one script only words that are joined or split are looked for here.
                if theirs is not name.writing or name.writing is Writing.SYLLABLES or len(key) > TELLING_BONE:
                    agreed[number] += len(key)
        ranked = sorted((number for number in agreed if self._may_be(number, kind)), key=lambda n: (-agreed[n], n))
        return dict.fromkeys(ranked[:MAX_COMPARED])

    def _may_be(self, number: int, kind: SubjectKind) -> bool:
        return self._listed[number].entry.kind in (None, kind)


def _bones_in_order(name: Name) -> set[str]:
    """The bones of each word, and of neighbouring words as one."""
    return {bone(word) for word in name.parts} | {bone("".join(words)) for words in _neighbours(name.words)}


def _bones_in_any_order(name: Name) -> set[str]:
    if name.writing is Writing.SYLLABLES or len(name.words) > MAX_PERMUTED:
        return _bones_in_order(name)
    joined = {
        bone("".join(words))
        for count in range(2, JOINED_WORDS + 1)
        for words in permutations(name.words, count)
    }  # fmt: skip
    return {bone(word) for word in name.parts} | joined


def _neighbours(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for count in range(2, JOINED_WORDS + 1):
        for start in range(len(words) - count + 1):
            yield words[start : start + count]
