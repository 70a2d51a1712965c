"""Many cases of both kinds at once, played by concurrent people, while parts of the installation are killed."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg

from proof.harness import Installation, until
from proof.office import LINK, OUTSIDE, Answered, Office, task_of_link
from proof.plans import (
    COMPLIANCE,
    FIRST_ROUND,
    LATER,
    LEFT_FOR_CANCEL,
    Plan,
    decision,
    ordinal,
    outside_form,
    plan_for,
    plan_of,
    subject_of,
    way_of,
)

STUCK_SECONDS = 120.0
HURRY_SECONDS = 1.0
REVIEWERS = ("marta", "mina", "leo", "lotte", "eva", "emil", "omar", "olga")
HIRED = {
    "mina": ("partner-manager", "deals"),
    "lotte": ("legal", "deals"),
    "emil": ("executive", "deals"),
    "olga": ("compliance-officer", "desk"),
}
AWAY = (sqlite3.OperationalError, psycopg.Error)


class Pace(NamedTuple):
    """`cases` at least, so many of them at once; people look for work once in so many seconds, and think up to so many
    seconds before they act. The `first` case decides which plans come first."""

    cases: int
    at_once: int
    glance_seconds: float
    thought_seconds: float
    first: int = 0


@dataclass
class Campaign:
    """Cases are started as long as `disturbed`; what the history says of earlier sittings is gone on with."""

    place: Installation
    office: Office
    random: random.Random
    pace: Pace
    plans: dict[str, Plan] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    disturbed: bool = False

    def __post_init__(self) -> None:
        self.plans = {op["subject"]: plan_for(op["subject"]) for op in self.office.history if op["f"] == "start"}

    @property
    def ends(self) -> dict[str, list[str]]:
        return {subject: [plan.end] for subject, plan in self.plans.items()}

    async def play(self, disturbance: Coroutine[Any, Any, None]) -> None:
        """Start and decide cases until the disturbance is over, and everything has come to its end or is stuck."""
        for person, (role, scope) in HIRED.items():
            await self.place.hire(person, role, scope)
        self.disturbed = True
        async with asyncio.TaskGroup() as self._crew:
            # First what an earlier sitting has begun: what comes next depends on it.
            await asyncio.gather(*(self.office.finish(op) for op in self.office.unfinished()))
            work = [self._review(person) for person in REVIEWERS]
            crew = [self._crew.create_task(one) for one in (*work, self._outside(), self._coordinate(), self._count())]
            starting = self._crew.create_task(self._start())
            await disturbance
            self.disturbed = False
            await starting
            # What does not end is for the judge to tell.
            with contextlib.suppress(AssertionError):
                await until(lambda: len(self.closed) >= len(self.plans), "the end of every case", STUCK_SECONDS)
            with contextlib.suppress(AssertionError):
                await until(self._is_quiet, "an empty outbox and postbox", STUCK_SECONDS)
            for task in crew:
                task.cancel()

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Read the database from outside, as soon as it is there."""
        found: list[dict[str, Any]] = []

        async def read() -> bool:
            with contextlib.suppress(*AWAY):
                found[:] = await asyncio.to_thread(self.place.rows, query)
                return True
            return False

        await until(read, "the database")
        return found

    async def in_flight(self) -> tuple[int, int]:
        """Cases that are open; and work under way at this moment: acts without an answer yet, wake-ups not yet sent,
        steps begun, cases on their way between two waits."""
        query = """SELECT (SELECT count(*) FROM case_ WHERE is_open) AS open, (SELECT count(*) FROM outbox)
            + (SELECT count(*) FROM step WHERE state IN ('planned', 'unknown'))
            + (SELECT count(*) FROM case_ WHERE state IN ('starting', 'running', 'compensating')) AS work"""
        found = (await self.rows(query))[0]
        return int(found["open"]), self.office.pending + int(found["work"])

    async def _start(self) -> None:
        while self.disturbed or len(self.plans) < self.pace.cases:
            try:
                await until(self._has_room, "an end of any case", STUCK_SECONDS)
            except AssertionError as error:
                # Without new ones nobody would pass the points at which to kill.
                raise AssertionError(f"{error}: {await self.rows('SELECT * FROM case_ WHERE is_open')}") from None
            number = self.pace.first + len(self.plans)
            subject = subject_of(number)
            self.plans[subject] = plan_of(number)
            started = await self.office.start(subject, subject, kind=plan_of(number).kind)
            assert started.status == 201, started.text

    def _has_room(self) -> bool:
        return len(self.plans) - len(self.closed) < self.pace.at_once

    async def _review(self, person: str) -> None:
        """Two people share each role, and race each other for every task; some send their answer twice."""
        seen: set[str] = set()

        async def decide(task: dict[str, Any]) -> None:
            await self._think()
            answered = await self.office.answer(person, task["id"], *decision(task))
            if answered.status == 409 and answered.body["code"] == "case-paused":
                seen.discard(task["id"])
            else:
                assert answered.status in (200, 409), answered.text

        while True:
            inbox = await self.office.look(person, "/api/v1/tasks?limit=200")
            for task in inbox["items"]:
                waits_for_cancel = plan_for(task["case"]["title"]).cancelled and task["title"] in LEFT_FOR_CANCEL
                if task["id"] not in seen and not waits_for_cancel and not task["case"]["paused"]:
                    seen.add(task["id"])
                    for _ in range(2 if self.random.random() < 0.2 else 1):
                        self._crew.create_task(decide(task))
            await asyncio.sleep(self.pace.glance_seconds)

    async def _outside(self) -> None:
        """Partners and customers, who read their mail and follow the links in it."""
        done = {op["task"] for op in self.office.history if op["f"] == "link" and op["type"] == "ok"}
        mailbox = """SELECT m.id, m.case_id, m.text, c.title FROM message m JOIN case_ c ON c.id = m.case_id
            WHERE c.is_open AND m.state IN ('stored', 'sent') AND m.person_id LIKE 'ext:%' ORDER BY m.id"""
        while True:
            for mail in await self.rows(mailbox):
                for link in LINK.findall(mail["text"]):
                    if (task := task_of_link(link)) not in done:
                        done.add(task)
                        self._crew.create_task(self._follow(mail["case_id"], mail["title"], link))
            await asyncio.sleep(self.pace.glance_seconds)

    async def _follow(self, case_id: str, subject: str, link: str) -> None:
        task = task_of_link(link)
        if plan_for(subject).kind == COMPLIANCE:
            number = ordinal(task)
            await asyncio.gather(
                *(self._give(case_id, subject, link, name, number) for name in (FIRST_ROUND if number == 1 else LATER))
            )
        await self._think()
        form = outside_form(task, subject)
        await self._until_taken(lambda: self.office.follow_link(case_id, link, form))

    async def _give(self, case_id: str, subject: str, link: str, name: str, number: int) -> None:
        """One document; some click twice, and some have it sent by a coordinator."""
        await self._think()
        way = way_of(subject, name, number)
        who, path = (OUTSIDE, f"{link}/documents")
        if way == "api":
            who, path = "cora", f"/api/v1/cases/{case_id}/documents"

        async def upload() -> None:
            await self._until_taken(lambda: self.office.upload(who, path, case_id, subject, name, number))

        await asyncio.gather(*(upload() for _ in range(2 if way == "twice" else 1)))

    async def _until_taken(self, send: Callable[[], Awaitable[Answered]]) -> None:
        """Send, and again while the case is paused."""

        async def taken() -> Answered | None:
            answered = await send()
            if answered.status == 409 and "paused" in answered.text:
                await asyncio.sleep(self.pace.glance_seconds)
                return None
            return answered

        answered = await until(taken, "the end of a pause", STUCK_SECONDS)
        assert answered.status < 400, answered.text

    async def _coordinate(self) -> None:
        steered = ("cancel", "pause", "resume")
        done = {(op["case"], op["f"]) for op in self.office.history if op["f"] in steered}

        async def once(case_id: str, what: str) -> None:
            if (case_id, what) not in done:
                done.add((case_id, what))
                await self.office.steer("cora", case_id, what)

        while True:
            page = await self.office.look("cora", "/api/v1/cases?state=open&limit=200")
            for case in page["items"]:
                plan = plan_for(case["title"])
                if plan.cancelled and any(title in case["waiting_for"] for title in LEFT_FOR_CANCEL):
                    await once(case["id"], "cancel")
                if plan.paused:
                    await once(case["id"], "resume" if (case["id"], "pause") in done else "pause")
            await asyncio.sleep(self.pace.glance_seconds)

    async def _count(self) -> None:
        while True:
            ended = await self.rows("SELECT title FROM case_ WHERE NOT is_open")
            self.closed |= {row["title"] for row in ended}
            await asyncio.sleep(self.pace.glance_seconds)

    async def _think(self) -> None:
        """Acts must not follow on a look at once: most kills of the API would be seen by the look."""
        most = self.pace.thought_seconds if self.disturbed else min(HURRY_SECONDS, self.pace.thought_seconds)
        await asyncio.sleep(self.random.uniform(0, most))

    async def _is_quiet(self) -> bool:
        query = """SELECT (SELECT count(*) FROM outbox)
            + (SELECT count(*) FROM message WHERE state IN ('queued', 'sending')) AS waiting"""
        return bool(self.office.pending == 0 and (await self.rows(query))[0]["waiting"] == 0)
