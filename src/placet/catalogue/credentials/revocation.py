"""Revoke a credential: asked for by a coordinator or its holder, approved by another coordinator, then published."""

from placet.catalogue.credentials.model import RevocationOutcome, RevocationPolicy, RevocationRequest
from placet.connectors.credentials.port import REVOCATION, CredentialActivities
from placet.domain.people import ADMIN, COORDINATOR, Role
from placet.domain.said import later
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    REVOCATION,
    title="Credential revocation",
    subject="Revoke {badge} of {holder}",
    decides="A coordinator who neither asks for it nor holds the credential approves.",
    silence="The approval is reminded, escalates to the administrators, then the credential stays in force.",
    policy=RevocationPolicy,
)
class CredentialRevocation(Case):
    """Once it is approved, the credential fails every check that looks at the published list."""

    policy: RevocationPolicy

    async def run(self, request: RevocationRequest) -> RevocationOutcome:
        policy = self.policy
        await self.approval(
            "Revocation approval",
            by=Role(name=COORDINATOR),
            shows=request,
            within=policy.review,
            remind=policy.reminder,
            escalate=(policy.escalation, Role(name=ADMIN)),
            excluded={request.holder: later("it is yours")},
        )
        revoked = await self.step(CredentialActivities.revoke, request.order, final=True)
        return RevocationOutcome(
            status="revoked",
            credential=revoked.credential,
            status_list=revoked.status_list,
            version=revoked.version,
        )
