"""Voters at work over HTTP: proposal after proposal, votes across the end of each countdown, while parts are killed."""

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from proof.harness import SETTINGS, Installation, until
from proof.kills import EVERYTHING, Killer
from proof.office import Office
from proof.votes_checker import Terms

SCOPE, PROPOSER = "guild", "prue"
VOTERS = tuple(f"v{number}" for number in range(12))
BOUNTY = 40
COUNTDOWN_SECONDS, EXPIRY_SECONDS = 4, 14
TERMS = Terms(COUNTDOWN_SECONDS * 1_000_000, EXPIRY_SECONDS * 1_000_000, BOUNTY)
VOTING = f"""{SETTINGS}
[policy.voting]
countdown = "{COUNTDOWN_SECONDS}s"
expiry = "{EXPIRY_SECONDS}s"
"""
GLANCE_SECONDS = 0.3
STUCK_SECONDS = 120.0
# Proposals, while the votes on them do not tell enough.
MOST = 40
AWAY = (sqlite3.OperationalError, psycopg.Error)
VOTE_POINT = "ballot.vote-committed"
OTHER_POINTS = ("report-committed", "outbox-claimed", "outbox-sent", "step-effected", "mail-claimed")
CARDS = (
    *(VOTE_POINT,) * 4,
    *OTHER_POINTS,
    *(*("api",) * 4, *("worker",) * 3, *("temporal",) * 3, *(EVERYTHING,) * 2),
)


class Plan(NamedTuple):
    """Who votes what, and over how many seconds; `across` more voters vote around the end of the countdown."""

    approve: int
    deny: int
    seconds: float
    across: int = 0


PLANS = (
    Plan(4, 2, 1.0, across=5),
    Plan(12, 0, 4.0),
    Plan(3, 3, 1.0, across=4),
    Plan(0, 12, 4.0),
    Plan(2, 2, 8.0),
    Plan(6, 6, 3.0),
)


class VoteKiller(Killer):
    """Kills also right after votes are durable, and before anybody is told."""

    async def _play(self, card: str) -> None:
        async def are_open() -> bool:
            return (await self._campaign.in_flight())[0] > 0

        await until(are_open, "an open vote", STUCK_SECONDS)
        if card == VOTE_POINT:
            await self._at_point(card)
        else:
            await super()._play(card)


@dataclass
class Hall:
    """One body of voters; `at_once` proposals are voted on at the same time, `least` in all."""

    place: Installation
    office: Office
    random: random.Random
    least: int
    at_once: int
    begun: int = 0
    disturbed: bool = True

    async def sit(self) -> None:
        for voter in VOTERS:
            await self.place.hire(voter, "voter", SCOPE)
        await self.place.hire(PROPOSER, "proposer", SCOPE)
        paid_in = await self.office.act("admin", "deposit", "/admin/faucet/deposits", {"amount": 1_000_000})
        assert paid_in.status in (200, 201), paid_in.text

    async def play(self, disturbance: Coroutine[Any, Any, None]) -> None:
        """Propose and vote until the disturbance is over, and every vote has come to its end or is stuck."""
        async with asyncio.TaskGroup() as group:
            members = [group.create_task(self._propose_and_vote()) for _ in range(self.at_once)]
            await disturbance
            self.disturbed = False
            await asyncio.gather(*members)
        with contextlib.suppress(AssertionError):
            await until(self.is_quiet, "an empty outbox and postbox", STUCK_SECONDS)

    async def in_flight(self) -> tuple[int, int]:
        """Votes that are open; acts without an answer yet, and what else is under way."""
        query = """SELECT (SELECT count(*) FROM decision WHERE form = 'ballot' AND state = 'open') AS open,
            (SELECT count(*) FROM outbox) + (SELECT count(*) FROM mailing WHERE done_at IS NULL)
            + (SELECT count(*) FROM step WHERE state IN ('planned', 'unknown')) AS work"""
        found = (await self.rows(query))[0]
        return int(found["open"]), self.office.pending + int(found["work"])

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Read the database from outside, as soon as it is there."""
        found: list[dict[str, Any]] = []

        async def read() -> bool:
            with contextlib.suppress(*AWAY):
                found[:] = await asyncio.to_thread(self.place.rows, query, *values)
                return True
            return False

        await until(read, "the database")
        return found

    async def ended(self, proposal: str) -> bool:
        query = "SELECT id FROM decision WHERE case_id = ? AND form = 'ballot' AND state != 'open'"
        return bool(await self.rows(query, proposal))

    async def is_quiet(self) -> bool:
        """Nothing is under way, and every proposal has become what it becomes."""
        query = """SELECT (SELECT count(*) FROM message WHERE state IN ('queued', 'sending'))
            + (SELECT count(*) FROM case_ WHERE is_open AND kind = 'proposal') AS left_over"""
        return (await self.in_flight())[1] == 0 and (await self.rows(query))[0]["left_over"] == 0

    async def propose(self) -> str:
        body = {
            "title": f"Proposal {self.begun}",
            "description": "",
            "steps": [{"title": "Do it", "description": "", "bounty": BOUNTY, "credentials": []}],
            "recurrence": "one_time",
            "scope": SCOPE,
        }
        made = await self.office.act(PROPOSER, "propose", "/proposer/workflows", body)
        assert made.status == 201, made.text
        return str(made.body["id"])

    async def vote(self, proposal: str, who: str, choice: str, after: float) -> None:
        """One vote, so many seconds from now, sent until it is answered; some send it again afterwards."""
        await asyncio.sleep(after)
        path = f"/voter/workflows/{proposal}/vote"
        body = {"decision": choice}
        for _ in range(2 if self.random.random() < 0.2 else 1):
            answered = await self.office.act(who, "vote", path, body, proposal=proposal, choice=choice)
            assert answered.status in (200, 409), answered.text

    async def vote_by(self, proposal: str, plan: Plan) -> None:
        draw, voters = self.random, list(VOTERS)
        draw.shuffle(voters)
        early, late = voters[: plan.approve + plan.deny], voters[plan.approve + plan.deny :][: plan.across]
        choices = ["approve"] * plan.approve + ["deny"] * plan.deny
        draw.shuffle(choices)
        end = plan.seconds + COUNTDOWN_SECONDS
        await asyncio.gather(
            *(
                self.vote(proposal, who, choice, draw.uniform(0, plan.seconds))
                for who, choice in zip(early, choices, strict=True)
            ),
            *(self.vote(proposal, who, "deny", draw.uniform(end - 1.5, end + 1)) for who in late),
        )

    async def _propose_and_vote(self) -> None:
        while self.disturbed or self.begun < self.least or await self._is_too_little():
            plan = PLANS[self.begun % len(PLANS)]
            self.begun += 1
            proposal = await self.propose()
            await self.vote_by(proposal, plan)
            deadline = asyncio.get_running_loop().time() + STUCK_SECONDS
            while not await self.ended(proposal) and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(GLANCE_SECONDS)

    async def _is_too_little(self) -> bool:
        """Whether votes have all ended in the same way so far, or few have counted: on a busy machine they expire."""
        rows = await self.rows("SELECT verdict FROM decision WHERE form = 'ballot' AND state = 'closed'")
        found = [json.loads(row["verdict"]) if isinstance(row["verdict"], str) else row["verdict"] for row in rows]
        ends = {(one["outcome"], one["reason"]) for one in found}
        votes = sum(op["f"] == "vote" and op["type"] == "ok" for op in self.office.history)
        # Those that are sent twice are here twice.
        return self.begun < MOST and (len(ends) < 2 or votes < 2 * len(VOTERS))
