"""A treasury that pays once the council agrees, and the execution of decisions that uses it."""

from typing import Literal

from placet.catalogue.cooperative.execution import DecisionExecution
from placet.domain.disbursement import Disbursement
from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.durable.case import Case
from placet.durable.workflow import case


class Paid(Durable):
    status: Literal["paid"] = "paid"
    amount: str


@case(
    "treasury-disbursement",
    title="Treasury disbursement",
    subject="Pay {amount} to {to}",
    decides="The council.",
    silence="It is refused.",
    by_people=False,
)
class SamplePayment(Case):
    """Paid once a member of the council approves."""

    async def run(self, payment: Disbursement) -> Paid:
        await self.approval("Pay", by=Role(name="council"), shows=payment, within=Span("7d"))
        return Paid(amount=payment.amount)


@case(
    "decision-execution",
    title="Carrying out a decision",
    subject="Carry out: {title}",
    decides="Nobody.",
    silence="It waits.",
    by_people=False,
    children=("treasury-disbursement",),
)
class SampleExecution(DecisionExecution):
    """With a treasury."""

    disbursement = SamplePayment
