"""What the clock does to an open task: reminders, escalation, silence, and a pause."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, HOUR, Scene, code, escalate, remind, spec

from placet.domain.people import Named, Role
from placet.domain.span import Span
from placet.domain.task import n_of
from placet.store import tables as t

CHIEF = Role(name="chief")


def test_a_reminder_goes_only_to_those_who_still_owe_an_answer(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 3), ladder=(remind("1d"),), excluded={"otto": "you drafted it"})
    scene.answer("olga")
    scene.clock.move(DAY)
    scene.settle()
    assert scene.mails("reminder") == ["omar"]


def test_missed_reminders_go_out_as_one(scene: Scene) -> None:
    scene.ask(ladder=(remind("1d"), remind("2d"), remind("3d"), remind("9d")), within=Span("14d"))
    scene.clock.move(4 * DAY)
    scene.settle()
    scene.settle()
    assert scene.mails("reminder") == ["olga", "omar", "otto"]
    assert scene.lines().count("task.reminded") == 1
    assert scene.decision()["rung"] == 3
    assert scene.decision()["next_at"] - scene.decision()["opened_at"] == 9 * DAY


def test_escalation_adds_candidates_and_keeps_the_seats(scene: Scene) -> None:
    scene.ask(ladder=(escalate("1d", CHIEF),), within=Span("3d"))
    assert scene.mails("escalated") == []
    scene.clock.move(DAY)
    scene.settle()
    scene.settle()
    assert scene.mails("escalated") == ["boss"]
    assert scene.lines().count("task.escalated") == 1
    assert code(scene.answer("boss")) == "counted"
    assert scene.decision()["rules"]["seats"]["total"] == 1
    assert code(scene.answer("olga")) == "task-closed"


def test_escalation_does_not_ask_who_has_answered_or_is_excluded(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 3), ladder=(escalate("1d", Role(name="officer"), CHIEF),), excluded={"otto": "yours"})
    scene.answer("olga")
    scene.clock.move(DAY)
    scene.settle()
    assert scene.mails("escalated") == ["boss", "omar"]


def test_who_is_asked_only_now_is_not_reminded_in_the_same_breath(scene: Scene) -> None:
    scene.ask(*scene.named("olga"), ladder=(remind("1d"), escalate("2d", CHIEF)))
    scene.clock.move(3 * DAY)
    scene.settle()
    assert scene.mails("reminder") == ["olga"]
    assert scene.mails("escalated") == ["boss"]


@pytest.mark.parametrize("notices", ["the timer", "an act", "a report", "a pause", "a cancellation"])
def test_silence_is_dated_at_the_deadline_whoever_notices_it(scene: Scene, notices: str) -> None:
    asked = spec(within=Span("1d"), silence="refuse", ladder=(remind("23h"),))
    scene.ask(within=Span("1d"), silence="refuse", ladder=(remind("23h"),))
    deadline = scene.decision()["due_at"]
    scene.clock.move(5 * DAY)
    match notices:
        case "the timer":
            scene.settle()
        case "an act":
            assert code(scene.answer("olga")) == "task-closed"
        case "a report":
            reply = scene.tell(asked)
            assert reply.verdict is not None
        case "a pause":
            scene.steer("pause")
        case "a cancellation":
            scene.steer("cancel")
    row = scene.decision()
    assert (row["state"], row["verdict"]["outcome"], row["verdict"]["reason"]) == ("closed", "refuse", "silence")
    assert row["verdict"]["at"] == deadline.isoformat().replace("+00:00", "Z")
    # Past the deadline no reminder makes sense.
    assert scene.mails("reminder") == []


def test_time_acts_once_however_often_it_is_noticed(scene: Scene) -> None:
    scene.ask(within=Span("1d"), ladder=(remind("1h"), escalate("2h", CHIEF)))
    for _ in range(30):
        scene.clock.move(HOUR)
        scene.settle()
        scene.settle()
    lines = scene.lines()
    assert [lines.count(line) for line in ("task.reminded", "task.escalated", "task.closed")] == [1, 1, 1]
    assert scene.decision()["verdict"]["outcome"] == "expired"


def test_a_pause_moves_reminder_and_deadline_by_the_time_it_lasted(scene: Scene) -> None:
    scene.ask(within=Span("2d"), ladder=(remind("1d"),))
    opened = scene.decision()["opened_at"]
    scene.clock.move(12 * HOUR)
    scene.steer("pause")
    scene.clock.move(10 * DAY)
    scene.settle()
    assert (scene.decision()["state"], scene.mails("reminder")) == ("open", [])
    scene.steer("resume")
    row = scene.decision()
    assert (row["next_at"] - opened, row["due_at"] - opened) == (11 * DAY, 12 * DAY)
    assert {found["due_at"] for found in scene.rows(sa.select(t.candidate.c.due_at))} == {row["due_at"]}
    scene.clock.move(12 * HOUR)
    scene.settle()
    assert scene.mails("reminder") == ["olga", "omar", "otto"]
    scene.clock.move(DAY)
    scene.settle()
    assert scene.decision()["verdict"]["at"] == (opened + 12 * DAY).isoformat().replace("+00:00", "Z")


def test_a_task_that_opens_during_a_pause_stands_still_only_since_then(scene: Scene) -> None:
    scene.steer("pause")
    scene.clock.move(10 * DAY)
    scene.ask(within=Span("2d"))
    scene.clock.move(DAY)
    scene.steer("resume")
    assert scene.decision()["due_at"] - scene.decision()["opened_at"] == 3 * DAY


def test_a_window_counts_from_the_opening_of_the_case_and_stands_still_in_every_pause(scene: Scene) -> None:
    opened = scene.case_row()["opened_at"]
    scene.clock.move(DAY)
    scene.steer("pause")
    scene.clock.move(3 * DAY)
    scene.steer("resume")
    scene.steer("pause")
    scene.clock.move(DAY)
    scene.ask(window=Span("10d"), within=Span("30d"))
    scene.clock.move(DAY)
    scene.steer("resume")
    assert scene.decision()["due_at"] - opened == 15 * DAY
    scene.clock.set(opened + 15 * DAY)
    assert code(scene.answer("olga")) == "task-closed"
    assert scene.decision()["verdict"]["reason"] == "window"


def test_two_pauses_add_up(scene: Scene) -> None:
    scene.ask(within=Span("1d"))
    for _ in range(2):
        scene.steer("pause")
        scene.steer("pause")
        scene.clock.move(DAY)
        scene.steer("resume")
        scene.steer("resume")
    assert scene.decision()["due_at"] - scene.decision()["opened_at"] == 3 * DAY


def test_an_answer_at_a_missed_rung_brings_everything_up_to_date_first(scene: Scene) -> None:
    scene.ask(*scene.named("olga"), ladder=(escalate("1d", Named(person="boss")),), within=Span("3d"))
    scene.clock.move(DAY + timedelta(seconds=1))
    # Nobody has noticed the escalation yet, and still it counts.
    scene.settle()
    assert code(scene.answer("boss")) == "counted"


def test_within_a_case_time_never_goes_backwards(scene: Scene) -> None:
    scene.ask(within=Span("1d"))
    scene.clock.move(20 * HOUR)
    scene.act("claim", "olga")
    scene.drain()
    scene.clock.move(-10 * DAY)
    result = scene.answer("olga")
    assert code(result) == "counted"
    stamps = [
        row["at"]
        for row in scene.rows(sa.select(t.audit.c.at).order_by(t.audit.c.seq).where(t.audit.c.chain == "case-1"))
    ]
    assert stamps == sorted(stamps)
    # The wake-up is due at once, although the case is ahead of the clock.
    due = scene.rows(sa.select(t.outbox.c.next_at))
    assert all(row["next_at"] <= scene.clock.time for row in due)


def test_a_clock_that_was_set_back_does_not_bring_a_deadline_back(scene: Scene) -> None:
    scene.ask(within=Span("1d"))
    scene.clock.move(2 * DAY)
    scene.act("claim", "olga")
    scene.clock.move(-2 * DAY)
    assert code(scene.answer("olga")) == "task-closed"
