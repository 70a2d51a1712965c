"""The base of every catalogue workflow: what an author calls."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from temporalio import workflow

from placet.domain.ballot import BallotSpec
from placet.domain.child import child_id
from placet.domain.collection import DocumentRequest, Received
from placet.domain.course import ChildSpec, title_of
from placet.domain.funds import FundsSpec
from placet.domain.intent import Intent
from placet.domain.model import Durable
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Audience, Role
from placet.domain.said import later
from placet.domain.span import Span
from placet.domain.step import Step
from placet.domain.task import ANY, APPROVE, REFUSE, Outcome, Reason, RungAction, RungSpec, Seats, TaskSpec, Verdict
from placet.durable.course import Course
from placet.durable.endings import Refused
from placet.durable.names import slug
from placet.durable.saga import NOT_SKIPPABLE, Effect

Argument = TypeVar("Argument")
Result = TypeVar("Result")

SUBMIT = Outcome(name="submit", label="I have sent everything")


class Collected(Durable):
    """How one round of collecting ended: all that was asked for, or silence, or the end of the case's window."""

    complete: bool
    window_over: bool
    documents: tuple[Received, ...] = ()


class Case(Course):
    """A durable course of steps and decisions. Subclasses write `run`; see `placet.durable.workflow.case`."""

    @property
    def id(self) -> str:
        return self.opening.case_id

    @property
    def requester(self) -> str:
        return self.opening.requester

    @property
    def today(self) -> date:
        """The date in the house calendar's zone."""
        return workflow.now().astimezone(ZoneInfo(self.opening.calendar.zone)).date()

    def show(self, **facts: Any) -> None:
        """Let `get_status` show these facts of the course as well."""
        self._facts |= facts

    async def step(
        self,
        do: Effect[Argument, Result],
        argument: Argument,
        *,
        undo: Callable[[Any, Step, Argument], Awaitable[Any]] | None = None,
        instead: Result = NOT_SKIPPABLE,
        final: bool = False,
        patient: Span | None = None,
    ) -> Result:
        """Run an activity as a step of this case.

        `undo` takes the same argument and is owed from now on, also when the step fails: it may have taken effect.
        `instead` is the result to go on with when the step has failed for good and a coordinator skips it; without it,
        skipping is not offered. `final` is a point of no return: from here the case cannot be cancelled.
        `patient` is for a step that waits long for the world outside, and says that it is alive meanwhile: it is tried
        for that long.
        """
        self._state = "running"
        return await self._saga.step(do, argument, undo, instead, final, patient)

    async def approval(
        self,
        title: str,
        *,
        by: Audience | Sequence[Audience],
        within: Span,
        shows: Any = None,
        instructions: str = "",
        seats: Seats = ANY,
        remind: Span | None = None,
        escalate: tuple[Span, Audience] | None = None,
        excluded: Mapping[str, str] | None = None,
    ) -> Verdict:
        """Ask for approval; a refusal, or silence to the end, raises `Refused` and the case is compensated."""
        verdict = await self.ask(
            title,
            to=by,
            within=within,
            shows=shows,
            instructions=instructions,
            outcomes=(APPROVE, REFUSE),
            seats=seats,
            remind=remind,
            escalate=escalate,
            excluded=excluded,
            comment_on=(REFUSE.name,),
        )
        if not verdict.favourable:
            raise Refused(title, verdict)
        return verdict

    async def ask(
        self,
        title: str,
        *,
        to: Audience | Sequence[Audience],
        outcomes: tuple[Outcome, ...],
        within: Span | None = None,
        silence: str | None = None,
        lapse: str | None = None,
        window_lapse: str | None = None,
        shows: Any = None,
        instructions: str = "",
        seats: Seats = ANY,
        remind: Span | None = None,
        escalate: tuple[Span, Audience] | None = None,
        excluded: Mapping[str, str] | None = None,
        comment_on: tuple[str, ...] = (),
        form: type[BaseModel] | None = None,
        form_on: tuple[str, ...] = (),
        signal: str | None = None,
        signal_outcome: str | None = None,
        window: Span | None = None,
        documents: tuple[DocumentRequest, ...] = (),
        documents_on: tuple[str, ...] = (),
        round: int = 1,
        requires: tuple[str, ...] = (),
        open_to_requester: bool = False,
        seen_by: tuple[Role, ...] = (),
    ) -> Verdict:
        """Ask people for one of several outcomes and wait, as long as it takes.

        The requester never decides; `open_to_requester` lets them do what is no decision. `requires` are further roles
        that whoever answers must hold. `within`, `remind` and `escalate` all count from the opening. `silence` names
        the outcome that the deadline brings. Without it people are told that the case is refused then, unless `lapse`
        ("what is missing is asked for again") says what really follows, or `window_lapse`, where the window ends first.
        `form` is the data that comes with an answer, or only with the outcomes in `form_on`. `window` counts from the
        opening of the case, whatever `within` says. `documents` are collected with the answer: the outcomes in
        `documents_on` need them. `signal` names a Temporal signal that may carry the answer, together with a token;
        `signal_outcome` is what it means when it does not say. The holders of the roles in `seen_by` see the case from
        then on, without being asked.
        """
        ladder = []
        if remind is not None:
            ladder.append(RungSpec(action=RungAction.REMIND, after=remind))
        if escalate is not None:
            ladder.append(RungSpec(action=RungAction.ESCALATE, after=escalate[0], to=(escalate[1],)))
        barred = {} if open_to_requester else {self.requester: later("you asked for it")}
        spec = TaskSpec(
            name=slug(title),
            title=title,
            instructions=instructions,
            to=(to,) if isinstance(to, Audience) else tuple(to),
            outcomes=outcomes,
            seats=seats,
            excluded={**barred, **(excluded or {})},
            ladder=tuple(ladder),
            within=within,
            silence=silence,
            lapse=lapse,
            window_lapse=window_lapse,
            comment_on=comment_on,
            form=form.model_json_schema() if form else None,
            form_on=form_on,
            shows=shows,
            signal=signal,
            signal_outcome=signal_outcome,
            window=window,
            documents=documents,
            documents_on=documents_on,
            round=round,
            requires=requires,
            seen_by=seen_by,
        )
        return await self.decided(spec)

    async def collect(
        self,
        title: str,
        *,
        of: Audience,
        documents: tuple[DocumentRequest, ...],
        round: int,
        within: Span,
        lapse: str | None = None,
        window: Span | None = None,
        window_lapse: str | None = None,
        remind: Span | None = None,
        instructions: str = "",
        signal: str | None = None,
    ) -> Collected:
        """Ask somebody for documents, one round of it: it ends when they say that they have sent everything.

        `lapse` tells them what follows if they do not, and `window_lapse` if the case's window ends first; see `ask`.

        `documents` of the answer are the newest files of the whole case, by name.
        """
        verdict = await self.ask(
            title,
            to=of,
            outcomes=(SUBMIT,),
            within=within,
            lapse=lapse,
            window=window,
            window_lapse=window_lapse,
            remind=remind,
            instructions=instructions,
            shows={"round": round, "documents": documents},
            documents=documents,
            documents_on=(SUBMIT.name,),
            round=round,
            signal=signal,
            signal_outcome=SUBMIT.name,
        )
        return Collected(
            complete=verdict.reason is Reason.ANSWERED,
            window_over=verdict.reason is Reason.WINDOW,
            documents=tuple(Received.model_validate(one) for one in verdict.data.get("documents", ())),
        )

    async def ballot(self, spec: BallotSpec) -> Verdict:
        """Put something to the vote of everybody who holds a role, and wait for the verdict.

        The electorate is frozen when the ballot opens, which `begins` may do as early as the case itself. The outcome
        is `approve`, `deny` or `expired`. What the spec says of `funds` is reserved in the instant of an approval, or
        waited for: ask `funded` afterwards.
        """
        return await self.decided(spec)

    async def multisig(
        self,
        title: str,
        *,
        intent: Intent,
        council: Role,
        threshold: int,
        within: Span,
        ordered: bool = False,
        wallets: bool = False,
        remind: Span | None = None,
        excluded: Mapping[str, str] | None = None,
        instructions: str = "",
        balance: str | None = None,
    ) -> Verdict:
        """Have `threshold` members of the council approve this one intent; anything else raises `Refused`.

        The council is frozen when this opens, without the requester, whoever holds the wallet that is paid, and those
        `excluded`. The verdict's `data` is what an executor checks again before it pays. `balance` is what the account
        held when the intent was prepared; the council is warned if that was too little.
        """
        spec = MultisigSpec(
            name=slug(title),
            title=title,
            instructions=instructions,
            intent=intent,
            council=council,
            threshold=threshold,
            ordered=ordered,
            wallets=wallets,
            excluded={self.requester: later("you asked for it"), **(excluded or {})},
            within=within,
            remind=remind,
            balance=balance,
        )
        verdict = await self.decided(spec)
        if not verdict.favourable:
            raise Refused(title, verdict)
        return verdict

    async def funded(self, spec: FundsSpec) -> bool:
        """Wait until the budget has reserved this; False when the wait is over without it."""
        return (await self.decided(spec)).favourable

    async def child(self, what: type[Course], request: BaseModel, title: str | None = None) -> Verdict:
        """Start another case as a part of this one, and wait for its end.

        It has the same scope and requester, and the policy that was frozen with this case. Only a child that completes
        is favourable; `data` holds its id (`case`), its `state` and its `outcome`. Cancelling this case, or its early
        end, cancels a running child, and waits until that has taken back what it did; a pause leaves it running.
        """
        entry = what.entry
        name = slug(title or entry.title)
        ordinal = self.ordinal_of(name)
        asked = request.model_dump(mode="json")
        frozen = self.opening.policies
        opening = self.opening.model_copy(
            update={
                "case_id": child_id(self.id, name, ordinal),
                "kind": entry.kind,
                "title": title_of(entry.subject, asked) or entry.title,
                "request": asked,
                "policy": frozen.get(entry.kind) or what.policy_type().model_dump(mode="json"),
                "parent": self.id,
            }
        )
        spec = ChildSpec(name=name, title=title or entry.title, opening=opening, beginning=what.begins(opening))
        return await self.awaited(spec, ordinal)
