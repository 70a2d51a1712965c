"""What must hold of every database in which people vote and money moves, whatever happened before."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import verify
from placet.store import audit
from placet.store import tables as t
from placet.store.engine import Store, Tx

Rows = list[dict[str, Any]]
BY_CLOCK = ("countdown", "expired")


def problems(store: Store) -> list[str]:
    """Everything that is wrong, in words."""
    return store.read_now(problems_in)


def problems_in(tx: Tx) -> list[str]:
    return [*ledger_problems(tx), *ballot_problems(tx), *verify(audit.export(tx)).problems]


def _rows(tx: Tx, table: sa.Table) -> Rows:
    return [dict(row) for row in tx.conn.execute(sa.select(table)).mappings()]


def _by(rows: Rows, column: str) -> dict[str, Rows]:
    grouped: dict[str, Rows] = defaultdict(list)
    for row in rows:
        grouped[row[column]].append(row)
    return grouped


def ledger_problems(tx: Tx) -> Iterator[str]:
    """The ledger balances, and the rows beside it are its sums."""
    entries: dict[str, int] = defaultdict(int)
    accounts: dict[str, int] = defaultdict(int)
    for line in _rows(tx, t.ledger):
        entries[line["key"]] += line["amount"]
        accounts[line["account"]] += line["amount"]
    yield from (f"ledger: {key} adds up to {amount}" for key, amount in entries.items() if amount)
    reserved = {name.removeprefix("reserved:"): sum_ for name, sum_ in accounts.items() if name.startswith("reserved:")}
    overdrawn = {name: sum_ for name, sum_ in accounts.items() if sum_ < 0 and name != "deposits"}
    yield from (f"ledger: {name} is overdrawn: {sum_}" for name, sum_ in overdrawn.items())
    rows = _rows(tx, t.budget)
    found = (rows[0]["balance"], rows[0]["allocated"]) if rows else (0, 0)
    told = (accounts["faucet"] + sum(reserved.values()), sum(reserved.values()))
    if found != told:
        yield f"budget: {found} (balance, allocated), by the ledger {told}"
    promised = {row["proposal_id"]: row["amount"] for row in _rows(tx, t.reservation) if row["amount"]}
    if promised != {name: sum_ for name, sum_ in reserved.items() if sum_}:
        yield f"reservations: {promised}, by the ledger {reserved}"
    owed: dict[str, int] = defaultdict(int)
    for work in _rows(tx, t.work):
        owed[work["proposal_id"]] += work["owed"] if work["state"] == "open" else 0
        if work["state"] == "done" and work["owed"]:
            yield f"work: {work['id']} has ended and is owed {work['owed']}"
    for name, amount in owed.items():
        if amount > promised.get(name, 0):
            yield f"reservations: {name} owes {amount} and has {promised.get(name, 0)}"


def ballot_problems(tx: Tx) -> Iterator[str]:
    """Every vote is a row, an audit line and one in the tally, before the deadline, of somebody on the roll."""
    acts, lines = _by(_rows(tx, t.act), "decision_id"), _by(_rows(tx, t.audit), "chain")
    rolls: dict[str, set[str]] = defaultdict(set)
    for entry in _rows(tx, t.roll):
        rolls[entry["decision_id"]].add(entry["person_id"])
    for ballot in _rows(tx, t.decision):
        if ballot["form"] != "ballot":
            continue
        name, tally, rules = ballot["id"], ballot["tally"], ballot["rules"]
        votes = acts[name]
        rows = Counter(act["outcome"] for act in votes)
        said = [line for line in lines[ballot["case_id"]] if line["detail"].get("ballot") == name]
        logged = Counter(line["detail"]["decision"] for line in said if line["action"] == "ballot.vote")
        if not rows == logged == Counter({key: tally[key] for key in ("approve", "deny") if tally[key]}):
            yield f"{name}: {dict(rows)} rows, {dict(logged)} audit lines, tally {tally}"
        if {act["receipt"] for act in votes} != {line["hash"] for line in said if line["action"] == "ballot.vote"}:
            yield f"{name}: a receipt is not the hash of its line"
        if len(rolls[name]) != rules["total"]:
            yield f"{name}: {len(rolls[name])} on the roll, {rules['total']} in the rules"
        if strangers := {act["person_id"] for act in votes} - rolls[name]:
            yield f"{name}: {strangers} voted and are not on the roll"
        closings = sum(line["action"] == "ballot.closed" for line in said)
        if ballot["state"] == "closed":
            if closings != 1:
                yield f"{name}: closed {closings} times"
            at, by_clock = datetime.fromisoformat(ballot["verdict"]["at"]), ballot["verdict"]["reason"] in BY_CLOCK
            late = [act["person_id"] for act in votes if act["at"] > at or (act["at"] == at and by_clock)]
            if late:
                yield f"{name}: {late} voted at {at} or later"
        elif closings:
            yield f"{name}: closed by its chain, {ballot['state']} by its row"
