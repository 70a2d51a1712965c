"""Every way to be refused has a kind, and every kind an answer of HTTP."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import placet
from placet.api import errors as api
from placet.catalogue.registry import CATALOGUE
from placet.control.errors import CODES, Kind, Problem, plain_words, uncounted
from placet.domain.forms import Fault
from placet.domain.task import Refusal
from placet.durable.workflow import Entry
from placet.store.acts import NotCounted
from placet.web import links

SOURCE = Path(placet.__file__).parent


def test_every_kind_has_a_status_on_both_doors_and_no_status_means_two_kinds() -> None:
    assert set(api.STATUS) == set(Kind) == set(links.STATUS)
    assert len(set(api.STATUS.values())) == len(Kind)
    assert {status for status in api.STATUS.values() if not 400 <= status < 600} == set()


def test_every_refusal_of_the_rules_and_the_store_is_a_known_problem() -> None:
    told: set[str] = set()
    for part in ("domain", "store"):
        for file in (SOURCE / part).rglob("*.py"):
            told |= set(re.findall(r'\bcode="([a-z-]+)"', file.read_text()))
    assert len(told) >= 10
    assert told <= set(CODES)


def test_every_code_in_the_table_is_used_and_every_used_code_is_in_the_table() -> None:
    named: set[str] = set()
    for part in ("control", "web", "api"):
        for file in (SOURCE / part).rglob("*.py"):
            named |= set(re.findall(r'Problem\(\s*"([a-z-]+)"', file.read_text()))
    assert named <= set(CODES)
    everywhere = (
        "".join(file.read_text() for file in SOURCE.rglob("*.py") if file != SOURCE / "control" / "errors.py")
        + (SOURCE / "control" / "errors.py").read_text().partition("MOST_FAULTS")[2]
    )
    assert {code for code in CODES if f'"{code}"' not in everywhere} == set()


def test_an_uncounted_act_keeps_its_field_and_its_faults() -> None:
    fault = Fault(pointer="/data/terms/0/percent", detail="Too much.")
    problem = uncounted(
        NotCounted(refusal=Refusal(code="invalid-data", detail="Wrong.", field=fault.pointer), faults=(fault,))
    )
    assert (problem.code, problem.field, problem.faults) == ("invalid-data", "data.terms.0.percent", (fault,))


def test_a_code_without_an_entry_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        Problem("surprise", "?")


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.kind)
def test_a_wrong_address_or_id_is_told_without_its_pattern(entry: Entry) -> None:
    """Of every request of the catalogue that has such a field."""
    fields = {"contact_email", "email", "partner_id", "customer_id", "person_id"} & set(entry.request.model_fields)
    with pytest.raises(ValidationError) as wrong:
        entry.request.model_validate(dict.fromkeys(fields, "no @ way") | {"no such": 1, "title": 5})
    told = {str(error["loc"][0]): plain_words(error) for error in wrong.value.errors() if error["loc"]}
    assert all("^" not in told[name] for name in fields)
