"""Sentences that remember what they were made of."""

import copy
import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from placet.domain.said import Said, Text, Value, in_full, listed, packed, paragraphs, together, unpacked
from placet.domain.span import in_words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Answer(BaseModel):
    why: Text
    plain: str = ""


def names(size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=size)


plain: st.SearchStrategy[Value] = st.one_of(
    names(12),
    st.integers(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(days=-9), timedelta(days=900)),
)


def made(parts: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    one = st.dictionaries(st.sampled_from("abc"), parts, min_size=1)
    sentence = one.map(lambda values: Said("; ".join(f"%({name})s" for name in values), **values))
    number = st.tuples(one, st.integers(0, 3)).map(lambda pair: Said.plural("%(num)s a", "%(num)s as", pair[1]))
    return st.one_of(sentence, number, st.lists(parts, max_size=3).map(tuple))


def english(value: Value) -> str:
    """What a value is in English, told independently of how the text came about."""
    if isinstance(value, Said) and value.values:
        chosen = value.many if value.many is not None and value.values["num"] != 1 else value.template
        return re.sub(r"%\((\w+)\)s", lambda found: english(value.values[found[1]]), chosen)
    if isinstance(value, timedelta):
        return "in " + in_words(value) if value > timedelta() else "now"
    if isinstance(value, tuple):
        return ", ".join(english(one) for one in value)
    return in_full(value) if isinstance(value, datetime) else f"{value}"


@given(st.recursive(plain, made, max_leaves=12))
def test_the_text_is_the_template_filled_in_in_english(value: Value) -> None:
    said = Said("It is %(value)s.", value=value)
    assert said == f"It is {english(value)}." and type(str(said)) is str


def test_each_kind_of_value_is_told_in_its_own_way() -> None:
    said = Said(
        "%(who)s, %(what)s, %(number)s, %(at)s (%(left)s, %(past)s), %(some)s",
        who="ann",
        what=Said("the %(thing)s", thing="bread"),
        number=12345,
        at=NOON,
        left=timedelta(hours=30),
        past=timedelta(),
        some=("a", Said("b")),
    )
    assert said == "ann, the bread, 12345, 2 March 2026 12:00 UTC (in 30 hours, now), a, b"


@pytest.mark.parametrize(("number", "text"), [(0, "0 votes"), (1, "a vote"), (2, "2 votes")])
def test_a_plural_has_two_forms_in_english(number: int, text: str) -> None:
    said = Said.plural("a vote", "%(num)s votes", number)
    assert (said, said.template, said.many) == (text, "a vote", "%(num)s votes")


def test_without_values_nothing_is_filled_in() -> None:
    assert Said("100 % (of 5)") == "100 % (of 5)"
    assert Said("Grew by 5 %(sic)s").template == "Grew by 5 %(sic)s"


def test_a_name_is_never_taken_for_a_template() -> None:
    assert Said("It is %(who)s.", who="%(other)s") == "It is %(other)s."


def test_one_name_is_listed_as_itself_and_several_are_told_anew() -> None:
    assert type(listed(["ann"])) is str
    told = listed(iter(["ann", "bob", "cyd"]), "then")
    assert isinstance(told, Said)
    assert (told, told.values) == ("ann, bob then cyd", {"first": ("ann", "bob"), "last": "cyd"})


def test_sentences_come_together_without_the_empty_ones() -> None:
    told = together(Said("It is %(at)s.", at=NOON), "", Said("Go home."))
    assert told == "It is 2 March 2026 12:00 UTC. Go home."
    assert [one for one in told.values.values() if isinstance(one, Said)] == list(told.values.values())
    assert together() == ""


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda said: pickle.loads(pickle.dumps(said))])
def test_a_copy_remembers_the_same(again: Any) -> None:
    said = Said.plural("%(num)s vote at %(at)s", "%(num)s votes at %(at)s", 2, at=NOON)
    copied = again(said)
    assert (copied, copied.template, copied.many, copied.values) == (said, said.template, said.many, said.values)


def test_a_model_keeps_it_and_tells_programs_a_plain_text() -> None:
    said = Said("It is %(at)s.", at=NOON)
    answer = Answer(why=said, plain=said)
    assert answer.why is said and type(answer.plain) is str
    assert Answer(**answer.model_dump()).why is said
    assert answer.model_dump_json() == f'{{"why":"{said}","plain":"{said}"}}'
    assert type(answer.model_dump(mode="json")["why"]) is str
    assert type(Answer.model_validate_json(answer.model_dump_json()).why) is str
    properties = Answer.model_json_schema()["properties"]
    assert properties["why"] == {"title": "Why", "type": "string"}
    with pytest.raises(ValueError, match="valid string"):
        Answer(why=5)  # type: ignore[arg-type]


def test_what_is_kept_as_json_is_told_as_before() -> None:
    inner = Said.plural("%(num)s more by %(at)s", "%(num)s more by %(at)s", 3, at=NOON)
    said = paragraphs("100%", Said("%(a)s %(left)s", a=inner, left=timedelta(hours=2)), listed(["x", Said("y")]), "")
    again = unpacked(json.loads(json.dumps(packed(said))))
    assert again == said and again.count("\n\n") == 3
    assert packed(again) == packed(said) and again.values["sentence_1"].values["a"].values["at"] == NOON
    assert unpacked(json.loads(json.dumps(packed(("a", 2))))) == ("a", 2)
