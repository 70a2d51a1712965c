"""Sentences that can be told again: English text that remembers what it was made of.

The rules explain themselves in English, and that is what programs and the command line get. A page or a mail tells the
same in the language and the zone of its reader, from the template and its values (`web/retelling.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from placet.domain.span import in_words

Value: TypeAlias = "str | int | datetime | timedelta | tuple[Value, ...]"


class Said(str):
    """The English text of `template`, with each `%(name)s` in it filled in from `values`.

    Of the values, another Said is told anew as well, and any other text stays as it is: a name, or what somebody wrote.
    An instant is told in full, a length of time as how far away something is (`in 3 days`, `now`), and a tuple with
    commas. Without values it is a text, such as a title or an outcome, that a catalogue may know.
    """

    __slots__ = ("many", "template", "values")

    template: str
    many: str | None
    """The template for other numbers than one; `num` among the values chooses."""
    values: dict[str, Value]

    def __new__(cls, template: str, /, **values: Value) -> "Said":
        return cls._made(template, template, None, values)

    @classmethod
    def plural(cls, one: str, many: str, num: int, /, **values: Value) -> "Said":
        """Of two templates the one for this number, which either may name as `%(num)s`."""
        return cls._made(one if num == 1 else many, one, many, {"num": num, **values})

    @classmethod
    def _made(cls, chosen: str, template: str, many: str | None, values: dict[str, Value]) -> "Said":
        told = chosen % {name: _english(value) for name, value in values.items()} if values else chosen
        said = super().__new__(cls, told)
        # What comes from an enumeration is a text like any other.
        said.template, said.many, said.values = str(template), many, values
        return said


class Who(str):
    """The id of a person, which programs get; people read the `name`."""

    __slots__ = ("name",)

    name: str

    @classmethod
    def among(cls, names: Mapping[str, str] | None, person: str) -> str:
        """The person with the name that they have in `names`, by ids; without one they are called by the id."""
        if names is None or person not in names:
            return person
        who = cls(person)
        who.name = names[person]
        return who


def later(text: str) -> str:
    """Mark a text for the catalogues that is kept as it is, and told elsewhere."""
    return text


def in_full(at: datetime) -> str:
    return f"{at:%-d %B %Y %H:%M} UTC"


def listed(names: Iterable[str], conjunction: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`; the conjunction is one of those in `JOINED`."""
    *first, last = [*names] or [Said("nobody")]
    return Said(JOINED[conjunction], first=tuple(first), last=last) if first else last


JOINED = {
    "and": later("%(first)s and %(last)s"),
    "or": later("%(first)s or %(last)s"),
    "then": later("%(first)s then %(last)s"),
}


def together(*sentences: str) -> Said:
    """Sentences one after the other, without the empty ones."""
    return _joined(" ", [one for one in sentences if one])


def paragraphs(*texts: str) -> Said:
    """Texts with an empty line between each and the next."""
    return _joined("\n\n", texts)


def packed(value: Value) -> Any:
    """The text, and what it was made of, as JSON."""
    match value:
        case Said():
            values = {name: packed(one) for name, one in value.values.items()}
            return {"template": value.template, "many": value.many, "values": values}
        case datetime():
            return {"at": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
        case tuple():
            return [packed(one) for one in value]
    return value


def unpacked(kept: Any) -> Any:
    """What was `packed`."""
    match kept:
        case {"template": str(template), "many": many, "values": dict(values)}:
            again = {name: unpacked(one) for name, one in values.items()}
            return Said.plural(template, many, again.pop("num"), **again) if many else Said(template, **again)
        case {"at": at}:
            return datetime.fromisoformat(at)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
        case list():
            return tuple(unpacked(one) for one in kept)
    return kept


def _joined(between: str, texts: Sequence[str]) -> Said:
    told = {f"sentence_{number}": one for number, one in enumerate(texts)}
    return Said(between.join(f"%({name})s" for name in told), **told)


def _english(value: Value) -> str:
    match value:
        case datetime():
            return in_full(value)
        case timedelta():
            return f"in {in_words(value)}" if value > timedelta() else "now"
        case tuple():
            return ", ".join(map(_english, value))
    return str(value)


def _kept(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, Said) else check(value)


Text = Annotated[str, WrapValidator(_kept)]
"""A text for people in a model: a Said stays one. In JSON it is a text like any other."""
