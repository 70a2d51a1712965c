"""Buy something: reserve the money, have it approved, order it. Small, and with every primitive in it."""

from pydantic import Field
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.step import Step
from placet.durable.case import Case
from placet.durable.workflow import case


class PurchaseRequest(Durable):
    item: str = Field(min_length=1, max_length=80)
    cents: int = Field(gt=0)


class PurchaseOutcome(Durable):
    status: str
    order: str


class PurchasePolicy(Durable):
    review: Span = Span("3d")
    reminder: Span = Span("1d")
    escalation: Span = Span("2d")


class Shop:
    """A shop and a purse that remember every effect by its key, and fail when told to."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.broken: set[str] = set()

    def _do(self, what: str, key: str) -> None:
        if what in self.broken:
            raise ApplicationError(f"{what} is broken", type="broken", non_retryable=True)
        if f"{what}:{key}" not in self.effects:
            self.effects.append(f"{what}:{key}")

    @activity.defn(name="purse.reserve")
    async def reserve(self, step: Step, request: PurchaseRequest) -> int:
        self._do("reserve", step.key)
        return request.cents

    @activity.defn(name="purse.release")
    async def release(self, step: Step, request: PurchaseRequest) -> None:
        self._do("release", step.undone_key)

    @activity.defn(name="shop.order")
    async def order(self, step: Step, request: PurchaseRequest) -> str:
        self._do("order", step.key)
        return f"order of {request.item}"

    @activity.defn(name="shop.cancel")
    async def cancel(self, step: Step, request: PurchaseRequest) -> None:
        self._do("cancel", step.undone_key)

    @activity.defn(name="shop.gift-wrap")
    async def gift_wrap(self, step: Step, request: PurchaseRequest) -> str:
        self._do("wrap", step.key)
        return "wrapped"

    @activity.defn(name="shop.pay")
    async def pay(self, step: Step, request: PurchaseRequest) -> str:
        self._do("pay", step.key)
        return "paid"

    @property
    def activities(self) -> list:
        return [self.reserve, self.release, self.order, self.cancel, self.gift_wrap, self.pay]


@case(
    "purchase",
    title="Purchase",
    subject="{item}",
    decides="A buyer approves.",
    silence="After two days the head is asked as well; after three the purchase is refused.",
    policy=PurchasePolicy,
)
class Purchase(Case):
    policy: PurchasePolicy

    async def run(self, request: PurchaseRequest) -> PurchaseOutcome:
        await self.step(Shop.reserve, request, undo=Shop.release)
        await self.approval(
            "Buy it?",
            by=Role(name="buyer"),
            shows=request,
            within=self.policy.review,
            remind=self.policy.reminder,
            escalate=(self.policy.escalation, Role(name="head")),
        )
        order = await self.step(Shop.order, request, undo=Shop.cancel)
        await self.step(Shop.gift_wrap, request, instead="unwrapped")
        await self.approval("Pay it?", by=Role(name="buyer"), within=self.policy.review)
        await self.step(Shop.pay, request, final=True)
        await workflow.sleep(0)
        return PurchaseOutcome(status="bought", order=order)
