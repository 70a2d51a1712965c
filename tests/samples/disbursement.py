"""Pay somebody once a council has approved exactly that. The bank is a list of what was paid, by key."""

from pydantic import Field
from temporalio import activity

from placet.domain.intent import ADDRESS, Intent
from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.step import Step
from placet.domain.task import Verdict
from placet.durable.case import Case
from placet.durable.workflow import case

ACCOUNT = "0x" + "a" * 40


class Disbursement(Durable):
    to: str = Field(pattern=ADDRESS)
    amount: str
    payee: str = ""


class Paid(Durable):
    status: str
    approved_by: tuple[str, ...]


class DisbursementPolicy(Durable):
    window: Span = Span("5d")
    reminder: Span = Span("2d")
    threshold: int = 2
    ordered: bool = False
    wallets: bool = False


class Bank:
    def __init__(self) -> None:
        self.paid: list[tuple[str, str, str]] = []

    @activity.defn(name="bank.pay")
    async def pay(self, step: Step, approved: Verdict) -> str:
        intent = Intent.model_validate(approved.data["intent"])
        if (found := (step.key, intent.to, intent.amount)) not in self.paid:
            self.paid.append(found)
        return approved.data["intent_hash"]


@case(
    "disbursement",
    title="Disbursement",
    subject="Pay {amount}",
    decides="So many of the treasurers approve as the policy says.",
    silence="Nothing is paid.",
    policy=DisbursementPolicy,
)
class Disburse(Case):
    policy: DisbursementPolicy

    async def run(self, request: Disbursement) -> Paid:
        policy = self.policy
        verdict = await self.multisig(
            "Pay it?",
            intent=Intent(chain_id=31337, account=ACCOUNT, to=request.to, amount=request.amount, case_id=self.id),
            council=Role(name="treasurer"),
            threshold=policy.threshold,
            ordered=policy.ordered,
            wallets=policy.wallets,
            within=policy.window,
            remind=policy.reminder,
            excluded={request.payee: "you would be paid"} if request.payee else {},
        )
        await self.step(Bank.pay, verdict, final=True)
        return Paid(status="paid", approved_by=verdict.by)
