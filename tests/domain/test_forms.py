"""The data of an answer against the form, and what may be kept of what people send."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.audit import canonical
from placet.domain.forms import faults
from placet.domain.model import MAX_DEPTH, storable

FORM = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "minimum": 1},
        "until": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "mark": {"type": "string", "pattern": "^[a-z]+$"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"a/b~c": {"type": "integer"}}}},
    },
    "required": ["amount"],
}


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        ({"amount": 1}, []),
        ({"amount": 1, "until": "2026-03-02", "at": "2026-03-02T09:00:00Z"}, []),
        ({}, ["/data/amount"]),
        ({"amount": 0}, ["/data/amount"]),
        ({"amount": "1"}, ["/data/amount"]),
        ({"amount": 1, "until": "tomorrow"}, ["/data/until"]),
        ({"amount": 1, "at": "noon"}, ["/data/at"]),
        ({"amount": 1, "lines": [{}, {"a/b~c": "x"}]}, ["/data/lines/1/a~1b~0c"]),
        ({"amount": 0, "until": "x"}, ["/data/amount", "/data/until"]),
    ],
)
def test_every_fault_points_at_its_field(data: dict[str, Any], pointers: list[str]) -> None:
    found = faults(FORM, data)
    assert [fault.pointer for fault in found] == pointers
    assert all(fault.detail for fault in found)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "This field is required."),
        ({"amount": 0}, "This must be at least 1."),
        ({"amount": "x"}, "This must be a whole number."),
        ({"amount": 1, "until": "soon"}, "Write a date like 2026-03-31."),
        ({"amount": 1, "mark": "4"}, "This does not have the form that is expected here."),
    ],
)
def test_a_fault_is_told_in_plain_words(data: dict[str, Any], told: str) -> None:
    assert [fault.detail for fault in faults(FORM, data)] == [told]


def test_a_task_without_a_form_takes_no_data() -> None:
    assert faults(None, {}) == ()
    assert [fault.pointer for fault in faults(None, {"b": 1, "a/x": 2})] == ["/data/a~1x", "/data/b"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_is_storable_has_a_canonical_form_without_nul(value: Any) -> None:
    if storable(value):
        assert "\x00" not in str(value)
        assert canonical(value)
    else:
        text = repr(value)
        assert "\\x00" in text or "\\ud" in text or "nan" in text or "inf" in text


def test_extreme_nesting_is_not_storable() -> None:
    value: Any = []
    for _ in range(MAX_DEPTH):
        value = [value]
    assert storable(value)
    assert not storable([value])
