"""The languages of the pages, and who reads the page that is being made: their language and zone.

A text in code or templates is English in `_()`; a catalogue in `locale/<language>/LC_MESSAGES/placet.po` says the same
in another language, and is compiled when it is first needed.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

from placet.domain.said import later as later

LOCALES = Path(__file__).parent / "locale"
SOURCE = "en"
UNIVERSAL = ZoneInfo("UTC")
LATIN = re.compile(r"^[^\u0590-\u08ff]*[A-Za-z][^\u0590-\u08ff]*$")
PLACEHOLDER = re.compile(r"%\(\w+\)s")


@lru_cache(maxsize=16)
def locale_of(language: str) -> Locale:
    """Read once: a page tells of hundreds of times and numbers."""
    return Locale.parse(language)


def direction_of(language: str) -> Literal["ltr", "rtl"]:
    return "rtl" if locale_of(language).text_direction == "rtl" else "ltr"


@dataclass(frozen=True)
class Reader:
    """Who reads: `fixed` when the zone is their own setting, and not a guess."""

    language: str = SOURCE
    zone: ZoneInfo = UNIVERSAL
    fixed: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def locale(self) -> Locale:
        return locale_of(self.language)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return direction_of(self.language)


_reader: ContextVar[Reader] = ContextVar("reader")


def reader() -> Reader:
    return _reader.get(None) or Reader()


def read_by(who: Reader) -> None:
    """Pages made from here on, in this request, are for this reader."""
    _reader.set(who)


@contextmanager
def reading(who: Reader) -> Iterator[None]:
    """What is told in here is for this reader."""
    token = _reader.set(who)
    try:
        yield
    finally:
        _reader.reset(token)


@lru_cache(maxsize=1)
def languages() -> dict[str, str]:
    """Every language there is a catalogue for, with its own name for itself."""
    found = [file.parents[1].name for file in LOCALES.glob("*/LC_MESSAGES/placet.po")]
    return {code: locale_of(code).get_display_name(code) or code for code in sorted({SOURCE, *found})}


@lru_cache(maxsize=16)
def catalogue(language: str) -> NullTranslations:
    file = LOCALES / language / "LC_MESSAGES" / "placet.po"
    if language not in languages() or not file.is_file():
        return NullTranslations()
    with file.open("rb") as source:
        read = read_po(source, locale=language)
    if direction_of(language) == "rtl":
        for message in read:
            message.string = _isolated(message.string) if message.id else message.string
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _isolated(told: Any) -> Any:
    """The text with each value that will be filled in set apart: a name or an id has a direction of its own."""
    if isinstance(told, str):
        return PLACEHOLDER.sub("\u2068\\g<0>\u2069", told)
    return tuple(_isolated(one) for one in told)


def _(text: str, **values: Any) -> str:
    """The text in the reader's language, with `%(name)s` filled in."""
    told = catalogue(reader().language).gettext(text) if text else ""
    return told % values if values else told


def _n(one: str, many: str, number: int, **values: Any) -> str:
    told = catalogue(reader().language).ngettext(one, many, number)
    return told % {"num": number, **values}


def written(text: object) -> str | Markup:
    """A text of which the catalogue may not know: then it is English, and is marked as such where pages are not."""
    told = _(str(text))
    if told != str(text) or not LATIN.search(told) or reader().language == SOURCE or isinstance(text, Markup):
        return told
    return foreign(told)


def foreign(told: str) -> Markup:
    """English on a page that is not: marked, so that it is pronounced and placed rightly."""
    return Markup('<span lang="{}" dir="auto">{}</span>').format(SOURCE, told)


def outcome(name: str) -> str:
    """The name of an outcome as the catalogue tells it, else the name itself."""
    word = name.replace("_", " ").replace("-", " ").capitalize()
    told = _(word)
    return name if told == word else told


def preferred(setting: str | None, accepted: str) -> str:
    """The language of a setting, or the best of the header Accept-Language."""
    if setting in languages():
        return str(setting)
    wanted: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), code.replace("-", "_")))
        except ValueError:
            continue
    ordered = [code for _, code in sorted(wanted, key=lambda pair: pair[0])]
    return negotiate_locale(ordered, list(languages())) or SOURCE


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of these zones that exists, else UTC."""
    for name in names:
        try:
            if name and len(name) < 64:
                return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return UNIVERSAL


Gettext = Callable[[str], str]


def gettext(text: str) -> str:
    """For the templates, whose extension fills in the values itself."""
    return catalogue(reader().language).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    return catalogue(reader().language).ngettext(one, many, number)
