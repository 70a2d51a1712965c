"""What people get to see: the shapes of every answer. All moments are UTC."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from placet.domain.collection import Received
from placet.domain.people import Grant
from placet.domain.said import Text
from placet.domain.task import Seats, Verdict

Item = TypeVar("Item")


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Page(View, Generic[Item]):
    """One part of a list; `next_cursor` leads to the next, None at the end."""

    items: list[Item]
    next_cursor: str | None


class PersonView(View):
    id: str
    name: str
    email: str
    external: bool
    active: bool
    grants: list[Grant]


class MeView(PersonView):
    """`rights` names what the person may do in every scope."""

    rights: list[str]


class WorkflowLine(View):
    kind: str
    title: str
    description: str
    decides: str
    silence: str
    starters: list[str]


class WorkflowView(WorkflowLine):
    """`request_schema` is the JSON Schema of a request; `policy` is what a case that opens now is frozen with."""

    request_schema: dict[str, Any]
    outcome_schema: dict[str, Any]
    policy: dict[str, Any]


class TaskLine(View):
    """A task in its case; `short` while too few people could answer it."""

    id: str
    name: str
    title: str
    state: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    verdict: Verdict | None
    tally: dict[str, int]
    seats: Seats
    claimed_by: list[str]
    short: bool


class BallotLine(View):
    """How a vote stands: of `total` voters `quorum` must vote; `closes_at` is when it ends by itself."""

    total: int
    quorum: int
    approve: int
    deny: int
    closes_at: datetime


class DecisionLine(View):
    """A ballot in its case, a multisig, or a wait for funds or for another case (`form`)."""

    id: str
    form: str
    title: str
    state: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    verdict: Verdict | None
    tally: dict[str, Any]
    ballot: BallotLine | None = None


class StepLine(View):
    name: str
    ordinal: int
    state: str
    undoes: str | None
    attempts: int
    result: Any
    error: str | None
    planned_at: datetime
    finished_at: datetime | None


class CaseLine(View):
    id: str
    kind: str
    title: str
    scope: str
    requester: str
    state: str
    paused: bool
    opened_at: datetime
    closed_at: datetime | None
    waiting_for: Text
    outcome: dict[str, Any] | None


class RelatedCase(View):
    """The case that started this one, or one that it started; only those that the caller may see."""

    id: str
    kind: str
    title: str
    state: str


class CaseView(CaseLine):
    """`can_manage`: whether the caller may pause, resume and cancel. `decisions`: all but the tasks."""

    request: dict[str, Any]
    can_manage: bool
    tasks: list[TaskLine]
    decisions: list[DecisionLine]
    steps: list[StepLine]
    parent: RelatedCase | None
    children: list[RelatedCase]
    links: dict[str, str] = {}


class EventView(View):
    """One audit line; `texts` are its personal texts, without those that were erased."""

    seq: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]
    texts: dict[str, str]
    hash: str


class CaseRef(View):
    id: str
    kind: str
    title: str
    scope: str
    paused: bool


class OutcomeView(View):
    """`form`: the JSON Schema of the data that comes with this outcome."""

    name: str
    label: str
    favourable: bool
    comment_required: bool
    form: dict[str, Any] | None


class InboxLine(View):
    """A task that waits for the caller; `why` says why for this person, `silence` what happens if nobody acts."""

    id: str
    case_id: str
    case: CaseRef
    title: str
    opened_at: datetime
    due_at: datetime | None
    why: Text
    silence: Text
    claimed_by: list[str]
    outcomes: list[OutcomeView]
    subject_hash: str


class CandidateView(View):
    person: str | None
    role: str | None
    scope: str | None
    via: str


class AnswerView(View):
    person: str
    outcome: str
    comment: str
    data: dict[str, Any]
    at: datetime
    receipt: str


class WhyNot(View):
    code: str
    detail: Text


class TaskView(View):
    """Everything about a task; `why_not` is why the caller cannot answer now."""

    id: str
    case_id: str
    case: CaseRef
    name: str
    title: str
    instructions: str
    state: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    outcomes: list[OutcomeView]
    seats: Seats
    tally: dict[str, int]
    subject: Any
    subject_hash: str
    form: dict[str, Any] | None
    candidates: list[CandidateView]
    claimed_by: list[str]
    answers: list[AnswerView]
    can_answer: bool
    can_reassign: bool
    why_not: WhyNot | None
    my_answer: AnswerView | None
    waiting_for: Text
    silence: Text
    verdict: Verdict | None


class ReceiptView(View):
    """Proof of an answer: the hash of the audit line that holds it."""

    task: str
    person: str
    outcome: str
    at: datetime
    receipt: str


class ActView(View):
    """What came of an act on a task: the receipt of an answer, and the verdict once the task is decided."""

    task: str
    receipt: ReceiptView | None
    tally: dict[str, int]
    verdict: Verdict | None


class MessageView(View):
    """A mail; `to` is its address as written on it."""

    id: int
    person: str
    to: str
    name: str
    email: str
    subject: str
    text: str
    case_id: str | None
    state: str
    created_at: datetime
    sent_at: datetime | None
    error: str | None


class TokenView(View):
    token: str


class InvitedView(View):
    """The link that was mailed; it works once, until `expires_at`."""

    link: str
    expires_at: datetime


class SignalTokenView(View):
    token: str
    expires_at: datetime


class ImportView(Page[PersonView]):
    """Everybody in the file; `added` of them are new, the others were already there just so."""

    added: int


class GivenDocumentView(View):
    """A file that was taken; `receipt` proves it: the hash of the audit line that holds it."""

    document: Received
    receipt: str


class GivenDocumentsView(View):
    items: list[GivenDocumentView]


class UploadView(View):
    """A file that waits for its sender to start a case with it, until `expires_at`; `hash` names it in the request."""

    hash: str
    filename: str
    media_type: str
    size: int
    expires_at: datetime


class UploadsView(View):
    items: list[UploadView]


class Vitals(View):
    """Figures for whoever watches the installation."""

    outbox_waiting: int
    cases_open: int
