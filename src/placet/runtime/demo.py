"""`make demo`: the sample cases, played through the HTTP API by different people on a fresh installation."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from placet.runtime.embedded import free_port

Say = Callable[[str], None]
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05

ACME = {
    "partner_id": "acme-robotics",
    "name": "Acme Robotics",
    "contact_name": "Rosa Rivera",
    "contact_email": "rosa@acme.example",
    "facts": {
        "annual_revenue_eur": 4_200_000,
        "countries": ["DE", "FR"],
        "sector": "software",
        "references": 5,
        "certifications": ["ISO 27001"],
        "years_active": 9,
    },
    "terms": {"territory": "Germany and France", "commission_percent": "12.50", "term_months": 24},
}
BOREAL = {
    "partner_id": "boreal-trade",
    "name": "Boreal Trade",
    "contact_name": "Bo Berg",
    "contact_email": "bo@boreal.example",
    "facts": {"annual_revenue_eur": 300_000, "countries": ["NO"], "references": 1, "years_active": 2},
    "terms": {"territory": "Norway", "commission_percent": "8", "term_months": 12},
}


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

    async def task_of(self, who: str, case_id: str) -> dict[str, Any]:
        """The task of this case in this person's inbox, once it is there."""

        async def look() -> dict[str, Any] | None:
            inbox = await self.call(who, "GET", "/api/v1/tasks")
            return next((item for item in inbox["items"] if item["case_id"] == case_id), None)

        found: dict[str, Any] = await self.wait_for(f"a task for {who}", look)
        return found

    async def answer(self, who: str, case_id: str, outcome: str, comment: str = "") -> None:
        task = await self.task_of(who, case_id)
        body = {"outcome": outcome, "comment": comment}
        counted = await self.call(who, "POST", f"/api/v1/tasks/{task['id']}/answer", body)
        said = f": “{comment}”" if comment else ""
        self.say(f"  {who}: {task['title']} → {outcome}{said}  (receipt {counted['receipt']['receipt'][:12]})")

    async def by_link(self, case_id: str, email: str, number: int, form: dict[str, str]) -> None:
        """Somebody outside answers through the link in their mail."""

        async def look() -> list[str] | None:
            mails = await self.call("admin", "GET", "/api/v1/messages?all=true&limit=200")
            mine = [item for item in reversed(mails["items"]) if item["case_id"] == case_id and item["email"] == email]
            links = [link for item in mine for link in re.findall(r"https?://\S+(/l/\S+)", item["text"])]
            return links if len(links) >= number else None

        links = await self.wait_for(f"a link for {email}", look)
        page = await self.http.get(links[number - 1])
        if page.status_code != 200:
            raise DemoFailed(f"the link of {email} answered {page.status_code}")
        done = await self.http.post(links[number - 1], data=form)
        if done.status_code != 200:
            raise DemoFailed(f"the answer of {email} was not taken: {done.status_code} {done.text[:800]}")
        self.say(f"  {email}: opened the link, and answered: {form['outcome']}")

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


async def play(say: Say, keep: bool = False) -> int:
    """Start an installation, play the cases, verify the proof; 0 when everything held."""
    data = Path(tempfile.mkdtemp(prefix="placet-demo-"))
    port = free_port()
    placet = [sys.executable, "-m", "placet.cli.main"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLACET_")}
    say(f"Starting Placet in {data} …")
    up = [*placet, "up", "--data", str(data), "--port", str(port), "--temporal-port", str(free_port()), "--demo"]
    server = await asyncio.create_subprocess_exec(*up, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        await _ready(server, say)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            stage = Stage(http, data, say, {"admin": (data / "admin-token").read_text().strip()})
            await _people(stage)
            await _activated(stage)
            await _declined(stage)
        say("Verifying the audit log, offline:")
        check = [*placet, "--data", str(data), "verify"]
        verdict = await asyncio.to_thread(subprocess.run, check, env=environment, capture_output=True, text=True)
        say("  " + verdict.stdout.strip().replace("\n", "\n  "))
        if verdict.returncode != 0:
            raise DemoFailed(f"the audit log does not verify: {verdict.stderr}")
    except (DemoFailed, TimeoutError) as error:
        say(f"FAILED: {error or 'something did not happen in time'}")
        for log in sorted((data / "logs").glob("*.log")):
            say(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        return 1
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGTERM)
            await server.wait()
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
    say("Everything held." + (f" The installation is kept in {data}." if keep else ""))
    return 0


async def _ready(server: asyncio.subprocess.Process, say: Say) -> None:
    stream = server.stdout
    assert stream is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await stream.readline()).decode().rstrip():
            say(f"  {line}")
            if line.startswith("ready "):
                return
    raise DemoFailed("placet up ended before it was ready")


async def _people(stage: Stage) -> None:
    for person in ("ada", "marta", "leo", "eva", "cora", "kofi"):
        issued = await stage.call("admin", "POST", f"/api/v1/people/{person}/tokens", {})
        stage.tokens[person] = issued["token"]


async def _start(stage: Stage, request: dict[str, Any]) -> str:
    body = {"scope": "deals", "request": request}
    opened = await stage.call("ada", "POST", "/api/v1/workflows/partner-approval/cases", body)
    case_id: str = opened["id"]
    stage.say(f"\nPartner approval: {request['name']} ({case_id}), asked for by ada")
    return case_id


async def _activated(stage: Stage) -> None:
    case_id = await _start(stage, ACME)
    task = await stage.task_of("marta", case_id)
    detail = await stage.call("ada", "GET", f"/api/v1/cases/{case_id}")
    stage.say(f"  {detail['waiting_for']}")
    refused = await stage.call("ada", "POST", f"/api/v1/tasks/{task['id']}/answer", {"outcome": "approve"}, expect=403)
    stage.say(f"  ada tries to approve her own request: refused ({refused['code']})")
    await stage.answer("marta", case_id, "approve", "Strong references.")
    await stage.answer("leo", case_id, "approve")
    wish = {"outcome": "counter", "comment": "", "commission_percent": "14", "term_months": "36"}
    await stage.by_link(case_id, "rosa@acme.example", 1, wish)
    await stage.answer("leo", case_id, "approve", "The longer term is fine.")
    await stage.by_link(case_id, "rosa@acme.example", 2, {"outcome": "accept", "comment": "Thank you!"})
    await stage.answer("eva", case_id, "approve")
    ended = await stage.closed("ada", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    if ended["outcome"].get("status") != "activated" or ended["outcome"].get("version") != 2:
        raise DemoFailed(f"{case_id} should have been activated with the second version")
    await stage.timeline(case_id)


async def _declined(stage: Stage) -> None:
    case_id = await _start(stage, BOREAL)
    await stage.answer("marta", case_id, "approve")
    await stage.answer("leo", case_id, "approve")
    await stage.by_link(case_id, "bo@boreal.example", 1, {"outcome": "decline", "comment": "We go with somebody else."})
    ended = await stage.closed("ada", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    undone = [step["name"] for step in ended["steps"] if step["state"] == "compensated"]
    stage.say(f"  taken back: {', '.join(undone)}")
    if ended["state"] != "refused" or set(undone) != {"crm.set-status", "mail.send", "drafting.term-sheet"}:
        raise DemoFailed(f"{case_id} should have been refused, and compensated")
    await stage.timeline(case_id)
