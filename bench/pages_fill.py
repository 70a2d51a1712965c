"""A database as it is after a busy year: many cases, ten tasks each, written past the product in bulk."""

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from placet.domain import multisig
from placet.domain.ballot import BallotRules
from placet.domain.intent import Intent
from placet.domain.multisig import Member, MultisigSpec
from placet.domain.people import Grant, Role
from placet.domain.task import APPROVE, REFUSE, Rung, RungAction, Seats, TaskRules
from placet.store import people, schema
from placet.store.engine import Store
from placet.store.house import House

SCOPES = tuple(f"desk-{number:02}" for number in range(20))
KINDS = ("partner-approval", "compliance-case", "proposal-work", "order", "audit")
STEPS = ("documents", "manager-approval", "legal-review", "negotiation", "executive-approval")
TASKS = 10
OPEN_SHARE = 0.1
DAYS = 365
VOTERS = 40
COUNCIL = ("council", "c1", "c2", "c3", "c4")
AT_ONCE = 5000
SECRET = "a secret of the bench, of more than thirty-two characters"

PEOPLE: dict[str, tuple[Grant, ...]] = {
    "root": (Grant(role="admin"),),
    "council": (Grant(role="council"),),
    "coordinator": (Grant(role="coordinator", scope=SCOPES[0]), Grant(role="coordinator", scope=SCOPES[1])),
    "member": (Grant(role="member"),),
    "lawyer": (Grant(role="legal", scope=SCOPES[3]), Grant(role="member")),
    "chief": (Grant(role="legal"), Grant(role="manager")),
    **{name: (Grant(role="council"),) for name in COUNCIL[1:]},
    **{f"v{number}": (Grant(role="voter"),) for number in range(VOTERS)},
}
"""The callers: of everything, of two scopes, of what involves them, of a role in one scope, of two roles everywhere."""

MEMBERS = 500
"""Who asks for cases; `member` is one of them."""


@dataclass(frozen=True)
class Filled:
    file: Path
    cases: int
    tasks: int
    tokens: dict[str, str]


def fill(file: Path, cases: int, seed: int = 7) -> Filled:
    """Make the database, with `cases` cases that opened within the last year."""
    schema.upgrade(f"sqlite:///{file}")
    store = Store(f"sqlite:///{file}", House("http://placet", SECRET))
    tokens: dict[str, str] = {}
    for name, grants in PEOPLE.items():
        tokens[name] = store.submit(lambda tx, name=name, grants=grants: _hired(tx, name, grants)).result()
    store.close()
    conn = sqlite3.connect(file)
    conn.execute("PRAGMA synchronous=OFF")
    conn.execute("PRAGMA cache_size=-200000")
    indexes = conn.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name <> 'person'"
    ).fetchall()
    for name, _ in indexes:
        conn.execute(f"DROP INDEX {name}")
    tasks = _write(conn, cases, random.Random(seed))
    for _, sql in indexes:
        conn.execute(sql)
    conn.commit()
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    return Filled(file, cases, tasks, tokens)


def _hired(tx: Any, name: str, grants: Iterable[Grant]) -> str:
    people.add(tx, "placet", name, name.capitalize(), f"{name}@example.org", tuple(grants))
    return people.issue_token(tx, "placet", name, "bench")


def _write(conn: sqlite3.Connection, cases: int, dice: random.Random) -> int:
    now = datetime.now(UTC)
    rows: dict[str, list[dict[str, Any]]] = {}
    tasks = 0
    for number in range(cases):
        opened = now - timedelta(days=DAYS) * (1 - (number + dice.random()) / cases)
        for table, row in _case(number, opened, now, dice, number < cases * (1 - OPEN_SHARE) or number % 3 == 0):
            rows.setdefault(table, []).append(row)
            tasks += table == "decision"
        if number % AT_ONCE == AT_ONCE - 1:
            _flush(conn, rows)
    _flush(conn, rows)
    return tasks


def _flush(conn: sqlite3.Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table, some in rows.items():
        names = list(some[0])
        marks = ", ".join("?" for _ in names)
        columns = ", ".join(f'"{name}"' for name in names)
        conn.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})", ([row[name] for name in names] for row in some)
        )
    conn.commit()
    rows.clear()


def _case(
    number: int, opened: datetime, now: datetime, dice: random.Random, ends: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    scope = SCOPES[dice.randrange(len(SCOPES))]
    kind = KINDS[dice.randrange(len(KINDS))]
    requester = "member" if number % MEMBERS == 0 else f"m{number % MEMBERS}"
    case_id = f"{kind}-{number:010}"
    closed = min(opened + timedelta(hours=dice.expovariate(1 / 200)), now) if ends else None
    state = ("completed" if dice.random() < 0.8 else "refused") if ends else "waiting"
    if not ends and dice.random() < 0.02:
        state = "needs-attention"
    title = f"{dice.choice(('Acme', 'Globex', 'Initech', 'Umbrella', 'Hooli'))} {number:06}"
    opening = {"case_id": case_id, "kind": kind, "scope": scope, "title": title, "requester": requester}
    yield (
        "case_",
        {
            **{"id": case_id, "kind": kind, "scope": scope, "title": title, "requester": requester, "state": state},
            **{"is_open": not ends, "opening": json.dumps({**opening, "request": {"note": "x" * 400}, "policy": {}})},
            **{"outcome": json.dumps({"status": state}) if ends else None, "opened_at": _us(opened)},
            **{"closed_at": _us(closed), "clock": _us(closed or opened), "paused_us": 0, "compensating": False},
            **{"past_runs": "[]", "progress": 3, "audit_seq": 3, "audit_head": "h"},
        },
    )
    yield "case_party", {"case_id": case_id, "person_id": requester, "why": "requester", "opened_at": _us(opened)}
    yield from _ballots(number, case_id, scope, kind, opened, closed)
    yield from _payments(number, case_id, scope, kind, opened, closed)
    at = opened
    for place in range(TASKS):
        last = place == TASKS - 1
        still = not ends and last
        until = None if still else min(at + timedelta(hours=dice.expovariate(1 / 18)), closed or now, now)
        yield from _task(case_id, scope, kind, place, at, until, opened, dice, now)
        at = until or at
        if place % 3 == 0:
            failed = state == "needs-attention" and place == TASKS - 1
            yield "step", _step(case_id, place, at, failed)
    for seq in (1, 2, 3):
        yield (
            "audit",
            {"txid": 0, "chain": case_id, "seq": seq, "case_id": case_id, "at": _us(opened), "actor": requester}
            | {"action": "case.opened", "detail": "{}", "prev": "p", "hash": "h"},
        )


def _task(
    case_id: str,
    scope: str,
    kind: str,
    place: int,
    at: datetime,
    until: datetime | None,
    opened: datetime,
    dice: random.Random,
    now: datetime,
) -> Iterator[tuple[str, dict[str, Any]]]:
    name, ordinal = STEPS[place % len(STEPS)], place // len(STEPS) + 1
    own = f"{case_id}.{name}.{ordinal}"
    # Of those that wait, some have no deadline; nothing waits past one.
    due = now + timedelta(hours=1 + dice.random() * 400) if until is None and dice.random() < 0.7 else None
    rung = int(until is None and dice.random() < 0.2)
    verdict = {"outcome": "approve", "favourable": True, "reason": "answered", "at": at.isoformat(), "by": ["m1"]}
    yield (
        "decision",
        {
            **{"id": own, "case_id": case_id, "name": name, "ordinal": ordinal, "form": "task"},
            **{"state": "open" if until is None else "closed", "rules": RULES, "subject": "{}", "tally": "{}"},
            **{"rung": rung, "shift_us": 0, "opened_at": _us(at), "due_at": _us(due), "next_at": _us(due)},
            **{"closed_at": _us(until), "verdict": None if until is None else json.dumps(verdict)},
            **{"consumed_at": _us(until), "kind": kind, "scope": scope},
        },
    )
    asked = [{"person_id": None, "role": "legal" if place % 2 else "manager", "scope": scope, "via": "asked"}]
    if place == 3:
        asked.append({"person_id": f"m{dice.randrange(MEMBERS)}", "role": None, "scope": None, "via": "asked"})
    if rung:
        asked.append({"person_id": None, "role": "executive", "scope": scope, "via": "escalation"})
    live = until is None
    for one in asked:
        row = {"decision_id": own, "case_id": case_id, "due_at": _us(due), "live": live, "case_opened_at": _us(opened)}
        yield "candidate", one | row
    if until is not None:
        yield (
            "act",
            {"decision_id": own, "person_id": f"m{dice.randrange(MEMBERS)}", "case_id": case_id, "outcome": "approve"}
            | {"comment": "", "data": "{}", "subject_hash": "", "door": "api", "at": _us(until), "receipt": "r"},
        )


def _ballots(
    number: int, case_id: str, scope: str, kind: str, opened: datetime, closed: datetime | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every fiftieth case is a proposal that is voted on."""
    if number % 50:
        return
    expires = opened + timedelta(days=400)
    rules = BallotRules.model_validate(
        BALLOT | {"opened_at": opened.isoformat(), "expires_at": expires.isoformat()}
    ).model_dump_json()
    count = {"approve": 11, "deny": 4, "quorum_at": None}
    own = f"{case_id}.vote.1"
    verdict = VERDICT | {"at": opened.isoformat()}
    yield (
        "decision",
        {
            **{"id": own, "case_id": case_id, "name": "vote", "ordinal": 1, "form": "ballot"},
            **{"state": "open" if closed is None else "closed", "rules": rules, "subject": "{}"},
            **{"tally": json.dumps(count), "rung": 0, "shift_us": 0, "opened_at": _us(opened)},
            **{"due_at": _us(expires), "next_at": _us(expires), "closed_at": _us(closed)},
            **{"verdict": None if closed is None else json.dumps(verdict), "consumed_at": _us(closed)},
            **{"kind": kind, "scope": scope},
        },
    )
    asked = {"person_id": None, "role": "voter", "scope": scope, "via": "asked", "due_at": _us(expires)}
    row = {"decision_id": own, "case_id": case_id, "live": closed is None, "case_opened_at": _us(opened)}
    yield "candidate", asked | row
    for voter in range(VOTERS):
        yield "roll", {"decision_id": own, "person_id": f"v{voter}"}
    yield (
        "proposal",
        {"id": case_id, "kind": "workflow", "proposer": f"m{number % MEMBERS}", "scope": scope, "title": case_id}
        | {"description": "Of *wood*.", "steps": "[]", "recurrence": "one_time", "weekly_requirement": 0}
        | {"instance_requirement": 0, "status": "pending" if closed is None else "approved", "awaiting_funds": False}
        | {"created_at": _us(opened)},
    )
    for side, amount in (("deposits", -50), ("faucet", 50)):
        yield (
            "ledger",
            {"key": f"deposit/{number}", "account": side, "amount": amount, "case_id": None, "memo": "", "by": "root"}
            | {"at": _us(opened)},
        )


def _payments(
    number: int, case_id: str, scope: str, kind: str, opened: datetime, closed: datetime | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every hundredth case is a payment that the council approves."""
    if number % 100 != 1:
        return
    intent = Intent(chain_id=31337, account=f"0x{'1' * 40}", to=f"0x{'2' * 40}", amount="1000", case_id=case_id)
    spec = MultisigSpec(name="council", title="Payment", intent=intent, council=Role(name="council"), threshold=3)
    rules = multisig.freeze(spec, (Member(person=person) for person in COUNCIL), opened, scope=scope)
    own = f"{case_id}.council.1"
    yield (
        "decision",
        {
            **{"id": own, "case_id": case_id, "name": "council", "ordinal": 1, "form": "multisig"},
            **{"state": "open" if closed is None else "closed", "rules": rules.model_dump_json(), "rung": 0},
            **{"subject": intent.model_dump_json(), "tally": "{}", "shift_us": 0, "opened_at": _us(opened)},
            **{"due_at": None, "next_at": None, "closed_at": _us(closed), "consumed_at": _us(closed)},
            **{"verdict": None if closed is None else json.dumps(VERDICT | {"at": opened.isoformat()})},
            **{"kind": kind, "scope": scope},
        },
    )
    for person in COUNCIL:
        row = {"decision_id": own, "case_id": case_id, "due_at": None, "live": closed is None}
        asked = {"person_id": person, "role": None, "scope": None, "via": "asked", "case_opened_at": _us(opened)}
        yield "candidate", asked | row


def _step(case_id: str, place: int, at: datetime, failed: bool) -> dict[str, Any]:
    return {
        **{"case_id": case_id, "name": f"crm.step-{place}", "ordinal": 1, "state": "failed" if failed else "done"},
        **{"input_digest": "d", "result": '{"ok": true}', "error": "The server said no." if failed else None},
        **{"attempts": 1, "planned_at": _us(at), "finished_at": _us(at)},
    }


def _us(at: datetime | None) -> int | None:
    return None if at is None else (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


VERDICT: dict[str, Any] = {"outcome": "approve", "favourable": True, "reason": "answered", "by": []}
RULES = TaskRules(
    title="Review",
    instructions="Look at the terms, and say whether they are what was agreed.",
    outcomes=(APPROVE, REFUSE),
    seats=Seats(),
    ladder=(Rung(action=RungAction.ESCALATE, at=datetime(2026, 1, 1, tzinfo=UTC)),),
    subject_hash="b" * 64,
).model_dump_json()
BALLOT: dict[str, Any] = {
    **{"name": "vote", "title": "Vote", "electorate": {"name": "voter"}, "total": VOTERS, "countdown": "PT24H"},
    **{"roll_hash": "r" * 64, "subject_hash": "b" * 64},
}
