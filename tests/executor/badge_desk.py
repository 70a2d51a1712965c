"""An approved order in a real database, without a workflow, and the executor's door behind a Unix socket."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI

from placet.connectors.credentials.port import APPROVAL, ISSUANCE, Order
from placet.domain.course import Ask, Opening, Report
from placet.domain.people import COORDINATOR, Grant, Role
from placet.domain.task import TaskSpec
from placet.executor.badges import BadgeSigner
from placet.executor.routes_credentials import credentials_router
from placet.store import acts, cases, course, credentials, people
from placet.store import tables as t
from placet.store.acts import Answer, Counted, NotCounted
from placet.store.engine import Store, Tx

Result = TypeVar("Result")

READY_SECONDS = 60
POLL_SECONDS = 0.005
BADGE = {
    "id": "first-aid",
    "name": "First aid",
    "description": "Knows what to do until help comes.",
    "criteria": "Has taken the course.",
    "cost": 500,
    "valid_days": 730,
}


@dataclass
class Desk:
    """Mia gets a badge, cora and carl coordinate, rita asks."""

    store: Store

    def do(self, fn: Any) -> Any:
        return self.store.submit(fn).result(timeout=60)

    def staff(self) -> None:
        def add(tx: Tx) -> None:
            for person, role in (("mia", "member"), ("rita", "member"), ("cora", COORDINATOR), ("carl", COORDINATOR)):
                email = f"{person}@example.org"
                people.add(tx, "test", person, person.title(), email, [Grant(role=role)])
            tx.conn.execute(t.badge.insert().values({**BADGE, "created_by": "cora", "created_at": tx.now}))

        self.do(add)

    def case(self, case_id: str, kind: str = ISSUANCE) -> None:
        opening = Opening(case_id=case_id, kind=kind, scope="general", title="First aid", requester="rita", request={})
        told = opening.model_dump(mode="json")
        self.do(lambda tx: cases.create(tx, case_id, kind, "general", "First aid", "rita", told, "rita", {}))

    def drawn_up(self, case_id: str = "case-1", kind: str = ISSUANCE, did: str | None = None) -> Order:
        """An order in a case of its own, which waits for its approval."""
        self.case(case_id, kind)
        holder = ("mia", "mia@example.org")
        row = self.do(
            lambda tx: credentials.draw_up(
                tx, f"{case_id}/draw-up/1", case_id, credentials.badge(tx, BADGE["id"]), holder, did
            )
        )
        return Order.model_validate(row["order"])

    def ask(self, order: Order, name: str = APPROVAL, **more: Any) -> str:
        spec = TaskSpec(
            **{
                "name": name,
                "title": "Badge approval",
                "to": (Role(name=COORDINATOR),),
                "excluded": {"rita": "you asked for it", "mia": "it is for you"},
                "shows": order,
                **more,
            }
        )
        told = Report(case_id=order.case_id, run_id="run", seen=0, state="waiting", ask=Ask(spec=spec, ordinal=1))
        self.do(lambda tx: course.report(tx, told))
        return f"{order.case_id}.{name}.1"

    def answer(self, decision: str, person: str = "cora", outcome: str = "approve") -> Counted | NotCounted:
        given = Answer(outcome=outcome, comment="Because.")

        def act(tx: Tx) -> Counted | NotCounted:
            who = people.find(tx, person)
            assert who is not None
            return acts.answer(tx, who, decision, given, door="test")

        done: Counted | NotCounted = self.do(act)
        return done

    def approved(self, case_id: str = "case-1", did: str | None = None) -> tuple[str, Order]:
        """The decision, and the order that it allows."""
        order = self.drawn_up(case_id, did=did)
        decision = self.ask(order)
        assert isinstance(self.answer(decision), Counted)
        return decision, order


def executor_app(signer: BadgeSigner) -> FastAPI:
    app = FastAPI()
    app.include_router(credentials_router(signer))
    return app


@contextmanager
def served(app: Any, at: Path | None = None) -> Iterator[Path]:
    """The socket while the application is served, in a thread of its own."""
    with tempfile.TemporaryDirectory(prefix="plc-", dir="/tmp") as folder:
        socket = at or Path(folder) / "executor.sock"
        server = uvicorn.Server(uvicorn.Config(app, uds=str(socket), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, name="executor")
        thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the executor did not start"
            time.sleep(POLL_SECONDS)
        try:
            yield socket
        finally:
            server.should_exit = True
            thread.join()
