"""The stage of `make demo`: a running installation, its people, and the HTTP calls that they make."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

Say = Callable[[str], None]
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.05


@dataclass
class Stage:
    """A running installation and the people on it."""

    http: httpx2.AsyncClient
    data: Path
    say: Say
    tokens: dict[str, str] = field(default_factory=dict)

    async def call(self, who: str, method: str, path: str, body: Any = None, expect: int | None = None) -> Any:
        """One request as one person; fails loudly unless it is answered as expected (any 2xx by default)."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = await self.http.request(method, path, json=body, headers=headers)
        if (answer.status_code != expect) if expect else answer.status_code >= 300:
            raise DemoFailed(f"{method} {path} as {who}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    async def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        """Look again and again until there is something to see."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := await look()):
                await asyncio.sleep(LOOK_SECONDS)
            return found

    async def start(self, who: str, kind: str, scope: str, request: dict[str, Any]) -> str:
        """Open a case; its id."""
        body = {"scope": scope, "request": request}
        return str((await self.call(who, "POST", f"/api/v1/workflows/{kind}/cases", body))["id"])

    async def task_of(self, who: str, case_id: str) -> dict[str, Any]:
        """The task of this case in this person's inbox, once it is there."""

        async def look() -> dict[str, Any] | None:
            inbox = await self.call(who, "GET", "/api/v1/tasks")
            return next((item for item in inbox["items"] if item["case_id"] == case_id), None)

        found: dict[str, Any] = await self.wait_for(f"a task for {who}", look)
        return found

    async def answer(
        self, who: str, case_id: str, outcome: str, comment: str = "", data: dict[str, Any] | None = None
    ) -> None:
        task = await self.task_of(who, case_id)
        body = {"outcome": outcome, "comment": comment} | ({"data": data} if data else {})
        counted = await self.call(who, "POST", f"/api/v1/tasks/{task['id']}/answer", body)
        said = f": “{comment}”" if comment else ""
        self.say(f"  {who}: {task['title']} → {outcome}{said}  (receipt {counted['receipt']['receipt'][:12]})")

    async def link_of(self, case_id: str, email: str, number: int) -> str:
        """The path of the link in the mail of this case's `number`th question to somebody outside."""

        async def look() -> list[str] | None:
            mails = await self.call("admin", "GET", "/api/v1/messages?all=true&limit=200")
            mine = [item for item in reversed(mails["items"]) if item["case_id"] == case_id and item["email"] == email]
            asked = [item for item in mine if not item["subject"].startswith("Reminder")]
            links = [link for item in asked for link in re.findall(r"https?://[^/\s]+(/l/\S+)", item["text"])]
            return links if len(links) >= number else None

        links: list[str] = await self.wait_for(f"a link for {email}", look)
        return links[number - 1]

    async def send_form(self, link: str, email: str, form: dict[str, str]) -> None:
        """Open the link, and send its form."""
        page = await self.http.get(link)
        if page.status_code != 200:
            raise DemoFailed(f"the link of {email} answered {page.status_code}")
        done = await self.http.post(link, data=form)
        if done.status_code != 200:
            raise DemoFailed(f"the answer of {email} was not taken: {done.status_code} {done.text[:800]}")
        self.say(f"  {email}: opened the link, and answered: {form['outcome']}")

    async def by_link(self, case_id: str, email: str, number: int, form: dict[str, str]) -> None:
        """Somebody outside answers through the link in their mail."""
        await self.send_form(await self.link_of(case_id, email, number), email, form)

    async def closed(self, who: str, case_id: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found: dict[str, Any] = await self.call(who, "GET", f"/api/v1/cases/{case_id}")
            return found if found["outcome"] else None

        ended: dict[str, Any] = await self.wait_for(f"the end of {case_id}", look)
        return ended

    async def timeline(self, case_id: str) -> None:
        events = await self.call("kofi", "GET", f"/api/v1/cases/{case_id}/events?limit=200")
        self.say("  timeline:")
        for event in events["items"]:
            about = event["detail"].get("step") or event["detail"].get("task", "").removeprefix(f"{case_id}.")
            self.say(f"    {event['at'][11:19]}  {event['actor']:<22} {event['action']:<18} {about}")


class DemoFailed(Exception):
    """The demonstration did not go as it must."""
