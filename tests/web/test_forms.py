"""Forms from a JSON Schema: what is drawn, and what is read back."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, Field, ValidationError

from placet.domain.forms import Fault
from placet.web import forms, words


class Address(BaseModel):
    city: str = Field(title="City")
    code: str = ""


class Stop(BaseModel):
    place: Address
    days: int = 1


class Trip(BaseModel):
    name: str = Field(max_length=80)
    story: str = Field(default="", max_length=2000)
    when: str = Field(json_schema_extra={"format": "date"})
    at: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    price: float = Field(default=2.5, ge=0)
    sure: bool = False
    home: Address
    away: Address | None = None
    stops: list[Stop] = []
    tags: tuple[str, ...] = ()
    more: dict[str, Any] = {}
    outcome: str = ""


FIELDS = forms.fields(Trip.model_json_schema())


def test_each_property_becomes_the_input_that_fits() -> None:
    assert {one.name: one.kind for one in FIELDS} == {
        "name": "text",
        "story": "long",
        "when": "date",
        "at": "moment",
        "price": "number",
        "sure": "boolean",
        "home": "group",
        "away": "group",
        "stops": "list",
        "tags": "lines",
        "more": "pairs",
        "outcome": "text",
    }


def test_a_form_that_was_filled_in_is_read_back() -> None:
    words.read_by(words.Reader(zone=ZoneInfo("Europe/Lisbon")))
    sent = {
        "name": " Trip ",
        "story": "a\r\nb",
        "when": "2026-03-02",
        "at": "2026-07-01T09:00",
        "price": "3,5",
        "sure": "true",
        "home.city": "Rome",
        "stops.0.place.city": "Oslo",
        "stops.0.days": "2",
        "stops.1.place.city": "",
        "stops.1.days": "",
        "stops.2.place.city": "Bern",
        "stops.2.days": "1",
        "tags": "a\r\n\r\n b ",
        "more": "x = 1\n\nterm=5d",
        "data.outcome": "inner",
        "outcome": "outer",
    }
    data, faults = forms.read(sent, FIELDS)
    assert faults == []
    assert data == {
        "name": "Trip",
        "story": "a\nb",
        "when": "2026-03-02",
        "at": "2026-07-01T09:00:00+01:00",
        "price": 3.5,
        "sure": True,
        "home": {"city": "Rome"},
        "stops": [{"place": {"city": "Oslo"}, "days": 2}, {"place": {"city": "Bern"}, "days": 1}],
        "tags": ["a", "b"],
        "more": {"x": 1, "term": "5d"},
        "outcome": "inner",
    }
    assert Trip.model_validate(data)


def test_what_cannot_be_read_points_at_its_place() -> None:
    sent = {"price": "much", "stops.0.place.city": "Oslo", "stops.0.days": "two", "more": "x", "at": "noon"}
    _, faults = forms.read(sent, FIELDS)
    assert faults == [
        Fault(pointer="/data/at", detail="Choose a date and a time."),
        Fault(pointer="/data/price", detail="Write a number like 12.5."),
        Fault(pointer="/data/stops/0/days", detail="Write a whole number."),
        Fault(pointer="/data/more", detail="Write each line as a name, = and a value."),
    ]


def test_an_untouched_form_shows_defaults_and_one_empty_row() -> None:
    shown = {one.field.name: one for one in forms.inputs(FIELDS)}
    assert shown["price"].value == "2.5"
    assert len(shown["stops"].rows) == 1
    assert shown["home"].parts[0].must and not shown["stops"].rows[0].parts[0].parts[0].must
    assert not (shown["away"].parts[0].must or shown["away"].must)


def test_a_form_that_comes_back_keeps_everything_and_gets_another_row_when_asked() -> None:
    sent = {"name": "Trip", "stops.0.place.city": "Oslo", "stops.1.place.city": "Rome"}
    errors = {"data.stops.1.place.city": "Not there."}
    shown = {one.field.name: one for one in forms.inputs(FIELDS, sent, errors, "data")}
    assert len(shown["stops"].rows) == 2
    city = shown["stops"].rows[1].parts[0].parts[0]
    assert (city.value, city.error, city.id) == ("Rome", "Not there.", "stops-1-place-city")
    assert forms.places(shown.values())["data.stops.1.place.city"] == "stops-1-place-city"
    more = {one.field.name: one for one in forms.inputs(FIELDS, sent | {forms.MORE: "stops"})}
    assert len(more["stops"].rows) == 3


class Paper(BaseModel):
    name: str
    needed: bool = True


class Request(BaseModel):
    papers: list[Paper] = Field(default=[Paper(name="identity"), Paper(name="map", needed=False)], min_length=1)
    others: list[Paper] = []


def untouched(wanted: list[forms.Field]) -> dict[str, str]:
    """What a browser sends of a form in which nobody has written anything."""

    def values(shown: list[forms.Input] | tuple[forms.Input, ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in shown:
            if one.parts or one.rows:
                found |= values((*one.parts, *one.rows))
            elif one.field.kind != "boolean" or one.value:
                found[one.name] = one.value
        return found

    return values(forms.inputs(wanted))


def test_a_list_comes_with_what_it_holds_unless_somebody_says_otherwise() -> None:
    wanted = forms.fields(Request.model_json_schema())
    data, faults = forms.read(forms.tidied(untouched(wanted), wanted), wanted)
    papers = [{"name": "identity", "needed": True}, {"name": "map", "needed": False}]
    assert (data, faults) == ({"papers": papers}, [])


def test_a_list_whose_rows_were_all_cleared_is_empty_and_not_what_it_came_with() -> None:
    wanted = forms.fields(Request.model_json_schema())
    cleared = {name: "" if name.endswith("name") else text for name, text in untouched(wanted).items()}
    data, faults = forms.read(forms.tidied(cleared, wanted), wanted)
    assert (data, faults) == ({"papers": []}, [])
    with pytest.raises(ValidationError, match="at least 1 item"):
        Request.model_validate(data)


def test_a_row_with_nothing_but_its_ticked_box_is_no_entry() -> None:
    wanted = forms.fields(Request.model_json_schema())
    blank = {"others.0.name": " ", "others.0.needed": "true"}
    assert "others" not in forms.read(blank, wanted)[0]
    assert "others.0.needed" not in forms.tidied({"others.0.name": "", "others.0.needed": "true"}, wanted)


@pytest.mark.parametrize("name", ["stops.99999999.place.city", "stops.-1.place.city", "stops.x.y", "stops.", "stops.²"])
def test_odd_names_of_rows_do_no_harm(name: str) -> None:
    data, _ = forms.read({name: "x"}, FIELDS)
    assert len(data.get("stops", [])) <= forms.MOST_ROWS
    forms.inputs(FIELDS, {name: "x"})
