"""A cooperative that votes: proposals with their ballots, and short words for what people do with them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock
from tests.store.books import problems
from tests.store.conftest import Scene

from placet.domain.ballot import BallotSpec
from placet.domain.course import Ask, Beginning, Closing, Reply, Report
from placet.domain.funds import FundsSpec
from placet.domain.people import Grant, Role
from placet.domain.proposal import ProposalFacts, Recurrence
from placet.domain.span import Span
from placet.domain.task import Refusal
from placet.store import ballots, cases, course, forms, funds, mailings, people, proposals, works
from placet.store import tables as t
from placet.store.ballots import NotVoted, Paper, Voted, locked_ballot
from placet.store.cases import locked
from placet.store.engine import Store, Tx

COOP = "coop"
VOTER = Role(name="voter")
FUNDING_WINDOW = Span("14d")


def ballot_spec(**axes: Any) -> BallotSpec:
    return BallotSpec.model_validate({"name": "vote", "title": "Vote", "electorate": VOTER} | axes)


@dataclass
class Assembly(Scene):
    """Each `propose` opens a case with a ballot, which the words below mean from then on."""

    def voters(self, number: int, role: str = "voter") -> list[str]:
        """So many new voters of the whole house: `v0`, `v1`, …"""
        names = [f"v{one}" for one in range(number)]
        self.people(*((name, role) for name in names))
        return names

    def propose(
        self, case_id: str = "p1", by: str = "prue", amount: int = 0, recurrence: str = "one_time", **axes: Any
    ) -> str:
        """A proposal that costs `amount` a week, and its ballot; returns the id of the ballot."""
        funded = FundsSpec(proposal=case_id, amount=amount, within=FUNDING_WINDOW)
        spec = ballot_spec(**({"excluded": {by: "you proposed it"}, "funds": funded} | axes))
        facts = ProposalFacts(
            title=case_id.title(),
            recurrence=Recurrence(recurrence),
            weekly_requirement=amount,
            instance_requirement=amount,
            series_id=None if recurrence == "one_time" else f"series-{case_id}",
        )
        opening = self.opening(case_id, by, COOP)

        def begin(tx: Tx) -> None:
            told = opening.model_dump(mode="json")
            cases.create(tx, case_id, "test", COOP, opening.title, by, told, by, {})
            forms.begin(tx, case_id, Beginning(ballot=spec, proposal=facts))

        self.case = case_id
        self.do(begin)
        self.task = f"{case_id}.vote.1"
        return self.task

    def vote(self, who: str, choice: str = "approve", comment: str = "") -> Voted | NotVoted:
        return self.votes((who, choice, comment))[0]

    def votes(self, *given: tuple[str, str, str]) -> list[Voted | NotVoted]:
        """Votes that are taken together, in one transaction; who somebody is, is read in the same one."""

        def act(tx: Tx) -> list[Voted | NotVoted]:
            papers = []
            for who, choice, comment in given:
                person = people.find(tx, who)
                assert person is not None, who
                papers.append(Paper(person, choice, comment))
            with locked_ballot(tx, self.task) as ballot:
                return ballots.cast(ballot, papers)

        return self.do(act)

    def approve(self, number: int, first: int = 0, choice: str = "approve") -> None:
        """So many voters vote the same way, each by itself."""
        for one in range(first, first + number):
            assert isinstance(self.vote(f"v{one}", choice), Voted)

    def force(self, who: str = "adam") -> Refusal | None:
        def act(tx: Tx) -> Refusal | None:
            admin = people.find(tx, who)
            assert admin is not None
            with locked_ballot(tx, self.task) as ballot:
                return ballots.force(ballot, admin, "It burns.")

        return self.do(act)

    def grant(self, who: str, *grants: tuple[str, str]) -> None:
        """All the grants that this person has from now on."""
        held = [Grant(role=role, scope=scope) for role, scope in grants]
        self.do(lambda tx: people.set_grants(tx, "setup", who, held))

    def set_person(self, who: str, **values: Any) -> None:
        self.do(lambda tx: tx.conn.execute(t.person.update().where(t.person.c.id == who).values(values)))

    def look(self, case_id: str = "") -> None:
        """What a timer of the workflow does: settle everything that is open in the case."""

        def settle(tx: Tx) -> None:
            with locked(tx, case_id or self.case) as case:
                for decision in forms.open_decisions(case):
                    decision.settle()

        self.do(settle)

    def reports(self, **more: Any) -> Reply:
        """The workflow of the case reports."""
        known = {"case_id": self.case, "run_id": self.run, "seen": 0, "state": "waiting"}
        told = Report(**(known | more))
        return self.do(lambda tx: course.report(tx, told))

    def asks(self, spec: BallotSpec | FundsSpec) -> Reply:
        """The workflow comes to this decision."""
        return self.reports(ask=Ask(spec=spec, ordinal=1))

    def end_case(self, state: str = "cancelled") -> None:
        compensating = "compensating" if state != "completed" else "running"
        self.reports(state=compensating, closing=Closing(state=state, outcome={}, summary=""))

    def deposit(self, amount: int, key: str = "d1", offer: bool = True) -> Refusal | None:
        refused = self.do(lambda tx: funds.deposit(tx, "adam", amount, key))
        if offer:
            self.offer()
        return refused

    def offer(self) -> int:
        return asyncio.run(funds.offer_all(self.store))

    def money(self) -> tuple[int, int]:
        """(balance, allocated) of the faucet."""
        figures = self.store.read_now(funds.totals)
        return figures["balance"], figures["allocated"]

    def proposal(self, proposal_id: str = "") -> dict[str, Any]:
        return dict(self.rows(sa.select(t.proposal).where(t.proposal.c.id == (proposal_id or self.case)))[0])

    def status(self, proposal_id: str = "") -> str:
        row = self.proposal(proposal_id)
        return str(row["status"]) + (" awaiting funds" if row["awaiting_funds"] else "")

    def verdict(self, decision_id: str = "") -> tuple[str, str, datetime] | None:
        """(outcome, reason, instant) of a decision, None while it is open."""
        verdict = self.decision(decision_id)["verdict"]
        return verdict and (verdict["outcome"], verdict["reason"], datetime.fromisoformat(verdict["at"]))

    def counted(self) -> tuple[int, int]:
        """(for, against) as the ballot's row has it."""
        tally = self.decision()["tally"]
        return tally["approve"], tally["deny"]

    def work(self, proposal_id: str = "", slot: str = "once", amount: int = 0, floor: int = 0) -> str:
        """Open a carrying-out, and have its case wait for its money; its id."""
        proposal = proposal_id or self.case
        work_id = self.do(lambda tx: works.open_work(tx, proposal, slot))
        self.fund(work_id, proposal, amount, floor)
        return work_id

    def fund(self, work_id: str, proposal: str, amount: int, floor: int = 0) -> None:
        spec = FundsSpec(proposal=proposal, amount=amount, floor=floor, work=work_id)

        def ask(tx: Tx) -> None:
            with locked(tx, work_id) as case:
                funds.open_funds(case, spec, 1)

        self.do(ask)

    def pay(self, work_id: str, amount: int, key: str, person: str = "wim") -> bool:
        proposal = str(self.rows(sa.select(t.work.c.proposal_id).where(t.work.c.id == work_id))[0]["proposal_id"])
        return self.do(lambda tx: funds.pay(tx, proposal, work_id, person, amount, key, "a bounty"))

    def finish(self, work_id: str, state: str = proposals.DONE) -> None:
        self.do(lambda tx: funds.end_work(tx, work_id, state, f"{work_id}/finish"))

    def mail_out(self) -> list[int]:
        """Expand every mailing to its end; how many mails each page queued."""
        pages, before = [], len(self.mails())
        while self.do(mailings.expand):
            pages.append(len(self.mails()) - before)
            before += pages[-1]
        return pages


def word(result: Voted | NotVoted) -> str:
    """The refusal of a vote; `counted` of one that counts."""
    return result.refusal.code if isinstance(result, NotVoted) else "counted"


def assembled(store: Store, clock: ManualClock) -> Assembly:
    """Prue proposes and has the right to vote, adam administers, cora coordinates, wim works."""
    made = Assembly(store, clock)
    made.people(
        ("prue", "proposer", "voter"),
        ("adam", "admin"),
        ("cora", f"coordinator@{COOP}"),
        ("wim", "member"),
    )
    return made


@pytest.fixture
def assembly(store: Store, clock: ManualClock) -> Iterator[Assembly]:
    """After each test, the books must balance and every vote must be where it belongs."""
    made = assembled(store, clock)
    yield made
    assert problems(store) == []
