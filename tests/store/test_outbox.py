"""What the database owes to the engine: in order per case, coalesced, and offered until it is confirmed."""

from typing import Any

from tests.store.conftest import HOUR, Scene

from placet.store import outbox

CLAIM = outbox.CLAIM_SECONDS * HOUR / 3600


def claim(scene: Scene, limit: int = 100) -> list[tuple[str, str]]:
    rows = scene.do(lambda tx: outbox.claim(tx, limit))
    return [(row["case_id"], row["action"]) for row in rows]


def ids(scene: Scene) -> list[int]:
    return [row["id"] for row in scene.do(outbox.claim)]


def put(scene: Scene, case: str = "case-1", action: str = "wake") -> None:
    scene.do(lambda tx: outbox.put(tx, case, action))


def done(scene: Scene, rows: list[int]) -> None:
    scene.do(lambda tx: outbox.done(tx, rows))


def test_a_new_case_is_started_with_its_opening(scene: Scene) -> None:
    row: dict[str, Any] = scene.do(outbox.claim)[0]
    assert (row["action"], row["kind"], row["progress"], row["is_open"]) == ("start", "test", 0, True)
    assert row["opening"] == scene.opening().model_dump(mode="json")


def test_wake_ups_that_nobody_has_taken_become_one(scene: Scene) -> None:
    scene.drain()
    for _ in range(3):
        put(scene)
    assert scene.waiting() == [("case-1", "wake")]


def test_an_act_after_the_claim_asks_for_a_wake_up_of_its_own(scene: Scene) -> None:
    scene.drain()
    put(scene)
    taken = ids(scene)
    put(scene)
    assert len(scene.waiting()) == 2
    # The second waits for the first: in order per case.
    assert claim(scene) == []
    done(scene, taken)
    assert claim(scene) == [("case-1", "wake")]


def test_a_case_is_started_before_it_is_woken(scene: Scene) -> None:
    put(scene)
    assert scene.waiting() == [("case-1", "start"), ("case-1", "wake")]
    first = ids(scene)
    assert claim(scene) == []
    done(scene, first)
    assert claim(scene) == [("case-1", "wake")]


def test_what_nobody_confirmed_is_offered_again(scene: Scene) -> None:
    assert claim(scene) == [("case-1", "start")]
    scene.clock.move(CLAIM - HOUR / 3600)
    assert claim(scene) == []
    scene.clock.move(HOUR / 3600)
    assert claim(scene) == [("case-1", "start")]


def test_what_could_not_be_sent_is_postponed(scene: Scene) -> None:
    (row,) = ids(scene)
    scene.do(lambda tx: outbox.postpone(tx, row, 3600))
    scene.clock.move(HOUR / 2)
    assert claim(scene) == []
    scene.clock.move(HOUR / 2)
    assert claim(scene) == [("case-1", "start")]


def test_one_case_that_is_stuck_does_not_hold_up_the_others(scene: Scene) -> None:
    (stuck,) = ids(scene)
    scene.do(lambda tx: outbox.postpone(tx, stuck, 3600))
    put(scene)
    scene.open("case-2")
    assert claim(scene) == [("case-2", "start")]


def test_the_oldest_come_first_and_no_more_than_asked_for(scene: Scene) -> None:
    for number in range(2, 6):
        scene.open(f"case-{number}")
    assert claim(scene, 2) == [("case-1", "start"), ("case-2", "start")]
    assert claim(scene, 2) == [("case-3", "start"), ("case-4", "start")]
    assert scene.store.read_now(outbox.waiting) == 5


def test_a_wake_up_is_announced_once_the_act_is_durable(scene: Scene) -> None:
    heard = list[int]()
    stop = scene.store.listen("outbox", lambda: heard.append(len(scene.waiting())))
    scene.drain()
    put(scene)
    stop()
    put(scene, action="start")
    assert heard == [1]
