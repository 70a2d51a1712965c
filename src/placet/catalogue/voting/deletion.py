"""Propose that a workflow, or a whole series, be deleted: the same vote, and then it stops."""

from placet.catalogue.voting.model import Deletion, DeletionOutcome, VotingPolicy, vote_on
from placet.connectors.works.port import WorksActivities
from placet.domain.ballot import EXPIRED
from placet.domain.course import Beginning, Opening
from placet.domain.proposal import ProposalFacts
from placet.durable.case import Case
from placet.durable.workflow import case


@case(
    "deletion-proposal",
    title="Deletion proposal",
    subject="Delete: {title}",
    decides="Everybody with the role voter decides, by the same rules as for a proposal.",
    silence="Without quorum it expires; with it, the votes count at the end of the countdown.",
    policy=VotingPolicy,
    policy_name="voting",
    starters=("proposer", "voter"),
)
class DeletionProposal(Case):
    """A vote on ending something; approved, a series' schedule stops before anything else does."""

    policy: VotingPolicy

    @classmethod
    def begins(cls, opening: Opening) -> Beginning:
        deletion = Deletion.model_validate(opening.request)
        facts = ProposalFacts(
            kind="deletion",
            title=opening.title,
            description=deletion.reason,
            target_kind=deletion.target_kind,
            target_id=deletion.target_id,
        )
        return Beginning(ballot=vote_on(opening, deletion), proposal=facts)

    async def run(self, deletion: Deletion) -> DeletionOutcome:
        vote = await self.ballot(vote_on(self.opening, deletion))
        if vote.outcome == EXPIRED:
            return DeletionOutcome(status="expired", reason="Too few people voted in time.")
        if not vote.favourable:
            return DeletionOutcome(status="rejected", reason="The voters rejected it.")
        await self.step(WorksActivities.stop_schedule, deletion.target_id, final=True)
        deleted = await self.step(WorksActivities.delete, deletion.target_id, final=True)
        return DeletionOutcome(status="deleted" if deleted else "moot")

    def summary(self, outcome: DeletionOutcome) -> str:  # type: ignore[override]
        """Voters and proposer have been told by the ballot."""
        return ""
