"""Pay from the treasury: enough of the council approve one exact payment, it is made once, and its receipt is kept."""

from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS, DisbursementOutcome, DisbursementPolicy
from placet.connectors.treasury.port import TreasuryActivities
from placet.domain.disbursement import Disbursement
from placet.domain.payment import TransferRequest
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    "treasury-disbursement",
    title="Treasury disbursement",
    subject="{memo}",
    decides="So many members of the council as the policy says approve one exact payment; whoever asked never does.",
    silence="The council is reminded; without enough approvals in time it is refused, and nothing is paid.",
    policy=DisbursementPolicy,
)
class TreasuryDisbursement(Case):
    """Nothing is promised before the council has approved; from the payment on there is no way back."""

    policy: DisbursementPolicy

    async def run(self, wanted: Disbursement) -> DisbursementOutcome:
        policy = self.policy
        transfer = TransferRequest(
            to=wanted.to, token=wanted.token, amount=wanted.amount, data=wanted.data, case=self.id
        )
        prepared = await self.step(TreasuryActivities.prepare, transfer)
        intent = prepared.intent
        approved = await self.multisig(
            "Council approval",
            intent=intent,
            balance=prepared.balance,
            council=COUNCIL_MEMBERS,
            threshold=wanted.threshold or policy.threshold,
            ordered=policy.ordered,
            # The owners of a Safe sign its own transaction; without their signatures it moves nothing.
            wallets=policy.wallets or intent.safe_nonce is not None,
            within=policy.approval,
            remind=policy.reminder,
            instructions=wanted.memo,
        )
        paid = await self.step(TreasuryActivities.pay, approved.data["decision"], final=True)
        receipt = await self.step(TreasuryActivities.receipt, paid, patient=policy.finality)
        return DisbursementOutcome(
            to=intent.to, token=intent.token, amount=intent.amount, approved_by=approved.by, receipt=receipt
        )

    def summary(self, outcome: DisbursementOutcome) -> str:  # type: ignore[override]
        receipt = outcome.receipt
        return f"{self.opening.title}: paid in block {receipt.block_number}, transaction {receipt.tx_hash}."
