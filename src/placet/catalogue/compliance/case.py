"""Look into a customer: documents, investigation and an officer's decision, in rounds within a window."""

from placet.catalogue.compliance.model import (
    APPROVE,
    DECISIONS,
    ESCALATE,
    REJECT,
    REQUEST_DOCUMENTS,
    ComplianceOutcome,
    CompliancePolicy,
    CustomerFile,
    Findings,
    MoreDocuments,
    content_of,
)
from placet.connectors.extraction.port import ExtractionActivities
from placet.connectors.screening.port import ScreeningActivities
from placet.domain.collection import again
from placet.domain.people import Role
from placet.domain.said import later
from placet.domain.task import Reason
from placet.durable.case import Case
from placet.durable.workflow import case

OFFICER = Role(name="compliance-officer")
ASKED_AGAIN, ESCALATED = later("the documents are asked for again"), later("the case is escalated")
FINAL = {APPROVE.name: "APPROVED", REJECT.name: "REJECTED", ESCALATE.name: "ESCALATED"}


@case(
    "compliance-case",
    title="Compliance case",
    subject="{name}",
    decides="A compliance officer approves, rejects, escalates, or asks for documents again.",
    silence="An incomplete round is asked for again; after the last, or when its time is over, the case is escalated.",
    policy=CompliancePolicy,
    workflow_type="ComplianceCaseWorkflow",
)
class ComplianceCase(Case):
    """Documents from the customer, screening, an officer's decision; for the officer it waits as long as it takes."""

    policy: CompliancePolicy

    async def run(self, customer: CustomerFile) -> ComplianceOutcome:
        policy, wanted = self.policy, customer.documents
        for number in range(1, policy.rounds + 1):
            self.show(status="AWAITING_DOCUMENTS", round=number)
            collected = await self.collect(
                "Documents",
                of=customer.contact,
                documents=wanted,
                round=number,
                within=policy.submission,
                lapse=ASKED_AGAIN if number < policy.rounds else ESCALATED,
                window=policy.window,
                window_lapse=ESCALATED,
                remind=policy.reminder,
                signal="documents_submitted",
            )
            if collected.window_over:
                return self.escalated(number, "The window of the case is over.")
            if not collected.complete:
                continue

            self.show(status="INVESTIGATING")
            here = [document for document in collected.documents if document.round == number]
            texts = [await self.step(ExtractionActivities.text, content_of(document)) for document in here]
            screening = await self.step(ScreeningActivities.investigate, customer.subject)

            self.show(status="AWAITING_OFFICER")
            decision = await self.ask(
                "Officer decision",
                to=OFFICER,
                outcomes=DECISIONS,
                window=policy.window,
                window_lapse=ESCALATED,
                shows=Findings(round=number, documents=tuple(texts), screening=screening),
                form=MoreDocuments,
                form_on=(REQUEST_DOCUMENTS.name,),
                comment_on=(REJECT.name, ESCALATE.name),
                signal="officer_decision",
            )
            if decision.reason is Reason.WINDOW:
                return self.escalated(number, "The window of the case is over.")
            if decision.outcome in FINAL:
                return self.ended(FINAL[decision.outcome], number, decision.comment, decision.by[0])
            wanted = again(wanted, decision.data["documents"])
        return self.escalated(policy.rounds, "The last round was still incomplete.")

    def escalated(self, rounds: int, reason: str) -> ComplianceOutcome:
        return self.ended("ESCALATED", rounds, reason, None)

    def ended(self, status: str, rounds: int, reason: str, officer: str | None) -> ComplianceOutcome:
        self.show(status=status)
        told = {"status": status, "rounds": rounds, "reason": reason, "officer": officer}
        return ComplianceOutcome.model_validate(told)

    def summary(self, outcome: ComplianceOutcome) -> str:  # type: ignore[override]
        why = f": {outcome.reason}" if outcome.reason else ""
        return f"{self.opening.title}: {outcome.status} after {outcome.rounds} rounds{why}"
