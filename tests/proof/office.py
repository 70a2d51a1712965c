"""People at work over HTTP, with a history of every act: `invoke`, then `ok`, `fail`, or `info` for no answer."""

import asyncio
import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx2

from proof.harness import LOOK_SECONDS, PATIENCE_SECONDS, Installation, until
from proof.plans import COMPLIANCE, PARTNER, document_of

CALL_SECONDS = 30.0
OUTSIDE = "outside"
BUSY = (500, 502, 503, 504)
LINK = re.compile(r"https?://\S+(/l/\S+)")


class Answered(NamedTuple):
    """What an act came to: HTTP status, decoded body (None for a page), page text, seconds of the last try."""

    status: int
    body: Any
    text: str
    seconds: float


def application(partner_id: str, name: str) -> dict[str, Any]:
    """A partner approval's request."""
    return {
        "partner_id": partner_id,
        "name": name,
        "contact_name": "Rosa Rivera",
        "contact_email": f"{partner_id}@partners.example",
        "facts": {"annual_revenue_eur": 4_200_000, "countries": ["DE"], "references": 5, "years_active": 9},
        "terms": {"territory": "Germany", "commission_percent": "12.50", "term_months": 24},
    }


def customer_file(customer_id: str) -> dict[str, Any]:
    """A compliance case's request."""
    return {
        "customer_id": customer_id,
        "name": customer_id,
        "birth_date": "1980-05-01",
        "countries": ["JO"],
        "contact_name": "Noor Haddad",
        "contact_email": f"{customer_id}@customers.example",
    }


def task_of_link(link: str) -> str:
    """The id of the task that a link opens; it is not secret, only signed."""
    body = link.rpartition("/")[2].partition(".")[0]
    task: str = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))[0]
    return task


class Office:
    """Everybody's hands. What they send goes into the installation's history."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.history = place.history
        self.pending = 0
        # A connection for each request: the API hangs up on those that nobody uses, at any moment.
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=0)
        self.http = httpx2.AsyncClient(base_url=place.url, timeout=CALL_SECONDS, limits=limits)

    async def __aenter__(self) -> "Office":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.http.aclose()

    async def call(self, who: str | None, method: str, path: str, body: Any = None, **more: Any) -> Answered:
        """One request, tried once."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.place.tokens[who]}"
        begun = time.monotonic()
        answer = await self.http.request(method, path, json=body, headers=headers, **more)
        told = answer.json() if "json" in answer.headers.get("content-type", "") else None
        return Answered(answer.status_code, told, answer.text, time.monotonic() - begun)

    async def look(self, who: str, path: str) -> Any:
        """Read until there is an answer; None for what this person may not see."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                found = await self.call(who, "GET", path)
            except httpx2.TransportError:
                found = None
            if found is not None and found.status not in BUSY:
                return found.body if found.status == 200 else None
            assert time.monotonic() < deadline, f"GET {path} is not answered"
            await asyncio.sleep(LOOK_SECONDS)

    async def act(self, who: str, f: str, path: str, body: Any = None, form: Any = None, **facts: Any) -> Answered:
        """One act, sent with the same Idempotency-Key until it is answered; everything goes into the history."""
        op, key = len(self.history), uuid.uuid4().hex
        about = {"op": op, "f": f, "who": who, "key": key, **facts}
        self.history.append({"type": "invoke", "at": time.time(), "sent": [path, body, form], **about})
        return await self._send(about, path, body, form)

    async def finish(self, invoke: Mapping[str, Any]) -> Answered:
        """Send an act again that was begun in a sitting that ended before the answer."""
        about = {name: value for name, value in invoke.items() if name not in ("type", "at", "sent")}
        return await self._send(about, *invoke["sent"])

    def unfinished(self) -> list[Mapping[str, Any]]:
        ended = {op["op"] for op in self.history if op["type"] in ("ok", "fail")}
        return [op for op in self.history if op["type"] == "invoke" and op["op"] not in ended]

    async def _send(self, about: dict[str, Any], path: str, body: Any, form: Any) -> Answered:
        # What comes by a link has no key: the content itself must make it count once.
        outside = about["who"] == OUTSIDE
        given: dict[str, Any] = {} if outside else {"headers": {"Idempotency-Key": about["key"]}}
        if form is not None:
            given["data"] = form
        if about["f"] == "upload":
            file = document_of(about["subject"], about["name"], about["round"])
            given["files"] = {"file": (file.name, file.content, file.media_type)}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.pending += 1
            try:
                answer = await self.call(None if outside else about["who"], "POST", path, body, **given)
                problem = answer.text[:200] if answer.status in BUSY else None
            except httpx2.TransportError as error:
                problem = repr(error)
            finally:
                self.pending -= 1
            if problem is None:
                # A page sends the browser on (303) once the documents are taken.
                kind = "ok" if answer.status < 400 else "fail"
                told = answer.body if isinstance(answer.body, dict) else {}
                self.history.append({"type": kind, "at": time.time(), "status": answer.status, "answer": told, **about})
                return answer
            self.history.append({"type": "info", "at": time.time(), "problem": problem, **about})
            assert time.monotonic() < deadline, f"{about['f']} by {about['who']} is not answered: {problem}"
            await asyncio.sleep(LOOK_SECONDS)

    async def start(self, subject: str, name: str, who: str = "ada", kind: str = PARTNER) -> Answered:
        scope, request = ("deals", application(subject, name))
        if kind == COMPLIANCE:
            scope, request = ("desk", customer_file(subject))
        body = {"scope": scope, "request": request}
        return await self.act(who, "start", f"/api/v1/workflows/{kind}/cases", body, subject=subject)

    async def answer(self, who: str, task: str, outcome: str, comment: str = "", data: Any = None) -> Answered:
        body = {"outcome": outcome, "comment": comment} | ({"data": data} if data else {})
        return await self.act(who, "answer", f"/api/v1/tasks/{task}/answer", body, task=task, outcome=outcome)

    async def steer(self, who: str, case_id: str, what: str) -> Answered:
        path = f"/api/v1/cases/{case_id}/{what}"
        return await self.act(who, what, path, {"reason": f"to {what}, for the proof"}, case=case_id)

    async def follow_link(self, case_id: str, link: str, form: Mapping[str, str]) -> Answered:
        """Somebody outside sends the form of their signed link."""
        outcome, task = form["outcome"], task_of_link(link)
        return await self.act(OUTSIDE, "link", link, form=dict(form), case=case_id, task=task, outcome=outcome)

    async def upload(self, who: str, path: str, case_id: str, subject: str, name: str, round: int) -> Answered:
        """Give this customer's document of this round, to the address of a link or of the API."""
        file = document_of(subject, name, round)
        facts = {"case": case_id, "subject": subject, "name": name, "round": round, "hash": file.hash}
        return await self.act(who, "upload", path, form={"name": name}, **facts)

    async def links(self) -> list[tuple[str, str]]:
        """(case, link) of the mails to people outside, oldest first, among the newest 200 mails."""
        mails = await self.look("admin", "/api/v1/messages?all=true&limit=200")
        found = [(mail["case_id"], LINK.findall(mail["text"])) for mail in reversed(mails["items"])]
        return [(case_id, links[0]) for case_id, links in found if links]

    # For tests that go through one case, step by step.

    async def opened(self, partner_id: str, name: str) -> str:
        started = await self.start(partner_id, name)
        assert started.status == 201, started.text
        return str(started.body["id"])

    async def task_of(self, who: str, case_id: str) -> dict[str, Any]:
        """The case's task in this person's inbox, once it is there."""

        async def mine() -> dict[str, Any] | None:
            inbox = await self.look(who, "/api/v1/tasks?limit=200")
            return next((item for item in inbox["items"] if item["case_id"] == case_id), None)

        found: dict[str, Any] = await until(mine, f"a task of {case_id} for {who}")
        return found

    async def decide(self, who: str, case_id: str, outcome: str = "approve", comment: str = "") -> Answered:
        task = await self.task_of(who, case_id)
        answered = await self.answer(who, task["id"], outcome, comment)
        assert answered.status == 200, answered.text
        return answered

    async def link_of(self, case_id: str, number: int = 1) -> str:
        async def sent() -> str | None:
            mine = [link for case, link in await self.links() if case == case_id]
            return mine[number - 1] if len(mine) >= number else None

        found: str = await until(sent, f"link {number} of {case_id}")
        return found

    async def case(self, case_id: str) -> dict[str, Any]:
        found = await self.look("kofi", f"/api/v1/cases/{case_id}")
        assert found is not None, case_id
        return dict(found)

    async def case_where(self, case_id: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        async def seen() -> dict[str, Any] | None:
            now = await self.case(case_id)
            return now if holds(now) else None

        found: dict[str, Any] = await until(seen, f"{case_id}: {what}")
        return found

    async def closed(self, case_id: str) -> dict[str, Any]:
        return await self.case_where(case_id, lambda case: case["outcome"] is not None, "its end")

    async def to_the_end(self, case_id: str) -> dict[str, Any]:
        """From legal review on: everybody agrees, and the partner becomes active."""
        await self.decide("leo", case_id)
        form = {"outcome": "accept", "comment": ""}
        answered = await self.follow_link(case_id, await self.link_of(case_id), form)
        assert answered.status == 200, answered.text
        await self.decide("eva", case_id)
        ended = await self.closed(case_id)
        assert ended["state"] == "completed", ended
        return ended
