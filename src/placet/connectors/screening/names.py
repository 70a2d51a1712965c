"""Names in any script, made comparable: parts without case, accents and legal forms, and how each part sounds."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from anyascii import anyascii

from placet.connectors.screening.port import SubjectKind


class Writing(Enum):
    """How a script writes a name, which decides what can be compared with it."""

    LETTERS = "letters"
    CONSONANTS = "consonants"
    SYLLABLES = "syllables"


@dataclass(frozen=True, slots=True)
class Name:
    """One name, ready to compare.

    `words` are its words in Latin letters without case and accents and legal forms, `parts` the same without articles,
    and `sounds` the parts in a spelling that is equal for words that sound alike. In scripts of syllables every
    character is a word. `plain` is the name in its own script, without spaces.
    """

    text: str
    writing: Writing
    script: str
    plain: str
    words: tuple[str, ...]
    parts: tuple[str, ...]
    sounds: tuple[str, ...]

    @property
    def bones(self) -> tuple[str, ...]:
        """The consonants of each part."""
        return tuple(map(bone, self.parts))


CONSONANT_SCRIPTS = {"ARABIC": "Arabic", "HEBREW": "Hebrew", "SYRIAC": "Syriac"}
SYLLABLE_SCRIPTS = {
    "CJK": "Chinese characters", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean",
}  # fmt: skip
LETTER_SCRIPTS = {"CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARMENIAN": "Armenian", "GEORGIAN": "Georgian"}
# Vowel signs that Arabic and Hebrew writers may add or leave out, and the Arabic stretching line.
OPTIONAL_SIGNS = re.compile("[\u0640\u064b-\u065f\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
ARABIC_SPELLINGS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه"})
# Letters that stand for a vowel, or that the general transliteration leaves out.
VOWEL_LETTERS = str.maketrans({"ا": "a", "ع": "a", "א": "a", "ע": "a", "כ": "k", "ך": "k"})
ARABIC_ARTICLE = re.compile(r"\bال(?=\w{3})")
# Abdulrahman, Abdul Rahman and Abdurrahman are Abd al-Rahman; Abdullah is one word.
SERVANT_OF = re.compile(r"\babd[aeu](?:l\b|l(?=\w{4})|([rsdnt])(?=\1\w{3}))")
LATIN_ARTICLES = frozenset({"al", "el", "ul", "ar", "ur"})
APOSTROPHES = re.compile("['`´ʹʺʻʼʽʾʿ‘’ˈ]")
DOTTED = re.compile(r"(?<=\b\w)\.(?=\w\b)")
NOT_WORDS = re.compile(r"[\W_]+")
COMPANY_ENDINGS = re.compile("(股份有限公司|有限责任公司|有限責任公司|有限公司|株式会社|合同会社|주식회사|유한회사)")
# Legal forms, and the words they are spelled out with, after transliteration.
LEGAL_FORMS = frozenset(
    re.findall(
        r"\w+",
        """
    ab ag aktiebolag aktiengesellschaft aktsionernoe and anonim anonima anonyme as asa beschrankter bhd bv bvba
    co company corp corporation doo eood fze gesellschaft gmbh haftung inc incorporated joint jsc kft kg kgaa
    lda liability limited llc llp lp ltd ltda mbh mit nv oao obshchestvo obshchestvom ogranichennoi
    ogranichennoy ooo osakeyhtio otkrytoe otvetstvennostyu oy oyj pao pjsc plc private pt pte pty public
    publichnoe pvt rl ro sa sae sarl sas sasu sdn se sicav sirketi sl sociedad societa societe spa spolka spzoo srl
    sro stock tov uab und zakrytoe zao zrt
        """,
    )
)
# In this order.
SAME_SOUND = (
    ("tsch", "ch"), ("tch", "ch"), ("tsh", "ch"), ("sch", "sh"), ("dzh", "j"), ("dj", "j"), ("zh", "j"), ("ph", "f"),
    ("kh", "h"), ("ck", "k"), ("x", "ks"), ("q", "k"), ("w", "v"), ("y", "i"), ("th", "t"), ("ou", "u"), ("oo", "u"),
    ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ee", "i"), ("ie", "i"),
)  # fmt: skip
DOUBLED = re.compile(r"(.)\1+")
SILENT_H = re.compile("(?<=[aeiou])h(?![aeiou])")
VOWELS = re.compile("[aeiouyw]")


def parse_name(text: str, kind: SubjectKind) -> Name:
    """`parts` is empty for a text without a letter or a digit."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    script, writing = _script(plain)
    if kind is SubjectKind.COMPANY:
        plain = COMPANY_ENDINGS.sub(" ", plain)
        plain = DOTTED.sub("", plain)
    if writing is Writing.CONSONANTS:
        plain = OPTIONAL_SIGNS.sub("", plain).translate(ARABIC_SPELLINGS)
        plain = ARABIC_ARTICLE.sub("", plain).translate(VOWEL_LETTERS)
    words = _syllables(plain) if writing is Writing.SYLLABLES else _words(plain)
    if kind is SubjectKind.COMPANY:
        words = _without(words, LEGAL_FORMS)
    parts = _without(words, LATIN_ARTICLES)
    return Name(
        text=text,
        writing=writing,
        script=script,
        plain=NOT_WORDS.sub("", plain),
        words=words,
        parts=parts,
        sounds=tuple(map(sound, parts)),
    )


@lru_cache(maxsize=200_000)
def sound(part: str) -> str:
    """The same spelling for words that sound alike in the usual transliterations."""
    for spelling, same in SAME_SOUND:
        part = part.replace(spelling, same)
    return SILENT_H.sub("", DOUBLED.sub(r"\1", part))


@lru_cache(maxsize=200_000)
def bone(word: str) -> str:
    """The consonants, and whether it begins with a vowel: all that scripts without vowels can be compared by."""
    head = "a" if VOWELS.match(word) else word[0]
    return sound((head + VOWELS.sub("", word[1:])).replace("c", "k").replace("v", "b"))


def _script(text: str) -> tuple[str, Writing]:
    """The first script that is not Latin decides; a name in two scripts is rare and then mostly not Latin."""
    if text.isascii():
        return "Latin", Writing.LETTERS
    for char in text:
        if not char.isalpha() or char < "\u0250":
            continue
        named = unicodedata.name(char, "").split(" ")[0]
        if named in SYLLABLE_SCRIPTS:
            return SYLLABLE_SCRIPTS[named], Writing.SYLLABLES
        if named in CONSONANT_SCRIPTS:
            return CONSONANT_SCRIPTS[named], Writing.CONSONANTS
        if named in LETTER_SCRIPTS:
            return LETTER_SCRIPTS[named], Writing.LETTERS
    return "Latin", Writing.LETTERS


def _words(plain: str) -> tuple[str, ...]:
    if not plain.isascii():
        plain = plain.replace("ου", "ou").replace("ού", "ou")
        plain = anyascii(plain).casefold()
    return tuple(NOT_WORDS.sub(" ", SERVANT_OF.sub("abd ", APOSTROPHES.sub("", plain))).split())


def _syllables(plain: str) -> tuple[str, ...]:
    """Each character becomes a part; Latin words and numbers between them stay whole."""
    spaced = "".join(char if char.isascii() else f" {char} " for char in plain)
    return _words(spaced)


def _without(parts: tuple[str, ...], dropped: frozenset[str]) -> tuple[str, ...]:
    """Without these words, unless nothing else is left."""
    return tuple(part for part in parts if part not in dropped) or parts
