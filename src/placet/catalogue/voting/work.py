"""Carry out an approved proposal: each step is done, verified by a coordinator, and paid."""

from placet.catalogue.voting.model import (
    ACCEPT,
    RETURN,
    SUBMIT,
    Evidence,
    ProposedStep,
    VotingPolicy,
    WorkOrder,
    WorkOutcome,
)
from placet.connectors.works.port import Payment, WorksActivities
from placet.domain.course import Beginning, Opening
from placet.domain.funds import FundsSpec
from placet.domain.people import COORDINATOR, MEMBER, Role
from placet.domain.proposal import WorkFacts
from placet.domain.said import later
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    "proposal-work",
    title="Carrying out a proposal",
    subject="{title}",
    decides="Whoever holds the credentials of a step does it; a coordinator verifies it before its bounty is paid.",
    silence="It waits, with reminders, until each step is done; a series that lacks funds waits for a deposit.",
    policy=VotingPolicy,
    policy_name="voting",
    by_people=False,
)
class Work(Case):
    """The steps of one proposal, one after the other, paid from what its approval reserved."""

    policy: VotingPolicy

    @classmethod
    def begins(cls, opening: Opening) -> Beginning:
        order = WorkOrder.model_validate(opening.request)
        return Beginning(work=WorkFacts(proposal_id=order.proposal, slot=order.slot, number=order.number))

    async def run(self, order: WorkOrder) -> WorkOutcome:
        await self.funded(FundsSpec(proposal=order.proposal, amount=order.amount, floor=order.weekly, work=self.id))
        for number, step in enumerate(order.steps, start=1):
            person = await self.done(number, step)
            payment = Payment(proposal=order.proposal, work=self.id, person=person, amount=step.bounty, memo=step.title)
            await self.step(WorksActivities.pay, payment)
        return WorkOutcome(paid=order.amount)

    async def done(self, number: int, step: ProposedStep) -> str:
        """Who did the step, once a coordinator has accepted it."""
        needs = step.credentials or (MEMBER,)
        while True:
            submitted = await self.ask(
                f"Step {number}: {step.title}",
                to=Role(name=needs[0]),
                requires=needs,
                open_to_requester=True,
                instructions=step.description,
                outcomes=(SUBMIT,),
                form=Evidence,
                remind=self.policy.work_reminder,
            )
            doer = submitted.by[0]
            checked = await self.ask(
                f"Verify step {number}: {step.title}",
                to=Role(name=COORDINATOR),
                shows={"step": step, "done_by": doer, "evidence": submitted.data["evidence"]},
                outcomes=(ACCEPT, RETURN),
                requires=(COORDINATOR,),
                excluded={doer: later("you did it")},
                comment_on=(RETURN.name,),
                remind=self.policy.work_reminder,
            )
            if checked.favourable:
                return doer

    def summary(self, outcome: WorkOutcome) -> str:  # type: ignore[override]
        return f"{self.opening.title}: every step is done, {outcome.paid} was paid."
