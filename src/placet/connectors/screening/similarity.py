"""How alike two names are, 0 to 1, and why."""

from collections import Counter
from dataclasses import dataclass
from itertools import permutations

from rapidfuzz.distance import OSA

from placet.connectors.screening.names import Name, Writing, bone, sound

SAME_SOUND = 0.97
# Mohammed and Muhammad, if they are alike at all.
SAME_CONSONANTS = 0.88
INITIAL = 0.6
# Below this two words are different words: Petrov and Petrovich are.
ALIKE = 0.7
# What is left of a full score when one name has parts that the other lacks, or when scripts tell less than names do.
PARTS_MISSING = 0.93
CONSONANTS_ONLY = 0.92
SOUND_ONLY = 0.9
JOINED = 0.96
MAX_PERMUTED = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """Two words taken for the same."""

    ours: str
    theirs: str
    alike: float
    initial: bool = False

    @property
    def weight(self) -> int:
        return len(self.ours) + len(self.theirs)


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` 0 to 1; `why` in plain English."""

    score: float
    why: tuple[str, ...] = ()


NOTHING = Likeness(0.0)


def compare(ours: Name, theirs: Name) -> Likeness:
    """The same for every order of our words, except in scripts of syllables."""
    if not ours.parts or not theirs.parts:
        return NOTHING
    if ours.writing is theirs.writing:
        found = _characters(ours, theirs) if ours.writing is Writing.SYLLABLES else _words(ours, theirs)
    elif Writing.SYLLABLES in (ours.writing, theirs.writing):
        found = _syllables(ours, theirs)
    else:
        found = _consonants(ours, theirs)
    if found.score and ours.script != theirs.script:
        line = f"Compared across scripts: {ours.script} and {theirs.script}."
        return Likeness(found.score, (*found.why, line))
    return found


def word_likeness(ours: str, theirs: str) -> float:
    """0 for words that are not alike. Only `sound` counts for unequal words, so an index of sounds finds them all."""
    if ours == theirs:
        return 1.0
    if ours[0].isdigit() or theirs[0].isdigit():
        return 0.0
    alike = SAME_SOUND * OSA.normalized_similarity(sound(ours), sound(theirs), score_cutoff=ALIKE)
    if 0 < alike < SAME_CONSONANTS and len(bone(ours)) >= 3 and bone(ours) == bone(theirs):
        return SAME_CONSONANTS
    return alike


def _words(ours: Name, theirs: Name) -> Likeness:
    by_words = _aligned(ours.parts, theirs.parts)
    if by_words.score >= JOINED:
        return by_words
    joined = _joined(ours, theirs)
    return joined if joined.score > by_words.score else by_words


def _aligned(ours: tuple[str, ...], theirs: tuple[str, ...]) -> Likeness:
    pairs = _pairs(ours, theirs)
    if not pairs:
        return NOTHING
    total = sum(map(len, ours)) + sum(map(len, theirs))
    agreed = sum(pair.alike * pair.weight for pair in pairs)
    score = agreed / total
    if min(len(ours), len(theirs)) >= 2 and len(pairs) == min(len(ours), len(theirs)):
        # One name is contained in the other, as when a father's name is left out.
        score = max(score, PARTS_MISSING * agreed / sum(pair.weight for pair in pairs))
    return Likeness(score, _told(ours, theirs, pairs))


def _pairs(ours: tuple[str, ...], theirs: tuple[str, ...]) -> list[Pair]:
    """The best partner for each word, best pairs first; the result does not depend on the order of our words."""
    possible = [
        (pair.alike, pair.weight, a, b, i, j, pair)
        for i, a in enumerate(ours)
        for j, b in enumerate(theirs)
        if (pair := _pair(a, b)).alike
    ]
    possible.sort(key=lambda one: (-one[0], -one[1], one[2], one[3], one[4], one[5]))
    ours_taken: set[int] = set()
    theirs_taken: set[int] = set()
    pairs: list[Pair] = []
    for *_, i, j, pair in possible:
        if i not in ours_taken and j not in theirs_taken:
            ours_taken.add(i)
            theirs_taken.add(j)
            pairs.append(pair)
    return pairs


def _pair(ours: str, theirs: str) -> Pair:
    if ours != theirs and 1 in (len(ours), len(theirs)):
        initial = ours[0] == theirs[0] and ours.isalpha()
        return Pair(ours, theirs, INITIAL if initial else 0.0, initial)
    return Pair(ours, theirs, word_likeness(ours, theirs))


def _joined(ours: Name, theirs: Name) -> Likeness:
    """For words written together or apart: Abdulrahman and Abd al-Rahman."""
    length, joined = sum(map(len, ours.words)), "".join(theirs.words)
    if len(ours.words) == len(theirs.words) or len(ours.words) > MAX_PERMUTED:
        return NOTHING
    if abs(length - len(joined)) > 2 or min(length, len(joined)) < 6:
        return NOTHING
    alike = max(_spelled(order, joined) for order in permutations(ours.words))
    if alike < 0.9:
        return NOTHING
    return Likeness(JOINED * alike, (f"“{theirs.text}” is the same with its words written together or apart.",))


def _spelled(order: tuple[str, ...], joined: str) -> float:
    return float(OSA.normalized_similarity("".join(order), joined))


def _consonants(ours: Name, theirs: Name) -> Likeness:
    """Arabic and Hebrew leave vowels out, so only consonants can agree: the words have to agree in all of them."""
    agreed = list((Counter(ours.bones) & Counter(theirs.bones)).elements())
    total = sum(map(len, ours.bones)) + sum(map(len, theirs.bones))
    if not agreed or not total:
        return NOTHING
    score = 2 * sum(map(len, agreed)) / total
    if min(len(ours.bones), len(theirs.bones)) >= 2 and len(agreed) == min(len(ours.bones), len(theirs.bones)):
        score = max(score, PARTS_MISSING)
    line = "Only the consonants can be compared, because one script leaves vowels out; they agree."
    more = ("One of the names has further parts.",) if len(ours.bones) != len(theirs.bones) else ()
    return Likeness(CONSONANTS_ONLY * score, (line, *more))


def _syllables(ours: Name, theirs: Name) -> Likeness:
    """Characters against an alphabet: in any order of the words, and written together."""
    lettered, signs = (theirs, ours) if ours.writing is Writing.SYLLABLES else (ours, theirs)
    if lettered.writing is not Writing.LETTERS or len(lettered.parts) > MAX_PERMUTED:
        return NOTHING
    alike = max(_spelled(order, "".join(signs.parts)) for order in permutations(lettered.parts))
    if alike < 0.9:
        return NOTHING
    line = "The sound of the characters agrees; other characters may sound the same."
    return Likeness(SOUND_ONLY * alike, (line,))


def _characters(ours: Name, theirs: Name) -> Likeness:
    if ours.plain == theirs.plain:
        return Likeness(1.0, ("Every character agrees.",))
    if ours.parts == theirs.parts:
        return Likeness(SOUND_ONLY, ("The characters differ but sound the same.",))
    alike = OSA.normalized_similarity(ours.plain, theirs.plain, score_cutoff=0.8)
    return Likeness(alike, ("All characters but a few agree.",)) if alike else NOTHING


def _told(ours: tuple[str, ...], theirs: tuple[str, ...], pairs: list[Pair]) -> tuple[str, ...]:
    lines = [
        f"“{pair.ours}” may be the initial of “{pair.theirs}”, or the other way round."
        if pair.initial
        else f"“{pair.ours}” is close to “{pair.theirs}” in the list."
        for pair in pairs
        if pair.alike < 1
    ]
    for words, side in ((ours, 0), (theirs, 1)):
        left = list(words)
        for pair in pairs:
            left.remove((pair.ours, pair.theirs)[side])
        if left:
            whose = "The list has also" if side else "The list does not have"
            lines.append(f"{whose}: {', '.join(left)}.")
    return tuple(lines) or ("Every part of the name agrees.",)
