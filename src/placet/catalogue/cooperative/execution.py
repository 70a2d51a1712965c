"""Carry out what the voters have approved, if the world is still as they saw it."""

from placet.catalogue.cooperative.disbursement import TreasuryDisbursement
from placet.catalogue.cooperative.governance_model import (
    ExecutionOrder,
    ExecutionOutcome,
    PolicyUpdate,
    RoleChange,
    TreasuryTransfer,
)
from placet.connectors.membership.port import MembershipActivities
from placet.connectors.policies.port import PolicyActivities
from placet.domain.disbursement import Disbursement
from placet.domain.membership import RoleOrder
from placet.domain.policy import PolicyOrder
from placet.durable.case import Case
from placet.durable.endings import Overtaken, Refused
from placet.durable.workflow import case


@case(
    "decision-execution",
    title="Carrying out a decision",
    subject="Carry out: {title}",
    decides="Nobody decides again; a payment still takes the signatures of the council.",
    silence="A step that fails is put to the coordinators; without enough signatures in time a payment is refused.",
    by_people=False,
    children=("treasury-disbursement",),
)
class DecisionExecution(Case):
    """One approved act, checked once more at the moment of its execution, and refused visibly if it no longer fits."""

    async def run(self, order: ExecutionOrder) -> ExecutionOutcome:
        match order.action:
            case TreasuryTransfer() as transfer:
                return await self.paid(order, transfer)
            case RoleChange() as wanted:
                role = RoleOrder.model_validate(wanted.model_dump())
                changed = await self.step(MembershipActivities.set_role, role, undo=MembershipActivities.restore_role)
                if changed.result == "refused":
                    raise Overtaken(changed.why)
                return ExecutionOutcome(status=changed.result)
            case PolicyUpdate() as update:
                policy = PolicyOrder.model_validate(update.model_dump())
                version = await self.step(PolicyActivities.change, policy, undo=PolicyActivities.restore)
                if version.result != "done":
                    raise Overtaken(f"The policy {update.policy} was not changed: {version.why}")
                return ExecutionOutcome(status="done", reason=f"Version {version.version} is in force.")

    async def paid(self, order: ExecutionOrder, transfer: TreasuryTransfer) -> ExecutionOutcome:
        payment = Disbursement(to=transfer.to, token=transfer.token, amount=transfer.amount, memo=transfer.memo)
        verdict = await self.child(TreasuryDisbursement, payment, "Treasury disbursement")
        if not verdict.favourable:
            raise Refused("Treasury disbursement", verdict)
        return ExecutionOutcome(status="done", reason=f"Paid by {verdict.data['case']}.")
