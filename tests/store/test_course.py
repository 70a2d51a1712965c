"""The meeting of a running workflow and the database, and the acts that steer a whole case."""

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, HOUR, Scene, code, spec

from placet.domain.course import Closing, Direction, Report
from placet.domain.span import Span
from placet.domain.step import Step
from placet.store import course, journal
from placet.store import tables as t
from placet.store.cases import reopened

REVIEW = spec(within=Span("2d"))


def test_a_report_told_again_changes_nothing(scene: Scene) -> None:
    first = scene.tell(REVIEW)
    lines, mails = scene.lines(), scene.mails()
    again = scene.tell(REVIEW, seen=0)
    assert (first.direction, again.direction) == (Direction.GO, Direction.GO)
    assert first.next_in == again.next_in == 2 * DAY.total_seconds()
    assert (scene.lines(), scene.mails()) == (lines, mails)
    assert again.progress > first.progress


def test_the_verdict_is_told_as_often_as_it_is_asked_for(scene: Scene) -> None:
    scene.ask()
    scene.answer("olga")
    replies = [scene.tell(spec()) for _ in range(3)]
    assert [reply.verdict.outcome if reply.verdict else None for reply in replies] == ["approve"] * 3
    assert scene.case_row()["state"] == "running"


def test_a_closing_told_twice_closes_once(scene: Scene) -> None:
    scene.ask()
    scene.close(amount=7)
    lines = scene.lines()
    scene.close("failed")
    row = scene.case_row()
    assert (row["state"], row["outcome"], row["is_open"]) == ("completed", {"amount": 7}, False)
    assert scene.lines() == lines
    assert lines[-2:] == ["task.withdrawn", "case.completed"]
    assert scene.mails("closed") == ["rita"]


def test_a_report_heard_after_the_end_opens_nothing(scene: Scene) -> None:
    scene.tell()
    scene.close()
    assert scene.tell(REVIEW).direction is Direction.SUPERSEDED
    assert scene.rows(sa.select(t.decision)) == []
    assert not scene.case_row()["is_open"]


def test_a_reset_run_takes_over_and_the_old_run_is_refused(scene: Scene) -> None:
    for _ in range(5):
        reply = scene.tell(REVIEW)
    scene.run = "run-2"
    # The history up to the reset is kept, so the new run remembers what the old one saw.
    taken_over = scene.tell(REVIEW, seen=reply.progress - 2)
    assert taken_over.direction is Direction.GO
    assert taken_over.progress > reply.progress
    assert scene.tell(REVIEW, run_id="run-1").direction is Direction.SUPERSEDED
    assert scene.tell(REVIEW, seen=taken_over.progress).direction is Direction.GO
    assert scene.lines().count("case.run-replaced") == 1


def test_a_reset_run_finds_closed_decisions_closed(scene: Scene) -> None:
    scene.ask()
    scene.answer("olga")
    scene.run = "run-2"
    reply = scene.tell(spec())
    assert reply.verdict is not None
    assert reply.verdict.by == ("olga",)


def test_a_closed_case_that_is_reset_lives_once_more_and_its_deadlines_too(scene: Scene) -> None:
    scene.ask(within=Span("2d"))
    scene.close("failed")
    scene.clock.move(5 * DAY)
    scene.run = "run-2"
    reply = scene.tell(REVIEW)
    assert scene.case_row()["is_open"]
    assert scene.case_row()["closed_at"] is None
    assert scene.case_row()["state"] == "waiting"
    assert scene.store.read_now(reopened) == 1
    # The withdrawn task is open again, and its clock stood still while there was no case.
    assert reply.next_in == 2 * DAY.total_seconds()
    assert code(scene.answer("olga")) == "counted"
    assert scene.close().direction is Direction.GO
    assert scene.case_row()["state"] == "completed"


def test_a_case_ahead_of_a_restored_database_waits_for_people(scene: Scene) -> None:
    scene.tell()
    reply = scene.tell(REVIEW, seen=40)
    assert (reply.direction, reply.progress) == (Direction.BEHIND, 40)
    assert scene.case_row()["state"] == "needs-attention"
    assert scene.rows(sa.select(t.decision)) == []
    assert scene.tell(REVIEW, seen=40).direction is Direction.GO


def test_the_task_a_restored_case_waits_for_is_asked_again(scene: Scene) -> None:
    scene.ask(within=Span("2d"), seats=spec().seats)
    scene.tell(REVIEW, seen=40)
    attention = spec(name="attention-restored-database", attention=True)
    scene.tell(attention, seen=40, withdraw_others=True)
    assert scene.decision()["state"] == "withdrawn"
    scene.clock.move(DAY)
    reply = scene.tell(REVIEW, seen=41)
    assert reply.verdict is None
    assert reply.next_in == 2 * DAY.total_seconds()
    assert code(scene.answer("olga")) == "counted"


def test_what_a_restored_case_has_moved_past_is_not_woken_for(scene: Scene) -> None:
    scene.ask()
    scene.answer("olga")
    scene.tell(spec(name="attention"), seen=40)
    scene.tell(spec(name="attention"), seen=40, withdraw_others=True)
    scene.drain()
    scene.clock.move(DAY)
    assert scene.do(course.sweep) == 0


def test_an_unknown_case_is_recovered_from_its_opening(scene: Scene) -> None:
    scene.case = "case-7"
    assert scene.tell(REVIEW).direction is Direction.UNKNOWN
    reply = scene.tell(REVIEW, seen=12, opening=scene.opening("case-7"))
    assert (reply.direction, reply.progress) == (Direction.BEHIND, 12)
    row = scene.case_row()
    assert (row["state"], row["progress"], row["requester"]) == ("needs-attention", 12, "rita")
    assert scene.lines() == ["case.recovered"]
    assert scene.tell(REVIEW, seen=12).direction is Direction.GO
    # Whoever recovers it is running already: nothing is started.
    assert ("case-7", "start") not in scene.waiting()


def test_cancelling_withdraws_open_tasks_and_tells_the_workflow(scene: Scene) -> None:
    scene.ask()
    assert code(scene.steer("cancel", reason="no longer wanted")) == "counted"
    assert code(scene.steer("cancel", reason="again")) == "counted"
    assert code(scene.answer("olga")) == "task-closed"
    reply = scene.tell(spec())
    assert (reply.direction, reply.by, reply.why) == (Direction.CANCELLED, "cora", "no longer wanted")
    assert scene.lines().count("case.cancel-requested") == 1
    assert scene.decision()["verdict"]["reason"] == "withdrawn"


def test_a_paused_case_can_be_cancelled(scene: Scene) -> None:
    scene.ask()
    scene.steer("pause")
    scene.steer("cancel")
    assert scene.tell(spec()).direction is Direction.CANCELLED


def test_a_case_that_compensates_may_still_ask_after_a_cancellation(scene: Scene) -> None:
    broken = spec(name="attention-undo", attention=True)
    scene.tell(broken, state="compensating")
    scene.task = "case-1.attention-undo.1"
    scene.steer("cancel")
    reply = scene.tell(broken, state="compensating")
    assert (reply.direction, reply.verdict) == (Direction.GO, None)
    assert code(scene.answer("olga")) == "counted"


def test_past_the_point_of_no_return_nothing_is_cancelled(scene: Scene) -> None:
    scene.do(lambda tx: journal.plan(tx, Step(case_id="case-1", name="pay", final=True), {}))
    scene.ask()
    assert code(scene.steer("cancel")) == "point-of-no-return"
    assert scene.refused() == ["point-of-no-return"]
    assert code(scene.answer("olga")) == "counted"


def test_a_paused_case_is_told_so_and_goes_on_after_it(scene: Scene) -> None:
    scene.ask()
    scene.steer("pause")
    assert scene.tell(spec()).direction is Direction.PAUSED
    scene.steer("resume")
    assert scene.tell(spec()).direction is Direction.GO


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_a_closed_case_cannot_be_steered(scene: Scene, act: str) -> None:
    scene.close()
    assert code(scene.steer(act)) == "case-closed"
    assert scene.refused() == ["case-closed"]


def test_every_change_of_course_wakes_the_workflow(scene: Scene) -> None:
    scene.ask()
    for act in ("pause", "resume", "cancel"):
        scene.drain()
        scene.steer(act)
        assert scene.waiting() == [("case-1", "wake")]


def test_the_sweep_wakes_cases_that_should_have_moved(scene: Scene) -> None:
    for number, moved in ((2, "deadline"), (3, "verdict"), (4, "paused"), (5, "fresh"), (6, "closed")):
        scene.open(f"case-{number}")
        scene.ask(within=Span("1d") if moved in ("deadline", "paused", "closed") else Span("9d"))
        if moved == "verdict":
            scene.answer("olga")
        if moved == "paused":
            scene.steer("pause")
        if moved == "closed":
            scene.close()
    scene.drain()
    scene.clock.move(DAY + HOUR)
    assert scene.do(course.sweep) == 2
    assert scene.waiting() == [("case-2", "wake"), ("case-3", "wake")]


def test_a_case_that_cannot_move_is_woken_at_doubling_intervals(scene: Scene) -> None:
    scene.ask(within=Span("1h"))
    scene.clock.move(HOUR)
    wakes = []
    for tenth in range(24 * 6):
        scene.clock.move(HOUR / 6)
        if scene.do(course.sweep):
            wakes.append(tenth + 1)
    assert wakes == [1, 2, 4, 8, 16, 32, 64, 128]
    # As soon as it moves, it is watched closely again.
    scene.settle()
    scene.drain()
    scene.clock.move(HOUR / 60)
    assert scene.do(course.sweep) == 1


def test_the_sweep_takes_no_more_than_its_limit_and_comes_to_all(scene: Scene) -> None:
    for number in range(2, 7):
        scene.open(f"case-{number}")
        scene.ask(within=Span("1h"))
    scene.drain()
    scene.clock.move(2 * HOUR)
    assert [scene.do(lambda tx: course.sweep(tx, limit=2)) for _ in range(4)] == [2, 2, 1, 0]
    assert len(scene.waiting()) == 5


def test_the_outcome_of_a_case_can_be_erased_from_its_log(scene: Scene) -> None:
    scene.tell(
        closing=Closing(state="refused", outcome={"reason": "personal words"}, summary="Refused: personal words")
    )
    details = scene.rows(sa.select(t.audit.c.detail))
    assert "personal words" not in str(details)


def test_a_report_survives_the_journey_through_json() -> None:
    told = Report(case_id="c", run_id="r", seen=1, state="waiting", closing=Closing(state="x", outcome={}, summary=""))
    assert Report.model_validate_json(told.model_dump_json()) == told
