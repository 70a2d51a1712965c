"""The catalogue as people see it, and starting a case of it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from placet.control import reading
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import PLAIN, Problem, fault_at, pointer
from placet.control.sent import Scope, Sent
from placet.control.strictness import closed, place_in, unknown_fields
from placet.control.views import Page, WorkflowLine, WorkflowView
from placet.control.waiting import waiting_in
from placet.domain.access import Action, permitted
from placet.domain.audit import canonical, digest
from placet.domain.calendar import BusinessCalendar
from placet.domain.collection import Attachment, attachments, named_by
from placet.domain.course import Opening, Patience, title_of
from placet.domain.forms import Fault
from placet.domain.people import Person
from placet.domain.said import Said, listed
from placet.durable.workflow import Entry, descendants
from placet.store import cases, documents, uploads
from placet.store.acts import audit_refusal
from placet.store.ballots import RollNotStaged
from placet.store.engine import Tx
from placet.store.forms import begin
from placet.store.roll import Staging, forget, move_on

MAX_REQUEST_BYTES = 256 * 1024
MOST_PASSES = 5
FIRST_ROUND = 1
NOT_STAGED = Said("This file is not here, or was sent more than a day ago; send it again.")
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


Prepare = Callable[[Tx, Person, str, dict[str, Any]], dict[str, Any] | Problem]
"""Completes a request from what the database knows, or says why there can be no such case now."""

Named = tuple[tuple[Any, ...], Attachment]
"""The path to a field of a request, and the document that it names."""

Answer = Callable[[Tx, Person, str], dict[str, Any]]


class Start(Sent):
    """What a case begins with: the scope it belongs to, and the workflow's own request."""

    scope: Scope = "general"
    request: dict[str, Any] = Field(default_factory=dict)


class Workflows:
    """`policies` gives the policy in force for a workflow at that moment; it is frozen into each case that opens.
    `prepared` says for some kinds what the database adds to a request, or has against it;
    `untitled` titles some whose request gives them no title of their own."""

    def __init__(
        self,
        door: Door,
        catalogue: Sequence[Entry],
        policies: Callable[[Tx, Entry], dict[str, Any]],
        calendar: BusinessCalendar,
        patience: Patience,
        prepared: Mapping[str, Prepare],
        untitled: Mapping[str, Callable[[dict[str, Any]], str]],
    ) -> None:
        self._door = door
        self._entries = {entry.kind: entry for entry in catalogue}
        self._policies = policies
        self._calendar = calendar
        self._patience = patience
        self._prepared = prepared
        self._untitled = untitled

    def listed(self) -> Page[WorkflowLine]:
        """What people may start, if their roles allow it."""
        return Page(items=[_line(entry) for entry in self._entries.values() if entry.by_people], next_cursor=None)

    async def get(self, kind: str) -> WorkflowView:
        entry = self._entry(kind)
        policy = await self._door.read(lambda tx: self._policies(tx, entry))
        return WorkflowView(
            **_line(entry).model_dump(),
            request_schema=closed(entry.request.model_json_schema()),
            outcome_schema=entry.outcome.model_json_schema(),
            policy=policy,
        )

    async def start(
        self, person: Person, kind: str, given: Start, once: Once | None = None, answer: Answer | None = None
    ) -> Done:
        """Open a case. It counts once this returns; the engine may start it later. `answer` tells of the new case in
        other words than the usual."""
        entry = self._entry(kind)
        checked, named = self._checked(entry, given.request)
        case_id = f"{kind}-{''.join(secrets.choice(CROCKFORD) for _ in range(10))}"

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not entry.by_people:
                detail = Said("People do not start this workflow; another one does when its time comes.")
                return forbidden(tx, present, "case.start", detail, {"kind": kind, "scope": given.scope})
            if not permitted(present, Action.START, given.scope, entry.starters):
                who = listed(entry.starters) if entry.starters else Said("somebody with a role")
                detail = Said(
                    "Only %(who)s in the scope %(scope)s may start this workflow.", who=who, scope=given.scope
                )
                return forbidden(tx, present, "case.start", detail, {"kind": kind, "scope": given.scope})
            request = self._prepared[kind](tx, present, given.scope, checked) if kind in self._prepared else checked
            if isinstance(request, Problem):
                return request
            staged = uploads.locked(tx, present.id, {document for _, document in named})
            if missing := [path for path, document in named if document not in staged]:
                return _not_staged(tx, present, kind, missing)
            title = title_of(entry.subject, request)
            if not title:
                title = self._untitled[kind](request) if kind in self._untitled else entry.title
            policy = self._policies(tx, entry)
            policies = {one.kind: self._policies(tx, one) for one in descendants(entry, self._entries)}
            opening = Opening(
                case_id=case_id,
                kind=kind,
                scope=given.scope,
                title=title,
                requester=present.id,
                request=request,
                policy=policy,
                calendar=self._calendar,
                patience=self._patience,
                policies=policies,
            )
            told = opening.model_dump(mode="json")
            evidence = {"request": digest(request), "policy": digest(policy)}
            cases.create(tx, case_id, kind, given.scope, title, present.id, told, present.id, evidence)
            _bring(tx, present, case_id, named, staged)
            begin(tx, case_id, entry.workflow.begins(opening))
            return Done((answer or _line_of)(tx, present, case_id), created=True)

        while True:
            try:
                return await self._door.act(person, "case.start", act, once)
            except RollNotStaged as large:
                # Nothing of the attempt was kept; the case opens with its ballot once the electorate has been read.
                staging = Staging(large.ballot, large.electorate)
                while not staging.done and staging.passes <= MOST_PASSES:
                    await move_on(self._door.store, staging)
                if not staging.done:
                    await forget(self._door.store, staging)
                    raise Problem("unavailable", Said("The voters keep changing; try again in a minute.")) from large

    def _entry(self, kind: str) -> Entry:
        entry = self._entries.get(kind)
        if entry is None:
            known = tuple(sorted(self._entries)) or Said("none")
            raise Problem(
                "unknown-kind", Said("There is no such workflow; there are: %(known)s.", known=known), field="kind"
            )
        return entry

    def _checked(self, entry: Entry, request: dict[str, Any]) -> tuple[dict[str, Any], list[Named]]:
        """The request as the case will carry it, complete and in JSON; and the documents that it names."""
        if len(canonical(request)) > MAX_REQUEST_BYTES:
            raise Problem("too-large", Said("A request may have at most 256 KiB."), field="request")
        try:
            taken = entry.request.model_validate(request)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)
            faults = [fault_at(("request", *place_in(request, one["loc"])), one) for one in wrong]
            raise Problem("invalid-request", faults[0].detail, faults=faults) from error
        if more := [pointer(("request", *path)) for path in unknown_fields(taken, request)]:
            faults = [Fault(pointer=place, detail=PLAIN["extra_forbidden"]) for place in more]
            raise Problem("invalid-request", faults[0].detail, faults=faults)
        checked: dict[str, Any] = taken.model_dump(mode="json")
        return checked, list(attachments(taken))


def _not_staged(tx: Tx, person: Person, kind: str, missing: Sequence[tuple[Any, ...]]) -> Problem:
    """Whoever names what they have not sent is told the same of what others sent, and of what nobody did."""
    audit_refusal(tx, person.id, "case.start", "unknown-document", {"kind": kind})
    faults = [Fault(pointer=pointer(("request", *path)), detail=NOT_STAGED) for path in missing]
    return Problem("unknown-document", NOT_STAGED, faults=faults)


def _bring(
    tx: Tx, person: Person, case_id: str, named: Sequence[Named], staged: Mapping[str, documents.Stored]
) -> None:
    """Make what the request names documents of its case."""
    if not named:
        return
    with cases.locked(tx, case_id) as case:
        for path, document in named:
            documents.keep(case, person, staged[document].model_copy(update={"name": named_by(path)}), FIRST_ROUND)
    uploads.forget(tx, person.id, {document for _, document in named})


def _line_of(tx: Tx, person: Person, case_id: str) -> dict[str, Any]:
    row = reading.seen_case(tx, person, case_id)
    assert row is not None
    waiting = waiting_in(tx, [case_id]).get(case_id, ())
    return reading.case_line(row, waiting, tx.now).model_dump(mode="json")


def _line(entry: Entry) -> WorkflowLine:
    return WorkflowLine(
        kind=entry.kind,
        title=entry.title,
        description=entry.description,
        decides=entry.decides,
        silence=entry.silence,
        starters=list(entry.starters),
    )
