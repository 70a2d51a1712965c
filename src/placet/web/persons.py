"""Administration of people: who there is, what they may do, how they get in, and many at once from a file."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from placet.control.directory import PeopleFilter, PersonFile
from placet.control.errors import Problem, invalid
from placet.control.people import NewToken
from placet.control.roster import COLUMNS, GivenGrant, GivenGrants, NewPerson
from placet.control.sent import Because
from placet.domain.access import Action, permitted
from placet.domain.forms import Fault
from placet.domain.people import EVERYWHERE, Grant, Person
from placet.web import forms
from placet.web.desk import desk
from placet.web.forms import Field, errors_of
from placet.web.pages import STATUS, control_of, once, router, see_other, sent_by
from placet.web.session import CONFIRMATION, Visitor, confirmed
from placet.web.words import _

VOTER = "voter"
MOST_FILE = 1_000_000

routes = router()


@routes.get("/admin/people")
async def show(request: Request, visitor: Visitor, which: Annotated[PeopleFilter, Query()]) -> Response:
    found = await control_of(request).directory.listed(visitor.person, which)
    return desk(request, visitor.person, "admin/people.html", found=found, which=which)


@routes.get("/admin/people/new")
async def begin(request: Request, visitor: Visitor) -> Response:
    return await _new(request, visitor.person)


@routes.post("/admin/people/new")
async def add(request: Request, visitor: Visitor) -> Response:
    sent = await sent_by(request)
    wanted = _fields(NewPerson)
    tidy = forms.tidied(sent, wanted)
    if forms.rearranged(sent):
        return await _new(request, visitor.person, tidy)
    try:
        given = _model(NewPerson, tidy)
        # Rights are given here as well.
        allowed = permitted(visitor.person, Action.MANAGE_PEOPLE, EVERYWHERE)
        if allowed and given.grants and (asks := await confirmed(request, visitor, sent)):
            return asks
        done = await control_of(request).people.add(visitor.person, given, once(request, tidy))
    except Problem as problem:
        return await _new(request, visitor.person, tidy, problem)
    said = _("Added. Invite them below, so that they can sign in.")
    return see_other(f"/admin/people/{done.value['id']}", said)


@routes.get("/admin/people/{person_id}")
async def one(request: Request, visitor: Visitor, person_id: str) -> Response:
    return await _person(request, visitor.person, person_id)


@routes.post("/admin/people/{person_id}/grants")
async def set_grants(request: Request, visitor: Visitor, person_id: str) -> Response:
    """Replace all grants, if they still are what the page showed."""
    sent = await sent_by(request)
    tidy = forms.tidied(sent, _fields(GivenGrants))
    if forms.rearranged(sent):
        return await _person(request, visitor.person, person_id, tidy)
    return await _granted(request, visitor, person_id, tidy, lambda before: _model(GivenGrants, tidy))


@routes.post("/admin/people/{person_id}/voter")
async def set_voter(request: Request, visitor: Visitor, person_id: str) -> Response:
    """Where somebody votes; all other grants stay."""
    sent = await sent_by(request)
    chosen = [name.removeprefix("in.") for name in sent if name.startswith("in.")]

    def changed(before: tuple[Grant, ...]) -> GivenGrants:
        kept = [GivenGrant(role=grant.role, scope=grant.scope) for grant in before if grant.role != VOTER]
        return GivenGrants(grants=[*kept, *(GivenGrant(role=VOTER, scope=scope) for scope in chosen)])

    return await _granted(request, visitor, person_id, sent, changed)


@routes.post("/admin/people/{person_id}/deactivate")
async def deactivate(request: Request, visitor: Visitor, person_id: str) -> Response:
    said = _("Nobody gets in as this person any more.")
    return await _changed(request, visitor, person_id, control_of(request).people.deactivate, said)


@routes.post("/admin/people/{person_id}/reactivate")
async def reactivate(request: Request, visitor: Visitor, person_id: str) -> Response:
    said = _("They can sign in again, and have the grants they had.")
    return await _changed(request, visitor, person_id, control_of(request).people.reactivate, said)


@routes.post("/admin/people/{person_id}/invite")
async def invite(request: Request, visitor: Visitor, person_id: str) -> Response:
    """A link with which they choose a password; shown once, to hand on."""
    sent = await sent_by(request)
    control = control_of(request)
    await control.directory.get(visitor.person, person_id)
    if asks := await confirmed(request, visitor, sent):
        return asks
    done = await control.accounts.invite(visitor.person, person_id)
    return await _person(request, visitor.person, person_id, link=str(done.value["link"]))


@routes.post("/admin/people/{person_id}/tokens")
async def issue(request: Request, visitor: Visitor, person_id: str) -> Response:
    """A new token, shown once."""
    sent = await sent_by(request)
    control = control_of(request)
    await control.directory.get(visitor.person, person_id)
    try:
        given = NewToken(label=sent.get("label", "").strip() or "api")
    except ValidationError as error:
        return await _person(request, visitor.person, person_id, problem=invalid(error))
    if asks := await confirmed(request, visitor, sent):
        return asks
    done = await control.people.issue_token(visitor.person, person_id, given, once(request, _plain(sent)))
    return await _person(request, visitor.person, person_id, token=str(done.value["token"]))


@routes.post("/admin/people/{person_id}/tokens/{token_id}/revoke")
async def revoke(request: Request, visitor: Visitor, person_id: str, token_id: str) -> Response:
    await control_of(request).directory.revoke(visitor.person, person_id, token_id)
    return see_other(f"/admin/people/{person_id}", _("The token no longer works."))


@routes.get("/admin/import")
async def importing(request: Request, visitor: Visitor) -> Response:
    await control_of(request).directory.listed(visitor.person, PeopleFilter(limit=1))
    return _import(request, visitor.person)


@routes.post("/admin/import")
async def load(request: Request, visitor: Visitor) -> Response:
    """Add everybody in a file or a text, or nobody; each line is answered."""
    control = control_of(request)
    await control.directory.listed(visitor.person, PeopleFilter(limit=1))
    form = await request.form(max_files=1, max_part_size=MOST_FILE)
    sent = {key: value for key, value in form.items() if isinstance(value, str)}
    try:
        text = await _text(form.get("file"), sent.get("text", ""))
        # A file does not come back with the question for the password, but its text does.
        if asks := await confirmed(request, visitor, {**sent, "text": text}):
            return asks
        sent = _plain(sent)
        ids = [line.partition(",")[0].strip().strip('"') for line in text.splitlines()[1:]]
        before = await control.directory.there(visitor.person, ids[:5000])
        content = hashlib.sha256(text.encode()).hexdigest()
        done = await control.people.load(visitor.person, text, once(request, sent, content))
    except Problem as problem:
        return _import(request, visitor.person, sent, problem)
    finally:
        await form.close()
    return _import(request, visitor.person, done=done.value, before=before)


async def _changed(request: Request, visitor: Visitor, person_id: str, change: Any, said: str) -> Response:
    """Shut somebody out or let them in again, for the reason in the form."""
    sent = await sent_by(request)
    await control_of(request).directory.get(visitor.person, person_id)
    if asks := await confirmed(request, visitor, sent):
        return asks
    reason = sent.get("reason", "").replace("\r\n", "\n")
    try:
        await change(visitor.person, person_id, Because(reason=reason), once(request, _plain(sent)))
    except ValidationError as error:
        return await _person(request, visitor.person, person_id, problem=invalid(error), reason=reason)
    except Problem as problem:
        return await _person(request, visitor.person, person_id, problem=problem, reason=reason)
    return see_other(f"/admin/people/{person_id}", said)


async def _granted(
    request: Request, visitor: Visitor, person_id: str, sent: Mapping[str, str], change: Any
) -> Response:
    control = control_of(request)
    before = (await control.directory.get(visitor.person, person_id)).person
    try:
        given = change(tuple(before.grants))
        if sent.get("seen") != _fingerprint(before.grants):
            detail = _("Somebody else has changed these grants meanwhile; look at them again, nothing was changed.")
            raise Problem("stale-subject", detail)
        if asks := await confirmed(request, visitor, sent):
            return asks
        await control.people.set_grants(visitor.person, person_id, given, once(request, _plain(sent)))
    except Problem as problem:
        typed = sent if any(name.startswith("grants") for name in sent) else None
        return await _person(request, visitor.person, person_id, typed, problem)
    return see_other(f"/admin/people/{person_id}", _("The grants are as you set them."))


def _fields(model: type[NewPerson] | type[GivenGrants]) -> list[Field]:
    return forms.fields(model.model_json_schema())


def _model(model: Any, sent: Mapping[str, str]) -> Any:
    data, faults = forms.read(sent, _fields(model), "")
    for row, grant in enumerate(data.get("grants") or []):
        # Left empty it would mean everywhere, which nobody should give by mistake.
        if not sent.get(f"grants.{row}.scope", "").strip():
            detail = _("Name the scope; * means everywhere.")
            faults.append(Fault(pointer=f"/grants/{row}/scope", detail=detail))
        grant.setdefault("scope", EVERYWHERE)
    if faults:
        raise Problem("invalid-request", faults[0].detail, faults=faults)
    try:
        return model.model_validate({"grants": [], **data})
    except ValidationError as error:
        raise invalid(error) from error


async def _new(
    request: Request, person: Person, sent: Mapping[str, str] | None = None, problem: Problem | None = None
) -> Response:
    control = control_of(request)
    await control.directory.listed(person, PeopleFilter(limit=1))
    errors = errors_of(problem)
    return desk(
        request,
        person,
        "admin/new_person.html",
        STATUS[problem.kind] if problem else 200,
        inputs=forms.inputs(_fields(NewPerson), sent, errors),
        known=await control.directory.known(),
        sent=sent or {},
        problem=problem,
        errors=errors,
    )


async def _person(
    request: Request,
    person: Person,
    person_id: str,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    link: str = "",
    token: str = "",
    reason: str | None = None,
) -> Response:
    """The page; `reason` is what was typed into the form that shuts somebody out or lets them in."""
    control = control_of(request)
    file: PersonFile = await control.directory.get(person, person_id)
    known = await control.directory.known()
    errors = errors_of(problem)
    votes = {grant.scope for grant in file.person.grants if grant.role == VOTER}
    return desk(
        request,
        person,
        "admin/person.html",
        STATUS[problem.kind] if problem else 200,
        file=file,
        seen=_fingerprint(file.person.grants),
        inputs=forms.inputs(_fields(GivenGrants), sent or _as_sent(file.person.grants), errors),
        known=known,
        votes=votes,
        scopes=sorted({EVERYWHERE, *known.scopes, *votes}),
        sent=sent or {},
        problem=problem,
        errors=errors,
        link=link,
        token=token,
        reason=reason,
        names=await control.people.names([file.shut_out.by] if file.shut_out else ()),
    )


def _as_sent(grants: list[Grant]) -> dict[str, str]:
    return {
        f"grants.{row}.{part}": value
        for row, grant in enumerate(grants)
        for part, value in (("role", grant.role), ("scope", grant.scope))
    }


def _fingerprint(grants: list[Grant]) -> str:
    told = "\n".join(sorted(f"{grant.role}@{grant.scope}" for grant in grants))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(sent: Mapping[str, str]) -> dict[str, str]:
    """The form without the password that confirmed it."""
    return {name: value for name, value in sent.items() if name != CONFIRMATION}


async def _text(file: Any, typed: str) -> str:
    if not isinstance(file, UploadFile) or not file.filename:
        if not typed.strip():
            raise Problem("bad-import", _("Choose a file, or paste its lines."), field="text")
        return typed.replace("\r\n", "\n").strip("\n") + "\n"
    content = await file.read(MOST_FILE + 1)
    if len(content) > MOST_FILE:
        raise Problem("too-large", _("The file is too large; split it."))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("bad-import", _("The file is not UTF-8; save it as UTF-8 and send it again.")) from error


def _import(
    request: Request,
    person: Person,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    done: Mapping[str, Any] | None = None,
    before: set[str] | None = None,
) -> Response:
    return desk(
        request,
        person,
        "admin/import.html",
        STATUS[problem.kind] if problem else 200,
        sent=sent or {},
        problem=problem,
        done=done,
        before=before or set(),
        header=",".join(COLUMNS),
    )
