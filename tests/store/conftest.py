"""A small organisation with one running case, and short words for what people do in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock

from placet.domain import audit as log
from placet.domain.course import Ask, Closing, Opening, Reply, Report, SignalNote
from placet.domain.people import Audience, Grant, Named, Person, Role
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec, TaskSpec
from placet.store import acts, audit, cases, course, people
from placet.store import tables as t
from placet.store.acts import Answer, Counted, NotCounted
from placet.store.engine import Store, Tx
from placet.store.tasks import locked_task as lock

Result = TypeVar("Result")

OFFICER = Role(name="officer")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def remind(after: str) -> RungSpec:
    return RungSpec(action=RungAction.REMIND, after=Span(after))


def escalate(after: str, *to: Audience) -> RungSpec:
    return RungSpec(action=RungAction.ESCALATE, after=Span(after), to=to)


def spec(*to: Audience, **rules: Any) -> TaskSpec:
    """A task `review` for the officers, unless it says otherwise."""
    rules = {"name": "review", "title": "Review", "shows": {"amount": 7}} | rules
    return TaskSpec(to=to or (OFFICER,), **rules)


@dataclass
class Scene:
    """One store with people, and one case after another in it."""

    store: Store
    clock: ManualClock
    case: str = "case-1"
    run: str = "run-1"
    task: str = ""
    _people: dict[str, Person] = field(default_factory=dict)

    def do(self, fn: Callable[[Tx], Result]) -> Result:
        return self.store.submit(fn).result(timeout=60)

    def people(self, *wanted: tuple[str, *tuple[str, ...]]) -> None:
        """New people, each a name and grants like `officer@deals`."""

        def add(tx: Tx) -> None:
            for name, *grants in wanted:
                pairs = [grant.partition("@") for grant in grants]
                held = [Grant(role=role, scope=scope or "*") for role, _, scope in pairs]
                people.add(tx, "setup", name, name.title(), f"{name}@example.org", held)
                found = people.find(tx, name)
                assert found is not None
                self._people[name] = found

        self.do(add)

    def person(self, name: str, *grants: str) -> Person:
        self.people((name, *grants))
        return self._people[name]

    def person_of(self, name: str) -> Person:
        return self._people[name]

    def know(self, name: str) -> Person:
        found = self.do(lambda tx: people.find(tx, name))
        assert found is not None
        self._people[name] = found
        return found

    def open(self, case_id: str = "case-1", requester: str = "rita", scope: str = "deals") -> str:
        self.case = case_id
        opening = self.opening(case_id, requester, scope)
        self.do(
            lambda tx: cases.create(
                tx, case_id, "test", scope, opening.title, requester, opening.model_dump(mode="json"), requester, {}
            )
        )
        return case_id

    def opening(self, case_id: str = "case-1", requester: str = "rita", scope: str = "deals") -> Opening:
        return Opening(case_id=case_id, kind="test", scope=scope, title="A deal", requester=requester, request={})

    def tell(
        self, asked: TaskSpec | None = None, ordinal: int = 1, signals: tuple[SignalNote, ...] = (), **more: Any
    ) -> Reply:
        """A report of the workflow."""
        ask = Ask(spec=asked, ordinal=ordinal) if asked else None
        known = {"case_id": self.case, "run_id": self.run, "seen": 0, "state": "waiting"}
        told = Report(**(known | more), ask=ask, signals=signals)
        return self.do(lambda tx: course.report(tx, told))

    def ask(self, *to: Audience, ordinal: int = 1, **rules: Any) -> str:
        """Open a task in the case; its id, which the acts below mean from now on."""
        asked = spec(*to, **rules)
        self.tell(asked, ordinal)
        self.task = f"{self.case}.{asked.name}.{ordinal}"
        return self.task

    def close(self, state: str = "completed", **outcome: Any) -> Reply:
        return self.tell(closing=Closing(state=state, outcome=outcome, summary="It has ended."))

    def answer(self, who: str, outcome: str = "approve", comment: str = "", **more: Any) -> Counted | NotCounted:
        given = Answer(outcome=outcome, comment=comment, **more)
        return self.do(lambda tx: acts.answer(tx, self._people[who], self.task, given, "test"))

    def act(self, name: str, who: str, *rest: Any) -> Counted | NotCounted:
        """`claim`, `release`, `delegate` or `reassign` on the task."""
        person = self._people[who]
        result: Counted | NotCounted = self.do(lambda tx: getattr(acts, name)(tx, person, self.task, *rest))
        return result

    def steer(self, name: str, who: str = "cora", reason: str = "because") -> Counted | NotCounted:
        """`pause`, `resume` or `cancel` the case."""
        person = self._people[who]
        result: Counted | NotCounted = self.do(lambda tx: getattr(course, name)(tx, person, self.case, reason))
        return result

    def settle(self, task: str = "") -> None:
        def settled(tx: Tx) -> None:
            with lock(tx, task or self.task) as decision:
                decision.settle()

        self.do(settled)

    def rows(self, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
        return self.store.read_now(lambda tx: [dict(row) for row in tx.conn.execute(query).mappings()])

    def decision(self, task: str = "") -> Mapping[str, Any]:
        return self.rows(sa.select(t.decision).where(t.decision.c.id == (task or self.task)))[0]

    def case_row(self) -> Mapping[str, Any]:
        return self.rows(sa.select(t.case).where(t.case.c.id == self.case))[0]

    def lines(self, chain: str = "") -> list[str]:
        """The actions on a chain, oldest first."""
        query = sa.select(t.audit.c.action).where(t.audit.c.chain == (chain or self.case)).order_by(t.audit.c.seq)
        return [row["action"] for row in self.rows(query)]

    def refused(self) -> list[str]:
        """The codes of the refused acts, oldest first."""
        query = sa.select(t.audit.c.detail).where(t.audit.c.chain == log.REFUSED).order_by(t.audit.c.seq)
        return [row["detail"]["code"] for row in self.rows(query)]

    def mails(self, kind: str = "") -> list[str]:
        """Who has been written to, in order of writing; only keys that contain `kind`."""
        query = sa.select(t.message.c.person_id, t.message.c.key).order_by(t.message.c.id)
        return [row["person_id"] for row in self.rows(query) if kind in row["key"]]

    def waiting(self) -> list[tuple[str, str]]:
        """The outbox: (case, action), oldest first."""
        query = sa.select(t.outbox.c.case_id, t.outbox.c.action).order_by(t.outbox.c.id)
        return [(row["case_id"], row["action"]) for row in self.rows(query)]

    def drain(self) -> None:
        self.do(lambda tx: tx.conn.execute(t.outbox.delete()))

    def export(self) -> list[dict[str, Any]]:
        return self.store.read_now(lambda tx: list(audit.export(tx)))

    def named(self, *names: str) -> list[Named]:
        return [Named(person=name) for name in names]


def code(result: Counted | NotCounted) -> str:
    """The refusal of an act that did not count; `counted` of one that did."""
    return result.refusal.code if isinstance(result, NotCounted) else "counted"


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """Officers olga, omar and otto; cora coordinates deals; carl counsels; rita has opened a case."""
    made = Scene(store, clock)
    made.people(
        *((name, "officer@deals") for name in ("olga", "omar", "otto")),
        ("cora", "coordinator@deals"),
        ("carl", "council"),
        ("rita", "member"),
        ("boss", "chief"),
    )
    made.open()
    return made
