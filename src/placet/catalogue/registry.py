"""The table of contents: one line a workflow."""

from placet.catalogue.compliance.case import ComplianceCase
from placet.catalogue.cooperative.disbursement import TreasuryDisbursement
from placet.catalogue.cooperative.execution import DecisionExecution
from placet.catalogue.cooperative.governance import GovernanceProposal
from placet.catalogue.cooperative.lifecycle import LifecycleTransition
from placet.catalogue.cooperative.onboarding import MemberOnboarding
from placet.catalogue.credentials.issuance import CredentialIssuance
from placet.catalogue.credentials.revocation import CredentialRevocation
from placet.catalogue.partners.approval import PartnerApproval
from placet.catalogue.voting.deletion import DeletionProposal
from placet.catalogue.voting.proposal import Proposal
from placet.catalogue.voting.work import Work
from placet.durable.workflow import Entry, entry_of

CATALOGUE: tuple[Entry, ...] = (
    entry_of(PartnerApproval),
    entry_of(ComplianceCase),
    entry_of(Proposal),
    entry_of(DeletionProposal),
    entry_of(Work),
    entry_of(CredentialIssuance),
    entry_of(CredentialRevocation),
    entry_of(MemberOnboarding),
    entry_of(GovernanceProposal),
    entry_of(DecisionExecution),
    entry_of(TreasuryDisbursement),
    entry_of(LifecycleTransition),
)
