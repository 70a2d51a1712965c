"""Around every effect activity: intent before it, result after it, and the same result for the same step."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from placet.domain.course import Direction
from placet.domain.step import Step, StepState
from placet.store import crash, journal
from placet.store.acts import audit_refusal
from placet.store.engine import Store, StoreUnavailable, Tx

Result = TypeVar("Result")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0

HELD = "placet.case-held"
"""Error type of a step that must not start now: the case is paused, cancelled or unknown."""


FOREIGN = "placet.foreign-step"
"""Error type of a step that another workflow than that of its case has scheduled."""


class Journaling(Interceptor):
    def __init__(self, store: Store) -> None:
        self._store = store

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Journaled(next, self._store)


class _Journaled(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, store: Store) -> None:
        super().__init__(next)
        self._store = store

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        step = input.args[0] if input.args else None
        if not isinstance(step, Step):
            return await super().execute_activity(input)
        if activity.info().workflow_id != step.case_id:
            # Else whoever reaches the engine could give rights, or take from a case the way back.
            about = {"case": step.case_id[:500], "step": step.name[:500]}
            await self._written(lambda tx: audit_refusal(tx, "@engine", "step", "foreign-step", about))
            raise ApplicationError("This step belongs to another workflow.", type=FOREIGN, non_retryable=True)
        argument = to_jsonable_python(list(input.args[1:]))
        planned = await self._written(lambda tx: journal.plan(tx, step, argument))
        if planned.direction is not Direction.GO:
            raise ApplicationError(f"The case is {planned.direction}.", type=HELD, non_retryable=True)
        if planned.done:
            return planned.result
        crash.reach("step-planned")
        try:
            result = await super().execute_activity(input)
        except asyncio.CancelledError:
            # A worker that shuts down: the step stays planned, and its next attempt is the same call.
            raise
        except Exception as error:
            permanent = isinstance(error, ApplicationError) and error.non_retryable
            state = StepState.FAILED if permanent else StepState.UNKNOWN
            words = f"{type(error).__name__}: {error}"[:2000]
            await self._written(lambda tx: journal.finish(tx, step, state, error=words))
            raise
        crash.reach("step-effected")
        stored = to_jsonable_python(result)
        await self._written(lambda tx: journal.finish(tx, step, StepState.DONE, stored))
        return result

    async def _written(self, fn: Callable[[Tx], Result]) -> Result:
        """Write, waiting for a database that is away: its absence is no failure of the step."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._store.write(fn)
            except StoreUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
