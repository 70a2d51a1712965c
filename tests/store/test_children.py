"""Children in the database: one row each, found again after losses, never mistaken for another case."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from placet.domain.child import child_id
from placet.domain.course import Ask, ChildSpec, Closing, Direction, Report
from placet.store import cases, course, outbox
from placet.store import tables as t


def child_of(scene, name="errand", ordinal=1):
    own = {"case_id": child_id(scene.case, name, ordinal), "kind": "errand", "parent": scene.case}
    return ChildSpec(name=name, title="Errand", opening=scene.opening(scene.case).model_copy(update=own))


def asks(scene, spec=None, ordinal=1, **more):
    told = {"case_id": "case-1", "run_id": "run-1", "seen": 0, "state": "waiting"} | more
    ask = Ask(spec=spec or child_of(scene), ordinal=ordinal)
    return scene.do(lambda tx: course.report(tx, Report(**told, ask=ask)))


def ends(scene, child, state="completed"):
    closing = Closing(state=state, outcome={"status": "x"}, summary="")
    told = Report(case_id=child, run_id="run-c", seen=0, state=state, closing=closing, parent="case-1")
    return scene.do(lambda tx: course.report(tx, told))


def waking(scene):
    """The cases with a wake-up, which is taken away."""

    def take(tx):
        rows = tx.conn.execute(sa.select(t.outbox.c.case_id).where(t.outbox.c.action == "wake")).scalars().all()
        tx.conn.execute(t.outbox.delete())
        return sorted(rows)

    return scene.do(take)


def count(scene):
    query = sa.select(sa.func.count()).select_from(t.case).where(t.case.c.parent_id == "case-1")
    return scene.do(lambda tx: tx.conn.execute(query).scalar_one())


def test_asking_again_finds_the_child_and_its_end(scene):
    for _ in range(3):
        assert asks(scene).verdict is None
    assert count(scene) == 1
    ends(scene, "case-1-errand-1")
    assert "case-1" in waking(scene)
    verdict = asks(scene).verdict
    assert (verdict.outcome, verdict.favourable, verdict.data["outcome"]) == ("completed", True, {"status": "x"})
    assert asks(scene).verdict == verdict


def test_a_lost_wake_up_is_made_up_for_by_the_sweep(scene):
    asks(scene)
    ends(scene, "case-1-errand-1")
    waking(scene)
    assert scene.do(course.sweep) == 0
    scene.clock.move(timedelta(seconds=6))
    assert scene.do(course.sweep) == 1
    assert waking(scene) == ["case-1"]
    assert asks(scene).verdict.favourable
    scene.clock.move(timedelta(minutes=10))
    assert scene.do(course.sweep) == 0


def test_the_end_of_a_case_that_nobody_waits_for_wakes_nobody(scene):
    asks(scene)
    ends(scene, "case-1-errand-1")
    asks(scene)
    waking(scene)
    second = child_of(scene, "other")
    asks(scene, second)
    # The first child once more, as an operator's reset would.
    scene.do(lambda tx: tx.conn.execute(t.case.update().where(t.case.c.id == "case-1-errand-1").values(is_open=True)))
    ends(scene, "case-1-errand-1")
    assert waking(scene) == []


def test_a_child_that_came_back_before_its_parent_is_found(scene):
    """After a restore both report; whichever comes first, there is one child, and it knows its parent."""
    spec = child_of(scene)
    told = Report(case_id=spec.opening.case_id, run_id="run-c", seen=4, state="waiting")
    assert scene.do(lambda tx: course.report(tx, told)).direction is Direction.UNKNOWN
    known = told.model_copy(update={"opening": spec.opening, "beginning": spec.beginning})
    assert scene.do(lambda tx: course.report(tx, known)).direction is Direction.BEHIND
    assert asks(scene, spec).verdict is None
    assert count(scene) == 1
    starts = sa.select(t.outbox.c.id).where(t.outbox.c.action == "start", t.outbox.c.case_id == spec.opening.case_id)
    assert scene.do(lambda tx: tx.conn.execute(starts).all()) == []


def test_a_case_of_the_same_id_that_is_no_child_is_never_taken_for_it(scene):
    scene.do(
        lambda tx: cases.create(tx, "case-1-errand-1", "test", "deals", "Other", "rita", {}, "rita", {}),
    )
    with pytest.raises(RuntimeError, match="another case"):
        asks(scene)


def test_the_time_of_a_parent_never_goes_back_when_it_cancels_a_child(scene):
    asks(scene)
    later = scene.clock.time + timedelta(days=1)
    scene.do(lambda tx: tx.conn.execute(t.case.update().where(t.case.c.id == "case-1").values(clock=later)))
    scene.do(lambda tx: course.cancel(tx, scene.person_of("cora"), "case-1", "no"))
    clocks = sa.select(t.case.c.clock).order_by(t.case.c.id)
    assert scene.do(lambda tx: tx.conn.execute(clocks).scalars().all())[0] == later
    states = sa.select(t.case.c.cancelled_by)
    assert scene.do(lambda tx: tx.conn.execute(states).scalars().all()) == ["cora", "cora"]
    assert scene.do(lambda tx: outbox.waiting(tx)) >= 2


def test_a_case_that_was_cancelled_before_its_child_began_begins_none(scene):
    scene.do(lambda tx: course.cancel(tx, scene.person_of("cora"), "case-1", "no"))
    assert asks(scene).direction is Direction.CANCELLED
    for _ in range(2):
        verdict = asks(scene, state="compensating").verdict
        assert (verdict.outcome, verdict.favourable) == ("cancelled", False)
    assert count(scene) == 0


def test_a_child_that_a_restored_database_has_forgotten_is_still_waited_for_while_its_parent_is_taken_back(scene):
    ask = Ask(spec=child_of(scene), ordinal=1, open=True)
    told = Report(case_id="case-1", run_id="run-1", seen=0, state="compensating", ask=ask)
    assert scene.do(lambda tx: course.report(tx, told)).verdict is None
    assert count(scene) == 1


def test_a_paused_case_begins_its_child_only_when_it_is_resumed(scene):
    scene.do(lambda tx: course.pause(tx, scene.person_of("cora"), "case-1", "wait"))
    assert asks(scene).direction is Direction.PAUSED
    assert count(scene) == 0
    scene.do(lambda tx: course.resume(tx, scene.person_of("cora"), "case-1", "go on"))
    assert asks(scene).verdict is None
    assert count(scene) == 1
