"""What a running case and the database tell each other, and what a case is opened with."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from placet.domain.ballot import BallotSpec
from placet.domain.calendar import BusinessCalendar
from placet.domain.funds import FundsSpec
from placet.domain.model import Durable
from placet.domain.multisig import MultisigSpec
from placet.domain.proposal import ProposalFacts, WorkFacts
from placet.domain.task import TaskSpec, Verdict


class Patience(Durable):
    """How long a step is tried before people are asked: frozen into the case when it opens. Seconds."""

    attempt_seconds: float = Field(default=60, gt=0, le=86_400)
    first_retry_seconds: float = Field(default=1, gt=0, le=3600)
    longest_retry_seconds: float = Field(default=60, gt=0, le=86_400)
    attempts: int = Field(default=8, ge=1, le=1000)

    @model_validator(mode="after")
    def _growing(self) -> "Patience":
        if self.longest_retry_seconds < self.first_retry_seconds:
            raise ValueError("longest_retry_seconds must not be less than first_retry_seconds")
        return self


class Opening(Durable):
    """The one argument of every case workflow: all that it may know of the world's settings.

    `parent` is the case that has started this one; `policies` are those of the cases that this one may start, by kind.
    """

    case_id: str
    kind: str
    scope: str
    title: str
    requester: str
    request: dict[str, Any]
    policy: dict[str, Any] = {}
    calendar: BusinessCalendar = BusinessCalendar()
    patience: Patience = Patience()
    parent: str | None = None
    policies: dict[str, dict[str, Any]] = {}


class Beginning(Durable):
    """What opens together with a case: its ballot, and the row of what it proposes or carries out."""

    ballot: BallotSpec | None = None
    proposal: ProposalFacts | None = None
    work: WorkFacts | None = None


class ChildSpec(Durable):
    """Another case that this one starts and waits for, whole as it will open; see `domain.child`."""

    name: str
    title: str
    opening: Opening
    beginning: Beginning = Beginning()


class SignalNote(Durable):
    """A signal as it arrived: its name, and its payload as text, None when it had none or could not be read."""

    name: str
    payload: str | None = None


class Ask(Durable):
    """The decision a case waits for, by its natural key (case, spec.name, ordinal); `open` once it knows it to be."""

    spec: TaskSpec | BallotSpec | FundsSpec | MultisigSpec | ChildSpec
    ordinal: int
    open: bool = False


class Closing(Durable):
    """How a case ended."""

    state: str
    outcome: dict[str, Any]
    summary: str


class Report(Durable):
    """From the workflow, before each wait and at the end; told twice, it changes nothing the second time.

    `seen` is the progress that the database had confirmed to this run; a database that knows less was restored from
    an older copy. `opening` and `beginning` come along only when the database does not know the case at all. `parent`
    is the case that may wait for this one's end.
    """

    case_id: str
    run_id: str
    seen: int
    state: str
    ask: Ask | None = None
    signals: tuple[SignalNote, ...] = ()
    closing: Closing | None = None
    opening: Opening | None = None
    beginning: Beginning | None = None
    withdraw_others: bool = False
    parent: str | None = None


class Direction(StrEnum):
    GO = "go"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    BEHIND = "behind"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"
    STAGE = "stage"


class Reply(Durable):
    """To the workflow: may it go on, is the verdict in, and how long (seconds) until the clock acts next."""

    direction: Direction = Direction.GO
    progress: int = 0
    verdict: Verdict | None = None
    next_in: float | None = None
    why: str = ""
    by: str = ""


def title_of(template: str, request: Mapping[str, Any]) -> str:
    """The case's title from its request, one line of at most 200 characters."""
    return " ".join(template.format_map(request).split())[:200]
