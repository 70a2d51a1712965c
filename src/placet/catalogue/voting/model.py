"""What is proposed and voted on: a workflow of paid steps, once or as a series, or the deletion of one."""

from typing import Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from placet.domain.ballot import BallotSpec
from placet.domain.course import Opening
from placet.domain.funds import FundsSpec
from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.proposal import MAX_AMOUNT, Recurrence, instance_requirement, weekly_requirement
from placet.domain.said import later
from placet.domain.span import Span
from placet.domain.task import Outcome

VOTERS = Role(name="voter")
SUBMIT = Outcome(name="submit", label="It is done")
ACCEPT = Outcome(name="accept", label="Accept")
RETURN = Outcome(name="return", label="Send back", favourable=False)


class VotingPolicy(Durable):
    """How long a vote runs on after quorum, how long it waits for quorum, how long an approval waits for funds.

    Those who still owe a vote are reminded `reminder` before the close; whoever does a step, after `work_reminder`.
    """

    countdown: Span = Span("24h")
    expiry: Span = Span("14d")
    funding_window: Span = Span("14d")
    reminder: Span = Span("6h")
    work_reminder: Span = Span("7d")

    @field_validator("countdown", "expiry", "funding_window", "reminder")
    @classmethod
    def _elapsed(cls, span: Span) -> Span:
        if span.business_days:
            raise ValueError("a vote runs on elapsed time, not on business days; write it like 24h or 14d")
        return span


class ProposedStep(Durable):
    """One step: what is to be done, its bounty in the smallest unit, and the credentials it takes."""

    title: str = Field(min_length=1, max_length=200, title="Title")
    description: str = Field(default="", max_length=20_000, title="Description (Markdown)")
    bounty: int = Field(ge=0, le=MAX_AMOUNT, strict=True, title="Bounty (smallest unit)")
    credentials: tuple[str, ...] = Field(default=(), max_length=10, title="Credentials")

    @field_validator("credentials")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 64:
                raise ValueError(f"{name!r} is not the name of a credential: letters, digits and dashes, at most 64")
        if len(set(names)) != len(names):
            raise ValueError("a credential is named twice")
        return names


class Proposed(Durable):
    """A workflow that is proposed, as its proposer wrote it."""

    title: str = Field(min_length=1, max_length=200, title="Title")
    description: str = Field(default="", max_length=50_000, title="Description (Markdown)")
    steps: tuple[ProposedStep, ...] = Field(min_length=1, max_length=100, title="Steps")
    recurrence: Recurrence = Field(default=Recurrence.ONE_TIME, title="Recurrence")

    @model_validator(mode="after")
    def _affordable(self) -> "Proposed":
        assert self.weekly >= 0
        return self

    @property
    def bounties(self) -> list[int]:
        return [step.bounty for step in self.steps]

    @property
    def weekly(self) -> int:
        return weekly_requirement(self.recurrence, self.bounties)

    @property
    def instance(self) -> int:
        return instance_requirement(self.bounties)


class Deletion(Durable):
    """What is to be deleted, as a single workflow or a whole series, and why."""

    target_kind: Literal["workflow", "series"]
    target_id: str = Field(min_length=1, max_length=200)
    title: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=8000)


def vote_on(opening: Opening, shows: BaseModel, funds: FundsSpec | None = None) -> BallotSpec:
    """The ballot of a proposal: everybody with the role voter, but for its proposer."""
    policy = VotingPolicy.model_validate(opening.policy)
    return BallotSpec(
        name="vote",
        title="Vote",
        electorate=VOTERS,
        excluded={opening.requester: later("you proposed it")},
        countdown=policy.countdown,
        expiry=policy.expiry,
        remind_before=policy.reminder,
        funds=funds,
        shows=shows.model_dump(mode="json"),
    )


def funds_for(opening: Opening, proposed: Proposed) -> FundsSpec:
    """A week of bounties, reserved when the proposal is approved, or waited for."""
    policy = VotingPolicy.model_validate(opening.policy)
    return FundsSpec(proposal=opening.case_id, amount=proposed.weekly, within=policy.funding_window)


class ProposalOutcome(Durable):
    """Terminal: approved, rejected or expired; `reason` in plain words."""

    status: Literal["approved", "rejected", "expired"]
    reason: str = ""


class DeletionOutcome(Durable):
    """`moot`: what was to be deleted had already gone."""

    status: Literal["deleted", "moot", "rejected", "expired"]
    reason: str = ""


class WorkOrder(Durable):
    """One carrying-out of an approved proposal."""

    proposal: str
    series: str | None = None
    slot: str = "once"
    number: int = 1
    title: str
    steps: tuple[ProposedStep, ...]
    recurrence: Recurrence = Recurrence.ONE_TIME

    @property
    def amount(self) -> int:
        return instance_requirement([step.bounty for step in self.steps])

    @property
    def weekly(self) -> int:
        return weekly_requirement(self.recurrence, [step.bounty for step in self.steps])


class Evidence(Durable):
    """What shows that a step is done."""

    evidence: str = Field(min_length=1, max_length=8000, title="What was done, with links")


class WorkOutcome(Durable):
    """Every step was done and paid."""

    status: Literal["done"] = "done"
    paid: int
    reason: str = ""
