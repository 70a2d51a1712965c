"""A small organisation behind the real application: a database file, people with tokens, cases with open tasks."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import Field

from placet.api.app import create_app, wire
from placet.api.service import EngineStatus
from placet.catalogue.cooperative.disbursement import TreasuryDisbursement
from placet.catalogue.cooperative.execution import DecisionExecution
from placet.catalogue.cooperative.governance import GovernanceProposal
from placet.catalogue.cooperative.lifecycle import LifecycleTransition
from placet.catalogue.cooperative.onboarding import MemberOnboarding
from placet.catalogue.credentials.issuance import CredentialIssuance
from placet.catalogue.credentials.revocation import CredentialRevocation
from placet.catalogue.voting.deletion import DeletionProposal
from placet.catalogue.voting.proposal import Proposal
from placet.catalogue.voting.work import Work
from placet.control.control import Control
from placet.control.streams import Streams
from placet.domain.course import Ask, Report
from placet.domain.model import Durable
from placet.domain.payment import Token
from placet.domain.people import External, Grant, Role
from placet.domain.span import Span
from placet.domain.step import Step, StepState
from placet.domain.task import APPROVE, REFUSE, Outcome, TaskSpec
from placet.durable.case import Case
from placet.durable.workflow import Entry, case, entry_of
from placet.store import course, journal, people
from placet.store import tables as t
from placet.store.engine import Store, Tx

TOKEN = Token(symbol="SMPL", address="0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", decimals=6)
PARTNER = External(name="Rosa of Acme", email="Rosa@acme.example")


class Address(Durable):
    city: str = Field(min_length=1, max_length=80)
    code: str = ""


class OrderRequest(Durable):
    name: str = Field(min_length=1, max_length=80)
    amount: int = Field(ge=1, le=1000)
    address: Address = Address(city="Oslo")
    stops: tuple[Address, ...] = ()


class OrderOutcome(Durable):
    status: str


class OrderPolicy(Durable):
    review: Span = Span("3d")


@case(
    "order",
    title="Order",
    subject="Order of {name}",
    decides="A buyer approves.",
    silence="It is refused.",
    policy=OrderPolicy,
)
class Ordering(Case):
    """Buy something."""

    async def run(self, request: OrderRequest) -> OrderOutcome:
        return OrderOutcome(status="bought")


@case("audit", title="Audit", subject="Audit", decides="x", silence="y", starters=("auditor",))
class Auditing(Case):
    """Only auditors start this."""

    async def run(self, request: OrderRequest) -> OrderOutcome:
        return OrderOutcome(status="done")


class Counter(Durable):
    percent: float = Field(ge=0, le=100, title="Percent")
    months: int = Field(ge=1)
    note: str = ""


COUNTER = Outcome(name="counter", label="Ask for other terms")
HASH = "b" * 64
FORM = Counter.model_json_schema()


def review(name: str = "review", **more: Any) -> TaskSpec:
    """A task for the buyers, with a deadline in three days."""
    spec: dict[str, Any] = {
        "name": name,
        "title": "Review the order",
        "to": (Role(name="buyer"),),
        "outcomes": (APPROVE, REFUSE),
        "comment_on": ("refuse",),
        "within": Span("3d"),
        "excluded": {"rita": "you asked for it"},
        "shows": {"name": "Pens"},
    }
    return TaskSpec(**{**spec, **more})


def negotiation(**more: Any) -> TaskSpec:
    """A task for somebody outside, with a form for one of its outcomes."""
    return review(
        "negotiation",
        **{"to": (PARTNER,), "outcomes": (APPROVE, COUNTER, REFUSE), "form": FORM, "form_on": ("counter",), **more},
    )


WORKFLOWS = (
    CredentialIssuance,
    CredentialRevocation,
    *(Ordering, Auditing, Proposal, DeletionProposal, Work),
    *(GovernanceProposal, DecisionExecution, TreasuryDisbursement, MemberOnboarding, LifecycleTransition),
)
BUILT: list[FastAPI] = []


def _app(control: Control, status: EngineStatus) -> FastAPI:
    """The application, built once for all tests: that takes longer than most of them."""
    if not BUILT:
        BUILT.append(create_app(control, status))
    wire(BUILT[0], control, status, Streams(poll=0.05, heartbeat=0.2))
    return BUILT[0]


class Office:
    def __init__(
        self,
        store: Store,
        clock: Any,
        app: Callable[[Control, EngineStatus], FastAPI] = _app,
        catalogue: Sequence[Entry] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.tokens: dict[str, str] = {}
        self.engine: dict[str, Any] = {"engine": "up"}
        policies = {"order": {"review": "3d"}}
        entries = tuple(catalogue or (entry_of(workflow) for workflow in WORKFLOWS))
        self.control = Control(store, entries, lambda entry: policies.get(entry.kind, {}), tokens=(TOKEN,))
        self.app = app(self.control, self._status)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=False), base_url="http://placet"
        )
        self._runs = 0

    async def _status(self) -> dict[str, Any]:
        return self.engine

    async def hire(self, person: str, *grants: str, external: bool = False, token: str | None = None) -> None:
        """`grants` are `role` or `role@scope`."""
        given = [Grant(role=role, scope=scope or "*") for role, _, scope in (grant.partition("@") for grant in grants)]

        def add(tx: Any) -> str:
            people.add(tx, "placet", person, person.capitalize(), f"{person}@example.org", given, external)
            return people.issue_token(tx, "placet", person, "test", token)

        self.tokens[person] = await self.store.write(add)

    async def call(self, who: str | None, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        if body is not None:
            more["json"] = body
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, who: str | None, path: str, **more: Any) -> Any:
        answer = await self.call(who, "GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def start(self, who: str = "rita", scope: str = "deals", name: str = "Pens") -> str:
        body = {"scope": scope, "request": {"name": name, "amount": 2}}
        answer = await self.call(who, "POST", "/api/v1/workflows/order/cases", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ask(self, case_id: str, spec: TaskSpec, ordinal: int = 1) -> str:
        """Report as the running workflow would: it now waits for this decision."""
        self._runs += 1
        told = Report(
            case_id=case_id,
            run_id=f"run-of-{case_id}",
            seen=0,
            state="waiting",
            ask=Ask(spec=spec, ordinal=ordinal),
        )
        await self.store.write(lambda tx: course.report(tx, told))
        return f"{case_id}.{spec.name}.{ordinal}"

    async def draft(
        self, case_id: str, hash: str = HASH, content: bytes = b"%PDF", kind: str = "application/pdf"
    ) -> None:
        """Record a document as the drafting step of this case does."""
        step = Step(case_id=case_id, name="drafting.term-sheet")

        def made(tx: Tx) -> None:
            journal.plan(tx, step, {})
            row = {"hash": hash, "media_type": kind, "size": len(content), "content": content, "created_at": tx.now}
            tx.insert_ignoring(t.document, row)
            sheet = {"key": step.key, "hash": hash, "partner_id": "acme", "version": 1, "drafted_at": tx.now}
            tx.conn.execute(t.term_sheet.insert().values(sheet))
            journal.finish(tx, step, StepState.DONE, {"hash": hash, "version": 1})

        await self.store.write(made)

    async def task(self, spec: TaskSpec | None = None, scope: str = "deals") -> str:
        """An open task in a new case of rita's."""
        return await self.ask(await self.start(scope=scope), spec or review())

    async def answer(self, who: str, task: str, outcome: str = "approve", **more: Any) -> httpx2.Response:
        return await self.call(who, "POST", f"/api/v1/tasks/{task}/answer", {"outcome": outcome, **more})

    def link(self, task: str, person: str = PARTNER.person, at: Any = None) -> str:
        return f"/l/{self.store.house.link_token(task, person, at or self.clock.time)}"

    async def lines(self, chain: str) -> list[Any]:
        """`(actor, action, detail)` of the audit lines of a chain."""
        query = sa.select(t.audit).where(t.audit.c.chain == chain).order_by(t.audit.c.seq)
        return await self.store.read(lambda tx: [(row.actor, row.action, row.detail) for row in tx.conn.execute(query)])
