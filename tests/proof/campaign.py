"""Many partner approvals at once, played by concurrent people, while parts of the installation are killed."""

import asyncio
import contextlib
import random
import signal
import statistics
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from proof.checker import check
from proof.harness import CHILDREN, Installation, until
from proof.office import Office

AT_ONCE = 8
GLANCE_SECONDS = 0.25
THOUGHT_SECONDS = 1.5
REVIEWERS = {"marta": "manager", "mina": "manager", "leo": "legal", "lena": "legal", "eva": "executive"}
REVIEWERS |= {"emil": "executive"}
HIRED = {"mina": "partner-manager", "lena": "legal", "emil": "executive"}
TITLES = {"Manager approval": "manager", "Legal review": "legal", "Executive approval": "executive"}
COUNTER = {"outcome": "counter", "comment": "", "commission_percent": "14", "term_months": "36"}
ACCEPT = {"outcome": "accept", "comment": ""}
DECLINE = {"outcome": "decline", "comment": "No, thank you."}


class Plan(NamedTuple):
    """What people make of a case, and how it must end."""

    end: str = "completed"
    refused_by: str = ""
    partner: tuple[dict[str, str], ...] = (ACCEPT,)
    cancelled: bool = False
    paused: bool = False


PLANS = (
    Plan(),
    Plan(partner=(COUNTER, ACCEPT)),
    Plan("refused", refused_by="manager"),
    Plan("refused", partner=(DECLINE,)),
    Plan("cancelled", cancelled=True),
    Plan("refused", refused_by="executive"),
    Plan(paused=True),
    Plan("refused", refused_by="legal"),
)


class Kill(NamedTuple):
    """One kill -9: how much work was under way, and after how many seconds the part served again."""

    child: str
    in_flight: int
    recovered: float


class Ended(NamedTuple):
    """What a campaign left behind; `verified` is the product's own opinion of its audit log."""

    database: Path
    audit: Path
    campaign: "Campaign"
    verified: bool

    def problems(self) -> list[str]:
        """The independent checker's opinion."""
        return check(self.database, self.audit, self.campaign.office.history, self.campaign.ends)


@dataclass
class Campaign:
    """`cases` at least; more are started as long as there are kills to come, which are seconds apart."""

    place: Installation
    office: Office
    random: random.Random
    cases: int
    longest_pause: float = 1.8
    plans: dict[str, Plan] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    killing: bool = False

    @property
    def ends(self) -> dict[str, list[str]]:
        return {partner: [plan.end] for partner, plan in self.plans.items()}

    async def play(self, *disturbances: Awaitable[None]) -> None:
        """Start and decide cases until all disturbances are over and everything has come to its end."""
        for person, role in HIRED.items():
            await self.place.hire(person, role)
        self.killing = True
        async with asyncio.TaskGroup() as self._crew:
            work = [self._review(person, role) for person, role in REVIEWERS.items()]
            crew = [self._crew.create_task(one) for one in (*work, self._partners(), self._coordinate(), self._count())]
            starting = self._crew.create_task(self._start())
            for disturbance in disturbances:
                await disturbance
            self.killing = False
            await starting
            await until(lambda: len(self.closed) == len(self.plans), "the end of every case", patience=150)
            await until(self._is_quiet, "an empty outbox and postbox")
            for task in crew:
                task.cancel()

    async def wind_up(self) -> Ended:
        assert await self.place.down() == 0
        assert self.place.left_over() == []
        verified = self.place.placet("verify").returncode == 0
        return Ended(self.place.database, self.place.export(), self, verified)

    def figures(self) -> str:
        """One sentence for whoever reads the report of a run."""
        count = {kind: sum(op["type"] == kind for op in self.office.history) for kind in ("ok", "fail", "info")}
        back = sorted(kill.recovered for kill in self.kills)
        hit = sum(kill.in_flight > 0 for kill in self.kills)
        return (
            f"{len(self.plans)} cases, {len(self.kills)} kills ({hit} hit work in flight); acts: {count['ok']} "
            f"acknowledged, {count['fail']} refused, {count['info']} tries without an answer; parts served again "
            f"after {statistics.median(back):.1f} s (median), {back[-1]:.1f} s (longest)"
        )

    async def kill_at_random(self, kills: int) -> None:
        """kill -9 of one part after the other; one may be killed once while it recovers, and then must serve first."""
        watching: list[asyncio.Task[Kill]] = []
        interrupted: set[str] = set()
        while len(watching) < kills:
            await asyncio.sleep(self.random.uniform(0.2, self.longest_pause))
            child = self.random.choice(sorted(CHILDREN))
            recovering = not await self.place.is_serving(child)
            if child not in self.place.children() or (recovering and child in interrupted):
                continue
            in_flight = self.in_flight()
            with contextlib.suppress(KeyError, ProcessLookupError):
                pid = self.place.signal(child, signal.SIGKILL)
                watching.append(self._crew.create_task(self._recovery(child, pid, in_flight)))
                interrupted = interrupted | {child} if recovering else interrupted - {child}
        self.kills += await asyncio.gather(*watching)

    def in_flight(self) -> int:
        """Acts without an answer yet, wake-ups not yet sent, steps begun, cases on their way between two waits."""
        query = """SELECT (SELECT count(*) FROM outbox)
            + (SELECT count(*) FROM step WHERE state IN ('planned', 'unknown'))
            + (SELECT count(*) FROM case_ WHERE state IN ('starting', 'running', 'compensating')) AS work"""
        return self.office.pending + int(self.place.rows(query)[0]["work"])

    async def _recovery(self, child: str, pid: int, in_flight: int) -> Kill:
        begun = time.monotonic()

        async def serves_again() -> bool:
            return self.place.children().get(child, pid) != pid and await self.place.is_serving(child)

        await until(serves_again, f"{child} after a kill")
        return Kill(child, in_flight, time.monotonic() - begun)

    async def _start(self) -> None:
        while self.killing or len(self.plans) < self.cases:
            while len(self.plans) - len(self.closed) >= AT_ONCE:
                await asyncio.sleep(GLANCE_SECONDS)
            number = len(self.plans)
            partner = f"partner-{number}"
            self.plans[partner] = PLANS[number % len(PLANS)]
            started = await self.office.start(partner, partner)
            assert started.status == 201, started.text

    async def _review(self, person: str, role: str) -> None:
        """Two people share each role, and race each other for every task; some send their answer twice."""
        seen: set[str] = set()

        async def decide(task: dict[str, Any]) -> None:
            await self._think()
            plan = self.plans[task["case"]["title"]]
            refused = plan.refused_by == TITLES[task["title"]]
            outcome, why = ("refuse", "Not this one.") if refused else ("approve", "")
            answered = await self.office.answer(person, task["id"], outcome, why)
            if answered.status == 409 and answered.body["code"] == "case-paused":
                seen.discard(task["id"])
            else:
                assert answered.status in (200, 409), answered.text

        while True:
            inbox = await self.office.look(person, "/api/v1/tasks?limit=200")
            for task in inbox["items"]:
                plan = self.plans[task["case"]["title"]]
                waits_for_cancel = plan.cancelled and task["title"] == "Legal review"
                if task["id"] not in seen and not waits_for_cancel and not task["case"]["paused"]:
                    seen.add(task["id"])
                    for _ in range(2 if self.random.random() < 0.2 else 1):
                        self._crew.create_task(decide(task))
            await asyncio.sleep(GLANCE_SECONDS)

    async def _partners(self) -> None:
        names: dict[str, str] = {}
        used: dict[str, list[str]] = {}

        async def follow(case_id: str, link: str, form: dict[str, str]) -> None:
            await self._think()
            answered = await self.office.follow_link(case_id, link, form)
            if answered.status == 409 and "paused" in answered.text:
                used[case_id].remove(link)
            else:
                assert answered.status == 200, answered.text

        while True:
            for case_id, link in await self.office.links():
                mine = used.setdefault(case_id, [])
                if link not in mine:
                    if case_id not in names:
                        names[case_id] = (await self.office.case(case_id))["title"]
                    mine.append(link)
                    forms = self.plans[names[case_id]].partner
                    self._crew.create_task(follow(case_id, link, forms[min(len(mine), len(forms)) - 1]))
            await asyncio.sleep(GLANCE_SECONDS)

    async def _coordinate(self) -> None:
        done: set[tuple[str, str]] = set()

        async def once(case_id: str, what: str) -> None:
            if (case_id, what) not in done:
                done.add((case_id, what))
                await self.office.steer("cora", case_id, what)

        while True:
            page = await self.office.look("cora", "/api/v1/cases?state=open&limit=200")
            for case in page["items"]:
                plan = self.plans[case["title"]]
                if plan.cancelled and "Legal review" in case["waiting_for"]:
                    await once(case["id"], "cancel")
                if plan.paused:
                    await once(case["id"], "resume" if (case["id"], "pause") in done else "pause")
            await asyncio.sleep(GLANCE_SECONDS)

    async def _count(self) -> None:
        while True:
            ended = self.place.rows("SELECT title FROM case_ WHERE NOT is_open")
            self.closed |= {row["title"] for row in ended}
            await asyncio.sleep(GLANCE_SECONDS)

    async def _think(self) -> None:
        """Acts must not follow on a look at once: most kills of the API would be seen by the look."""
        await asyncio.sleep(self.random.uniform(0, THOUGHT_SECONDS))

    def _is_quiet(self) -> bool:
        query = """SELECT (SELECT count(*) FROM outbox)
            + (SELECT count(*) FROM message WHERE state IN ('queued', 'sending')) AS left"""
        return self.office.pending == 0 and self.place.rows(query)[0]["left"] == 0
