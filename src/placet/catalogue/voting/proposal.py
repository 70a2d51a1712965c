"""Propose a workflow: its voters decide, the faucet funds it, and then it is carried out."""

from placet.catalogue.voting.model import ProposalOutcome, Proposed, VotingPolicy, funds_for, vote_on
from placet.connectors.works.port import WorksActivities
from placet.domain.ballot import EXPIRED
from placet.domain.course import Beginning, Opening
from placet.domain.proposal import ProposalFacts, Recurrence
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    "proposal",
    title="Workflow proposal",
    subject="{title}",
    decides="Everybody with the role voter decides; the proposer never votes. Half of the voters are a quorum.",
    silence="Without quorum it expires; with it, the votes count at the end of the countdown.",
    policy=VotingPolicy,
    policy_name="voting",
    starters=("proposer",),
)
class Proposal(Case):
    """A vote with quorum, countdown and early decision; an approval reserves a week of bounties, or waits for funds."""

    policy: VotingPolicy

    @classmethod
    def begins(cls, opening: Opening) -> Beginning:
        proposed = Proposed.model_validate(opening.request)
        recurring = proposed.recurrence is not Recurrence.ONE_TIME
        facts = ProposalFacts(
            title=proposed.title,
            description=proposed.description,
            steps=tuple(step.model_dump(mode="json") for step in proposed.steps),
            recurrence=proposed.recurrence,
            weekly_requirement=proposed.weekly,
            instance_requirement=proposed.instance,
            series_id=f"series-{opening.case_id}" if recurring else None,
        )
        return Beginning(ballot=vote_on(opening, proposed, funds_for(opening, proposed)), proposal=facts)

    async def run(self, proposed: Proposed) -> ProposalOutcome:
        funds = funds_for(self.opening, proposed)
        vote = await self.ballot(vote_on(self.opening, proposed, funds))
        if vote.outcome == EXPIRED:
            return ProposalOutcome(status="expired", reason="Too few people voted in time.")
        if not vote.favourable:
            return ProposalOutcome(status="rejected", reason="The voters rejected it.")
        if not await self.funded(funds):
            return ProposalOutcome(status="expired", reason="It was approved, but no funds became free in time.")
        await self.step(WorksActivities.begin, self.id, final=True)
        return ProposalOutcome(status="approved")

    def summary(self, outcome: ProposalOutcome) -> str:  # type: ignore[override]
        """Voters and proposer have been told by the ballot."""
        return ""
