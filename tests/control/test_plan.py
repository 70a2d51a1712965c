"""What lies ahead of a case is read from the story of its workflow, and only what is not behind it is shown."""

import pytest

from placet.catalogue.partners.approval import PartnerApproval
from placet.catalogue.registry import CATALOGUE
from placet.catalogue.voting.proposal import Proposal
from placet.control.plan import plan
from placet.web.course import _reached


def test_the_stops_of_a_story_come_in_its_order() -> None:
    assert [(stop.form, stop.title) for stop in plan(PartnerApproval.run)] == [
        ("step", "Partner fit"),
        ("step", "Set status"),
        ("step", "Send"),
        ("task", "Manager approval"),
        ("step", "Term sheet"),
        ("task", "Legal review"),
        ("step", "Send"),
        ("task", "Negotiation"),
        ("task", "Executive approval"),
        ("step", "Set status"),
        ("step", "Send"),
    ]
    assert [stop.form for stop in plan(Proposal.run)] == ["ballot", "funds", "step"]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.kind)
def test_every_workflow_has_a_plan(entry) -> None:
    assert plan(entry.workflow.run)


def test_a_story_without_source_has_none() -> None:
    assert plan(len) == ()


@pytest.mark.parametrize(
    ("been", "ahead"),
    [
        ([], 0),
        (["scoring.partner-fit"], 1),
        (["scoring.partner-fit", "crm.set-status", "mail.send", "manager-approval"], 4),
        # A second round of negotiation goes back to the term sheet.
        (["manager-approval", "drafting.term-sheet", "legal-review", "mail.send", "negotiation"], 8),
        (["drafting.term-sheet", "legal-review", "negotiation", "drafting.term-sheet"], 5),
        (["something-else"], 0),
    ],
)
def test_what_lies_behind_is_told_by_what_there_was(been: list[str], ahead: int) -> None:
    names = {stop.name: stop.form for stop in plan(PartnerApproval.run)}
    stops = [(None, names.get(name, "task"), name, None) for name in been]
    assert _reached(stops, plan(PartnerApproval.run)) == ahead
