"""Carries the outbox to Temporal: starts cases and wakes them. Several may run; each row is claimed by one."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.course import Opening
from placet.durable.course import WAKE
from placet.durable.workflow import Entry
from placet.runtime.chore import carry_on
from placet.store import course, crash, outbox
from placet.store.engine import Store, Tx

log = logging.getLogger(__name__)

AT_ONCE = 20
RPC_TIMEOUT = timedelta(seconds=5)
LONGEST_WAIT_SECONDS = 10.0


class Dispatcher:
    def __init__(
        self, store: Store, client: Client, catalogue: tuple[Entry, ...], task_queue: str, poll_seconds: float = 0.5
    ) -> None:
        self._store = store
        self._client = client
        self._workflows = {entry.kind: entry.workflow for entry in catalogue}
        self._task_queue = task_queue
        self._poll = poll_seconds
        self._sent: list[int] = []

    async def run(self) -> None:
        """Dispatch until cancelled; what was under way then is offered again later."""
        await carry_on(self._store, "outbox", self.dispatch_once, self._poll)

    async def dispatch_once(self) -> int:
        """Claim and send what is due; returns how many were claimed. What was sent is done with at the next claim."""
        rows = await self._store.write(self._next)
        self._sent = []
        if not rows:
            return 0
        crash.reach("outbox-claimed")
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(row: dict[str, Any]) -> int | None:
            async with gate:
                return await self._send(row)

        self._sent = [row_id for row_id in await asyncio.gather(*(one(row) for row in rows)) if row_id is not None]
        if self._sent:
            crash.reach("outbox-sent")
        return len(rows)

    def _next(self, tx: Tx) -> list[dict[str, Any]]:
        if self._sent:
            outbox.done(tx, self._sent)
        return outbox.claim(tx)

    async def _send(self, row: dict[str, Any]) -> int | None:
        """The row's id once it is done with; None when it is to be offered again."""
        try:
            if row["action"] == "start":
                await self._start(row)
            elif row["is_open"]:
                await self._wake(row)
            return int(row["id"])
        except Exception as error:
            known = isinstance(error, RPCError)
            log.log(
                logging.INFO if known else logging.ERROR, "outbox: %s of %s: %s", row["action"], row["case_id"], error
            )
            seconds = min(0.2 * 2 ** min(row["attempts"], 10), LONGEST_WAIT_SECONDS)
            await self._store.write(lambda tx: outbox.postpone(tx, row["id"], seconds))
            return None

    async def _start(self, row: dict[str, Any]) -> None:
        if row["progress"] > 0 or not row["is_open"]:
            # It has reported already, so it was started; its id may be free again once the engine forgets it.
            return
        opening = Opening.model_validate(row["opening"])
        try:
            await self._client.start_workflow(
                self._workflows[row["kind"]].run_case,  # type: ignore[attr-defined]
                opening,
                id=row["case_id"],
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                # The engine's own pages then show which case this one belongs to.
                memo={"parent": opening.parent} if opening.parent else None,
                rpc_timeout=RPC_TIMEOUT,
            )

        except WorkflowAlreadyStartedError:
            await self._started_before(row["case_id"])

    async def _started_before(self, case_id: str) -> None:
        """Usually another dispatcher was faster; but a restored database can have lost how the case went and ended."""
        described = await self._client.get_workflow_handle(case_id).describe(rpc_timeout=RPC_TIMEOUT)
        if described.status is not WorkflowExecutionStatus.RUNNING:
            await self._store.write(lambda tx: course.engine_lost(tx, case_id))

    async def _wake(self, row: dict[str, Any]) -> None:
        try:
            await self._client.get_workflow_handle(row["case_id"]).signal(WAKE, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            if row["progress"] == 0:
                # Not started yet: the start is on its way, perhaps by another dispatcher.
                raise
            log.error("%s is open here, but the engine does not know it as running", row["case_id"])
            await self._store.write(lambda tx: course.engine_lost(tx, row["case_id"]))
