"""What people send: strict request models, sound text, cursors, rosters."""

import math
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from placet.control import cursor
from placet.control.errors import Problem
from placet.control.roster import read_roster
from placet.control.sent import Sent, storable
from placet.control.strictness import closed, unknown_fields
from placet.domain.model import Durable


class Inner(Durable):
    x: int = Field(ge=0)


class Tree(Durable):
    name: str
    children: tuple["Tree", ...] = ()


class Outer(Durable):
    plain: Inner
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    by_name: dict[str, list[Inner]] = {}
    noted: Annotated[Inner, Field(title="Noted")] = Inner(x=1)


DEEP: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({"plain": {"x": 1}, "more": 1}, ("more",)),
    ({"plain": {"x": 1, "y": 1}}, ("plain", "y")),
    ({"plain": {"x": 1}, "maybe": {"x": 1, "y": 1}}, ("maybe", "y")),
    ({"plain": {"x": 1}, "many": [{"x": 1}, {"x": 1, "y": 1}]}, ("many", 1, "y")),
    ({"plain": {"x": 1}, "by_name": {"a": [{"x": 1, "y": 1}]}}, ("by_name", "a", 0, "y")),
    ({"plain": {"x": 1}, "noted": {"x": 1, "y": 1}}, ("noted", "y")),
]


@pytest.mark.parametrize(("sent", "place"), DEEP)
def test_an_unknown_field_is_found_at_every_depth(sent: dict[str, Any], place: tuple[Any, ...]) -> None:
    assert list(unknown_fields(Outer.model_validate(sent), sent)) == [place]


def test_a_model_of_itself_is_looked_through_too() -> None:
    sent = {"name": "a", "children": [{"name": "b", "children": [{"name": "c", "nam": 1}]}]}
    found = list(unknown_fields(Tree.model_validate(sent), sent))
    assert found == [("children", 0, "children", 0, "nam")]


def test_known_fields_are_never_a_mistake() -> None:
    sent = {"plain": {"x": 1}, "maybe": None, "many": [{"x": 2}], "by_name": {"a": []}}
    assert list(unknown_fields(Outer.model_validate(sent), sent)) == []


def test_the_schema_of_a_request_is_closed_at_every_depth() -> None:
    schema = closed(Outer.model_json_schema())
    assert schema["additionalProperties"] is schema["$defs"]["Inner"]["additionalProperties"] is False
    assert schema["properties"]["by_name"]["additionalProperties"]["type"] == "array"


@given(
    st.recursive(
        st.none()
        | st.integers()
        | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="ab"), inner),
        max_leaves=5,
    )
)
def test_ordinary_json_is_storable_unless_it_holds_a_nul(value: Any) -> None:
    try:
        storable(value)
    except ValueError:
        assert "\\u0000" in ascii(value).replace("\\x00", "\\u0000")


@pytest.mark.parametrize("value", ["\x00", "\ud800", math.nan, math.inf, {"a": ["\x00"]}, {"\x00": 1}])
def test_what_no_database_can_hold_is_refused(value: Any) -> None:
    class Any_(Sent):
        value: Any

    with pytest.raises(ValidationError):
        Any_(value=value)


@given(st.integers(-(2**63), 2**63 - 1), st.text(alphabet="abc.-0", max_size=40))
def test_a_cursor_comes_back_as_it_went_out(number: int, text: str) -> None:
    if number >= -cursor.BIGGEST:
        assert cursor.decode(cursor.encode(number, text), int, str) == [number, text]


@given(st.text(max_size=60))
def test_any_other_text_is_a_bad_cursor_and_nothing_worse(text: str) -> None:
    try:
        cursor.decode(text, int, str)
    except Problem as problem:
        assert problem.code == "bad-cursor"


def test_a_moment_outside_the_calendar_is_a_bad_cursor() -> None:
    with pytest.raises(Problem):
        cursor.moment(2**62)


@given(st.text(max_size=200))
def test_any_text_is_a_roster_or_a_problem(text: str) -> None:
    for whole in (text, f"id,name,email,grants\n{text}"):
        try:
            read_roster(whole)
        except Problem as problem:
            assert problem.code == "bad-import"
