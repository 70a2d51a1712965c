"""Sentences of the domain, told again in the language and the zone of the reader: on pages, and in plain text."""

from datetime import datetime, timedelta

from markupsafe import Markup, escape

from placet.domain.audit import stamp
from placet.domain.said import Said, Value, Who
from placet.domain.span import largest
from placet.web.charts import tag
from placet.web.times import absolute, distance, moment
from placet.web.words import LATIN, PLACEHOLDER, SOURCE, _, foreign, ngettext, outcome, reader, written

FROM_THE_RIGHT = "\u200f"
"""A clause keeps its direction, though it may begin with a name in other letters."""


def retold(text: object) -> str | Markup:
    """The text as a part of a page; one that remembers nothing is told as `words.written` tells it."""
    return _said(text) if isinstance(text, Said) else written(text)


def _said(said: Said) -> str | Markup:
    if not said.values:
        word = outcome(said.template)
        return word if word != said.template else written(said.template)
    template, known = _template(said)
    # Both are escaped by now, so plain text may be filled in: by far the fastest way, and lists have many sentences.
    told = Markup(str(escape(template)) % {name: str(escape(_part(value))) for name, value in said.values.items()})
    untold = template == known and reader().language != SOURCE and LATIN.search(PLACEHOLDER.sub("", template))
    return foreign(told) if untold else told


def plain(value: Value) -> str:
    """The same where nothing can be marked up, such as in a mail."""
    match value:
        case Said() if not value.values:
            word = outcome(value.template)
            return word if word != value.template else _(value.template)
        case Said():
            parts = ((name, plain(one), isinstance(one, Said)) for name, one in value.values.items())
            return _template(value)[0] % {name: str(_clause(told)) if clause else told for name, told, clause in parts}
        case Who():
            return value.name
        case datetime():
            return absolute(value)
        case timedelta():
            return _distance(value)
        case tuple():
            apart = "\u2068{}\u2069" if reader().direction == "rtl" else "{}"
            return str(_clause(_(", ").join(apart.format(plain(one)) for one in value)))
    return str(value)


def _template(said: Said) -> tuple[str, str]:
    """The template in the language of the reader, and in English."""
    if said.many is None:
        return _(said.template), said.template
    number = said.values["num"]
    assert isinstance(number, int)
    return ngettext(said.template, said.many, number), said.many if number != 1 else said.template


def _part(value: Value) -> str | Markup:
    match value:
        case Said():
            return _clause(_said(value))
        case Who():
            return value.name
        case datetime():
            return moment(value)
        case timedelta():
            return _away(value)
        case tuple():
            return _clause(Markup(_(", ")).join(_apart(_part(one)) for one in value))
    return str(value)


def _away(length: timedelta) -> str | Markup:
    """How far away something is; the script keeps it current."""
    told = _distance(length)
    return tag("span", told, data_away=stamp(reader().now + length)) if length > timedelta() else told


def _distance(length: timedelta) -> str:
    if length <= timedelta():
        return _("now")
    return distance(*largest(length))


def _clause(told: str | Markup) -> str | Markup:
    return FROM_THE_RIGHT + told if reader().direction == "rtl" else told


def _apart(told: str | Markup) -> str | Markup:
    return Markup("\u2068{}\u2069").format(told) if reader().direction == "rtl" else told
