"""The ledger of steps: the same step is the same call, whatever happens in between."""

from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.conftest import Scene

from placet.domain.course import Direction
from placet.domain.step import Step, StepState
from placet.store import journal
from placet.store import tables as t
from placet.store.journal import Planned

PAY = Step(case_id="case-1", name="pay")
REFUND = Step(case_id="case-1", name="refund", undoes="pay")


def plan(scene: Scene, step: Step, argument: Any = None) -> Planned:
    return scene.do(lambda tx: journal.plan(tx, step, argument))


def finish(scene: Scene, step: Step, state: StepState, result: Any = None, error: str | None = None) -> None:
    scene.do(lambda tx: journal.finish(tx, step, state, result, error))


def row(scene: Scene, step: Step = PAY) -> Any:
    return scene.rows(sa.select(t.step).where(t.step.c.name == step.name))[0]


def test_a_step_that_is_done_returns_its_result_instead_of_running_again(scene: Scene) -> None:
    assert plan(scene, PAY) == Planned()
    finish(scene, PAY, StepState.DONE, {"receipt": 7})
    finish(scene, PAY, StepState.FAILED, error="too late")
    assert plan(scene, PAY) == Planned(done=True, result={"receipt": 7})
    assert (row(scene)["state"], row(scene)["attempts"]) == ("done", 1)
    assert scene.lines().count("step.done") == 1
    assert "step.failed" not in scene.lines()


def test_an_attempt_that_was_cut_short_leaves_the_step_unknown(scene: Scene) -> None:
    plan(scene, PAY)
    assert plan(scene, PAY) == Planned()
    assert (row(scene)["state"], row(scene)["attempts"]) == ("unknown", 2)


def test_a_failure_told_twice_is_audited_once(scene: Scene) -> None:
    plan(scene, PAY)
    finish(scene, PAY, StepState.FAILED, error="no money")
    finish(scene, PAY, StepState.FAILED, error="no money")
    assert scene.lines().count("step.failed") == 1
    plan(scene, PAY)
    finish(scene, PAY, StepState.FAILED, error="still no money")
    assert scene.lines().count("step.failed") == 2


@pytest.mark.parametrize(("act", "direction"), [("pause", Direction.PAUSED), ("cancel", Direction.CANCELLED)])
def test_a_new_step_does_not_start_while_the_case_is_held(scene: Scene, act: str, direction: Direction) -> None:
    scene.steer(act)
    assert plan(scene, PAY).direction is direction
    assert scene.rows(sa.select(t.step)) == []
    # What is owed back is taken back all the same.
    assert plan(scene, REFUND).direction is Direction.GO


def test_a_finished_undo_marks_its_step_as_compensated(scene: Scene) -> None:
    plan(scene, PAY)
    finish(scene, PAY, StepState.DONE, 1)
    plan(scene, REFUND)
    finish(scene, REFUND, StepState.DONE)
    assert (row(scene)["state"], row(scene, REFUND)["state"]) == ("compensated", "done")
    assert scene.lines()[-1] == "step.compensated"
    assert plan(scene, REFUND).done


def test_an_undo_of_a_step_that_never_began_is_done_without_effect(scene: Scene) -> None:
    assert plan(scene, REFUND).done
    assert scene.rows(sa.select(t.step)) == []


def test_an_undo_that_failed_says_so_in_the_log(scene: Scene) -> None:
    plan(scene, PAY)
    plan(scene, REFUND)
    finish(scene, REFUND, StepState.FAILED, error="bank closed")
    assert scene.lines()[-1] == "step.undo-failed"


def test_a_final_step_is_the_point_of_no_return_once(scene: Scene) -> None:
    final = PAY.model_copy(update={"final": True})
    plan(scene, final)
    plan(scene, final)
    assert scene.case_row()["final_step"] == "pay"
    assert scene.lines().count("case.point-of-no-return") == 1


def test_a_step_of_an_unknown_case_waits(scene: Scene) -> None:
    assert plan(scene, Step(case_id="case-9", name="pay")).direction is Direction.UNKNOWN


def test_what_people_decide_about_a_step_is_recorded_with_their_name(scene: Scene) -> None:
    plan(scene, PAY)
    scene.do(lambda tx: journal.mark(tx, PAY, StepState.SKIPPED, "cora"))
    assert row(scene)["state"] == "skipped"
    actors = scene.rows(sa.select(t.audit.c.actor).where(t.audit.c.action == "step.skipped"))
    assert [found["actor"] for found in actors] == ["cora"]


def test_the_same_step_in_another_round_is_another_step(scene: Scene) -> None:
    finish_first = PAY.model_copy(update={"ordinal": 2})
    plan(scene, PAY)
    finish(scene, PAY, StepState.DONE, 1)
    assert plan(scene, finish_first) == Planned()


def test_a_case_that_has_ended_begins_no_step(scene: Scene) -> None:
    scene.close()
    assert plan(scene, PAY.model_copy(update={"final": True})).direction is Direction.PAUSED
    assert scene.case_row()["final_step"] is None
