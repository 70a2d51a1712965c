"""For tests of your own workflows: a small world with a real Temporal server, a real database, and people.

    async with scenario([entry_of(MyWorkflow)]) as world:
        await world.hire("ann", "member")
        case = await world.start("my-workflow", {...}, requester="ann")
        await world.answer("ben", case, "review", "approve")
        assert (await world.ended(case))["state"] == "completed"

On the way out, every case's history is replayed and the audit log is verified: a workflow that is not deterministic,
or a log that does not hold, fails the test that made it.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from temporalio.api.enums.v1 import EventType
from temporalio.api.testservice.v1 import LockTimeSkippingRequest, UnlockTimeSkippingRequest
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from placet.connectors.chain.signatures import signer_of
from placet.domain import audit as proof
from placet.domain.course import Opening, Patience, title_of
from placet.domain.people import Grant
from placet.durable.workflow import Entry, descendants
from placet.executor.badge_keys import LocalKey
from placet.executor.badges import BadgeSigner
from placet.runtime import worker
from placet.runtime.dispatcher import Dispatcher
from placet.runtime.plugin import PlacetPlugin
from placet.runtime.settings import Settings, policy_of
from placet.runtime.sweeper import Sweeper
from placet.runtime.wiring import Ports, embedded_ports
from placet.store import acts, audit, cases, course, forms, outbox, people
from placet.store import tables as t
from placet.store.clock import SystemClock
from placet.store.engine import Store, Tx
from placet.store.house import House

Result = TypeVar("Result")

TASK_QUEUE = "placet-test"
WITHIN_SECONDS = 90.0
TASK_ENDS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
}
LOOK_SECONDS = 0.01
SKIPS = 5
QUICK = Patience(attempt_seconds=60, first_retry_seconds=0.05, longest_retry_seconds=0.1, attempts=3)


class SkippedClock:
    """The time of the time-skipping server, for the database's transactions."""

    def __init__(self, env: WorkflowEnvironment, loop: asyncio.AbstractEventLoop) -> None:
        self._env = env
        self._loop = loop

    def now(self, conn: Connection) -> datetime:
        asked = asyncio.run_coroutine_threadsafe(_time_of(self._env), self._loop)
        return asked.result(timeout=WITHIN_SECONDS).astimezone(UTC)


async def _time_of(env: WorkflowEnvironment) -> datetime:
    while True:
        try:
            return await env.get_current_time()
        except RPCError as error:
            # Its connection broke off, as it now and then does under load.
            if error.status is not RPCStatusCode.CANCELLED:
                raise


@dataclass
class World:
    """People, cases, and a clock that can be moved."""

    env: WorkflowEnvironment
    store: Store
    catalogue: Sequence[Entry]
    settings: Settings
    started: list[str] = field(default_factory=list)

    async def hire(self, person: str, *grants: str) -> None:
        """Add somebody with grants such as `legal` or `legal@deals`."""
        held = [Grant(role=role, scope=scope or "*") for role, _, scope in (text.partition("@") for text in grants)]
        await self.store.write(lambda tx: people.add(tx, "test", person, person.title(), f"{person}@example.org", held))

    async def start(self, kind: str, request: dict[str, Any], requester: str, scope: str = "general") -> str:
        """Open a case; returns its id."""
        entries = {entry.kind: entry for entry in self.catalogue}
        entry = entries[kind]
        case_id = f"{kind}-{len(self.started) + 1}"
        whole = entry.request.model_validate(request).model_dump(mode="json")
        opening = Opening(
            case_id=case_id,
            kind=kind,
            scope=scope,
            title=title_of(entry.subject, whole) or entry.title,
            requester=requester,
            request=whole,
            policy=policy_of(self.settings, entry),
            calendar=self.settings.calendar,
            patience=self.settings.patience,
            policies={one.kind: policy_of(self.settings, one) for one in descendants(entry, entries)},
        )
        body = opening.model_dump(mode="json")

        def opened(tx: Tx) -> None:
            cases.create(tx, case_id, kind, scope, opening.title, requester, body, requester, {})
            forms.begin(tx, case_id, entry.workflow.begins(opening))

        await self.store.write(opened)
        self.started.append(case_id)
        return case_id

    def handle(self, case_id: str) -> WorkflowHandle[Any, Any]:
        return self.env.client.get_workflow_handle(case_id)

    async def until(self, what: str, look: Callable[[], Awaitable[Result | None]]) -> Result:
        """Wait for a condition; fails with its name when it does not come true."""
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                while not (found := await look()):
                    await asyncio.sleep(LOOK_SECONDS)
                return found
        except TimeoutError:
            raise AssertionError(f"{what} did not happen within {WITHIN_SECONDS:.0f} seconds") from None

    async def task(self, case_id: str, name: str) -> str:
        """The id of the open task with this name, once there is one."""
        d = t.decision.c
        query = sa.select(d.id).where(d.case_id == case_id, d.name == name, d.state == "open").order_by(d.ordinal)
        return await self.until(
            f"task {name} of {case_id}",
            lambda: self.store.read(lambda tx: tx.conn.execute(query.limit(1)).scalar_one_or_none()),
        )

    async def answer(
        self, person: str, case_id: str, name: str, outcome: str, comment: str = "", data: dict[str, Any] | None = None
    ) -> acts.Counted | acts.NotCounted:
        """Answer the open task with this name."""
        task_id = await self.task(case_id, name)
        given = acts.Answer(outcome=outcome, comment=comment, data=data or {})

        def act(tx: Tx) -> acts.Counted | acts.NotCounted:
            who = people.find(tx, person)
            assert who is not None, f"nobody is called {person}"
            return acts.answer(tx, who, task_id, given, door="test")

        return await self.store.write(act)

    async def steer(self, act: Callable[..., Any], person: str, case_id: str, reason: str = "test") -> Any:
        """`course.pause`, `course.resume` or `course.cancel` as this person."""
        return await self.store.write(lambda tx: act(tx, people.find(tx, person), case_id, reason))

    async def case(self, case_id: str) -> dict[str, Any]:
        query = sa.select(t.case).where(t.case.c.id == case_id)
        return await self.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))

    async def ended(self, case_id: str) -> dict[str, Any]:
        """The case once it has closed, skipping whatever time that takes."""

        async def look() -> dict[str, Any] | None:
            found = await self.case(case_id)
            return None if found["is_open"] else found

        # A clock that runs while a wake-up is on its way would jump to the engine's own limit of ten years.
        await self.until("an empty outbox", self._outbox_empty)
        async with self._time_running():
            return await self.until(f"the end of {case_id}", look)

    async def state(self, case_id: str, state: str) -> dict[str, Any]:
        """The case once it is in this state."""

        async def look() -> dict[str, Any] | None:
            found = await self.case(case_id)
            return found if found["state"] == state else None

        return await self.until(f"{case_id} being {state}", look)

    async def skip(self, length: timedelta) -> None:
        """Let time pass. The time-skipping server stands still while a workflow task is on its way, so ask again."""
        target = await _time_of(self.env) + length
        for _ in range(SKIPS):
            try:
                await self.env.sleep(target - await _time_of(self.env))
                return
            except RPCError as error:
                if error.status not in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                    raise
            if await _time_of(self.env) >= target:
                return
        raise AssertionError(f"time did not pass: {length}")

    async def events(self, case_id: str) -> list[tuple[str, str]]:
        """(actor, action) of the case's audit lines."""
        query = sa.select(t.audit.c.actor, t.audit.c.action).where(t.audit.c.chain == case_id).order_by(t.audit.c.seq)
        return await self.store.read(lambda tx: [(row.actor, row.action) for row in tx.conn.execute(query)])

    async def steps(self, case_id: str) -> dict[str, str]:
        """State by `name/ordinal` of the case's steps."""
        query = sa.select(t.step).where(t.step.c.case_id == case_id)
        return await self.store.read(
            lambda tx: {f"{row.name}/{row.ordinal}": str(row.state) for row in tx.conn.execute(query)}
        )

    async def refused(self) -> list[tuple[str, str]]:
        """(action, code) of every act that did not count."""
        query = sa.select(t.audit.c.action, t.audit.c.detail).where(t.audit.c.chain == proof.REFUSED)
        query = query.order_by(t.audit.c.seq)
        return await self.store.read(lambda tx: [(row.action, row.detail["code"]) for row in tx.conn.execute(query)])

    async def history(self, case_id: str) -> WorkflowHistory:
        return await self.handle(case_id).fetch_history()

    async def check(self) -> None:
        """Replay every history, and verify the audit log."""
        replayer = Replayer(workflows=[], plugins=[PlacetPlugin(self.catalogue)])
        for case_id in self.started:
            history = await self.history(case_id)
            if not self.env.supports_time_skipping or in_order(history):
                await replayer.replay_workflow(history)
        await self.store.write(audit.take_checkpoint)
        result = proof.verify(await self.store.read(lambda tx: list(audit.export(tx))))
        assert result.ok, result.problems

    async def _outbox_empty(self) -> bool:
        return await self.store.read(outbox.waiting) == 0

    @asynccontextmanager
    async def _time_running(self) -> AsyncIterator[None]:
        """On the time-skipping server, let its clock jump from timer to timer."""
        if not self.env.supports_time_skipping:
            yield
            return
        service = self.env.client.test_service
        await service.unlock_time_skipping(UnlockTimeSkippingRequest())
        try:
            yield
        finally:
            await service.lock_time_skipping(LockTimeSkippingRequest())


def in_order(history: WorkflowHistory) -> bool:
    """Whether each workflow task that began has its end as the next event, as every real server writes it.

    The time-skipping server now and then puts a signal between them, if it comes at that very moment. The SDK does not
    refuse to replay such a history: it never comes back.
    """
    kinds = [event.event_type for event in history.events]
    return all(
        after in TASK_ENDS for kind, after in pairwise(kinds) if kind == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    )


@asynccontextmanager
async def scenario(
    catalogue: Sequence[Entry],
    *,
    settings: Settings | None = None,
    ports: Callable[[Ports], Ports] = lambda ports: ports,
    real_server: bool = False,
    database_url: str | None = None,
    extra_activities: Sequence[Callable[..., Any]] = (),
) -> AsyncIterator[World]:
    """A world on the time-skipping server, or on the real one; `ports` may replace what touches the outside."""
    settings = settings or Settings(patience=QUICK)
    folder = Path(tempfile.mkdtemp(prefix="placet-test-"))
    plugin = PlacetPlugin(catalogue)
    loop = asyncio.get_running_loop()
    async with await _environment(real_server, plugin) as env:
        clock = SystemClock() if real_server else SkippedClock(env, loop)
        store = Store(
            database_url or f"sqlite:///{folder}/placet.db", House(secret="test-only-" * 8, signer_of=signer_of), clock
        )
        await asyncio.to_thread(t.metadata.create_all, store.engine)
        world = World(env, store, catalogue, settings)
        dispatcher = Dispatcher(store, env.client, tuple(catalogue), TASK_QUEUE, poll_seconds=0.05)
        signer = BadgeSigner(store, LocalKey.generated(), folder / "executor")
        used = ports(replace(embedded_ports(store), signer=signer))
        running = worker.build(env.client, store, used, TASK_QUEUE, extra_activities)
        carried_on = [dispatcher.run(), Sweeper(store, used.blobs, 1.0).run(), *worker.voting_chores(store, 0.2)]
        chores = [asyncio.create_task(chore) for chore in carried_on]
        try:
            async with running:
                yield world
                await world.check()
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            signer.close()
            await asyncio.to_thread(store.close)
            shutil.rmtree(folder, ignore_errors=True)


async def _environment(real_server: bool, plugin: PlacetPlugin) -> WorkflowEnvironment:
    if real_server:
        return await WorkflowEnvironment.start_local(dev_server_existing_path=_beside("temporal"), plugins=[plugin])
    path = _beside("temporal-test-server")
    return await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path, plugins=[plugin])


def _beside(name: str) -> str:
    """A program of this Python environment; nothing is ever downloaded."""
    own = os.path.join(os.path.dirname(sys.executable), name)
    found = own if os.path.exists(own) else shutil.which(name)
    if found is None:
        raise RuntimeError(f"the program {name} is not installed; it comes with the development requirements")
    return found


__all__ = ["World", "course", "scenario"]
