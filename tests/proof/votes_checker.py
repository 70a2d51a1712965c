"""The judge of votes. It knows nothing of the product's code: it reads the SQLite file (or a copy of the tables of
another database in one), the exported audit log, and what voters sent over HTTP, with the standard library alone.

It counts by its own arithmetic, on integers and microseconds: a quorum is half of the roll, more than half of the roll
on one side decides at once, a tie refuses.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

LOST, DOUBLED, STUCK = "lost:", "doubled:", "stuck:"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUS = {"approve": "approved", "deny": "rejected", "expired": "expired"}

Row = dict[str, Any]


class Terms(NamedTuple):
    """What every vote of a run goes by: microseconds of countdown and expiry, what an approval reserves."""

    countdown: int
    expiry: int
    amount: int


class End(NamedTuple):
    outcome: str
    reason: str
    at: int


def counted(total: int, opened: int, votes: Sequence[tuple[int, str]], terms: Terms) -> tuple[End, list[int]]:
    """How a vote must end that nobody adds to, and which of these (instant, choice) came too late to count."""
    approve = deny = 0
    ends, quorum = opened + terms.expiry, False
    late = []
    end = None
    for at, choice in votes:
        if end is not None or at >= ends:
            late.append(at)
            continue
        approve, deny = approve + (choice == "approve"), deny + (choice == "deny")
        if not quorum and 2 * (approve + deny) >= total:
            quorum, ends = True, at + terms.countdown
        if quorum and 2 * max(approve, deny) > total:
            end = End("approve" if approve > deny else "deny", "early", at)
    if end is None and not quorum:
        end = End("expired", "expired", ends)
    return end or End("approve" if approve > deny else "deny", "countdown", ends), late


def check(database: Path, audit: Path, history: Sequence[Mapping[str, Any]], terms: Terms) -> list[str]:
    """Everything that is wrong, in words."""
    log = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in log if line["type"] == "event"]
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        data = {name: _rows(connection, name) for name in TABLES}
    problems = [*_chains(lines)]
    sent = [op for op in history if op["f"] == "vote"]
    proposed = {op["answer"]["id"] for op in history if op["f"] == "propose" and op["type"] == "ok"}
    rows = {row["id"] for row in data["proposal"]}
    problems += [f"{LOST} proposal {one} was acknowledged" for one in sorted(proposed - rows)]
    problems += [f"{DOUBLED} {one} was proposed by nobody" for one in sorted(rows - proposed)]
    for proposal in data["proposal"]:
        mine = [op for op in sent if op["proposal"] == proposal["id"]]
        problems += _votes(proposal["id"], mine, data, lines)
        problems += _verdict(proposal, mine, data, lines, terms)
        problems += _consequences(proposal, data, terms)
    return [*problems, *_money(data)]


TABLES = ("proposal", "decision", "act", "roll", "mailing", "message", "work", "case_", "ledger", "budget", "outbox")


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    def read(value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) and value[:1] == "{" else value

    found = connection.execute(f"SELECT * FROM {table}")
    return [{name: read(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118


def _chains(lines: Sequence[Row]) -> Iterator[str]:
    heads: dict[str, tuple[int, str]] = {}
    for line in lines:
        told = [line[part] for part in ("chain", "seq", "at", "actor", "action", "detail", "prev")]
        own = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if (line["seq"] - 1, line["prev"]) != heads.get(line["chain"], (0, "0" * 64)):
            yield f"audit: {line['chain']} line {line['seq']} does not follow the one before"
        if line["hash"] != hashlib.sha256(own).hexdigest():
            yield f"audit: {line['chain']} line {line['seq']} was changed"
        heads[line["chain"]] = (line["seq"], line["hash"])


def _votes(
    proposal: str, sent: Sequence[Mapping[str, Any]], data: Mapping[str, list[Row]], lines: list[Row]
) -> list[str]:
    """Acknowledged if and only if counted, each once, as it was sent, with the receipt that the log holds."""
    wrong = []
    rows = [row for row in data["act"] if row["case_id"] == proposal]
    kept = {(row["person_id"], row["outcome"], row["receipt"]) for row in rows}
    told = {(op["who"], op["choice"], op["answer"]["receipt"]) for op in sent if op["type"] == "ok"}
    wrong += [f"{LOST} the vote of {who} on {proposal} was acknowledged" for who, *_ in sorted(told - kept)]
    wrong += [f"{DOUBLED} a vote of {who} on {proposal} was not acknowledged" for who, *_ in sorted(kept - told)]
    people = Counter(row["person_id"] for row in rows)
    wrong += [f"{DOUBLED} {who} voted {times} times on {proposal}" for who, times in people.items() if times > 1]
    logged = [
        (line["actor"], line["detail"]["decision"], line["hash"])
        for line in lines
        if line["chain"] == proposal and line["action"] == "ballot.vote"
    ]
    if sorted(logged) != sorted(kept):
        kind = LOST if len(logged) < len(kept) else DOUBLED
        wrong.append(f"{kind} the log of {proposal} has other votes than its rows")
    refused = {op["who"] for op in sent if op["type"] == "fail"}
    wrong += [f"{DOUBLED} {who} was refused on {proposal}, and counted" for who in sorted(refused & set(people))]
    unanswered = {op["op"] for op in sent} - {op["op"] for op in sent if op["type"] in ("ok", "fail")}
    return [*wrong, *(f"{STUCK} vote {op} on {proposal} was never answered" for op in sorted(unanswered))]


def _verdict(
    proposal: Row, sent: Sequence[Mapping[str, Any]], data: Mapping[str, list[Row]], lines: list[Row], terms: Terms
) -> Iterator[str]:
    name = proposal["id"]
    ballot = next(row for row in data["decision"] if row["case_id"] == name and row["form"] == "ballot")
    total = sum(row["decision_id"] == ballot["id"] for row in data["roll"])
    rows = [row for row in data["act"] if row["decision_id"] == ballot["id"]]
    order = {line["hash"]: line["seq"] for line in lines if line["chain"] == name}
    rows.sort(key=lambda row: order.get(row["receipt"], 0))
    end, late = counted(total, ballot["opened_at"], [(row["at"], row["outcome"]) for row in rows], terms)
    if late:
        yield f"verdict: {len(late)} votes on {name} came after its end and count"
    if ballot["state"] != "closed":
        yield f"{STUCK} the vote on {name} is {ballot['state']}"
        return
    verdict = ballot["verdict"]
    found = End(verdict["outcome"], verdict["reason"], instant(verdict["at"]))
    if found != end:
        yield f"verdict: {name} ended {found}, by this count {end}"
    if (proposal["status"], proposal["finalized_at"]) != (STATUS[end.outcome], end.at):
        yield f"verdict: {name} is {proposal['status']} of {proposal['finalized_at']}, by this count {end}"
    for op in sent:
        if op["type"] == "fail" and op["answer"].get("code") != "ballot-closed":
            yield f"verdict: {op['who']} was refused on {name}: {op['answer'].get('code')}"
        final = op["answer"].get("final", {}) if op["type"] == "fail" else {}
        if op["type"] == "fail" and final.get("finalized_at") != end.at // 1_000_000:
            yield f"verdict: {op['who']} was told another end of {name}"
    closings = sum(line["chain"] == name and line["action"] == "ballot.closed" for line in lines)
    if closings != 1:
        yield f"{DOUBLED} {name} was closed {closings} times"


def _consequences(proposal: Row, data: Mapping[str, list[Row]], terms: Terms) -> Iterator[str]:
    """One reservation and one work of what was approved, none of the rest; each mail once; the case is over."""
    name, approved = proposal["id"], proposal["status"] == "approved"
    entries = [row for row in data["ledger"] if row["account"] == f"reserved:{name}"]
    if [row["amount"] for row in entries] != [terms.amount] * approved:
        yield f"{DOUBLED if len(entries) > approved else LOST} reservations of {name}: {len(entries)}"
    works = sum(row["proposal_id"] == name for row in data["work"])
    opened = sum(row["id"].startswith(f"{name}-work-") for row in data["case_"])
    if (works, opened) != (int(approved), int(approved)):
        yield f"{DOUBLED if max(works, opened) > approved else LOST} work of {name}: {works} rows, {opened} cases"
    ballot = f"{name}.vote.1"
    roll = {row["person_id"] for row in data["roll"] if row["decision_id"] == ballot}
    mails: dict[str, Counter[str]] = {kind: Counter() for kind in ("opened", "outcome", "reminder")}
    for mail in data["message"]:
        prefix, _, rest = mail["key"].partition("/")
        if prefix == ballot:
            mails[rest.partition("/")[0]][mail["person_id"]] += 1
            if mail["state"] not in ("stored", "sent"):
                yield f"{STUCK} mail {mail['key']} is {mail['state']}"
    expected = {"opened": Counter(roll), "outcome": Counter(roll | {proposal["proposer"]})}
    for kind, people in expected.items():
        more, less = mails[kind] - people, people - mails[kind]
        if kind == "opened" and _written_after_the_end(ballot, data):
            # Nobody is asked for a vote that is over already.
            less = Counter()
        if more or less:
            yield f"{DOUBLED if more else LOST} mails “{kind}” of {name}: {sorted(more + less)}"
    if set(mails["reminder"]) - roll or max(mails["reminder"].values(), default=1) > 1:
        yield f"{DOUBLED} reminders of {name}: {mails['reminder']}"
    case = next(row for row in data["case_"] if row["id"] == name)
    if case["is_open"]:
        yield f"{STUCK} {name} is {case['state']}"


def _written_after_the_end(ballot: str, data: Mapping[str, list[Row]]) -> bool:
    closed = next(row["closed_at"] for row in data["decision"] if row["id"] == ballot)
    written = next(row["done_at"] for row in data["mailing"] if row["key"] == f"{ballot}/opened")
    return closed is not None and written is not None and bool(written >= closed)


def _money(data: Mapping[str, list[Row]]) -> Iterator[str]:
    keys: Counter[str] = Counter()
    accounts: Counter[str] = Counter()
    for row in data["ledger"]:
        keys[row["key"]] += row["amount"]
        accounts[row["account"]] += row["amount"]
    yield from (f"money: {key} adds up to {amount}" for key, amount in keys.items() if amount)
    reserved = sum(amount for name, amount in accounts.items() if name.startswith("reserved:"))
    for row in data["budget"]:
        if (row["balance"], row["allocated"]) != (accounts["faucet"] + reserved, reserved):
            yield f"money: the budget is {row['balance']}, {row['allocated']}; the ledger {dict(accounts)}"
    if waiting := [row["case_id"] for row in data["outbox"]]:
        yield f"{STUCK} the outbox holds {sorted(waiting)[:5]}"


def instant(text: str) -> int:
    """Microseconds since 1970 of an ISO moment."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
