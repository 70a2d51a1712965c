"""A sample installation in the middle of its work: three weeks of partners, customers and votes."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from api import council
from api.office import Office
from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS
from placet.connectors.chain.port import LOCAL_CHAIN
from placet.control.faucet import GivenDeposit
from placet.control.multisigs import GivenSigning
from placet.control.tasks import GivenAnswer
from placet.control.votes import GivenVote
from placet.control.voting import GivenProposal
from placet.control.wallets import GivenWallet
from placet.control.workflows import Start
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Person, Role
from placet.domain.span import Span
from placet.domain.step import Step, StepState
from placet.domain.task import APPROVE, REFUSE, RungAction, RungSpec, TaskSpec
from placet.durable.saga import ABANDON, RETRY, SKIP
from placet.store import journal, people
from placet.store import tables as t

# Who applies, in what order, and how far their case has come.
PARTNERS = (
    *(("Meridian Logistics", "done"), ("Alder Energy", "done"), ("Northwind Foods", "done"), ("Kestrel Media", "done")),
    *(("Harbour Analytics", "late"), ("Solstice Health", "failed"), ("Juniper Robotics", "legal")),
    *(("Tidewater Textiles", "manager"), ("Boreal Shipping", "legal")),
)
FENCE = {
    "scope": "coop",
    "title": "Solar panels for the workshop",
    "description": "The roof faces **south**, and the quote is good until the end of the month.\n\n"
    "- 24 panels, 10 kW\n- pays for itself in six years",
    "steps": [
        {"title": "Order the panels", "description": "From the cheaper of two offers.", "bounty": 1800},
        {"title": "Mount and connect them", "description": "With a certified electrician.", "bounty": 950},
    ],
}


@dataclass(frozen=True)
class Sample:
    case: str
    task: str
    vote: str
    mail: int
    payment: str


class Stage:
    def __init__(self, office: Office) -> None:
        self._office = office

    async def play(self) -> Sample:
        """Everything in order; the clock ends where it is to be now."""
        await self._office.control.faucet.deposit(await self._who("admin"), GivenDeposit(amount=9000, memo="Dues"))
        cases = {}
        for name, state in PARTNERS:
            cases[name] = await self._partner(name, state)
            self._wait(26)
        panels = await self._proposal({})
        await self._votes(panels, ("ada", "approve"), ("marta", "approve"), ("omar", "deny"))
        await self._proposal(
            {"title": "A longer lunch on Fridays", "steps": [{"title": "Tell the canteen", "bounty": 0}]}
        )
        await self._office.control.inbox.votes(await self._who("leo"))
        payment = await self._payment()
        await self._refuse_mail()
        chosen = cases["Boreal Shipping"]
        task = f"{chosen}.legal-review.1"
        mail = await self._mail(f"{task}/asked/leo")
        return Sample(case=chosen, task=task, vote=panels, mail=mail, payment=payment)

    async def _partner(self, name: str, state: str) -> str:
        slug = name.lower().replace(" ", "-")
        request = {
            "partner_id": slug,
            "name": name,
            "contact_name": "Rosa Rivera",
            "contact_email": f"rosa@{slug}.example",
            "facts": {"annual_revenue_eur": 2_400_000, "countries": ["DE", "FR"], "references": 3, "years_active": 9},
            "terms": {"territory": "Germany and France", "commission_percent": "12.50", "term_months": 24},
        }
        done = await self._office.control.workflows.start(
            await self._who("ada"), "partner-approval", Start(scope="deals", request=request)
        )
        case = str(done.value["id"])
        for step in ("scoring.partner-fit", "crm.set-status"):
            await self._step(case, step)
        if state == "failed":
            await self._fail(case)
            return case
        await self._step(case, "mail.send")
        shown = {"company": name, "territory": "Germany and France", "revenue": "€ 2,400,000", "score": "82 of 100, A"}
        await self._ask(case, "Manager approval", "partner-manager", shown)
        if state == "manager":
            return case
        self._wait(5)
        await self._answer("marta", f"{case}.manager-approval.1", "Three references called; all good.")
        await self._step(case, "drafting.term-sheet")
        terms = {"territory": "Germany and France", "commission": "12.50 %", "term": "24 months", "version": 1}
        await self._ask(case, "Legal review", "legal", {"terms": terms})
        if state == "done":
            self._wait(19)
            await self._answer("leo", f"{case}.legal-review.1", "")
            await self._close(case)
        return case

    async def _ask(self, case: str, title: str, role: str, shows: dict[str, Any]) -> None:
        rungs = (RungSpec(action=RungAction.ESCALATE, after=Span("3d"), to=(Role(name="executive"),)),)
        spec = TaskSpec(
            name=title.lower().replace(" ", "-"),
            title=title,
            to=(Role(name=role),),
            outcomes=(APPROVE, REFUSE),
            comment_on=("refuse",),
            within=Span("5d"),
            ladder=rungs,
            shows=shows,
        )
        await self._office.ask(case, spec)

    async def _fail(self, case: str) -> None:
        error = "The customer system answered 503: maintenance until further notice."
        step = Step(case_id=case, name="mail.send")

        def fail(tx: Any) -> None:
            journal.plan(tx, step, {})
            journal.finish(tx, step, StepState.FAILED, error=error)

        await self._office.store.write(fail)
        spec = TaskSpec(
            name="attention-mail-send",
            title="“mail.send” failed",
            instructions=error,
            to=(Role(name="coordinator"), Role(name="admin")),
            outcomes=(RETRY, SKIP, ABANDON),
            attention=True,
        )
        await self._office.ask(case, spec)
        needs = t.case.update().where(t.case.c.id == case).values(state="needs-attention")
        await self._office.store.write(lambda tx: tx.conn.execute(needs).rowcount)

    async def _step(self, case: str, name: str) -> None:
        step = Step(case_id=case, name=name)

        def act(tx: Any) -> None:
            journal.plan(tx, step, {})
            journal.finish(tx, step, StepState.DONE, result={})

        await self._office.store.write(act)

    async def _close(self, case: str) -> None:
        ended = {"state": "completed", "is_open": False, "closed_at": self._office.clock.time}
        row = t.case.update().where(t.case.c.id == case).values(ended)
        await self._office.store.write(lambda tx: tx.conn.execute(row).rowcount)

    async def _answer(self, who: str, task: str, comment: str) -> None:
        given = GivenAnswer(outcome="approve", comment=comment)
        await self._office.control.tasks.answer(await self._who(who), task, given, "web")

    async def _proposal(self, other: dict[str, Any]) -> str:
        given = GivenProposal.model_validate({**FENCE, **other})
        return str((await self._office.control.voting.propose(await self._who("pia"), given)).value["id"])

    async def _payment(self) -> str:
        """One of the council has signed; two of them are needed."""
        for name in ("kofi", "lena", "abel"):
            wallet = GivenWallet(address=council.key_of(name).address)
            await self._office.control.wallets.register(await self._who("admin"), name, wallet)
        request = {"to": council.key_of("roofer").address, "amount": "2400000000000000000", "memo": "The roof"}
        start = Start(scope="deals", request=request)
        kind = "treasury-disbursement"
        done = await self._office.control.workflows.start(await self._who("ada"), kind, start)
        case = str(done.value["id"])
        await self._step(case, "treasury.prepare")
        account, to = council.key_of("treasury").address, request["to"]
        intent = Intent(chain_id=LOCAL_CHAIN, account=account, to=to, amount=request["amount"], case_id=case)
        spec = MultisigSpec(
            name="council-approval",
            title="Council approval",
            intent=intent,
            council=COUNCIL_MEMBERS,
            threshold=2,
            wallets=True,
            within=Span("7d"),
            instructions="The roof",
        )
        payment = await self._office.ask(case, spec)
        self._wait(3)
        typed = (await self._office.control.multisigs.get(await self._who("lena"), payment)).typed_data
        assert typed is not None
        given = GivenSigning(intent_hash=intent.hash, signature=council.sign("lena", typed), comment="As agreed.")
        await self._office.control.multisigs.approve(await self._who("lena"), payment, given, "web")
        return payment

    async def _votes(self, proposal: str, *votes: tuple[str, str]) -> None:
        for who, decision in votes:
            comment = "Six years is too long for me." if decision == "deny" else ""
            given = GivenVote(decision=decision, comment=comment)
            cast = await self._office.control.votes.cast_by(await self._who(who), "workflow", proposal, given)
            assert json.loads(cast)["receipt"]

    async def _refuse_mail(self) -> None:
        """One of the mails could not be delivered."""
        failed = t.message.update().where(t.message.c.id == 1)
        failed = failed.values(state="refused", error="550: mailbox unavailable", attempts=1)
        await self._office.store.write(lambda tx: tx.conn.execute(failed).rowcount)

    async def _mail(self, key: str) -> int:
        query = sa.select(t.message.c.id).where(t.message.c.key == key)
        return int(await self._office.store.read(lambda tx: tx.conn.execute(query).scalar_one()))

    async def _who(self, name: str) -> Person:
        found = await self._office.store.read(lambda tx: people.find(tx, name))
        assert found is not None
        return found

    def _wait(self, hours: int) -> None:
        self._office.clock.move(timedelta(hours=hours))
