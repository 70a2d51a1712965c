"""A parent that reserves something, has another case done, and records it; small, with every way a child can end."""

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.step import Step
from placet.durable.case import Case
from placet.durable.endings import Refused
from placet.durable.workflow import case


class Errand(Durable):
    what: str
    depth: int = 1


class ErrandPolicy(Durable):
    review: Span = Span("3d")


class Done(Durable):
    status: str
    by: str = ""
    reason: str = ""


class Notes:
    """Remembers what was done and taken back, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.broken: set[str] = set()

    @activity.defn(name="notes.write")
    async def write(self, step: Step, text: str) -> str:
        if text in self.broken:
            raise ApplicationError(f"{text} is broken", type="broken", non_retryable=True)
        self.log.append(f"{step.case_id}: {text}")
        return text

    @activity.defn(name="notes.strike")
    async def strike(self, step: Step, text: str) -> None:
        self.log.append(f"{step.case_id}: not {text}")

    @property
    def activities(self) -> list:
        return [self.write, self.strike]


@case(
    "errand",
    title="Errand",
    subject="Errand: {what}",
    decides="A runner approves.",
    silence="It is refused.",
    policy=ErrandPolicy,
    by_people=False,
    children=("errand",),
)
class ErrandCase(Case):
    """Done by whoever runs errands; a deep one hands the rest on."""

    policy: ErrandPolicy

    async def run(self, errand: Errand) -> Done:
        await self.step(Notes.write, errand.what, undo=Notes.strike)
        if errand.depth > 1:
            deeper = await self.child(ErrandCase, Errand(what=f"{errand.what}+", depth=errand.depth - 1), "Errand")
            return Done(status=deeper.outcome)
        verdict = await self.approval("Run it", by=Role(name="runner"), within=self.policy.review)
        if errand.what == "final":
            await self.step(Notes.write, "point of no return", final=True)
            await self.approval("Really", by=Role(name="runner"), within=Span("3d"))
        return Done(status="run", by=verdict.by[0])


@case(
    "party",
    title="Party",
    subject="Party: {what}",
    decides="Nobody.",
    silence="It waits for the errand.",
    children=("errand",),
)
class Party(Case):
    """Needs an errand, and goes on only if it was run."""

    async def run(self, errand: Errand) -> Done:
        await self.step(Notes.write, "room", undo=Notes.strike)
        verdict = await self.child(ErrandCase, errand, "Errand")
        if not verdict.favourable:
            raise Refused("Errand", verdict)
        await self.step(Notes.write, "music", undo=Notes.strike)
        return Done(status="celebrated", by=verdict.data["outcome"]["by"])


@case("feast", title="Feast", subject="Feast: {what}", decides="Nobody.", silence="It waits.", children=("errand",))
class Feast(Case):
    """Two errands at once; the first that is refused ends it early."""

    async def run(self, errand: Errand) -> Done:
        await self.step(Notes.write, "hall", undo=Notes.strike)

        async def sent(what: str) -> None:
            verdict = await self.child(ErrandCase, Errand(what=what), "Errand")
            if not verdict.favourable:
                raise Refused("Errand", verdict)

        await asyncio.gather(sent("bread"), sent("wine"))
        return Done(status="eaten")
