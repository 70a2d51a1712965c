"""Change the state of a project or a membership: rules, authority, change, notification."""

from placet.catalogue.cooperative.lifecycle_model import LifecyclePolicy, StateOutcome, StateRequest
from placet.connectors.lifecycle.port import LifecycleActivities
from placet.connectors.mail.port import MailActivities
from placet.connectors.membership.port import MembershipActivities
from placet.domain.lifecycle import ResourceKind, not_allowed, transition
from placet.domain.membership import ContactsOf
from placet.domain.people import COORDINATOR, COUNCIL, MEMBER, Role
from placet.domain.said import later
from placet.durable.case import Case
from placet.durable.endings import Overtaken
from placet.durable.workflow import case


@case(
    "lifecycle-transition",
    title="Lifecycle transition",
    subject="{title}: {was} to {becomes}",
    decides="A coordinator of the scope authorises it; only the council archives.",
    silence="The council is asked as well; if it keeps silent too, the change is refused, and nothing changes.",
    policy=LifecyclePolicy,
    starters=(MEMBER, COORDINATOR),
)
class LifecycleTransition(Case):
    """What the rules allow, once it is authorised; checked again at the moment of the change."""

    policy: LifecyclePolicy

    async def run(self, request: StateRequest) -> StateOutcome:
        order, scope = request.order, self.opening.scope
        rule = transition(order.kind, order.was, order.becomes)
        if rule is None:
            raise Overtaken(not_allowed(order.kind, order.was, order.becomes))
        await self.checked(request)
        await self.approval(
            "Authorisation",
            by=Role(name=rule.authority),
            shows=request,
            # Nobody decides about themselves.
            excluded={order.id: later("it is about you")} if order.kind is ResourceKind.MEMBER else None,
            within=self.policy.authorisation,
            remind=self.policy.reminder,
            # Where the council decides, there is nobody else to ask.
            escalate=None if rule.authority == COUNCIL else (self.policy.escalation, Role(name=COUNCIL)),
        )
        await self.checked(request)
        changed = await self.step(LifecycleActivities.change, order, undo=LifecycleActivities.restore)
        if changed.result == "refused":
            raise Overtaken(changed.why)
        if (role := order.role(scope)) is not None:
            given = await self.step(MembershipActivities.set_role, role, undo=MembershipActivities.restore_role)
            if given.result == "refused":
                raise Overtaken(given.why)
        person = order.id if order.kind is ResourceKind.MEMBER else None
        wanted = ContactsOf(role=COORDINATOR, scope=scope, person=person)
        told = await self.step(MembershipActivities.contacts, wanted)
        for contact in told:
            await self.step(MailActivities.send, request.letter(contact), undo=MailActivities.retract)
        return StateOutcome(state=order.becomes, told=len(told))

    async def checked(self, request: StateRequest) -> None:
        """The rules that no authority can lift."""
        found = await self.step(LifecycleActivities.check, request.order)
        if found.against:
            raise Overtaken(" ".join(found.against))
