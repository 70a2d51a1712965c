"""Steps with their undo, and what happens when a step fails for good: people are asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from placet.domain.people import ADMIN, COORDINATOR, Role
from placet.domain.span import Span
from placet.domain.step import Step, StepState
from placet.domain.task import Outcome, TaskSpec
from placet.durable.endings import Abandoned
from placet.durable.journaling import HELD
from placet.durable.records import StepDecision

if TYPE_CHECKING:
    from placet.durable.course import Course

Argument = TypeVar("Argument")
Result = TypeVar("Result")
Effect = Callable[[Any, Step, Argument], Awaitable[Result]]

RETRY = Outcome(name="retry", label="Try again")
SKIP = Outcome(name="skip", label="Go on without it")
ABANDON = Outcome(name="abandon", label="Give up and take back what was done", favourable=False)
BY_HAND = Outcome(name="handled", label="It has been handled by hand")

ALIVE = timedelta(seconds=30)
NOT_SKIPPABLE: Any = object()


@dataclass(frozen=True)
class Undo:
    do: Callable[..., Awaitable[Any]]
    step: Step
    argument: Any


class Saga:
    """The compensations owed so far, newest last."""

    def __init__(self, case: "Course") -> None:
        self._case = case
        self._owed: list[Undo] = []
        self._ordinals: dict[str, int] = {}

    async def step(
        self,
        do: Effect[Argument, Result],
        argument: Argument,
        undo: Callable[[Any, Step, Argument], Awaitable[Any]] | None,
        instead: Any,
        final: bool,
        patient: Span | None = None,
    ) -> Result:
        name = activity_name(do)
        ordinal = self._next(name)
        step = Step(case_id=self._case.opening.case_id, name=name, ordinal=ordinal, final=final)
        if undo is not None:
            # Registered first: a step that reports failure may still have taken effect.
            back = activity_name(undo)
            self._owed.append(
                Undo(
                    undo,
                    Step(
                        case_id=step.case_id,
                        name=back,
                        ordinal=self._next(back),
                        undoes=name,
                        undoes_ordinal=ordinal,
                    ),
                    argument,
                )
            )
        while True:
            try:
                result = await self._call(do, step, argument, patient)
                if workflow.cancellation_reason() is not None:
                    # The step was let finish; what was asked of the workflow meanwhile holds now.
                    raise asyncio.CancelledError
                return result
            except ActivityError as error:
                if _held(error):
                    await self._case.hold()
                    continue
                if workflow.cancellation_reason() is not None:
                    raise asyncio.CancelledError from error
                choices = (RETRY, ABANDON) if instead is NOT_SKIPPABLE else (RETRY, SKIP, ABANDON)
                verdict = await self._case.attention(name, _attention(f"“{name}” failed", error, choices))
                if verdict.outcome == SKIP.name:
                    await self._case.mark(StepDecision(step=step, state=StepState.SKIPPED, by=_by(verdict.by)))
                    skipped: Result = instead
                    return skipped
                if verdict.outcome == ABANDON.name:
                    raise Abandoned(f"“{name}” failed and was given up: {_cause(error)}", verdict.by) from error

    def _next(self, name: str) -> int:
        ordinal = self._ordinals[name] = self._ordinals.get(name, 0) + 1
        return ordinal

    async def compensate(self) -> None:
        """Take back everything owed, newest first. One that fails does not stop the others; then people are asked."""
        failed: list[tuple[Undo, ActivityError]] = []
        while self._owed:
            undo = self._owed.pop()
            try:
                await self._call(undo.do, undo.step, undo.argument)
            except ActivityError as error:
                failed.append((undo, error))
        for undo, failure in failed:
            await self._ask_about(undo, failure)

    async def _ask_about(self, undo: Undo, failure: ActivityError) -> None:
        name = undo.step.name
        while True:
            spec = _attention(f"Taking back “{undo.step.undoes}” failed", failure, (RETRY, BY_HAND))
            verdict = await self._case.attention(name, spec)
            if verdict.outcome != RETRY.name:
                await self._case.mark(StepDecision(step=undo.step, state=StepState.SKIPPED, by=_by(verdict.by)))
                return
            try:
                await self._call(undo.do, undo.step, undo.argument)
                return
            except ActivityError as error:
                failure = error

    async def _call(
        self, do: Callable[..., Awaitable[Result]], step: Step, argument: Any, patient: Span | None = None
    ) -> Result:
        patience = self._case.opening.patience
        length = self._length(patient) if patient is not None else None
        result: Result = await workflow.execute_activity(
            do,
            args=[step, argument],
            start_to_close_timeout=length or timedelta(seconds=patience.attempt_seconds),
            # A wait that a worker's restart cuts short goes on elsewhere, and is no failed attempt.
            schedule_to_close_timeout=length,
            heartbeat_timeout=ALIVE if length else None,
            # An undo must not overtake the step that it takes back.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=patience.first_retry_seconds),
                maximum_interval=timedelta(seconds=patience.longest_retry_seconds),
                maximum_attempts=0 if length else patience.attempts,
            ),
        )
        return result

    def _length(self, span: Span) -> timedelta:
        now = workflow.now()
        return self._case.opening.calendar.after(now, span) - now


def activity_name(do: Callable[..., Any]) -> str:
    """The durable name of an activity method."""
    definition = activity._Definition.must_from_callable(do)
    if definition.name is None:
        raise TypeError(f"{do!r} is a dynamic activity and cannot be a step")
    return definition.name


def _attention(title: str, error: ActivityError, choices: tuple[Outcome, ...]) -> TaskSpec:
    return TaskSpec(
        name="attention",
        title=title,
        instructions=_cause(error),
        to=(Role(name=COORDINATOR), Role(name=ADMIN)),
        outcomes=choices,
        attention=True,
    )


def _held(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == HELD


def _cause(error: ActivityError) -> str:
    return str(error.cause or error)[:1000]


def _by(people: tuple[str, ...]) -> str:
    return people[0] if people else "placet"
