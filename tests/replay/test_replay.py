"""Running work keeps running: every history ever recorded replays with today's code."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from placet.catalogue.registry import CATALOGUE
from placet.runtime.plugin import PlacetPlugin
from placet.testing import in_order

HISTORIES = Path(__file__).parent / "histories"
FILES = sorted(HISTORIES.rglob("*.json"))


def replayer() -> Replayer:
    return Replayer(workflows=[], plugins=[PlacetPlugin(CATALOGUE)])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HISTORIES)))
async def test_a_recorded_history_replays(file: Path) -> None:
    # The real workflow id: ids derived from it would differ otherwise, and an unchanged workflow would seem broken.
    history = WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))
    await replayer().replay_workflow(history)


def test_every_catalogue_workflow_has_recorded_histories() -> None:
    recorded = {file.relative_to(HISTORIES).parts[0] for file in FILES}
    assert {entry.kind for entry in CATALOGUE} <= recorded


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("drafting.term-sheet", "drafting.other"),
        ("scoring.partner-fit", "crm.set-status"),
        ("mail.send", "mail.retract"),
    ],
)
async def test_a_changed_course_is_caught(was: str, becomes: str) -> None:
    """The gate must be able to fail: a history with another step in it does not replay."""
    file = next(file for file in FILES if file.stem == "partner-approval-1")
    changed = file.read_text(encoding="utf-8").replace(json.dumps(was), json.dumps(becomes))
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json(file.stem, changed))


def test_a_signal_within_a_workflow_task_is_out_of_order() -> None:
    """The SDK never comes back from such a history."""
    file = next(file for file in FILES if file.stem == "partner-approval-1")
    whole = json.loads(file.read_text(encoding="utf-8"))
    events = whole["events"]
    assert in_order(WorkflowHistory.from_json(file.stem, whole))
    begun = next(place for place, event in enumerate(events) if event["eventType"].endswith("WORKFLOW_TASK_STARTED"))
    signal = next(event for event in events if event["eventType"].endswith("WORKFLOW_EXECUTION_SIGNALED"))
    broken = [*events[: begun + 1], signal, *events[begun + 1 :]]
    assert not in_order(WorkflowHistory.from_json(file.stem, whole | {"events": broken}))
