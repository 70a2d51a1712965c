"""The words that pages show and that others than pages choose: titles, outcomes, fields, states, codes.

Babel calls `extract` when the catalogues are brought up to date, so that a new workflow brings its words along.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from placet.api.errors import OF_HTTP
from placet.catalogue.registry import CATALOGUE
from placet.control.errors import CODES
from placet.control.outline import outline_of
from placet.domain.collection import DocumentState
from placet.domain.step import StepState
from placet.domain.task import Outcome
from placet.runtime.first_admin import EVERYBODY
from placet.web import forms
from placet.web.cases import STATES
from placet.web.forms import Field
from placet.web.pages import label
from placet.web.process import NAMES

MORE = ("paused", "funded", "expired", "queued", "sent", "proposal", "work", "target", "deletion")
"""States and relations that have no list of their own."""


def vocabulary() -> set[str]:
    """Every word that pages may look up in a catalogue without having written it."""
    found = {title for _kind, title in CODES.values()} | set(forms.WRONG.values())
    found |= {text for _code, title, detail in OF_HTTP.values() for text in (title, detail)}
    found |= {label(name) for name in (*STATES, *MORE, *DocumentState)}
    found |= {state.value.replace("-", " ") for state in StepState}
    for entry in CATALOGUE:
        found |= {entry.title, entry.description, entry.decides, entry.silence}
        found |= {NAMES.get(stage.title, stage.title) for stage in outline_of(entry).stages}
        for asked in (entry.request, entry.policy):
            found |= set(_named(forms.fields(asked.model_json_schema())))
        for model in (entry.request, entry.outcome, entry.policy):
            found |= set(_keys(model.model_json_schema()))
    found |= {one.duty for one in EVERYBODY}
    for outcome in _outcomes():
        found |= {outcome.label, label(outcome.name)}
    return found - {""}


def extract(*_file: object, **_options: object) -> Iterator[tuple[int, str, str, list[str]]]:
    """The vocabulary as messages of no file, in the form that Babel asks of an extractor."""
    for word in sorted(vocabulary()):
        yield 0, "", word, []


def _outcomes() -> Iterator[Outcome]:
    """The answers that the modules of workflows offer."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith(("placet.catalogue.", "placet.durable.", "placet.domain.")):
            for value in vars(module).values():
                yield from (one for one in (value if isinstance(value, tuple) else [value]) if isinstance(one, Outcome))


def _named(fields: list[Field] | tuple[Field, ...]) -> Iterator[str]:
    for one in fields:
        yield from (one.label, one.hint, *(label(choice) for choice in one.choices))
        yield from _named((*one.parts, *([one.item] if one.item else [])))


def _keys(schema: Any) -> Iterator[str]:
    """The names and the choices of the data, as headings."""
    inside = schema if isinstance(schema, list) else []
    if isinstance(schema, Mapping):
        inside = list(schema.values())
        properties = schema.get("properties")
        yield from (label(name) for name in (properties if isinstance(properties, Mapping) else {}))
        yield from (label(choice) for choice in schema.get("enum", ()) if isinstance(choice, str))
    for value in inside:
        yield from _keys(value)
