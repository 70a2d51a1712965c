"""Voters, administrators, money and the clock at once, from several processes on one database.

The interleavings of the money are 300 for each database; 10,000 with LONG=1.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.assembly import Assembly, assembled
from tests.store.books import problems
from tests.store.crowd import Crowd, Order

from placet.store import tables as t
from placet.store.clock import SystemClock
from placet.store.engine import Store
from placet.store.house import House

LONG = bool(os.environ.get("LONG"))
MONEY_ROUNDS = 10_000 if LONG else 300
FORCE_ROUNDS = 200
AMOUNT = 40
AHEAD = 0.012
SEED = int(os.environ.get("SEED") or "1")


@pytest.fixture
def hall(database_url: str, house: House) -> Iterator[Assembly]:
    """Everybody goes by the real clock here."""
    store = Store(database_url, house)
    assert isinstance(store.clock, SystemClock)
    made = assembled(store, store.clock)  # type: ignore[arg-type]
    yield made
    assert problems(store) == []
    store.close()


@pytest.fixture
def crowd(database_url: str) -> Iterator[Callable[[int], Crowd]]:
    """Makes a crowd of so many processes."""
    made: list[Crowd] = []

    def new(size: int) -> Crowd:
        made.append(Crowd(database_url, size))
        return made[-1]

    yield new
    for each in made:
        each.close()


def voting(ballot: str, who: str, choice: str, at: float = 0) -> Order:
    return {"do": "vote", "ballot": ballot, "who": who, "choice": choice, "at": at}


def votes(hall: Assembly) -> dict[str, tuple[str, str]]:
    """(choice, receipt) of everybody who has voted on the ballot, by the table."""
    mine = sa.select(t.act).where(t.act.c.decision_id == hall.task)
    return {row["person_id"]: (row["outcome"], row["receipt"]) for row in hall.rows(mine)}


def flat(answers: list[list[Order]]) -> list[Order]:
    return [answer for told in answers for answer in told]


def acknowledged(answers: list[list[Order]]) -> dict[str, tuple[str, str]]:
    """(choice, receipt) that each voter was told; everything that one is told must agree."""
    told: dict[str, set[tuple[str, str]]] = {}
    for answer in flat(answers):
        if "receipt" in answer:
            told.setdefault(answer["who"], set()).add((answer["choice"], answer["receipt"]))
    assert all(len(receipts) == 1 for receipts in told.values())
    return {who: receipts.pop() for who, receipts in told.items()}


def test_of_two_hundred_voters_in_four_processes_exactly_the_acknowledged_votes_count(
    hall: Assembly, crowd: Callable[[int], Crowd]
) -> None:
    """Everybody votes twice the same and once the other way, each time in another process."""
    draw = random.Random(SEED)
    names = hall.voters(200)
    ballot = hall.propose(early=None)
    orders: list[list[Order]] = [[], [], [], []]
    for number, who in enumerate(names):
        for turn, choice in enumerate(("approve", "approve", "deny")):
            orders[(number + turn) % 4].append(voting(ballot, who, choice))
    for mine in orders:
        draw.shuffle(mine)
    answers = crowd(4).play(*orders)
    assert acknowledged(answers) == votes(hall)
    assert len(votes(hall)) == 200
    assert set(Counter(answer.get("refused") for answer in flat(answers))) == {None, "already-voted"}
    assert hall.counted() == tuple(
        sum(vote[0] == choice for vote in votes(hall).values()) for choice in ("approve", "deny")
    )


def test_votes_around_the_deadline_are_acknowledged_before_it_or_not_at_all(
    hall: Assembly, crowd: Callable[[int], Crowd]
) -> None:
    """Two processes vote from before the deadline to after it, while a third does nothing but settle."""
    names = hall.voters(120)
    processes = crowd(3)
    ballot = hall.propose(early=None, quorum={"of": 1, "out_of": 120}, countdown="5s")
    hall.approve(1)
    deadline: datetime = hall.decision()["due_at"]
    end = deadline.timestamp()
    orders: list[list[Order]] = [[], [], []]
    for number, who in enumerate(names[1:]):
        # Some at once, some in the last second, and then one a millisecond from just before the deadline to just after.
        at = 0 if number < 10 else end - 1 + number * 0.02 if number < 40 else end - 0.04 + (number - 40) * 0.001
        orders[number % 2].append(voting(ballot, who, "deny", at))
    orders[2] = [{"do": "settle", "case": "p1", "at": end - 0.02 + turn * 0.001} for turn in range(60)]
    answers = processes.play(*orders)
    told = acknowledged(answers)
    assert {"v0": votes(hall)["v0"], **told} == votes(hall)
    assert all(datetime.fromisoformat(answer["at"]) < deadline for answer in flat(answers) if "receipt" in answer)
    refused = {answer["who"] for answer in flat(answers) if answer.get("refused")}
    assert {answer["refused"] for answer in flat(answers) if "refused" in answer} == {"ballot-closed"}
    assert told and refused and set(told) | refused == set(names[1:])
    verdict = hall.verdict()
    assert verdict is not None and verdict[1:] == ("countdown", deadline)
    assert hall.lines().count("ballot.closed") == 1


def test_of_a_force_and_the_deciding_vote_exactly_one_wins(hall: Assembly, crowd: Callable[[int], Crowd]) -> None:
    draw = random.Random(SEED)
    hall.voters(3)
    processes = crowd(2)
    won: Counter[str] = Counter()
    for number in range(FORCE_ROUNDS):
        ballot = hall.propose(f"p{number}")
        hall.approve(1, choice="deny")
        at = time.time() + AHEAD
        forcing = {"do": "force", "ballot": ballot, "who": "adam", "at": at + _apart(draw)}
        (forced,), (voted,) = processes.play([forcing], [voting(ballot, "v1", "deny", at)])
        by_force, by_vote = "refused" not in forced, "receipt" in voted
        assert by_force != by_vote
        loser = voted if by_force else forced
        assert loser["refused"] == "ballot-closed"
        verdict = hall.verdict()
        assert verdict is not None and verdict[:2] == (("approve", "forced") if by_force else ("deny", "early"))
        assert hall.status() == ("approved" if by_force else "rejected")
        won["force" if by_force else "vote"] += 1
    assert set(won) == {"force", "vote"}, won


def test_of_two_proposals_a_faucet_that_can_fund_one_funds_exactly_one(
    hall: Assembly, crowd: Callable[[int], Crowd]
) -> None:
    """In turn: two deciding votes; a vote against a force; a vote against one who has waited; a vote against money
    that a deletion gives back."""
    draw = random.Random(SEED)
    hall.voters(3)
    processes = crowd(2)
    won: Counter[str] = Counter()
    for number in range(MONEY_ROUNDS):
        kind = ("votes", "force", "waiter", "deletion")[number % 4]
        won[f"{kind} {_money_round(hall, processes, draw, number, kind)}"] += 1
    for kind in ("votes", "force", "waiter"):
        assert won[f"{kind} one"] + won[f"{kind} two"] == won.total() // 4, won
    # Which of them is quicker depends on the machine; that nobody always is shows that they do race.
    assert any(won[f"{kind} one"] and won[f"{kind} two"] for kind in ("votes", "force", "waiter")), won
    figures = hall.money()
    assert figures[0] == figures[1]


def _apart(draw: random.Random) -> float:
    """Seconds between two who act at once: mostly hardly any, and now and then enough to be the first for sure."""
    return draw.uniform(-0.002, 0.002) if draw.random() < 0.7 else draw.uniform(-0.03, 0.03)


def _money_round(hall: Assembly, processes: Crowd, draw: random.Random, number: int, kind: str) -> str:
    """Exactly one proposal's worth of money is free; which of the two got it."""
    one, two = f"one{number}", f"two{number}"
    if kind == "deletion":
        hall.deposit(AMOUNT, f"d{number}", offer=False)
    hall.propose(one, amount=AMOUNT)
    hall.approve(2 if kind in ("waiter", "deletion") else 1)
    second = hall.propose(two, amount=AMOUNT)
    hall.approve(1)
    if kind != "deletion":
        hall.deposit(AMOUNT, f"d{number}", offer=False)
    assert hall.money()[0] - hall.money()[1] == (0 if kind == "deletion" else AMOUNT)
    at = time.time() + AHEAD
    orders: dict[str, list[Order]] = {
        "votes": [voting(f"{one}.vote.1", "v1", "approve", at)],
        "force": [{"do": "force", "ballot": f"{one}.vote.1", "who": "adam", "at": at}],
        "waiter": [{"do": "offer", "case": one, "at": at}],
        "deletion": [
            {"do": "delete", "target": one, "by": f"x{number}", "at": at},
            {"do": "give_back", "target": one, "by": f"x{number}", "at": at},
        ],
    }
    other = voting(second, "v1", "approve", at + _apart(draw))
    first, (voted,) = processes.play(orders[kind], [other])
    assert "receipt" in voted
    statuses = [hall.status(one), hall.status(two)]
    if kind == "deletion":
        assert first[0]["deleted"] and statuses[0] == "deleted"
        # The money is free for whoever waits, if it was not given back in time for the vote.
        processes.play([{"do": "offer", "case": two, "at": 0}])
        assert hall.status(two) == "approved"
    elif "refused" in first[0]:
        assert first[0]["refused"] == "insufficient-funds"
        assert statuses == ["pending", "approved"]
    else:
        assert sorted(statuses) == ["approved", "pending awaiting funds"]
    balance, allocated = hall.money()
    assert balance == allocated
    return "one" if statuses[0] == "approved" else "two"


def test_everything_that_locks_at_once_leaves_no_deadlock_unretried(
    hall: Assembly, crowd: Callable[[int], Crowd]
) -> None:
    """Votes, forces, offers, ticks and deletions of the same series and the same faucet, from four processes."""
    draw = random.Random(SEED)
    hall.voters(3)
    hall.deposit(AMOUNT * 5)
    names = [f"p{number}" for number in range(30 if LONG else 12)]
    for name in names:
        hall.propose(name, amount=AMOUNT, recurrence="daily")
        hall.approve(1)
    processes = crowd(4)
    orders: list[list[Order]] = [[], [], [], []]
    for name in names:
        acts: list[dict[str, Any]] = [
            voting(f"{name}.vote.1", "v1", "approve"),
            {"do": "force", "ballot": f"{name}.vote.1", "who": "adam"},
            {"do": "offer", "case": name},
            {"do": "tick", "series": f"series-{name}", "slot": "1"},
            {"do": "delete", "target": name, "by": f"x-{name}"},
            {"do": "give_back", "target": name, "by": f"x-{name}"},
        ]
        for act in acts * 2:
            orders[draw.randrange(4)].append(act | {"at": 0})
    for mine in orders:
        draw.shuffle(mine)
    processes.play(*orders)
    assert {hall.status(name) for name in names} == {"deleted"}
    for name in names:
        processes.play([{"do": "give_back", "target": name, "by": f"again-{name}", "at": 0}])
    assert hall.money() == (AMOUNT * 5, 0)


def test_a_vote_cast_in_many_places_at_once_is_dated_once(hall: Assembly, crowd: Callable[[int], Crowd]) -> None:
    hall.voters(3)
    ballot = hall.propose()
    at = time.time() + 0.05
    answers = crowd(4).play(*([voting(ballot, "v0", "approve", at)] * 20 for _ in range(4)))
    assert len({answer["receipt"] for answer in flat(answers)}) == 1
    assert timedelta() == max(datetime.fromisoformat(a["at"]) for a in flat(answers)) - min(
        datetime.fromisoformat(a["at"]) for a in flat(answers)
    )
