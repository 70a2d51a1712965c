"""People as administrators write them down, one by one or as a CSV file."""

import csv
import io
from typing import Annotated

from pydantic import Field, ValidationError

from placet.control.errors import Problem, fault_of
from placet.control.sent import MAIL, SLUG, Id, Name, Sent
from placet.domain.forms import Fault
from placet.domain.people import EVERYWHERE, Grant

COLUMNS = ("id", "name", "email", "grants")
MOST_ROWS = 5_000


class GivenGrant(Sent):
    role: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    scope: Annotated[str, Field(pattern=rf"{SLUG}|^\*$")] = EVERYWHERE

    @property
    def grant(self) -> Grant:
        return Grant(role=self.role, scope=self.scope)


class GivenGrants(Sent):
    grants: list[GivenGrant] = Field(max_length=500)


class NewPerson(Sent):
    """Somebody to add; `email` is where mail goes."""

    id: Id
    name: Name
    email: Annotated[str, Field(pattern=MAIL, max_length=254)]
    grants: list[GivenGrant] = Field(default_factory=list, max_length=500)


def read_roster(text: str) -> list[NewPerson]:
    """The people in a CSV file with the header `id,name,email,grants`; a grant is `role` or `role@scope`, several are
    separated by `;`. Raises the problem `bad-import` with one fault a mistake, by line number."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    listed: dict[str, int] = {}
    given: list[NewPerson] = []
    faults: list[Fault] = []
    try:
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise Problem("bad-import", f"The first line must be: {','.join(COLUMNS)}", faults=[_at(1, "", "header")])
        for row in rows:
            line = rows.line_num
            if len(given) + len(faults) >= MOST_ROWS:
                raise Problem("bad-import", f"A file may have at most {MOST_ROWS} people; split it.")
            if None in row or None in row.values():
                faults.append(_at(line, "", f"This line does not have {len(COLUMNS)} fields."))
                continue
            try:
                person = NewPerson.model_validate({**row, "grants": _grants(row["grants"])})
            except ValidationError as error:
                told = (fault_of(one) for one in error.errors(include_url=False, include_input=False))
                faults += [_at(line, fault.pointer, fault.detail) for fault in told]
                continue
            if person.id in listed:
                faults.append(_at(line, "/id", f"The id {person.id} is already on line {listed[person.id]}."))
                continue
            listed[person.id] = line
            given.append(person)
    except csv.Error as error:
        faults.append(_at(rows.line_num, "", f"This line cannot be read: {error}."))
    if faults:
        raise Problem("bad-import", f"Nobody was added: {faults[0].detail}", faults=faults)
    return given


def _grants(text: str) -> list[dict[str, str]]:
    grants = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        role, at, scope = part.partition("@")
        grants.append({"role": role, "scope": scope} if at else {"role": role})
    return grants


def _at(line: int, pointer: str, detail: str) -> Fault:
    column = f", {pointer.split('/')[1]}" if pointer.startswith("/") else ""
    return Fault(pointer=f"/lines/{line}{pointer}", detail=f"Line {line}{column}: {detail}")
