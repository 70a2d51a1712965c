"""Take a member in: identity, provisional membership, welcome, introduction, active membership."""

from placet.catalogue.cooperative.letters import introduction, welcome
from placet.catalogue.cooperative.onboarding_model import (
    CONFIRMATION,
    MEETING,
    Application,
    By,
    OnboardingOutcome,
    OnboardingPolicy,
)
from placet.connectors.mail.port import MailActivities
from placet.connectors.membership.port import MembershipActivities as Membership
from placet.connectors.screening.port import ScreeningActivities
from placet.domain.membership import ContactsOf, RoleOrder
from placet.domain.people import COORDINATOR, COUNCIL, MEMBER, Role
from placet.durable.case import Case
from placet.durable.endings import Overtaken, Refused
from placet.durable.workflow import case


@case(
    "member-onboarding",
    title="Member onboarding",
    subject="{name}",
    decides="The applicant confirms; a coordinator verifies the identity and introduces, or the policy automates it.",
    silence="A coordinator who does not answer is escalated over to the council; then everything is taken back.",
    policy=OnboardingPolicy,
    starters=(MEMBER, COORDINATOR),
)
class MemberOnboarding(Case):
    """From application to active member; refusal or silence at any stage takes everything back."""

    policy: OnboardingPolicy

    async def run(self, application: Application) -> OnboardingOutcome:
        scope, policy = self.opening.scope, self.policy
        confirmed = await self.ask(
            "Confirm your application",
            to=application.applicant,
            outcomes=CONFIRMATION,
            within=policy.applicant_answer,
            remind=policy.reminder,
            shows=application,
        )
        if not confirmed.favourable:
            raise Refused("Application", confirmed)
        identity = await self.identified(application)
        await self.step(Membership.enter, application.member, undo=Membership.leave)
        await self.role(application.provisional(scope))
        await self.step(MailActivities.send, welcome(application, scope), undo=MailActivities.retract)
        introduced = await self.introduced(application)
        await self.role(application.full(scope))
        await self.role(application.provisional(scope, "revoke"))
        return OnboardingOutcome(person_id=application.person_id, identity=identity, introduction=introduced)

    async def identified(self, application: Application) -> By:
        """Who verified the identity; what screening finds is put to people."""
        report = None
        if self.policy.identity == "automated":
            report = await self.step(ScreeningActivities.investigate, application.subject)
            if not report.hits:
                return "automated"
        await self.approval(
            "Identity verification",
            by=Role(name=COORDINATOR),
            shows={"application": application, "screening": report},
            within=self.policy.answer,
            remind=self.policy.reminder,
            escalate=(self.policy.escalation, Role(name=COUNCIL)),
        )
        return "human"

    async def introduced(self, application: Application) -> By:
        """Who introduced the applicant; where nobody coordinates there is nobody to write to, so people are asked."""
        if self.policy.introduction == "automated":
            wanted = ContactsOf(role=COORDINATOR, scope=self.opening.scope, most=1)
            known = await self.step(Membership.contacts, wanted)
            for letter in introduction(application, known[0], wanted.scope) if known else ():
                await self.step(MailActivities.send, letter, undo=MailActivities.retract)
            if known:
                return "automated"
        met = await self.ask(
            "Introduction",
            to=Role(name=COORDINATOR),
            outcomes=MEETING,
            comment_on=(MEETING[1].name,),
            shows=application,
            within=self.policy.answer,
            remind=self.policy.reminder,
            escalate=(self.policy.escalation, Role(name=COUNCIL)),
        )
        if not met.favourable:
            raise Refused("Introduction", met)
        return "human"

    async def role(self, order: RoleOrder) -> None:
        changed = await self.step(Membership.set_role, order, undo=Membership.restore_role)
        if changed.result == "refused":
            raise Overtaken(changed.why)
