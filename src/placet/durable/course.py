"""The course of a case from opening to closing, and the one loop that waits.

A case waits in a single place, `decided`: it reports, and then sleeps until it is woken or the clock must act. All
rules live in the database's transaction; a wake-up that is doubled, late, forged or lost changes nothing.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import is_cancelled_exception

from placet.domain.ballot import BallotSpec
from placet.domain.course import Ask, Beginning, ChildSpec, Closing, Direction, Opening, Reply, Report, SignalNote
from placet.domain.funds import FundsSpec
from placet.domain.multisig import MultisigSpec
from placet.domain.people import ADMIN, COORDINATOR, Role
from placet.domain.task import Outcome, TaskSpec, Verdict
from placet.durable.endings import Cancelled, Ending, Superseded
from placet.durable.names import slug
from placet.durable.records import Records, RollOrder, StepDecision
from placet.durable.saga import ABANDON, Saga
from placet.store.roll import Electorate

if TYPE_CHECKING:
    from placet.durable.workflow import Entry

Result = TypeVar("Result")
Spec = TaskSpec | BallotSpec | FundsSpec | MultisigSpec | ChildSpec

WAKE = "wake"
COMPENSATING = "compensating"
SIGNAL_BYTES = 32_000
SIGNALS_KEPT = 100
CONTINUE = Outcome(name="continue", label="Go on from here")
PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10), maximum_attempts=0
)


class Course:
    """What runs inside Temporal for every case; `Case` adds what an author calls."""

    request_type: ClassVar[type[BaseModel]]
    policy_type: ClassVar[type[BaseModel]]
    entry: ClassVar["Entry"]

    opening: Opening

    def __init__(self) -> None:
        self._wakes = 0
        self._signals: list[SignalNote] = []
        self._passed: list[asyncio.Task[None]] = []
        self._seen = 0
        self._state = "starting"
        self._waiting_for = ""
        self._facts: dict[str, Any] = {}
        self._ordinals: dict[str, int] = {}
        self._saga = Saga(self)
        self._children: dict[str, tuple[ChildSpec, int]] = {}
        self._opened: set[tuple[str, int]] = set()

    @classmethod
    def begins(cls, opening: Opening) -> Beginning:
        """What opens with the case, before its workflow runs: an electorate can vote while the engine is down."""
        return Beginning()

    # What the primitives call.

    async def attention(self, about: str, spec: TaskSpec) -> Verdict:
        """Ask the scope's coordinators what to do about something that went wrong."""
        return await self.decided(spec.model_copy(update={"name": f"attention-{slug(about)}"}))

    async def mark(self, decided: StepDecision) -> None:
        await workflow.execute_local_activity_method(
            Records.mark_step, decided, start_to_close_timeout=timedelta(seconds=20), retry_policy=PATIENT
        )

    async def hold(self) -> None:
        """Wait here while the case is paused; raises `Cancelled` once it is cancelled."""
        await self._through_pauses(None)

    def ordinal_of(self, name: str) -> int:
        """The number of the next decision with this name."""
        self._ordinals[name] = self._ordinals.get(name, 0) + 1
        return self._ordinals[name]

    async def decided(self, spec: Spec, withdraw_others: bool = False, ordinal: int | None = None) -> Verdict:
        """Open this decision, or find it open, and wait for its verdict."""
        ordinal = ordinal or self.ordinal_of(spec.name)
        key = (spec.name, ordinal)
        if self._state != COMPENSATING:
            self._state = "waiting"
        self._waiting_for = spec.title
        while True:
            wakes = self._wakes
            ask = Ask(spec=spec, ordinal=ordinal, open=key in self._opened)
            reply = await self._report(ask, withdraw_others=withdraw_others)
            if reply.direction is Direction.GO:
                self._opened.add(key)
            if reply.verdict is not None:
                self._waiting_for = ""
                return reply.verdict
            if reply.direction is Direction.STAGE:
                await self._stage(spec, ordinal)
                continue
            await self._sleep(reply.next_in, wakes)

    async def _stage(self, spec: Spec, ordinal: int) -> None:
        """Have a large electorate read before its ballot opens."""
        assert isinstance(spec, BallotSpec)
        case, voters = self.opening, spec.electorate
        electorate = Electorate(
            role=voters.name, scope=voters.scope or case.scope, excluded=tuple(sorted(spec.excluded))
        )
        await workflow.execute_activity_method(
            Records.stage_roll,
            RollOrder(ballot=f"{case.case_id}.{spec.name}.{ordinal}", electorate=electorate),
            start_to_close_timeout=timedelta(minutes=10),
            heartbeat_timeout=timedelta(seconds=60),
            retry_policy=PATIENT,
        )

    async def _through_pauses(self, closing: Closing | None) -> None:
        while True:
            wakes = self._wakes
            if (await self._report(None, closing)).direction is not Direction.PAUSED:
                return
            await self._sleep(None, wakes)

    async def _report(self, ask: Ask | None, closing: Closing | None = None, withdraw_others: bool = False) -> Reply:
        signals, self._signals = tuple(self._signals), []
        told = Report(
            case_id=self.opening.case_id,
            run_id=workflow.info().run_id,
            seen=self._seen,
            state=self._state,
            ask=ask,
            signals=signals,
            closing=closing,
            withdraw_others=withdraw_others,
            parent=self.opening.parent,
        )
        while True:
            reply = await workflow.execute_local_activity_method(
                Records.report, told, start_to_close_timeout=timedelta(seconds=20), retry_policy=PATIENT
            )
            self._seen = max(self._seen, reply.progress)
            match reply.direction:
                case Direction.SUPERSEDED:
                    raise Superseded(reply.why)
                case Direction.CANCELLED:
                    raise Cancelled(reply.why or "Cancelled.", (reply.by,))
                case Direction.UNKNOWN:
                    begun = self.begins(self.opening)
                    told = told.model_copy(update={"opening": self.opening, "beginning": begun, "signals": ()})
                case Direction.BEHIND:
                    await self._after_restore(reply.why)
                    told = told.model_copy(update={"seen": self._seen, "signals": ()})
                case _:
                    return reply

    async def _after_restore(self, why: str) -> None:
        """The database knows less than this case: people decide whether it may go on."""
        spec = TaskSpec(
            name="attention-restored-database",
            title="The database is older than this case",
            instructions=f"{why} Steps and answers after the copy are missing from it; the case itself has them.",
            to=(Role(name=COORDINATOR), Role(name=ADMIN)),
            # A case that is ending already can only go on with that.
            outcomes=(CONTINUE,) if self._state == COMPENSATING else (CONTINUE, ABANDON),
            attention=True,
        )
        state, waiting_for = self._state, self._waiting_for
        verdict = await self.decided(spec, withdraw_others=True)
        self._state, self._waiting_for = state, waiting_for
        if verdict.outcome == ABANDON.name:
            raise Cancelled(f"{why} The case was given up.", verdict.by)

    async def _sleep(self, seconds: float | None, wakes: int) -> None:
        """Sleep until woken after `wakes` wake-ups had been seen, or until the clock must act."""
        for passed in self._passed:
            passed.cancel()
        self._passed.clear()
        timer = asyncio.create_task(asyncio.sleep(seconds)) if seconds is not None else None
        await workflow.wait_condition(lambda: self._wakes != wakes or (timer is not None and timer.done()))
        if timer is not None:
            # Cancelled at the next sleep, and never if there is none: it would cost one more event of history.
            self._passed.append(timer)

    async def awaited(self, spec: ChildSpec, ordinal: int) -> Verdict:
        """Start another case, or find it started, and wait for its end."""
        child = spec.opening.case_id
        self._children[child] = (spec, ordinal)
        verdict = await self.decided(spec, ordinal=ordinal)
        del self._children[child]
        return verdict

    # The course from opening to closing.

    async def conduct(self, opening: Opening) -> dict[str, Any]:
        """Run the story, compensate if it ends early, and close the case."""
        self.opening = opening
        self._state = "running"
        request = self.request_type.model_validate(opening.request)
        self.policy = self.policy_type.model_validate(opening.policy)
        try:
            try:
                outcome = await self.run(request)
                done = outcome.model_dump(mode="json")
                closing = Closing(state="completed", outcome=done, summary=self.summary(outcome))
                await _surely(self._through_pauses(closing))
            except Ending as ending:
                closing = await _surely(self._unwound(ending))
            except BaseException as error:
                if not is_cancelled_exception(error):
                    # A fault in the code, or a run that another has replaced, ends no case.
                    raise
                stopped = Cancelled("The workflow was cancelled by an operator.", ("operator",))
                closing = await _surely(self._unwound(stopped))
        except Superseded:
            return {"status": "superseded"}
        self._state = closing.state
        return closing.outcome

    async def _unwound(self, ending: Ending) -> Closing:
        self._state = COMPENSATING
        await self._through_pauses(None)
        for spec, ordinal in [*self._children.values()]:
            # What a child did comes after what this case did before it, and is taken back first.
            await self.decided(spec, ordinal=ordinal)
        await self._saga.compensate()
        closing = Closing(state=ending.state, outcome=self.early_outcome(ending), summary=ending.why)
        await self._report(None, closing)
        return closing

    async def run(self, request: Any) -> BaseModel:
        """The story; written by the catalogue."""
        raise NotImplementedError

    def summary(self, outcome: BaseModel) -> str:
        """One sentence for those who took part, when the case completes."""
        return f"{self.opening.title}: completed."

    def early_outcome(self, ending: Ending) -> dict[str, Any]:
        """The outcome of a case that ended early."""
        return {"status": ending.state, "reason": ending.why}

    # Messages.

    @workflow.signal(dynamic=True)
    def _receive(self, name: str, args: Sequence[RawValue]) -> None:
        """Every signal, whatever its name and arguments: raw values cannot fail to decode and wedge the case."""
        self._wakes += 1
        if name != WAKE and len(self._signals) < SIGNALS_KEPT:
            self._signals.append(SignalNote(name=name[:100], payload=_text(args)))

    @workflow.query(name="get_status")
    def get_status(self) -> dict[str, Any]:
        """What the running workflow knows of itself; pages and lists read the database instead."""
        if not hasattr(self, "opening"):
            return {"status": self._state}
        return {
            "case_id": self.opening.case_id,
            "kind": self.opening.kind,
            "status": self._state,
            "waiting_for": self._waiting_for,
            **self._facts,
        }


async def _surely(work: Coroutine[Any, Any, Result]) -> Result:
    """Let the work come to its end, whatever is asked of the workflow meanwhile."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                return task.result()


def _text(args: Sequence[RawValue]) -> str | None:
    """The single argument of a signal as text; None for none, several, too much, or not UTF-8."""
    if len(args) != 1 or len(args[0].payload.data) > SIGNAL_BYTES:
        return None
    try:
        return args[0].payload.data.decode()
    except UnicodeDecodeError:
        return None
