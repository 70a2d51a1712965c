"""Who may use which address: every route times every kind of caller, against one table."""

from typing import Any

import pytest

from api.office import HASH, PARTNER, Office, negotiation, review
from placet.connectors.blobs.port import content_hash
from placet.domain.collection import DocumentRequest
from placet.domain.people import Grant
from placet.store import people, resources
from placet.store import tables as t

CONTENT = b"%PDF-1.7 terms"
GIVEN = content_hash(CONTENT)
WANTED = (DocumentRequest(name="deed"),)

MINE = "plc_one_more_of_mo"

CALLERS = {
    "nobody": None,
    "forged": "forged",
    "revoked": "rex",
    "inactive": "ina",
    "external": PARTNER.person,
    "uninvolved": "mo",
    "requester": "rita",
    "candidate": "ben",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = {"nobody": 401, "forged": 401, "revoked": 401, "inactive": 401}


def everybody(status: int) -> dict[str, int]:
    return dict.fromkeys(CALLERS, status)


def signed_in(status: int = 200, **other: int) -> dict[str, int]:
    return {**everybody(status), **UNKNOWN, **other}


def only(status: int, *callers: str, **other: int) -> dict[str, int]:
    return {**everybody(403), **UNKNOWN, **dict.fromkeys(callers, status), **other}


HIDDEN = {"uninvolved": 404, "other coordinator": 404}
SEEN = signed_in(**HIDDEN)
MANAGED = only(200, "coordinator", "admin", **HIDDEN)
ASKED = only(200, "candidate", **HIDDEN)
ADMINS = only(200, "admin")
STARTED = signed_in(201, **{"external": 403, "other coordinator": 403})

ACCESS: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/api/v1/openapi.json"): everybody(200),
    ("GET", "/healthz"): everybody(200),
    ("GET", "/readyz"): everybody(200),
    ("GET", "/metrics"): everybody(200),
    ("GET", "/static/{path}"): everybody(200),
    ("GET", "/l/{token}"): everybody(200),
    ("POST", "/l/{token}"): everybody(200),
    ("GET", "/l/{token}/documents/{content_hash}"): everybody(200),
    ("POST", "/l/{token}/documents"): everybody(303),
    ("POST", "/l/{token}/signal-token"): everybody(201),
    ("GET", "/api/v1/me"): signed_in(),
    ("POST", "/api/v1/people"): only(201, "admin"),
    ("POST", "/api/v1/people/import"): ADMINS,
    ("GET", "/api/v1/people/{person_id}"): ADMINS,
    ("PUT", "/api/v1/people/{person_id}/grants"): ADMINS,
    ("POST", "/api/v1/people/{person_id}/deactivate"): ADMINS,
    ("POST", "/api/v1/people/{person_id}/reactivate"): ADMINS,
    ("POST", "/api/v1/people/{person_id}/tokens"): only(201, "admin"),
    ("GET", "/api/v1/people/{person_id}/tokens"): only(200, "admin", "uninvolved"),
    ("DELETE", "/api/v1/people/{person_id}/tokens/{token_id}"): only(200, "admin", "uninvolved"),
    ("POST", "/api/v1/people/{person_id}/invitations"): only(201, "admin"),
    ("GET", "/api/v1/workflows"): signed_in(),
    ("GET", "/api/v1/workflows/{kind}"): signed_in(),
    ("POST", "/api/v1/workflows/{kind}/cases"): STARTED,
    ("GET", "/api/v1/cases"): signed_in(),
    ("GET", "/api/v1/cases/counts"): signed_in(),
    ("GET", "/api/v1/cases/export.csv"): signed_in(),
    ("GET", "/api/v1/overview"): signed_in(),
    ("GET", "/api/v1/overview/export.csv"): signed_in(),
    ("GET", "/api/v1/admin/failed-steps"): ADMINS,
    ("GET", "/api/v1/admin/outbox"): ADMINS,
    ("POST", "/api/v1/messages/{message_id}/retry"): ADMINS,
    ("GET", "/api/v1/cases/{case_id}"): SEEN,
    ("GET", "/api/v1/cases/{case_id}/comments"): SEEN,
    ("POST", "/api/v1/cases/{case_id}/comments"): signed_in(201, **HIDDEN),
    ("GET", "/api/v1/cases/{case_id}/events"): SEEN,
    ("GET", "/api/v1/cases/{case_id}/documents/{content_hash}"): SEEN,
    ("GET", "/api/v1/cases/{case_id}/documents"): SEEN,
    # The one who is asked for documents is the external; coordinators may add some.
    ("POST", "/api/v1/cases/{case_id}/documents"): only(201, "external", "coordinator", "admin", **HIDDEN),
    ("GET", "/api/v1/documents/{document_id}"): SEEN,
    ("POST", "/api/v1/documents"): signed_in(201, external=403),
    ("POST", "/api/v1/cases/{case_id}/pause"): MANAGED,
    ("POST", "/api/v1/cases/{case_id}/resume"): MANAGED,
    ("POST", "/api/v1/cases/{case_id}/cancel"): MANAGED,
    ("GET", "/api/v1/tasks"): signed_in(),
    ("GET", "/api/v1/tasks/{task_id}"): SEEN,
    ("POST", "/api/v1/tasks/{task_id}/answer"): ASKED,
    ("POST", "/api/v1/tasks/{task_id}/claim"): ASKED,
    # Giving back what one does not hold changes nothing.
    ("POST", "/api/v1/tasks/{task_id}/release"): SEEN,
    ("POST", "/api/v1/tasks/{task_id}/delegate"): ASKED,
    ("POST", "/api/v1/tasks/{task_id}/reassign"): MANAGED,
    ("POST", "/api/v1/tasks/{task_id}/signal-token"): only(201, "candidate", **HIDDEN),
    ("GET", "/api/v1/messages"): signed_in(),
    ("GET", "/api/v1/messages?all=true"): ADMINS,
    ("GET", "/api/v1/events"): signed_in(),
    ("GET", "/api/v1/policies"): signed_in(external=403),
    ("PUT", "/api/v1/policies/{name}"): ADMINS,
    ("GET", "/api/v1/resources"): signed_in(),
    ("POST", "/api/v1/resources"): only(201, "coordinator", "admin"),
    ("GET", "/api/v1/resources/{kind}/{resource_id}"): signed_in(**{"external": 404, "other coordinator": 404}),
}

BODIES: dict[str, Any] = {
    "/api/v1/people": {"id": "new", "name": "New", "email": "new@example.org"},
    "/api/v1/people/{person_id}/grants": {"grants": [{"role": "member", "scope": "deals"}]},
    "/api/v1/people/{person_id}/tokens": {},
    "/api/v1/people/{person_id}/deactivate": {"reason": "Has left."},
    "/api/v1/workflows/{kind}/cases": {"scope": "deals", "request": {"name": "Ink", "amount": 1}},
    "/api/v1/cases/{case_id}/comments": {"text": "I see."},
    "/api/v1/policies/{name}": {"values": {"review": "5d"}, "base_version": 0},
    "/api/v1/tasks/{task_id}/answer": {"outcome": "approve"},
    "/api/v1/tasks/{task_id}/delegate": {"to": "bea"},
    "/api/v1/tasks/{task_id}/reassign": {"to": "bea"},
}


async def populate(office: Office) -> None:
    """The callers that the office does not employ."""
    await office.hire("rex", "admin")
    await office.hire("ina", "admin")
    office.tokens["forged"] = "plc_made-up"

    def change(tx: Any) -> None:
        tx.conn.execute(t.access_token.update().where(t.access_token.c.person_id == "rex").values(revoked_at=tx.now))
        tx.conn.execute(t.person.update().where(t.person.c.id == "ina").values(active=False))
        people.admit_external(tx, PARTNER)
        resources.register(tx, "cora", "project", "fence", "deals", "The fence")
        row = {"media_type": "application/pdf", "size": len(CONTENT), "content": CONTENT, "created_at": tx.now}
        tx.conn.execute(t.document.insert().values(hash=GIVEN, **row))

    await office.store.write(change)
    await office.store.write(lambda tx: people.issue_token(tx, "placet", "mo", "another", MINE))
    office.tokens[PARTNER.person] = await office.store.write(
        # No door gives somebody outside a token; the matrix shows that one would not open much.
        lambda tx: people.issue_token(tx, "placet", PARTNER.person, "test")
    )
    # A stream that is asked to end at once still shows whether it was granted.
    office.app.state.streams.close()


async def refuse_mail(office: Office, message_id: int = 1) -> None:
    """The server has refused this mail."""
    row = {"state": "refused", "error": "550: unknown", "attempts": 1}
    await office.store.write(
        lambda tx: tx.conn.execute(t.message.update().where(t.message.c.id == message_id).values(row))
    )


async def opened(office: Office) -> tuple[str, str, str]:
    """A case with a document, a task for somebody outside and one for a buyer: the three ids."""
    case_id = await office.start()
    await office.draft(case_id, HASH, CONTENT)
    asked = await office.ask(case_id, negotiation(shows={"sheet": HASH}, documents=WANTED))
    row = {"id": f"doc-{case_id}", "case_id": case_id, "name": "deed", "round": 1, "hash": GIVEN, "size": len(CONTENT)}
    row |= {"filename": "a.pdf", "media_type": "application/pdf", "uploaded_by": PARTNER.person, "receipt": HASH}
    await office.store.write(lambda tx: tx.conn.execute(t.case_document.insert().values({**row, "at": tx.now})))
    task = await office.ask(case_id, review(shows={"sheet": HASH}))
    await refuse_mail(office)
    return case_id, asked, task


async def tried(office: Office, caller: str, method: str, path: str, ids: tuple[str, str, str]) -> int:
    """The status that this caller gets for this route."""
    case_id, asked, task = ids
    filled = path.format(
        case_id=case_id,
        task_id=task,
        kind="order",
        # Of whoever is shut out, the callers after them must still be there.
        person_id="ina" if path.endswith("activate") else "mo",
        token_id=people.token_id(people.token_hash(MINE)),
        content_hash=HASH,
        document_id=f"doc-{case_id}",
        message_id=1,
        token=office.link(asked).removeprefix("/l/"),
        path="placet.css",
        name="order",
        resource_id="fence",
    )
    if path.startswith("/api/v1/resources/"):
        filled = "/api/v1/resources/project/fence"
    more: dict[str, Any] = {}
    if path == "/l/{token}" and method == "POST":
        more["data"] = {"outcome": "approve"}
    if path.endswith("/documents") and method == "POST":
        more |= {"data": {"name": "deed"}, "files": {"file": ("deed.txt", b"A deed.")}}
    if path.endswith("/import"):
        more["content"] = f"id,name,email,grants\nimp-{case_id[-4:]},Imp,imp@example.org,member\n"
    body = BODIES.get(path)
    if (method, path) == ("POST", "/api/v1/resources"):
        body = {"kind": "project", "id": f"of-{case_id[-6:]}", "scope": "deals"}
    answer = await office.call(CALLERS[caller], method, filled, body, **more)
    return answer.status_code


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await populate(office)
    ids = await opened(office)
    got = {}
    for caller in CALLERS:
        got[caller] = await tried(office, caller, method, path, ids)
        if method != "GET" and got[caller] < 300:
            # The act changed the case; the next caller gets another.
            ids = await opened(office)
    assert got == ACCESS[method, path]


async def test_a_hidden_case_looks_exactly_like_none(office: Office) -> None:
    task = await office.task()
    case_id = task.partition(".")[0]
    for hidden, missing in (
        (f"/api/v1/cases/{case_id}", "/api/v1/cases/order-0000000000"),
        (f"/api/v1/tasks/{task}", "/api/v1/tasks/order-0000000000.review.1"),
        (f"/api/v1/cases/{case_id}/events", "/api/v1/cases/order-0000000000/events"),
        (f"/api/v1/cases/{case_id}/documents", "/api/v1/cases/order-0000000000/documents"),
    ):
        one, other = await office.call("mo", "GET", hidden), await office.call("mo", "GET", missing)
        assert (one.status_code, one.json()) == (404, other.json())
    one = await office.answer("mo", task)
    other = await office.answer("mo", "order-0000000000.review.1")
    assert (one.status_code, one.json()) == (404, other.json())


async def test_what_was_not_allowed_is_kept_in_the_log_of_refusals(office: Office) -> None:
    task = await office.task()
    case_id = task.partition(".")[0]
    assert (await office.call("rita", "POST", f"/api/v1/cases/{case_id}/cancel", {"reason": "no"})).status_code == 403
    assert (await office.answer("rita", task)).status_code == 403
    assert (await office.answer("mo", task)).status_code == 404
    assert (await office.call("rita", "GET", "/api/v1/messages?all=true")).status_code == 403
    refused = [(actor, action, detail["code"]) for actor, action, detail in await office.lines("@refused")]
    assert refused == [
        ("rita", "case.cancel", "forbidden"),
        ("rita", "task.answer", "excluded"),
        ("mo", "task.answer", "not-visible"),
        ("rita", "message.read-all", "forbidden"),
    ]


async def test_rights_are_looked_up_at_the_moment_of_the_act(office: Office) -> None:
    task = await office.task()
    await office.store.write(lambda tx: people.set_grants(tx, "root", "ben", (Grant(role="member", scope="labs"),)))
    assert (await office.answer("ben", task)).status_code == 404
