"""One process of a crowd on one database: it takes orders line by line, does them at the given moment, and answers.

An order is JSON: `do`, `at` (seconds since 1970), and what the act needs; the answer is what it came to, or `error`.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from placet.store import ballots, forms, funds, people, works
from placet.store.ballots import NotVoted, Paper, locked_ballot
from placet.store.cases import locked
from placet.store.engine import Store, StoreUnavailable, Tx
from placet.store.house import House

Order = dict[str, Any]
READY = "ready"
PATIENCE_SECONDS = 120


def vote(tx: Tx, order: Order) -> Order:
    person = people.find(tx, order["who"])
    assert person is not None
    with locked_ballot(tx, order["ballot"]) as ballot:
        result = ballots.cast(ballot, [Paper(person, order["choice"])])[0]
    if isinstance(result, NotVoted):
        return {"who": person.id, "refused": result.refusal.code}
    return {"who": person.id, "choice": result.choice, "at": result.at.isoformat(), "receipt": result.receipt}


def force(tx: Tx, order: Order) -> Order:
    admin = people.find(tx, order["who"])
    assert admin is not None
    with locked_ballot(tx, order["ballot"]) as ballot:
        refused = ballots.force(ballot, admin, "It burns.")
    return {"refused": refused.code} if refused else {}


def settle(tx: Tx, order: Order) -> Order:
    with locked(tx, order["case"]) as case:
        for decision in forms.open_decisions(case):
            decision.settle()
    return {}


def offer(tx: Tx, order: Order) -> Order:
    funds.offer(tx, order["case"])
    return {}


def delete(tx: Tx, order: Order) -> Order:
    works.stop_series(tx, order["target"])
    return {"deleted": works.delete(tx, order["target"], order["by"])}


def give_back(tx: Tx, order: Order) -> Order:
    works.give_back(tx, order["target"], order["by"])
    return {}


def tick(tx: Tx, order: Order) -> Order:
    return {"work": works.tick(tx, order["series"], order["slot"])}


ACTS = {act.__name__: act for act in (vote, force, settle, offer, delete, give_back, tick)}


def _done(store: Store, order: Order) -> "Future[Order]":
    # Less than a moment before, so that a sleep that oversleeps does not put the processes out of step.
    while time.time() < order["at"]:
        time.sleep(0 if order["at"] - time.time() < 0.002 else 0.001)
    return store.submit(lambda tx: ACTS[order["do"]](tx, order))


def serve(url: str) -> None:
    """Each line is a list of orders, which are begun in turn without waiting for one another."""
    store = Store(url, House())
    print(READY, flush=True)
    for line in sys.stdin:
        orders = json.loads(line)
        begun = [_done(store, order) for order in orders]
        print(json.dumps([_answer(store, *one) for one in zip(orders, begun, strict=True)]), flush=True)
    store.close()


def _answer(store: Store, order: Order, done: "Future[Order]") -> Order:
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return done.result(timeout=PATIENCE_SECONDS)
        except Exception as error:
            # On a busy machine the others hold the file of SQLite longer than one waits for it. Nothing was changed
            # then, and one tries again; a deadlock of Postgres, the store has to end by itself.
            busy = store.on_sqlite and isinstance(error, StoreUnavailable) and time.monotonic() < patience
            if not busy:
                return {"error": repr(error)}
            done = _done(store, order)


class Crowd:
    """So many processes; `play` gives each its orders at once and returns what each made of them."""

    def __init__(self, url: str, size: int) -> None:
        command = [sys.executable, "-m", "tests.store.crowd", url]
        root = Path(__file__).parents[2]
        pipe = subprocess.PIPE
        self._members = [
            subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(size)
        ]
        for member in self._members:
            assert member.stdout is not None and member.stdout.readline().strip() == READY

    def play(self, *orders: list[Order]) -> list[list[Order]]:
        """The answers of each process to its own list of orders."""
        for member, mine in zip(self._members, orders, strict=False):
            assert member.stdin is not None
            member.stdin.write(json.dumps(mine) + "\n")
            member.stdin.flush()
        answers = []
        for member, _ in zip(self._members, orders, strict=False):
            assert member.stdout is not None
            answers.append(json.loads(member.stdout.readline()))
        errors = [answer["error"] for told in answers for answer in told if "error" in answer]
        assert errors == []
        return answers

    def close(self) -> None:
        for member in self._members:
            member.communicate(timeout=PATIENCE_SECONDS)


if __name__ == "__main__":
    serve(sys.argv[1])
