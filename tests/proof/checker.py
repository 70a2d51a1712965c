"""The judge of a crash campaign. It knows nothing of the product's code: it reads the SQLite file, the exported audit
log, and the history of what people sent over HTTP, with the standard library alone.

The history is a list of dicts: `type` (`invoke`, `ok`, `fail`, `info`), `op`, `f` (`start`, `answer`, `link`, `pause`,
`resume`, `cancel`), `who`, the facts of the act, and with `ok` the decoded `answer`.
"""

import contextlib
import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
CLOSINGS = ("case.completed", "case.refused", "case.cancelled", "case.failed")
JSON_COLUMNS = {"opening", "outcome", "detail", "rules", "verdict", "tally"}
# What a case that did not end well must have taken back.
UNDOABLE = ("crm.set-status", "mail.send", "drafting.term-sheet")
LINK = re.compile(r"https?://\S+/l/\S+")

Row = dict[str, Any]
History = Sequence[Mapping[str, Any]]


def check(database: Path, audit: Path, history: History, ends: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything that is wrong, in words; `ends` says in which states each partner's case may have ended."""
    log = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in log if line["type"] == "event"]
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        data = _Tables(connection)
        return [
            *_chains(log, lines, data),
            *_starts(history, data),
            *_acts(history, lines, data),
            *_links(history, data),
            *_steering(history, lines),
            *_decisions(lines, data),
            *_steps(lines, data),
            *_mails(data),
            *_partners(data),
            *_ends(lines, data, ends),
        ]


class _Tables:
    """The tables, read whole."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.cases = _rows(connection, "case_")
        self.decisions = _rows(connection, "decision")
        self.acts = _rows(connection, "act")
        self.steps = _rows(connection, "step")
        self.mails = _rows(connection, "message")
        self.changes = _rows(connection, "crm_change")
        self.partners = _rows(connection, "crm_partner")
        self.sheets = _rows(connection, "term_sheet")
        self.outbox = _rows(connection, "outbox")


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    def read(name: str, value: Any) -> Any:
        return json.loads(value) if name in JSON_COLUMNS and isinstance(value, str) and value[:1] in "{[" else value

    found = connection.execute(f"SELECT * FROM {table}")
    return [{name: read(name, row[name]) for name in row.keys()} for row in found]  # noqa: SIM118


def _twice(items: Iterable[Any]) -> list[Any]:
    return [item for item, count in Counter(items).items() if count > 1]


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _chains(log: list[Row], lines: list[Row], data: _Tables) -> Iterator[str]:
    """A line's hash is SHA-256 over [chain, seq, at, actor, action, detail, prev]; a text's over salt, NUL, text."""
    heads: dict[str, Row] = {}
    known: dict[tuple[str, int], Row] = {}
    for line in lines:
        chain, before = line["chain"], heads.get(line["chain"])
        if (line["seq"], line["prev"]) != ((before["seq"] + 1, before["hash"]) if before else (1, GENESIS)):
            yield f"audit: {chain} line {line['seq']} does not follow the one before"
        if line["hash"] != sha256([line[part] for part in ("chain", "seq", "at", "actor", "action", "detail", "prev")]):
            yield f"audit: {chain} line {line['seq']} was changed"
        heads[chain] = known[chain, line["seq"]] = line
    for text in (entry for entry in log if entry["type"] == "text"):
        said = known.get((text["chain"], text["seq"]), {"detail": {}})["detail"].get(text["field"])
        if said != {"digest": hashlib.sha256(f"{text['salt']}\0{text['text']}".encode()).hexdigest()}:
            yield f"audit: {text['chain']} line {text['seq']}: the text of {text['field']} was changed"
    last = GENESIS
    for point in (entry for entry in log if entry["type"] == "checkpoint"):
        told = [[head["chain"], head["seq"], head["hash"]] for head in point["heads"]]
        if point["prev"] != last or point["hash"] != sha256([point["number"], point["at"], told, point["prev"]]):
            yield f"audit: checkpoint {point['number']} does not hold"
        if any(known.get((chain, seq), {}).get("hash") != own for chain, seq, own in told):
            yield f"audit: checkpoint {point['number']} covers lines that are not there"
        last = point["hash"]
    for case in data.cases:
        head = heads.get(case["id"])
        if head is None or (head["seq"], head["hash"]) != (case["audit_seq"], case["audit_head"]):
            yield f"audit: the log of {case['id']} does not end where the case says"


def _starts(history: History, data: _Tables) -> Iterator[str]:
    sent = {op["partner"] for op in history if op["f"] == "start"}
    rows = {case["id"]: case["opening"]["request"]["partner_id"] for case in data.cases}
    for op in history:
        if op["f"] == "start" and op["type"] == "ok" and rows.get(op["answer"]["id"]) != op["partner"]:
            yield f"lost: the case {op['answer']['id']} was acknowledged and is not there"
    yield from (f"doubled: two cases for {partner}" for partner in _twice(rows.values()))
    yield from (f"invented: a case for {partner}" for partner in set(rows.values()) - sent)


def _acts(history: History, lines: list[Row], data: _Tables) -> Iterator[str]:
    rows = {(act["decision_id"], act["person_id"]): act for act in data.acts}
    sent: dict[tuple[str, str], set[str]] = defaultdict(set)
    for op in (op for op in history if op["f"] == "answer"):
        place = (op["task"], op["who"])
        sent[place].add(op["outcome"])
        if op["type"] == "ok":
            act = rows.get(place)
            receipt = op["answer"]["receipt"]["receipt"]
            if act is None or (act["outcome"], act["receipt"]) != (op["outcome"], receipt):
                yield f"lost: the answer {op['outcome']} of {op['who']} to {op['task']} was acknowledged"
    for place, act in rows.items():
        if act["door"] == "api" and act["outcome"] not in sent[place]:
            yield f"invented: an answer of {place[1]} to {place[0]}"
    told = [line for line in lines if line["action"] == "task.answered"]
    logged = {(line["detail"]["task"], line["actor"], line["detail"]["outcome"], line["hash"]) for line in told}
    kept = {(*place, act["outcome"], act["receipt"]) for place, act in rows.items()}
    yield from (f"audit: no line for the act {act}" for act in kept - logged)
    yield from (f"audit: a line without an act: {line}" for line in logged - kept)
    yield from (f"doubled: two audit lines for {it}" for it in _twice((x["detail"]["task"], x["actor"]) for x in told))
    # Every task of this workflow has one seat.
    yield from (f"doubled: two answers counted in {task}" for task in _twice(act["decision_id"] for act in data.acts))


def _links(history: History, data: _Tables) -> Iterator[str]:
    acted = {(act["case_id"], act["outcome"]) for act in data.acts if act["door"] == "link"}
    sent = {(op["case"], op["outcome"]) for op in history if op["f"] == "link"}
    for op in history:
        if op["f"] == "link" and op["type"] == "ok" and (op["case"], op["outcome"]) not in acted:
            yield f"lost: the answer {op['outcome']} by a link of {op['case']} was acknowledged"
    yield from (f"invented: an answer by link: {act}" for act in acted - sent)


def _steering(history: History, lines: list[Row]) -> Iterator[str]:
    words = {"pause": "case.paused", "resume": "case.resumed", "cancel": "case.cancel-requested"}
    logged = Counter((line["chain"], line["action"]) for line in lines)
    for op in history:
        if op["type"] == "ok" and op["f"] in words and not logged[op["case"], words[op["f"]]]:
            yield f"lost: {op['f']} of {op['case']} was acknowledged"
    for (case, action), count in logged.items():
        acknowledged = sum(
            op["type"] == "ok" and words.get(op["f"]) == action and op["case"] == case for op in history if "case" in op
        )
        if action in words.values() and count > acknowledged:
            yield f"doubled: {action} of {case}, {count} times for {acknowledged} acknowledged"


def _decisions(lines: list[Row], data: _Tables) -> Iterator[str]:
    ended = Counter(line["detail"]["task"] for line in lines if line["action"] in ("task.closed", "task.withdrawn"))
    opened = Counter(line["detail"]["task"] for line in lines if line["action"] == "task.opened")
    acted = {act["decision_id"]: act["outcome"] for act in data.acts}
    for row in data.decisions:
        if (opened[row["id"]], ended[row["id"]]) != (1, 1):
            yield f"decision {row['id']}: opened {opened[row['id']]} times, closed {ended[row['id']]} times"
        if row["state"] == "open":
            yield f"stuck: {row['id']} is still open"
        if row["id"] in acted and (row["verdict"] or {}).get("outcome") != acted[row["id"]]:
            yield f"decision {row['id']}: the verdict is not what was answered"


def _steps(lines: list[Row], data: _Tables) -> Iterator[str]:
    for word in ("step.done", "step.compensated"):
        told = [(x["chain"], x["detail"]["step"], x["detail"]["ordinal"]) for x in lines if x["action"] == word]
        yield from (f"doubled: {word} {place}" for place in _twice(told))
    for step in data.steps:
        if step["state"] not in ("done", "compensated"):
            yield f"stuck: step {step['case_id']}/{step['name']}/{step['ordinal']} is {step['state']}"
    ended = {case["id"]: case["state"] for case in data.cases}
    for step in data.steps:
        if ended.get(step["case_id"]) != "completed" and step["name"] in UNDOABLE and step["state"] != "compensated":
            yield f"not taken back: {step['case_id']}/{step['name']}/{step['ordinal']}"


def _mails(data: _Tables) -> Iterator[str]:
    yield from (f"doubled: mail {key}" for key in _twice(mail["key"] for mail in data.mails))
    rounds = Counter((row["case_id"], row["name"]) for row in data.decisions)
    same = Counter((mail["case_id"], mail["email"], mail["subject"], LINK.sub("", mail["text"])) for mail in data.mails)
    for (case, email, subject, text), count in same.items():
        # A new round of the negotiation asks again, in the same words and with a link of its own.
        allowed = max(1, rounds[case, "negotiation"]) if subject.startswith("Negotiation:") else 1
        if count > allowed:
            yield f"doubled: “{subject}” to {email} in {case}, {count} times: {text[:60]!r}"
    sent = Counter(mail["case_id"] for mail in data.mails if re.fullmatch(r".+/mail\.send/\d+", mail["key"]))
    for case in data.cases:
        steps = sum(step["case_id"] == case["id"] and step["name"] == "mail.send" for step in data.steps)
        if sent[case["id"]] != steps:
            yield f"mails of {case['id']}: {sent[case['id']]} for {steps} steps"
    for mail in data.mails:
        if mail["state"] not in ("stored", "sent", "withdrawn"):
            yield f"stuck: mail {mail['key']} is {mail['state']}"


def _partners(data: _Tables) -> Iterator[str]:
    status = {partner["id"]: partner["status"] for partner in data.partners}
    yield from (f"doubled: change {x}" for x in _twice((c["partner_id"], c["to_status"]) for c in data.changes))
    yield from (f"doubled: term sheet {x}" for x in _twice((s["partner_id"], s["version"]) for s in data.sheets))
    drafted = {step["case_id"] + "/" + str(step["ordinal"]) for step in data.steps if step["name"] == UNDOABLE[2]}
    if len(drafted) != len(data.sheets):
        yield f"{len(data.sheets)} term sheets for {len(drafted)} drafting steps"
    for case in data.cases:
        partner = case["opening"]["request"]["partner_id"]
        active = case["state"] == "completed"
        standing = [change for change in data.changes if change["partner_id"] == partner and not change["undone_at"]]
        sheets = [sheet for sheet in data.sheets if sheet["partner_id"] == partner and not sheet["retracted_at"]]
        if (len(standing), status.get(partner), bool(sheets)) != ((2, "active", True) if active else (0, None, False)):
            yield f"{case['id']} is {case['state']}, but {partner} is {status.get(partner)}, {len(sheets)} sheets stand"


def _ends(lines: list[Row], data: _Tables, ends: Mapping[str, Sequence[str]]) -> Iterator[str]:
    last = {line["chain"]: line["action"] for line in lines}
    closings = Counter(line["chain"] for line in lines if line["action"] in CLOSINGS)
    for case in data.cases:
        partner = case["opening"]["request"]["partner_id"]
        if case["is_open"]:
            yield f"stuck: {case['id']} is {case['state']}"
        elif closings[case["id"]] != 1 or last[case["id"]] != f"case.{case['state']}":
            yield f"{case['id']} has {closings[case['id']]} closing lines, the last line is {last[case['id']]}"
        elif case["state"] not in ends.get(partner, ()):
            yield f"{case['id']} ended as {case['state']}, and should have been {ends.get(partner)}"
    yield from (f"stuck: {row['action']} of {row['case_id']} is still owed to the engine" for row in data.outbox)
