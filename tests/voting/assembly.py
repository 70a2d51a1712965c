"""A small cooperative that votes: people, proposals, a faucet, and a clock that is moved by hand."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from tests.conftest import ManualClock

from placet.catalogue.registry import CATALOGUE
from placet.control.cases import Cases
from placet.control.door import Door
from placet.control.proposals import VotesView
from placet.control.views import CaseView
from placet.domain import ballot as rule
from placet.domain.ballot import BallotRules, Count
from placet.domain.course import Opening, title_of
from placet.domain.people import Grant, Person
from placet.runtime.settings import Settings, policy_of
from placet.store import ballots, cases, course, forms, funds, mailings, people
from placet.store import tables as t
from placet.store.ballot_export import export
from placet.store.ballots import Paper, Voted, count_of, locked_ballot
from placet.store.engine import Store, Tx

Result = TypeVar("Result")
TEN = tuple(f"v{number}" for number in range(10))
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
STEP = {"title": "Paint the fence", "description": "", "bounty": 40, "credentials": []}


@dataclass
class Assembly:
    """`prue` proposes (and is a voter too), `adam` is an administrator, and there are as many voters as are hired."""

    store: Store
    clock: ManualClock
    settings: Settings = field(default_factory=Settings)
    proposals: int = 0
    deposits: int = 0

    def do(self, act: Callable[[Tx], Result]) -> Result:
        return self.store.submit(act).result(timeout=60)

    def read(self, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
        return self.store.read_now(lambda tx: [dict(row) for row in tx.conn.execute(query).mappings()])

    def hire(self, *wanted: str) -> None:
        """New people, each a name with roles: `nora:voter,proposer`."""

        def add(tx: Tx) -> None:
            for one in wanted:
                name, _, roles = one.partition(":")
                grants = [Grant(role=role) for role in roles.split(",") if role]
                people.add(tx, "adam", name, name.title(), f"{name}@example.org", grants)

        self.do(add)

    def grant(self, name: str, *roles: str) -> None:
        """From now on these are all the roles of the person."""
        self.do(lambda tx: people.set_grants(tx, "adam", name, [Grant(role=role) for role in roles]))

    def person(self, name: str) -> Person:
        found = self.store.read_now(lambda tx: people.find(tx, name))
        assert found is not None
        return found

    def open(self, kind: str, request: dict[str, Any], by: str) -> str:
        """Open a case of the catalogue as the API does; returns its id."""
        self.proposals += 1
        entry = next(entry for entry in CATALOGUE if entry.kind == kind)
        opening = Opening(
            case_id=f"{kind}-{self.proposals}",
            kind=kind,
            scope="general",
            title=title_of(entry.subject, request),
            requester=by,
            request=entry.request.model_validate(request).model_dump(mode="json"),
            policy=policy_of(self.settings, entry),
        )
        told = opening.model_dump(mode="json")

        def begin(tx: Tx) -> None:
            cases.create(tx, opening.case_id, kind, "general", opening.title, by, told, by, {})
            forms.begin(tx, opening.case_id, entry.workflow.begins(opening))

        self.do(begin)
        return opening.case_id

    def propose(self, by: str = "prue", bounty: int = 40, recurrence: str = "one_time") -> str:
        request = {"title": "A new fence", "steps": [STEP | {"bounty": bounty}], "recurrence": recurrence}
        return self.open("proposal", request, by)

    def vote(self, case: str, who: str, choice: str, comment: str = "") -> str:
        """The receipt, or the code of the refusal."""
        return self.cast(case, (who, choice, comment))[0]

    def cast(self, case: str, *votes: tuple[str, str] | tuple[str, str, str]) -> list[str]:
        """Several votes in one transaction."""
        papers = [Paper(self.person(vote[0]), vote[1], *vote[2:]) for vote in votes]

        def act(tx: Tx) -> list[str]:
            with locked_ballot(tx, f"{case}.vote.1") as ballot:
                results = ballots.cast(ballot, papers)
            return [result.receipt if isinstance(result, Voted) else result.refusal.code for result in results]

        return self.do(act)

    def votes(self, case: str, approve: int = 0, deny: int = 0, after: timedelta = timedelta()) -> None:
        """So many of the voters who have not voted yet vote, those against first; time passes before each."""
        cast = sa.select(t.act.c.person_id).where(t.act.c.decision_id == f"{case}.vote.1")
        done = {row["person_id"] for row in self.read(cast)}
        left = [name for name in TEN if name not in done]
        for name, choice in zip(left, ["deny"] * deny + ["approve"] * approve, strict=False):
            self.wait(after)
            assert len(self.vote(case, name, choice)) == 64

    def force(self, case: str, by: str = "adam", reason: str = "") -> str:
        """`approved`, or the code of the refusal."""

        def act(tx: Tx) -> str:
            admin = people.find(tx, by)
            assert admin is not None
            with locked_ballot(tx, f"{case}.vote.1") as ballot:
                why = ballots.force(ballot, admin, reason)
            return why.code if why else "approved"

        return self.do(act)

    def steer(self, act: str, case: str, by: str = "adam") -> None:
        """`pause`, `resume` or `cancel`."""
        self.do(lambda tx: getattr(course, act)(tx, self.person(by), case, "because"))

    def wait(self, length: timedelta) -> None:
        self.clock.move(length)

    def look(self, case: str, who: str = "prue") -> CaseView:
        """Read the case as this person; whoever reads applies what is due."""
        return asyncio.run(Cases(Door(self.store)).get(self.person(who), case))

    def deposit(self, amount: int) -> None:
        self.deposits += 1
        assert self.do(lambda tx: funds.deposit(tx, "adam", amount, f"deposit-{self.deposits}")) is None
        asyncio.run(funds.offer_all(self.store))

    def faucet(self) -> dict[str, int]:
        return self.store.read_now(funds.totals)

    def proposal(self, case: str) -> Mapping[str, Any]:
        return self.read(sa.select(t.proposal).where(t.proposal.c.id == case))[0]

    def status(self, case: str) -> str:
        return str(self.proposal(case)["status"])

    def ballot(self, case: str) -> Mapping[str, Any]:
        return self.read(sa.select(t.decision).where(t.decision.c.id == f"{case}.vote.1"))[0]

    def rules(self, case: str) -> BallotRules:
        return BallotRules.model_validate(self.ballot(case)["rules"])

    def count(self, case: str) -> Count:
        return count_of(self.ballot(case))

    def mails(self, who: str, case: str) -> list[str]:
        """The subjects of what was written to a person about a case, also through the mailing of its ballot."""

        waiting = sa.select(t.mailing.c.id).where(t.mailing.c.done_at.is_(None))
        while self.read(waiting):
            self.do(mailings.expand)
        m = t.message.c
        query = sa.select(m.subject).where(m.person_id == who, m.case_id == case).order_by(m.id)
        return [row["subject"] for row in self.read(query)]

    def export(self, case: str, texts: bool = False) -> list[dict[str, Any]]:
        return list(export(self.store.read_now, f"{case}.vote.1", texts))


def coop(store: Store, clock: ManualClock, *voters: str) -> Assembly:
    """The cooperative with ten voters beside prue, or those who are named, and nothing in its faucet."""
    made = Assembly(store, clock)
    made.hire("prue:proposer,voter", "adam:admin", *(f"{name}:voter" for name in voters or TEN))
    return made


def ended(coop: Assembly, case: str) -> tuple[str, str | None]:
    """The status that everybody sees, and the decision that brought it."""
    row = coop.proposal(case)
    return row["status"], row["vote_decision"]


def funded(coop: Assembly) -> Assembly:
    coop.deposit(1000)
    return coop


def tally(coop: Assembly, case: str) -> VotesView:
    rules, count = coop.rules(case), coop.count(case)
    return VotesView(
        total_voters=rules.total,
        votes_cast=count.cast,
        approve=count.approve,
        deny=count.deny,
        quorum_reached=count.quorum_at is not None,
        quorum_threshold=rule.quorum_threshold(rules),
    )
