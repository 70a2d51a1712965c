"""The judge of a crash campaign. It knows nothing of the product's code: it reads the SQLite file (or a copy of the
tables of another database in one), the exported audit log, and the history of what people sent over HTTP, with the
standard library alone.

The history is a list of dicts: `type` (`invoke`, `ok`, `fail`, `info`), `op`, `f` (`start`, `answer`, `link`, `upload`,
`pause`, `resume`, `cancel`), `who`, the facts of the act, and with `ok` the decoded `answer`.
"""

import base64
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
JSON_COLUMNS = {"opening", "outcome", "detail", "rules", "verdict", "tally", "result", "subject"}
# What a case that did not end well must have taken back.
UNDOABLE = ("crm.set-status", "mail.send", "drafting.term-sheet")
PARTNER, COMPLIANCE = "partner-approval", "compliance-case"
READING, SCREENING = "extraction.text", "screening.investigate"
# What the officer decided last, by how a compliance case ended; asked for again in the last round, it is escalated.
OUTCOMES = {"APPROVED": ("approve",), "REJECTED": ("reject",), "ESCALATED": ("escalate", "request_documents")}
LINK = re.compile(r"https?://\S+/l/([\w-]+)\S*")

Row = dict[str, Any]
History = Sequence[Mapping[str, Any]]


def check(database: Path, audit: Path, history: History, ends: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything that is wrong, in words; `ends` says how the case of each subject may have ended: its state, and for
    compliance the status of its outcome, such as `completed/APPROVED`."""
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
            *_uploads(history, lines, data),
            *_rounds(data),
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
        self.given = _rows(connection, "case_document")
        self.contents = {row["hash"]: bytes(row["content"]) for row in _rows(connection, "document")}


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


def subject(case: Row) -> str:
    """Who the case is about."""
    request = case["opening"]["request"]
    return str(request["partner_id"] if case["kind"] == PARTNER else request["customer_id"])


def _starts(history: History, data: _Tables) -> Iterator[str]:
    sent = {op["subject"] for op in history if op["f"] == "start"}
    rows = {case["id"]: subject(case) for case in data.cases}
    for op in history:
        if op["f"] == "start" and op["type"] == "ok" and rows.get(op["answer"]["id"]) != op["subject"]:
            yield f"lost: the case {op['answer']['id']} was acknowledged and is not there"
    yield from (f"doubled: two cases for {about}" for about in _twice(rows.values()))
    yield from (f"invented: a case for {about}" for about in set(rows.values()) - sent)


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
    # Every task of these workflows has one seat.
    yield from (f"doubled: two answers counted in {task}" for task in _twice(act["decision_id"] for act in data.acts))


def _links(history: History, data: _Tables) -> Iterator[str]:
    acted = {(act["decision_id"], act["outcome"]) for act in data.acts if act["door"] == "link"}
    sent = {(op["task"], op["outcome"]) for op in history if op["f"] == "link"}
    for op in history:
        if op["f"] == "link" and op["type"] == "ok" and (op["task"], op["outcome"]) not in acted:
            yield f"lost: the answer {op['outcome']} by a link of {op['task']} was acknowledged"
    yield from (f"invented: an answer by link: {act}" for act in acted - sent)


def _uploads(history: History, lines: list[Row], data: _Tables) -> Iterator[str]:
    """A document is taken once, with its content and a line in the log, however often it is sent."""
    rows = {(row["case_id"], row["name"], row["round"], row["hash"]): row for row in data.given}
    sent = {(op["case"], op["name"], op["round"], op["hash"]) for op in history if op["f"] == "upload"}
    for op in (op for op in history if op["f"] == "upload" and op["type"] == "ok"):
        place = (op["case"], op["name"], op["round"], op["hash"])
        receipts = [item["receipt"] for item in op["answer"].get("items", ())]
        if place not in rows or (receipts and receipts != [rows[place]["receipt"]]):
            yield f"lost: the document {op['name']} of round {op['round']} of {op['case']} was acknowledged"
    places = ((row["case_id"], row["name"], row["round"]) for row in data.given)
    yield from (f"doubled: the document {place}" for place in _twice(places))
    yield from (f"invented: the document {place}" for place in rows.keys() - sent)
    for place, row in rows.items():
        content = data.contents.get(row["hash"])
        if content is None or hashlib.sha256(content).hexdigest() != row["hash"] or len(content) != row["size"]:
            yield f"lost: the content of {place}"
    told = [line for line in lines if line["action"] == "document.received"]
    logged = Counter((x["chain"], x["detail"]["name"], x["detail"]["round"], x["detail"]["hash"]) for x in told)
    yield from (f"doubled: {count} audit lines for {place}" for place, count in logged.items() if count > 1)
    yield from (f"audit: no line for the document {place}" for place in rows.keys() - logged.keys())
    yield from (f"audit: a line without a document: {place}" for place in logged.keys() - rows.keys())
    hashes = {line["hash"] for line in told}
    yield from (
        f"audit: the receipt of {place} is no line" for place, row in rows.items() if row["receipt"] not in hashes
    )


def _rounds(data: _Tables) -> Iterator[str]:
    """Each round of a compliance case: what was asked for came before it counted, was read once, and was screened."""
    given: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    for row in data.given:
        given[row["case_id"], row["round"]].add((row["name"], row["hash"]))
    steps = defaultdict(list)
    for step in data.steps:
        steps[step["case_id"], step["name"]].append(step)
    tasks = defaultdict(list)
    for decided in sorted(data.decisions, key=lambda row: int(row["ordinal"])):
        tasks[decided["case_id"], decided["name"]].append(decided)
    for case in (case for case in data.cases if case["kind"] == COMPLIANCE):
        read = Counter(step["result"]["document"]["hash"] for step in steps[case["id"], READING] if step["result"])
        expected: Counter[str] = Counter()
        submitted = [row for row in tasks[case["id"], "documents"] if (row["verdict"] or {}).get("outcome") == "submit"]
        for task in submitted:
            here = given[case["id"], task["rules"]["round"]]
            wanted = {one["name"] for one in task["rules"]["documents"]}
            if wanted - {name for name, _ in here}:
                yield f"{task['id']} was submitted without {wanted - {name for name, _ in here}}"
            expected.update(hash for _, hash in here)
        if read != expected:
            yield f"{case['id']}: {sum(read.values())} documents were read, {sum(expected.values())} were submitted"
        officers, screened = tasks[case["id"], "officer-decision"], steps[case["id"], SCREENING]
        if not len(officers) == len(screened) == len(submitted):
            yield f"{case['id']}: {len(submitted)} rounds, {len(screened)} screenings, {len(officers)} decisions"
        for task in officers:
            shown = {one["document"]["hash"] for one in task["subject"]["documents"]}
            if shown != {hash for _, hash in given[case["id"], task["ordinal"]]}:
                yield f"{task['id']} does not show the documents of its round"
        yield from _texts(steps[case["id"], READING], data)
        last = officers[-1]["verdict"] if officers else None
        if case["state"] == "completed" and (last or {}).get("outcome") not in OUTCOMES[case["outcome"]["status"]]:
            yield f"{case['id']} is {case['outcome']['status']}, which is not what the officer decided"


def _texts(reading: list[Row], data: _Tables) -> Iterator[str]:
    for step in (step for step in reading if step["result"]):
        text = data.contents.get(step["result"]["text"] or "")
        source = data.contents.get(step["result"]["document"]["hash"], b"")
        if text is None or text != source.strip():
            yield f"lost: the text that {step['case_id']}/{step['name']}/{step['ordinal']} read"


def _steering(history: History, lines: list[Row]) -> Iterator[str]:
    words = {"pause": "case.paused", "resume": "case.resumed", "cancel": "case.cancel-requested"}
    logged = Counter((line["chain"], line["action"]) for line in lines)
    for op in history:
        if op["type"] == "ok" and op["f"] in words and not logged[op["case"], words[op["f"]]]:
            yield f"lost: {op['f']} of {op['case']} was acknowledged"
    acknowledged = Counter((op["case"], words[op["f"]]) for op in history if op["type"] == "ok" and op["f"] in words)
    for (case, action), count in logged.items():
        if action in words.values() and count > acknowledged[case, action]:
            yield f"doubled: {action} of {case}, {count} times for {acknowledged[case, action]} acknowledged"


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


def _task_of(link: re.Match[str]) -> str:
    """The id of the task that a link opens; the rest of it says until when, and is signed."""
    body = link[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))[0])


def _mails(data: _Tables) -> Iterator[str]:
    yield from (f"doubled: mail {key}" for key in _twice(mail["key"] for mail in data.mails))
    # A link counts as the task that it opens: a new round asks in the same words, about another task.
    same = Counter(
        (mail["case_id"], mail["email"], mail["subject"], LINK.sub(_task_of, mail["text"])) for mail in data.mails
    )
    for (case, email, subject, text), count in same.items():
        if count > 1:
            yield f"doubled: “{subject}” to {email} in {case}, {count} times: {text[:60]!r}"
    sent = Counter(mail["case_id"] for mail in data.mails if re.fullmatch(r".+/mail\.send/\d+", mail["key"]))
    steps = Counter(step["case_id"] for step in data.steps if step["name"] == "mail.send")
    for case in data.cases:
        if sent[case["id"]] != steps[case["id"]]:
            yield f"mails of {case['id']}: {sent[case['id']]} for {steps[case['id']]} steps"
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
    standing = Counter(change["partner_id"] for change in data.changes if not change["undone_at"])
    sheets = Counter(sheet["partner_id"] for sheet in data.sheets if not sheet["retracted_at"])
    for case in (case for case in data.cases if case["kind"] == PARTNER):
        partner, active = subject(case), case["state"] == "completed"
        found = (standing[partner], status.get(partner), sheets[partner] > 0)
        if found != ((2, "active", True) if active else (0, None, False)):
            yield f"{case['id']} is {case['state']}, but {partner} is {found[1]}, {sheets[partner]} sheets stand"


def _ends(lines: list[Row], data: _Tables, ends: Mapping[str, Sequence[str]]) -> Iterator[str]:
    last = {line["chain"]: line["action"] for line in lines}
    closings = Counter(line["chain"] for line in lines if line["action"] in CLOSINGS)
    for case in data.cases:
        ended = f"{case['state']}/{case['outcome']['status']}" if _has_status(case) else case["state"]
        if case["is_open"]:
            yield f"stuck: {case['id']} is {case['state']}"
        elif closings[case["id"]] != 1 or last[case["id"]] != f"case.{case['state']}":
            yield f"{case['id']} has {closings[case['id']]} closing lines, the last line is {last[case['id']]}"
        elif ended not in ends.get(subject(case), ()):
            yield f"{case['id']} ended as {ended}, and should have been {ends.get(subject(case))}"
    yield from (f"stuck: {row['action']} of {row['case_id']} is still owed to the engine" for row in data.outbox)


def _has_status(case: Row) -> bool:
    return bool(case["kind"] == COMPLIANCE and case["state"] == "completed")
