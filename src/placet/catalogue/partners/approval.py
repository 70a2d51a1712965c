"""Approve a new partner: reviews around terms that are negotiated, and taken back if anyone refuses."""

from placet.catalogue.partners.model import CounterOffer, PartnerApplication, PartnerOutcome, PartnerPolicy, countered
from placet.connectors.crm.port import CrmActivities, PartnerStatus
from placet.connectors.drafting.port import DraftingActivities
from placet.connectors.mail.port import MailActivities
from placet.connectors.scoring.port import ScoringActivities
from placet.domain.people import Role
from placet.domain.task import Outcome
from placet.durable.case import Case
from placet.durable.endings import Refused
from placet.durable.workflow import case

MANAGER, LEGAL, EXECUTIVE = Role(name="partner-manager"), Role(name="legal"), Role(name="executive")

ACCEPT = Outcome(name="accept", label="Accept these terms")
COUNTER = Outcome(name="counter", label="Ask for other terms")
DECLINE = Outcome(name="decline", label="Decline", favourable=False)


@case(
    "partner-approval",
    title="Partner approval",
    subject="{name}",
    decides="A partner manager, legal and an executive must each approve; the partner accepts, counters or declines.",
    silence="Reviews are reminded, escalate to the executives, then are refused; so is the partner's silence.",
    policy=PartnerPolicy,
)
class PartnerApproval(Case):
    """From application to active partner; refusal, silence or cancelling at any stage takes everything back."""

    policy: PartnerPolicy

    async def run(self, partner: PartnerApplication) -> PartnerOutcome:
        fit = await self.step(ScoringActivities.partner_fit, partner.facts)
        entered = partner.standing(PartnerStatus.IN_APPROVAL)
        await self.step(CrmActivities.set_status, entered, undo=CrmActivities.restore_status)
        await self.step(MailActivities.send, partner.greeting(), undo=MailActivities.retract)
        policy = self.policy
        last_resort = (policy.escalation, EXECUTIVE)

        await self.approval(
            "Manager approval",
            by=MANAGER,
            shows={"partner": partner, "fit": fit},
            within=policy.manager_review,
            remind=policy.reminder,
            escalate=last_resort,
        )
        terms = partner.terms
        for version in range(1, policy.negotiation_rounds + 1):
            more = version < policy.negotiation_rounds
            draft = partner.sheet(terms, version, self.today)
            sheet = await self.step(DraftingActivities.term_sheet, draft, undo=DraftingActivities.retract_term_sheet)
            offered = {"terms": terms, "term_sheet": sheet}
            await self.approval(
                "Legal review",
                by=LEGAL,
                shows=offered,
                within=policy.legal_review,
                remind=policy.reminder,
                escalate=last_resort,
            )
            await self.step(MailActivities.send, partner.offer(sheet, terms), undo=MailActivities.retract)
            answer = await self.ask(
                "Negotiation",
                to=partner.contact,
                outcomes=(ACCEPT, COUNTER, DECLINE) if more else (ACCEPT, DECLINE),
                within=policy.partner_answer,
                shows=offered,
                form=CounterOffer if more else None,
                form_on=(COUNTER.name,) if more else (),
            )
            if answer.outcome == ACCEPT.name:
                break
            if answer.outcome != COUNTER.name:
                raise Refused("Negotiation", answer)
            terms = countered(terms, answer.data)

        await self.approval(
            "Executive approval",
            by=EXECUTIVE,
            shows={"fit": fit, **offered},
            within=policy.executive_review,
            remind=policy.reminder,
        )
        active = partner.standing(PartnerStatus.ACTIVE)
        await self.step(CrmActivities.set_status, active, undo=CrmActivities.restore_status)
        await self.step(MailActivities.send, partner.welcome())
        return PartnerOutcome(
            status="activated",
            partner_id=partner.partner_id,
            term_sheet=sheet.hash,
            version=sheet.version,
            score=fit.score,
        )
