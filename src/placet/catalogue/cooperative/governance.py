"""Propose an act of the cooperative: it is discussed, voted on, and carried out by a case of its own."""

from placet.catalogue.cooperative.execution import DecisionExecution
from placet.catalogue.cooperative.governance_model import (
    VOTE,
    WITHDRAW,
    ExecutionOrder,
    Governance,
    GovernanceOutcome,
    GovernancePolicy,
)
from placet.catalogue.voting.model import VOTERS, vote_on
from placet.domain.ballot import EXPIRED
from placet.domain.course import Beginning, Opening
from placet.domain.people import Named
from placet.domain.proposal import ProposalFacts
from placet.domain.said import later
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    "governance-proposal",
    title="Governance proposal",
    subject="{title}",
    decides="Everybody with the role voter decides, after the discussion; the proposer never votes.",
    silence="The vote opens when the discussion ends; without quorum it expires.",
    policy=GovernancePolicy,
    starters=("proposer",),
    children=("decision-execution",),
)
class GovernanceProposal(Case):
    """Discussion, vote, tally; an approval is carried out with checks of its own. Nobody can shorten the discussion."""

    policy: GovernancePolicy

    @classmethod
    def begins(cls, opening: Opening) -> Beginning:
        proposed = Governance.model_validate(opening.request)
        facts = ProposalFacts(
            kind="governance",
            title=proposed.title,
            description=proposed.description,
            target_kind=proposed.action.kind,
        )
        return Beginning(proposal=facts)

    async def run(self, proposed: Governance) -> GovernanceOutcome:
        discussion = await self.ask(
            "Discussion",
            to=Named(person=self.requester),
            open_to_requester=True,
            instructions="Until the vote opens you can withdraw the proposal. Everybody who sees it can comment on it.",
            outcomes=(WITHDRAW, VOTE),
            silence=VOTE.name,
            lapse=later("the vote opens"),
            within=self.policy.discussion,
            shows=proposed,
            seen_by=(VOTERS,),
        )
        if discussion.outcome == WITHDRAW.name:
            return GovernanceOutcome(status="withdrawn", reason=discussion.comment or "Its proposer withdrew it.")
        vote = await self.ballot(vote_on(self.opening, proposed))
        if vote.outcome == EXPIRED:
            return GovernanceOutcome(status="expired", reason="Too few people voted in time.")
        if not vote.favourable:
            return GovernanceOutcome(status="rejected", reason="The voters rejected it.")
        order = ExecutionOrder(proposal=self.id, title=proposed.title, action=proposed.action)
        done = await self.child(DecisionExecution, order, "Execution")
        ended = done.data["outcome"].get("status") if done.favourable else done.outcome
        return GovernanceOutcome(status="approved", execution=ended, reason=done.comment)

    def summary(self, outcome: GovernanceOutcome) -> str:  # type: ignore[override]
        """The ballot has told everybody about the vote; this is about the act."""
        if outcome.execution == "none":
            return ""
        return f"{self.opening.title}: approved; its execution: {outcome.execution}. {outcome.reason}".strip()
