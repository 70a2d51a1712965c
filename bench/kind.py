"""The case that is measured: one approval with a deadline."""

from bench.model import Approved, Paper
from placet.domain.people import Role
from placet.domain.span import Span
from placet.durable.case import Case
from placet.durable.workflow import case

KIND = "one-approval"
TASK = "approve-it"


@case(
    KIND,
    title="One approval",
    subject="{title}",
    decides="An approver decides.",
    silence="After three days it is refused.",
)
class OneApproval(Case):
    """One approval, and nothing else."""

    async def run(self, paper: Paper) -> Approved:
        verdict = await self.approval("Approve it", by=Role(name="approver"), shows=paper, within=Span("3d"))
        return Approved(by=verdict.by[0])
