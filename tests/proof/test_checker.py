"""The judge itself finds every damage that is done to a campaign's traces: one that cannot fail proves nothing."""

import ast
import contextlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proof import checker
from proof.conftest import LONGEST_SECONDS
from proof.runs import Ended

Lines = list[dict[str, Any]]

pytestmark = pytest.mark.timeout(LONGEST_SECONDS)

AN_ACT = "(SELECT decision_id FROM act WHERE door = 'api' LIMIT 1)"
A_LINK = "(SELECT decision_id FROM act WHERE door = 'link' LIMIT 1)"
A_REFUSED = "(SELECT id FROM case_ WHERE state = 'refused' LIMIT 1)"
A_COMPLETED = "(SELECT id FROM case_ WHERE state = 'completed' AND kind = 'partner-approval' LIMIT 1)"
A_DOCUMENT = "(SELECT id FROM case_document LIMIT 1)"
ITS_HASH = "(SELECT hash FROM case_document LIMIT 1)"
A_READING = "FROM step WHERE name = 'extraction.text' AND result IS NOT NULL LIMIT 1"

# What somebody might find in the database, and what the judge must say.
DAMAGES = {
    "an acknowledged answer is gone": (f"DELETE FROM act WHERE decision_id = {AN_ACT}", "lost: the answer"),
    "an answer by link is gone": (f"DELETE FROM act WHERE decision_id = {A_LINK}", "lost: the answer"),
    "an answer says something else": ("UPDATE act SET outcome = 'perhaps' WHERE door = 'api'", "lost: the answer"),
    "a second answer counted": (
        "INSERT INTO act SELECT decision_id, 'mallory', case_id, outcome, comment, data, subject_hash, door, at,"
        f" receipt FROM act WHERE decision_id = {AN_ACT}",
        "doubled: two answers",
    ),
    "nobody sent this answer": (
        f"UPDATE act SET person_id = 'mallory' WHERE decision_id = {AN_ACT}",
        "invented: an answer",
    ),
    "an acknowledged case is gone": (f"DELETE FROM case_ WHERE id = {A_COMPLETED}", "lost: the case"),
    "two cases for one start": (
        f"UPDATE case_ SET opening = (SELECT opening FROM case_ WHERE id = {A_COMPLETED})"
        " WHERE state = 'completed' AND kind = 'partner-approval'",
        "doubled: two cases",
    ),
    "a mail went twice": (
        "INSERT INTO message (key, person_id, email, name, subject, text, case_id, created_at, state, next_at,"
        " attempts)"
        " SELECT key || '/again', person_id, email, name, subject, text, case_id, created_at, state, next_at, 1"
        " FROM message LIMIT 1",
        "doubled: “",
    ),
    "a mail never left": ("UPDATE message SET state = 'queued' WHERE id = 1", "stuck: mail"),
    "a partner changed twice": (
        "INSERT INTO crm_change SELECT key || '/again', partner_id, from_status, to_status, at, undone_at"
        " FROM crm_change LIMIT 1",
        "doubled: change",
    ),
    "a change was not taken back": ("UPDATE crm_change SET undone_at = NULL", "partner-"),
    "an activated partner is not active": ("DELETE FROM crm_partner", "but partner-"),
    "a term sheet was drafted twice": (
        "INSERT INTO term_sheet SELECT key || '/again', hash, partner_id, version, drafted_at, retracted_at"
        " FROM term_sheet LIMIT 1",
        "doubled: term sheet",
    ),
    "a step hangs": ("UPDATE step SET state = 'unknown' WHERE name = 'crm.set-status'", "stuck: step"),
    "a step was not taken back": (f"UPDATE step SET state = 'done' WHERE case_id = {A_REFUSED}", "not taken back"),
    "a case hangs": (f"UPDATE case_ SET is_open = 1 WHERE id = {A_REFUSED}", "stuck: partner-approval"),
    "a case ended otherwise": (f"UPDATE case_ SET state = 'failed' WHERE id = {A_REFUSED}", "closing lines"),
    "a decision is open": (f"UPDATE decision SET state = 'open' WHERE id = {AN_ACT}", "is still open"),
    "a verdict is not the answer": (
        f"UPDATE decision SET verdict = json_set(verdict, '$.outcome', 'x') WHERE id = {AN_ACT}",
        "not what was answered",
    ),
    "an acknowledged document is gone": (f"DELETE FROM case_document WHERE id = {A_DOCUMENT}", "lost: the document"),
    "the content of a document is gone": (f"DELETE FROM document WHERE hash = {ITS_HASH}", "lost: the content"),
    "a document says something else": (
        f"UPDATE document SET content = CAST('forged' AS BLOB) WHERE hash = {ITS_HASH}",
        "lost: the content",
    ),
    "a document is there twice": (
        "INSERT INTO case_document SELECT id || '/again', case_id, name, round,"
        " (SELECT hash FROM document WHERE hash <> case_document.hash LIMIT 1), filename, media_type, size,"
        f" uploaded_by, at, receipt FROM case_document WHERE id = {A_DOCUMENT}",
        "doubled: the document",
    ),
    "nobody gave this document": (
        f"UPDATE case_document SET name = 'forged' WHERE id = {A_DOCUMENT}",
        "invented: the document",
    ),
    "a round counted without its documents": (
        "DELETE FROM case_document WHERE name = 'address'",
        "was submitted without {'address'}",
    ),
    "a document was read twice": (
        f"INSERT INTO step SELECT case_id, name, ordinal + 100, state, undoes, input_digest, result, error, attempts,"
        f" planned_at, finished_at {A_READING}",
        "documents were read",
    ),
    "a document was never read": (
        f"DELETE FROM step WHERE (case_id, name, ordinal) = (SELECT case_id, name, ordinal {A_READING})",
        "documents were read",
    ),
    "what was read is gone": (
        f"DELETE FROM document WHERE hash = (SELECT json_extract(result, '$.text') {A_READING})",
        "lost: the text",
    ),
    "a customer was not screened": ("DELETE FROM step WHERE name = 'screening.investigate'", "0 screenings"),
    "a compliance case ended against the officer": (
        "UPDATE case_ SET outcome = json_set(outcome, '$.status', 'REJECTED')"
        " WHERE json_extract(outcome, '$.status') = 'APPROVED'",
        "not what the officer decided",
    ),
    "the officer saw something else": (
        "UPDATE decision SET subject = json_set(subject, '$.documents', json_array()) WHERE name = 'officer-decision'",
        "does not show the documents",
    ),
    "the engine is still owed": (
        "INSERT INTO outbox (case_id, action, created_at, next_at, attempts)"
        " SELECT id, 'wake', opened_at, 0, 0 FROM case_ LIMIT 1",
        "still owed to the engine",
    ),
    "the head of a chain was moved": (f"UPDATE case_ SET audit_seq = 1 WHERE id = {A_REFUSED}", "does not end where"),
}


def said(killed: Ended, folder: Path, sql: str = "", change: Callable[[Lines], object] | None = None) -> list[str]:
    """What the judge says of a damaged copy."""
    database, audit = folder / "copy.db", folder / "copy.jsonl"
    shutil.copyfile(killed.database, database)
    lines = [json.loads(line) for line in killed.audit.read_text(encoding="utf-8").splitlines()]
    if change is not None:
        change(lines)
    audit.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        if sql:
            assert connection.execute(sql).rowcount > 0
    return checker.check(database, audit, killed.history, killed.ends)


def first(lines: Lines, action: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("action") == action)


def reseal(lines: Lines) -> None:
    """Compute every hash anew, as somebody would who may write the log but was not witnessed."""
    last: dict[str, dict[str, Any]] = {}
    for line in (line for line in lines if line["type"] == "event"):
        before = last.get(line["chain"])
        line["seq"], line["prev"] = (before["seq"] + 1, before["hash"]) if before else (1, checker.GENESIS)
        parts = ("chain", "seq", "at", "actor", "action", "detail", "prev")
        line["hash"] = checker.sha256([line[part] for part in parts])
        last[line["chain"]] = line


def repeat(action: str) -> Callable[[Lines], None]:
    """The line is there twice, in a chain that holds."""

    def change(lines: Lines) -> None:
        found = first(lines, action)
        lines.insert(lines.index(found), dict(found))
        reseal(lines)

    return change


def drop(action: str) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines.remove(first(lines, action))
        reseal(lines)

    return change


def rewrite_what_was_witnessed(lines: Lines) -> None:
    """Drop a line that a checkpoint covers, and seal the chain anew."""
    covered = next(line for line in lines if line["type"] == "checkpoint")["heads"][0]
    lines.remove(next(line for line in lines if line["type"] == "event" and line["chain"] == covered["chain"]))
    reseal(lines)


def alter(kind: str, key: str, value: Any) -> Callable[[Lines], None]:
    return lambda lines: next(line for line in lines if line["type"] == kind).update({key: value})


CHANGES: dict[str, tuple[Callable[[Lines], None], str]] = {
    "a line was changed": (alter("event", "actor", "mallory"), "was changed"),
    "a line is missing": (lambda lines: lines.remove(first(lines, "task.opened")), "does not follow"),
    "a text was changed": (alter("text", "text", "something else"), "the text of"),
    "a checkpoint was changed": (alter("checkpoint", "at", "2020-01-01"), "checkpoint 1 does not hold"),
    "the log was resealed": (rewrite_what_was_witnessed, "covers lines that are not there"),
    "an act has two lines": (repeat("task.answered"), "doubled: two audit lines"),
    "an act has no line": (drop("task.answered"), "no line for the act"),
    "a step was done twice": (repeat("step.done"), "doubled: step.done"),
    "a step was taken back twice": (repeat("step.compensated"), "doubled: step.compensated"),
    "a decision closed twice": (repeat("task.closed"), "closed 2 times"),
    "a pause counted twice": (repeat("case.paused"), "doubled: case.paused"),
    "a cancellation is lost": (drop("case.cancel-requested"), "lost: cancel"),
    "a document has two lines": (repeat("document.received"), "doubled: 2 audit lines"),
    "a document has no line": (drop("document.received"), "no line for the document"),
    "a case closed twice": (repeat("case.completed"), "2 closing lines"),
    "a case closed silently": (drop("case.refused"), "0 closing lines"),
}


def test_the_judge_finds_nothing_in_an_undamaged_copy(killed: Ended, tmp_path: Path) -> None:
    assert said(killed, tmp_path) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_judge_notices_damage_in_the_database(killed: Ended, tmp_path: Path, damage: str) -> None:
    sql, words = DAMAGES[damage]
    assert any(words in problem for problem in said(killed, tmp_path, sql))


@pytest.mark.parametrize("damage", CHANGES)
def test_the_judge_notices_damage_in_the_log(killed: Ended, tmp_path: Path, damage: str) -> None:
    change, words = CHANGES[damage]
    assert any(words in problem for problem in said(killed, tmp_path, change=change))


def test_the_judge_uses_no_code_of_the_product() -> None:
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
