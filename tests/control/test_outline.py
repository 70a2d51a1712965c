"""What is ahead of a case: read from the source of its workflow, and laid over what has happened."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.office import OrderOutcome, OrderRequest
from placet.catalogue.compliance.case import ComplianceCase
from placet.catalogue.partners.approval import PartnerApproval
from placet.catalogue.registry import CATALOGUE
from placet.catalogue.voting.work import Work
from placet.connectors.crm.port import CrmActivities
from placet.control.outline import Outline, Stage, outline_of
from placet.control.process import Happened, merged
from placet.domain.people import Role
from placet.domain.span import Span
from placet.durable.case import Case
from placet.durable.workflow import case, entry_of

HOW: dict[str, Any] = {"by": Role(name="buyer"), "within": Span("3d")}
TOLD = {"title": "Test", "subject": "Test", "decides": "x.", "silence": "y."}


@case("side-by-side", **TOLD)
class SideBySide(Case):
    """Two at once, one only sometimes, and one by a helper that calls itself."""

    async def run(self, request: OrderRequest) -> OrderOutcome:
        async with asyncio.timeout(5):
            await asyncio.gather(
                self.approval("Legal", **HOW),
                self.approval("Finance", **HOW),
            )
        try:
            if request.amount > 5:
                await self.approval("Board", **HOW)
        except ValueError:
            await self.helper(request)
        return OrderOutcome(status="done")

    async def helper(self, request: OrderRequest) -> None:
        await self.ask(title="Why", to=Role(name="buyer"), outcomes=())
        await self.helper(request)


@case("from-outside", **TOLD)
class FromOutside(Case):
    """Titles and activities that only a run knows."""

    async def run(self, request: OrderRequest) -> OrderOutcome:
        await self.approval(request.name, **HOW)
        do = CrmActivities.set_status
        await self.step(do, request)  # type: ignore[arg-type]
        await self.approval("Known", **HOW)
        return OrderOutcome(status="done")


def stages(workflow: Any) -> list[tuple[str, str, bool]]:
    return [(stage.form, stage.title, stage.repeats) for stage in outline_of(entry_of(workflow)).stages]


def test_the_partner_approval_is_read_in_the_order_of_its_story() -> None:
    assert stages(PartnerApproval) == [
        ("step", "Partner fit", False),
        ("step", "Set status", False),
        ("step", "Send", False),
        ("task", "Manager approval", False),
        ("step", "Term sheet", True),
        ("task", "Legal review", True),
        ("step", "Send", True),
        ("task", "Negotiation", True),
        ("task", "Executive approval", False),
        ("step", "Set status", False),
        ("step", "Send", False),
    ]


def test_collecting_and_helpers_are_followed() -> None:
    assert stages(ComplianceCase)[0] == ("task", "Documents", True)
    assert [title for _, title, _ in stages(Work)] == ["Funding", "Step …: …", "Verify step …: …", "Pay"]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.kind)
def test_every_workflow_of_the_catalogue_can_be_read(entry: Any) -> None:
    known = outline_of(entry)
    assert known.whole and known.stages


def test_what_runs_at_once_is_one_group_and_what_may_not_happen_is_optional() -> None:
    known = outline_of(entry_of(SideBySide))
    assert [(stage.title, stage.group is not None, stage.optional) for stage in known.stages] == [
        ("Legal", True, False),
        ("Finance", True, False),
        ("Board", False, True),
        ("Why", False, True),
    ]
    assert known.stages[0].group == known.stages[1].group
    assert not known.whole


def test_what_cannot_be_read_leaves_a_gap_and_says_so() -> None:
    known = outline_of(entry_of(FromOutside))
    assert [stage.title for stage in known.stages] == ["Known"] and not known.whole


def test_a_class_without_source_has_no_outline() -> None:
    made = type("Made", (Case,), {"__module__": "nowhere"})
    entry = entry_of(SideBySide)
    assert outline_of(type(entry)(**{**vars(entry), "workflow": made})) == Outline((), False)


START = datetime(2026, 1, 1, tzinfo=UTC)
FORMS = {"fit": "scoring.partner-fit", "status": "crm.set-status", "mail": "mail.send", "sheet": "drafting.term-sheet"}


def course(*names: str, last: str = "open") -> list[Happened]:
    """These things, one after the other; all but the last are over."""
    made = []
    for number, name in enumerate(names):
        at, form = START + timedelta(hours=number), "step" if name in FORMS else "task"
        state = ("done" if form == "step" else "closed") if number < len(names) - 1 else last
        made.append(Happened(form, FORMS.get(name, name), name, state, at, None, f"id-{number}"))
    return made


def shown(events: list[Happened], goes_on: bool = True) -> list[tuple[str, str, int]]:
    known = outline_of(entry_of(PartnerApproval))
    return [(stage.title, stage.state, stage.times) for stage in merged(known, events, goes_on)]


FIRST = ("fit", "status", "mail", "manager-approval")
ROUND = ("sheet", "legal-review", "mail", "negotiation")


def test_before_anything_has_happened_everything_is_ahead() -> None:
    assert {state for _, state, _ in shown([])} == {"ahead"}
    assert len(shown([])) == 11


def test_a_case_in_the_middle_has_its_past_its_present_and_its_future() -> None:
    told = shown(course(*FIRST))
    assert [state for _, state, _ in told] == ["done"] * 3 + ["current"] + ["ahead"] * 7


def test_a_loop_counts_its_rounds_and_the_same_step_behind_it_stays_ahead() -> None:
    told = shown(course(*FIRST, *ROUND, *ROUND, *ROUND[:2]))
    assert [times for _, _, times in told] == [1, 1, 1, 1, 3, 3, 2, 2, 0, 0, 0]
    assert [state for _, state, _ in told][8:] == ["ahead"] * 3
    assert told[5][1] == "current"


def test_at_the_end_each_step_is_where_it_belongs() -> None:
    told = shown(course(*FIRST, *ROUND, "executive-approval", "status", "mail", last="done"), goes_on=False)
    assert [times for _, _, times in told] == [1] * 11
    assert {state for _, state, _ in told} == {"done"}


def test_what_is_refused_early_has_nothing_ahead() -> None:
    assert [title for title, _, _ in shown(course(*FIRST, last="closed"), goes_on=False)] == [
        "Partner fit",
        "Set status",
        "Send",
        "manager-approval",
    ]


def test_what_the_source_does_not_name_stands_where_it_happened() -> None:
    told = shown(course("fit", "attention-scoring-partner-fit"))
    assert told[:3] == [
        ("Partner fit", "done", 1),
        ("attention-scoring-partner-fit", "current", 1),
        ("Set status", "ahead", 0),
    ]


def test_without_an_outline_there_is_what_has_happened() -> None:
    told = merged(Outline((), False), course("fit", "manager-approval"), True)
    assert [(stage.title, stage.state) for stage in told] == [("fit", "done"), ("manager-approval", "current")]


def test_a_title_of_several_parts_fits_the_names_it_makes() -> None:
    step, verify = (stage for stage in outline_of(entry_of(Work)).stages if stage.form == "task")
    assert step.is_of("task", "step-2-paint-the-fence") and not step.is_of("task", "verify-step-2-paint-the-fence")
    assert verify.is_of("task", "verify-step-1-x") and not verify.is_of("ballot", "verify-step-1-x")
    assert Stage("ballot", "Vote").is_of("ballot", "anything")
