"""What an approved proposal becomes, and how it is deleted, in both databases."""

import pytest
import sqlalchemy as sa
from tests.store.assembly import Assembly, word
from tests.store.assembly import assembly as assembly

from placet.domain.policy import PolicyOrder
from placet.store import policies, proposals, works
from placet.store import tables as t
from placet.store.funds import NotReserved

DELETION = "deletion-1"


def approved(assembly: Assembly, recurrence: str = "one_time", amount: int = 40) -> None:
    assembly.deposit(100)
    assembly.voters(3)
    assembly.propose("p1", amount=amount, recurrence=recurrence)
    assembly.approve(2)


def begun(assembly: Assembly, proposal: str = "p1") -> works.Series | None:
    return assembly.do(lambda tx: works.begin_series(tx, proposal))


def tick(assembly: Assembly, slot: str, series: str = "series-p1") -> str | None:
    return assembly.do(lambda tx: works.tick(tx, series, slot))


def delete(assembly: Assembly, target: str) -> bool:
    return assembly.do(lambda tx: works.delete(tx, target, DELETION))


def deleted_whole(assembly: Assembly, target: str) -> bool:
    """All that the steps of an approved deletion do, in their order."""
    assembly.do(lambda tx: works.stop_series(tx, target))
    gone = delete(assembly, target)
    for case in assembly.do(lambda tx: works.running(tx, target)):
        assembly.do(lambda tx, case=case: works.cancel(tx, case, DELETION))
    assembly.do(lambda tx: works.give_back(tx, target, f"{DELETION}/delete"))
    return gone


def states(assembly: Assembly) -> dict[str, str]:
    return {row["id"]: row["state"] for row in assembly.rows(sa.select(t.work))}


# Carrying out


def test_a_proposal_is_carried_out_once_however_often_it_is_begun(assembly: Assembly) -> None:
    approved(assembly)
    assert begun(assembly) is None
    assert [assembly.do(lambda tx: works.open_work(tx, "p1", "once")) for _ in range(3)] == ["p1-work-1"] * 3
    assert assembly.waiting().count(("p1-work-1", "start")) == 1
    kinds = assembly.rows(sa.select(t.case.c.kind, t.case.c.requester).where(t.case.c.id == "p1-work-1"))
    assert kinds == [{"kind": works.KIND, "requester": "prue"}]


def test_a_series_opens_one_instance_for_each_moment(assembly: Assembly) -> None:
    approved(assembly, "daily")
    series = begun(assembly)
    assert series is not None and (series.id, series.active) == ("series-p1", True)
    assert [tick(assembly, slot) for slot in ("mon", "tue", "mon", "wed", "tue")] == [
        *("p1-work-1", "p1-work-2", "p1-work-1", "p1-work-3", "p1-work-2")
    ]
    assert [line["number"] for line in assembly.rows(sa.select(t.work.c.number).order_by(t.work.c.number))] == [1, 2, 3]


def test_a_stopped_series_opens_nothing_more_and_stays_stopped(assembly: Assembly) -> None:
    approved(assembly, "daily")
    begun(assembly)
    tick(assembly, "mon")
    for target in ("series-p1", "p1"):
        assert assembly.do(lambda tx, target=target: works.stop_series(tx, target)) == "series-p1"
    assert tick(assembly, "tue") is None
    again = begun(assembly)
    assert again is not None and not again.active
    assert tick(assembly, "wed") is None
    assert list(states(assembly)) == ["p1-work-1"]


def test_a_series_that_never_was_cannot_tick_or_stop(assembly: Assembly) -> None:
    approved(assembly)
    assert tick(assembly, "mon", "series-x") is None
    assert assembly.do(lambda tx: works.stop_series(tx, "series-x")) is None
    assert assembly.do(lambda tx: works.stop_series(tx, "p1")) is None


# Deletion


def test_a_proposal_that_is_still_voted_on_can_be_deleted(assembly: Assembly) -> None:
    assembly.voters(3)
    assembly.propose("p1", amount=40)
    assert deleted_whole(assembly, "p1")
    assert assembly.decision("p1.vote.1")["state"] == "withdrawn"
    assembly.end_case()
    row = assembly.proposal("p1")
    assert (row["status"], row["deleted_by"]) == ("deleted", DELETION)


def test_a_proposal_that_waits_for_funds_can_be_deleted_and_takes_none_afterwards(assembly: Assembly) -> None:
    assembly.voters(3)
    assembly.propose("p1", amount=40)
    assembly.approve(2)
    assert deleted_whole(assembly, "p1")
    assembly.deposit(100)
    assembly.end_case()
    assert assembly.status("p1") == "deleted"
    assert assembly.money() == (100, 0)


def test_deleting_work_gives_back_what_it_had_not_paid(assembly: Assembly) -> None:
    approved(assembly)
    work = assembly.work(amount=40)
    assembly.pay(work, 10, "s1")
    assert deleted_whole(assembly, work)
    assembly.finish(work, proposals.DELETED)
    assert states(assembly) == {work: "deleted"}
    assert assembly.money() == (90, 0)


def test_deleted_work_is_paid_nothing_once_it_has_given_its_money_back(assembly: Assembly) -> None:
    approved(assembly, "daily")
    begun(assembly)
    one = assembly.work(slot="1", amount=20, floor=40)
    two = assembly.work(slot="2", amount=20, floor=40)
    assert deleted_whole(assembly, one)
    assembly.finish(one, proposals.DELETED)
    with pytest.raises(NotReserved):
        assembly.pay(one, 20, "late")
    assert assembly.pay(two, 20, "s1")


def test_deleting_a_series_cancels_what_runs_and_frees_everything(assembly: Assembly) -> None:
    approved(assembly, "daily", amount=70)
    begun(assembly)
    works_ = [assembly.work(slot=slot, amount=10, floor=70) for slot in ("1", "2")]
    assembly.finish(works_[0])
    assert deleted_whole(assembly, "series-p1")
    cancelled = assembly.rows(sa.select(t.case.c.cancel_reason).where(t.case.c.id == works_[1]))
    assert cancelled == [{"cancel_reason": f"Deleted by {DELETION}."}]
    assembly.finish(works_[1], proposals.DELETED)
    assert assembly.money() == (100, 0)
    assert tick(assembly, "3") is None


def test_a_deletion_that_is_repeated_agrees_and_another_one_is_moot(assembly: Assembly) -> None:
    approved(assembly, "daily")
    begun(assembly)
    assert [deleted_whole(assembly, "series-p1") for _ in range(2)] == [True, True]
    assert assembly.do(lambda tx: works.delete(tx, "series-p1", "deletion-2")) is False
    assert assembly.do(lambda tx: works.delete(tx, "p1", "deletion-2")) is False


@pytest.mark.parametrize("end", ["rejected", "done", "work-done", "unknown"])
def test_the_deletion_of_what_has_gone_is_moot(assembly: Assembly, end: str) -> None:
    if end == "rejected":
        assembly.voters(3)
        assembly.propose("p1")
        assembly.approve(2, choice="deny")
    elif end != "unknown":
        approved(assembly)
        assembly.finish(assembly.work(amount=40))
    target = {"work-done": "p1-work-1", "unknown": "nothing"}.get(end, "p1")
    assert deleted_whole(assembly, target) is False


def test_a_vote_that_comes_after_the_deletion_does_not_bring_a_proposal_back(assembly: Assembly) -> None:
    """Also before the steps of the deletion have come to cancelling what runs."""
    assembly.deposit(100)
    assembly.voters(3)
    assembly.propose("p1", amount=40)
    assembly.approve(1)
    assert delete(assembly, "p1")
    assert word(assembly.vote("v1")) == "ballot-closed"
    assert assembly.status("p1") == "deleted"
    assert assembly.money() == (100, 0)


def test_a_deadline_that_came_before_the_deletion_stands_and_the_deletion_is_moot(assembly: Assembly) -> None:
    assembly.voters(3)
    assembly.propose("p1")
    assembly.clock.move(assembly.decision()["due_at"] - assembly.clock.time)
    assert deleted_whole(assembly, "p1") is False
    assert assembly.status("p1") == "expired"


def test_a_deletion_overtakes_the_step_that_carries_the_proposal_out(assembly: Assembly) -> None:
    approved(assembly)
    assert deleted_whole(assembly, "p1")
    assert assembly.do(lambda tx: works.open_work(tx, "p1", "once")) is None
    assembly.end_case()
    assert assembly.money() == (100, 0)


def test_a_deletion_overtakes_the_step_that_begins_the_series(assembly: Assembly) -> None:
    approved(assembly, "weekly")
    assert deleted_whole(assembly, "p1")
    series = begun(assembly)
    assert series is not None and not series.active
    assert tick(assembly, "mon") is None
    assembly.end_case()
    assert assembly.money() == (100, 0)


def test_an_instance_takes_the_policy_of_the_day_it_opens(assembly: Assembly) -> None:
    approved(assembly, "weekly")
    begun(assembly)
    before = tick(assembly, "2026-03-02T09:00:00+00:00")
    order = PolicyOrder(policy=works.POLICY, values={"work_reminder": "2d"}, base_version=0)
    assembly.do(lambda tx: policies.put(tx, order, lambda _, values: dict(values), "adam", None, None))
    after = tick(assembly, "2026-03-09T09:00:00+00:00")
    opened = {row["id"]: row["opening"] for row in assembly.rows(sa.select(t.case.c.id, t.case.c.opening))}
    assert opened[after]["policy"]["work_reminder"] == "2d"
    assert opened[before]["policy"].get("work_reminder") != "2d"
    assert opened[after]["parent"] == "p1"
