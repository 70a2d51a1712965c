"""Many people at once, from two stores on one database, as from two processes; and two real processes."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock
from tests.store.conftest import Scene, code

from placet.domain.audit import verify
from placet.domain.people import Person
from placet.domain.task import all_of, n_of
from placet.store import acts, audit, course, outbox
from placet.store import tables as t
from placet.store.acts import Answer, Counted, NotCounted
from placet.store.engine import Store, Tx
from placet.store.house import House

CROWD = tuple(f"o{number:02}" for number in range(50))


@pytest.fixture
def second(store: Store, house: House, clock: ManualClock) -> Iterator[Store]:
    """The same database, opened once more."""
    opened = Store(store.url, house, clock)
    yield opened
    opened.close()


@pytest.fixture
def crowd(scene: Scene) -> Scene:
    scene.people(*((name, "officer@deals") for name in CROWD))
    return scene


def all_at_once(scene: Scene, second: Store, act: Callable[[Tx, Person], Any]) -> list[Any]:
    """Every officer of the crowd does this in a thread of their own, half of them at the other store."""

    def one(number: int) -> Any:
        person = scene.person_of(CROWD[number])
        return (scene.store, second)[number % 2].submit(lambda tx: act(tx, person)).result(timeout=60)

    with ThreadPoolExecutor(len(CROWD)) as pool:
        return list(pool.map(one, range(len(CROWD))))


def answering(scene: Scene, outcome: Callable[[Person], str]) -> Callable[[Tx, Person], Counted | NotCounted]:
    return lambda tx, person: acts.answer(tx, person, scene.task, Answer(outcome=outcome(person)), "test")


def acted(scene: Scene) -> list[str]:
    return [row["outcome"] for row in scene.rows(sa.select(t.act.c.outcome))]


def test_of_fifty_who_answer_a_task_of_one_seat_exactly_one_counts(crowd: Scene, second: Store) -> None:
    crowd.ask()
    crowd.drain()
    results = all_at_once(crowd, second, answering(crowd, lambda person: "approve"))
    assert Counter(map(code, results)) == {"counted": 1, "task-closed": 49}
    assert acted(crowd) == ["approve"]
    assert crowd.waiting() == [("case-1", "wake")]
    assert crowd.lines().count("task.closed") == 1
    # Whoever came too late learns the verdict that stands.
    assert {result.verdict.by for result in results} == {tuple(crowd.decision()["verdict"]["by"])}


@pytest.mark.parametrize(("seats", "counted"), [(n_of(5, 7), 5), (all_of(50), 50)])
def test_exactly_as_many_count_as_are_needed(crowd: Scene, second: Store, seats: Any, counted: int) -> None:
    crowd.ask(seats=seats)
    results = all_at_once(crowd, second, answering(crowd, lambda person: "approve"))
    assert Counter(map(code, results))["counted"] == counted == len(acted(crowd))
    assert crowd.decision()["tally"] == {"approve": counted}
    assert crowd.decision()["verdict"]["outcome"] == "approve"


def test_a_divided_crowd_is_counted_up_to_the_answer_that_decides(crowd: Scene, second: Store) -> None:
    crowd.ask(seats=n_of(5, 9))
    all_at_once(crowd, second, answering(crowd, lambda person: "approve" if int(person.id[1:]) % 4 < 2 else "refuse"))
    tally = Counter(acted(crowd))
    assert crowd.decision()["tally"] == tally
    assert max(tally.values()) == 5
    assert min(tally.values()) < 5
    assert crowd.decision()["verdict"]["outcome"] == max(tally, key=lambda outcome: tally[outcome])


def test_the_same_answer_sent_fifty_times_counts_once_with_one_receipt(crowd: Scene, second: Store) -> None:
    crowd.ask(seats=n_of(2, 3))
    one = crowd.person_of(CROWD[0])
    results = all_at_once(
        crowd, second, lambda tx, _: acts.answer(tx, one, crowd.task, Answer(outcome="approve"), "test")
    )
    assert len({result.receipt.receipt for result in results}) == 1
    assert acted(crowd) == ["approve"]


def test_no_more_claims_than_seats(crowd: Scene, second: Store) -> None:
    crowd.ask(seats=n_of(2, 3))
    results = all_at_once(crowd, second, lambda tx, person: acts.claim(tx, person, crowd.task))
    assert Counter(map(code, results)) == {"counted": 3, "claimed": 47}
    holders = {row["person_id"] for row in crowd.rows(sa.select(t.claim))}
    winners = {CROWD[number] for number, result in enumerate(results) if code(result) == "counted"}
    assert holders == winners


def test_answers_pauses_and_reports_at_once_leave_one_whole_chain(crowd: Scene, second: Store) -> None:
    crowd.ask(seats=all_of(40))
    cora = crowd.person_of("cora")

    def mixed(tx: Tx, person: Person) -> Any:
        match int(person.id[1:]) % 5:
            case 3:
                return course.pause(tx, cora, "case-1", "x")
            case 4:
                return course.resume(tx, cora, "case-1", "x")
            case _:
                return answering(crowd, lambda person: "approve")(tx, person)

    results = all_at_once(crowd, second, mixed)
    answered = [code(result) for number, result in enumerate(results) if number % 5 < 3]
    assert set(answered) <= {"counted", "case-paused"}
    assert len(acted(crowd)) == answered.count("counted")
    point = crowd.do(audit.take_checkpoint)
    assert point is not None
    assert verify(crowd.export(), point.hash).problems == ()


def test_a_log_that_is_exported_while_it_grows_is_whole(crowd: Scene, second: Store) -> None:
    crowd.ask(seats=all_of(50))

    def act_and_look(tx: Tx, person: Person) -> tuple[str, ...]:
        answering(crowd, lambda person: "approve")(tx, person)
        if int(person.id[1:]) % 10 == 0:
            audit.take_checkpoint(tx)
        return second.read_now(lambda look: verify(list(audit.export(look))).problems)

    assert set(all_at_once(crowd, second, act_and_look)) == {()}


def test_two_senders_never_claim_the_same_wake_up(crowd: Scene, second: Store) -> None:
    for number in range(2, 42):
        crowd.open(f"case-{number}")
    taken = all_at_once(crowd, second, lambda tx, _: [row["id"] for row in outbox.claim(tx, 3)])
    ids = [row for rows in taken for row in rows]
    assert len(ids) == len(set(ids)) == 41


WRITER = """
import json, sys, time
import sqlalchemy as sa
from placet.store import tables as t
from placet.store.engine import Store
from placet.store.house import House

(url, name, other), failures, group, patience = sys.argv[1:], 0, 0, time.monotonic() + 120
store = Store(url, House())
theirs = sa.select(sa.func.count()).where(t.meta.c.key.startswith(other + "-"))
while group < 40 or store.read_now(lambda tx: tx.conn.execute(theirs).scalar_one()) < 400:
    futures = [
        store.submit(lambda tx, key=key: tx.conn.execute(t.meta.insert().values(key=key, value="")))
        for key in (f"{name}-{group}-{number}" for number in range(10))
    ]
    failures += sum(future.exception() is not None for future in futures)
    group += 1
    if failures or time.monotonic() > patience:
        break
store.close()
print(json.dumps({"groups": group, "failures": failures}))
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_two_processes_that_write_the_same_file_both_make_progress(database_url: str, house: House) -> None:
    """Neither stops before the other has written enough: one that is starved has to give up in the end."""
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, database_url, *names], stdout=subprocess.PIPE, text=True)
        for names in (("api", "worker"), ("worker", "api"))
    ]
    told = [json.loads(process.communicate(timeout=240)[0]) for process in started]
    assert [found["failures"] for found in told] == [0, 0]
    assert min(found["groups"] for found in told) >= 40
    store = Store(database_url, house)
    written = sa.select(sa.func.count()).select_from(t.meta)
    assert store.read_now(lambda tx: tx.conn.execute(written).scalar_one()) == 10 * sum(one["groups"] for one in told)
    store.close()
