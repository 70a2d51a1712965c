"""Issue a credential for a badge: cost, approval of the exact order, signature, publication, delivery."""

from placet.catalogue.credentials.model import BadgeRequest, IssuanceOutcome, IssuancePolicy, TooCostly
from placet.connectors.credentials.port import ISSUANCE, CredentialActivities, SignOrder, approval_of
from placet.connectors.delivery.port import NOT_DELIVERED, DeliveryActivities
from placet.domain.people import ADMIN, COORDINATOR, Role
from placet.domain.said import later
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    ISSUANCE,
    title="Credential issuance",
    subject="{badge} for {holder}",
    decides="A coordinator who neither asks for the badge nor gets it approves the exact order.",
    silence="The approval is reminded, escalates to the administrators, then the request is refused.",
    policy=IssuancePolicy,
)
class CredentialIssuance(Case):
    """From the request for a badge to a signed credential in its holder's wallet."""

    policy: IssuancePolicy

    async def run(self, request: BadgeRequest) -> IssuanceOutcome:
        policy = self.policy
        badge = await self.step(CredentialActivities.verify_cost, request.badge)
        if badge.cost > policy.max_cost:
            raise TooCostly(badge, policy.max_cost)
        order = await self.step(CredentialActivities.draw_up, request.wish, undo=CredentialActivities.withdraw)
        await self.approval(
            "Badge approval",
            by=Role(name=COORDINATOR),
            shows=order,
            instructions=policy.advice(badge, request),
            within=policy.review,
            remind=policy.reminder,
            escalate=(policy.escalation, Role(name=ADMIN)),
            excluded={request.holder: later("it is for you")},
        )
        await self.step(CredentialActivities.sign, SignOrder(decision=approval_of(self.id), order=order))
        issued = await self.step(CredentialActivities.issue, order.id, undo=CredentialActivities.take_back)
        delivered = await self.step(DeliveryActivities.deliver, order.id, instead=NOT_DELIVERED)
        return IssuanceOutcome(
            status="issued",
            credential=issued.credential,
            badge=badge.id,
            holder=request.holder,
            valid_until=issued.valid_until,
            delivery=delivered.way,
        )
