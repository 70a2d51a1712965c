"""The case that is measured: one approval with a deadline."""

from pydantic import Field

from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span
from placet.durable.case import Case
from placet.durable.workflow import case

KIND = "one-approval"
TASK = "approve-it"


class Paper(Durable):
    title: str = Field(min_length=1, max_length=80)
    cents: int = Field(gt=0)


class Approved(Durable):
    by: str


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
