"""Workflows that are hard on the primitives: shared undos, parallel questions, a step that can be held open."""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.step import Step
from placet.domain.task import APPROVE, REFUSE
from placet.durable.case import Case
from placet.durable.workflow import case

BUYER = Role(name="buyer")


class Item(Durable):
    item: str


class Done(Durable):
    status: str


class Effects:
    """Effects that tell when they begin, and can be held open or broken."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.begun: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()

    async def _do(self, what: str) -> str:
        self.begun.add(what)
        if what in self.gates:
            await self.gates[what].wait()
        if what in self.broken:
            raise ApplicationError("broken", type="broken", non_retryable=True)
        self.log.append(what)
        return what

    @activity.defn(name="effect.first")
    async def first(self, step: Step, item: Item) -> str:
        return await self._do("first")

    @activity.defn(name="effect.second")
    async def second(self, step: Step, item: Item) -> str:
        return await self._do("second")

    @activity.defn(name="effect.last")
    async def last(self, step: Step, item: Item) -> None:
        await self._do("last")

    @activity.defn(name="effect.undo")
    async def undo(self, step: Step, item: Item) -> None:
        await self._do(f"undo {step.undoes} {step.undoes_ordinal}")

    @property
    def activities(self) -> list[Any]:
        return [self.first, self.second, self.last, self.undo]


@case("line", title="Line", subject="{item}", decides="A buyer.", silence="Nothing happens.")
class Line(Case):
    async def run(self, request: Item) -> Done:
        await self.step(Effects.first, request, undo=Effects.undo)
        await self.step(Effects.second, request, undo=Effects.undo)
        await self.ask("Review", to=BUYER, outcomes=(APPROVE, REFUSE))
        await self.step(Effects.last, request)
        return Done(status="done")


@case("both", title="Both", subject="{item}", decides="Two buyers, at the same time.", silence="Nothing happens.")
class Both(Case):
    async def run(self, request: Item) -> Done:
        left = asyncio.create_task(self.ask("Left", to=BUYER, outcomes=(APPROVE, REFUSE)))
        right = asyncio.create_task(self.ask("Right", to=BUYER, outcomes=(APPROVE, REFUSE)))
        return Done(status=f"{(await left).outcome} {(await right).outcome}")
