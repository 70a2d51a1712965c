"""The table of contents: one line a workflow."""

from placet.catalogue.compliance.case import ComplianceCase
from placet.catalogue.partners.approval import PartnerApproval
from placet.durable.workflow import Entry, entry_of

CATALOGUE: tuple[Entry, ...] = (entry_of(PartnerApproval), entry_of(ComplianceCase))
