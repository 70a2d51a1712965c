"""kill -9 of one part after the other, at random and at every named point, in an order that a seed repeats."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

from proof.campaign import Campaign
from proof.harness import Installation, alive, until
from proof.postgres import Postgres

POINTS = (
    "case-row-written",
    "case.start-committed",
    "task.answer-committed",
    "document.receive-committed",
    "outbox-claimed",
    "outbox-sent",
    "step-planned",
    "step-effected",
    "report-committed",
    "mail-claimed",
)
# Seldom passed: a short campaign would wait for them.
RARE_POINTS = ("case.pause-committed", "case.resume-committed", "case.cancel-committed")
EVERYTHING, POSTGRES = "everything", "postgres"
PARTS = (*("temporal",) * 3, "worker", "worker", "api", "api", EVERYTHING, EVERYTHING)
POINT_SECONDS = 90.0
GLANCE_SECONDS = 0.02


class Kill(NamedTuple):
    """One kill -9: which process, where ("" at random), the cases open and the work under way then, and after how
    many seconds the part served again."""

    part: str
    point: str
    open: int
    busy: int
    recovered: float


def order(seed: int, cards: Sequence[str]) -> Iterator[str]:
    """The cards, shuffled anew each time they have all been played."""
    for deal in count():
        shuffled = list(cards)
        random.Random(f"{seed}/{deal}").shuffle(shuffled)
        yield from shuffled


def all_cards(server: Postgres | None) -> list[str]:
    return [*POINTS, *RARE_POINTS, *PARTS, *([POSTGRES] * 3 if server else [])]


@dataclass
class Killer:
    """`made` are the kills so far, also those of earlier sittings; each new one is told to `keep`."""

    place: Installation
    server: Postgres | None
    tickets: Path
    random: random.Random
    longest_pause: float
    keep: Callable[[], object]
    made: list[Kill] = field(default_factory=list)

    async def run(self, campaign: Campaign, cards: Iterator[str], kills: int) -> None:
        """Kill until there have been so many; a part may be killed once while it recovers, and then must serve."""
        self._campaign = campaign
        for _ in self.made:
            next(cards)
        for ticket in self.tickets.iterdir():
            ticket.unlink()
        self._interrupted: set[str] = set()
        self._recovering = 0
        async with asyncio.TaskGroup() as self._group:
            while len(self.made) + self._recovering < kills:
                await asyncio.sleep(self.random.uniform(0.2, self.longest_pause))
                await self._play(next(cards))

    async def _play(self, card: str) -> None:
        if card in (*POINTS, *RARE_POINTS):
            await self._at_point(card)
        elif card == EVERYTHING:
            await self._everything()
        elif card == POSTGRES:
            await self._postgres()
        else:
            await self._part(card)

    async def _at_point(self, point: str) -> None:
        ticket, draft = self.tickets / point, self.tickets / f".{point}"
        in_flight = await self._campaign.in_flight()
        # By their ids: who dies may have a successor before anybody has looked.
        seen = {pid: part for part, pid in self.place.children().items()}
        draft.write_text("kill")
        draft.rename(ticket)
        deadline = time.monotonic() + POINT_SECONDS
        while ticket.exists():
            seen |= {pid: part for part, pid in self.place.children().items()}
            if time.monotonic() > deadline:
                # Nobody comes by: another card.
                with contextlib.suppress(FileNotFoundError):
                    ticket.unlink()
                    return
            await asyncio.sleep(GLANCE_SECONDS)
        # Some points are passed by more than one process.
        dead = await until(lambda: [pid for pid in seen if not alive(pid)], f"a death at {point}")
        self._watch(seen[dead[0]], point, dead[0], in_flight)

    async def _part(self, part: str) -> None:
        async def may_be_killed() -> bool:
            if part not in self.place.children():
                return False
            return part not in self._interrupted or await self.place.is_serving(part)

        await until(may_be_killed, f"{part} to be killed")
        recovering = not await self.place.is_serving(part)
        in_flight = await self._campaign.in_flight()
        with contextlib.suppress(KeyError, ProcessLookupError):
            pid = self.place.signal(part, signal.SIGKILL)
            self._interrupted = self._interrupted | {part} if recovering else self._interrupted - {part}
            self._watch(part, "", pid, in_flight)

    async def _everything(self) -> None:
        in_flight, begun = await self._campaign.in_flight(), time.monotonic()
        self.place.kill_everything()
        await until(lambda: not self.place.left_over(), "the death of all children")
        await self.place.up()
        self._done(Kill(EVERYTHING, "", *in_flight, time.monotonic() - begun))

    async def _postgres(self) -> None:
        assert self.server is not None
        in_flight, begun = await self._campaign.in_flight(), time.monotonic()
        self.server.kill()
        await asyncio.sleep(self.random.uniform(0, 2))
        self.server.start()
        await until(self.place.is_ready, "acts being taken after a kill of the database")
        self._done(Kill(POSTGRES, "", *in_flight, time.monotonic() - begun))

    def _watch(self, part: str, point: str, pid: int, in_flight: tuple[int, int]) -> None:
        begun = time.monotonic()

        async def serves_again() -> bool:
            return self.place.children().get(part, pid) != pid and await self.place.is_serving(part)

        async def recovery() -> None:
            await until(serves_again, f"{part} after a kill")
            self._recovering -= 1
            self._done(Kill(part, point, *in_flight, time.monotonic() - begun))

        self._recovering += 1
        self._group.create_task(recovery())

    def _done(self, kill: Kill) -> None:
        self.made.append(kill)
        self.keep()
