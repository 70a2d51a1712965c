"""Pay somebody out of the treasury: prepare, have it approved, pay, wait for the receipt."""

from placet.connectors.treasury.port import TreasuryActivities
from placet.domain.model import Durable
from placet.domain.payment import ReceiptFacts, TransferRequest
from placet.domain.people import Role
from placet.domain.span import Span
from placet.durable.case import Case
from placet.durable.workflow import case


class Wish(Durable):
    to: str
    amount: str


class Outcome(Durable):
    receipt: ReceiptFacts


@case(
    "transfer",
    title="Transfer",
    subject="{amount} to {to}",
    decides="The council.",
    silence="Nothing is paid.",
)
class Transfer(Case):
    """The council closes its decision before it says that it has."""

    async def run(self, wish: Wish) -> Outcome:
        wanted = TransferRequest(to=wish.to, amount=wish.amount, case=self.id)
        intent = await self.step(TreasuryActivities.prepare, wanted)
        await self.approval("Council", by=Role(name="council"), within=Span("30d"), shows=intent)
        paid = await self.step(TreasuryActivities.pay, f"{self.id}.council-signs.1", final=True)
        facts = await self.step(TreasuryActivities.receipt, paid, patient=Span("1d"))
        return Outcome(receipt=facts)
