"""Signals prove nothing by themselves: each carries a single-use token, and whatever is wrong is audited."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, Scene, code, spec

from placet.domain.course import SignalNote
from placet.store import signals
from placet.store import tables as t

REVIEW = spec(signal="officer_decision", comment_on=("refuse",))


def send(scene: Scene, payload: Any, name: str = "officer_decision") -> None:
    text = payload if isinstance(payload, str) or payload is None else json.dumps(payload)
    scene.tell(REVIEW, signals=(SignalNote(name=name, payload=text),))


def token(scene: Scene, who: str = "olga", life: timedelta = DAY) -> str:
    scene.ask(signal="officer_decision", comment_on=("refuse",))
    person = scene.person_of(who)
    return scene.do(lambda tx: signals.issue(tx, person, scene.task, life))


def answers(scene: Scene) -> list[tuple[str, str, str]]:
    rows = scene.rows(sa.select(t.act))
    return [(row["person_id"], row["outcome"], row["door"]) for row in rows]


def test_a_signal_with_its_token_counts_like_any_answer(scene: Scene) -> None:
    given = token(scene)
    send(scene, {"token": given, "decision": "refuse", "comment": "incomplete"})
    assert answers(scene) == [("olga", "refuse", "signal")]
    assert scene.decision()["verdict"]["comment"] == "incomplete"
    assert scene.refused() == []


def test_the_verdict_is_in_the_reply_to_the_report_that_brought_the_signal(scene: Scene) -> None:
    note = SignalNote(name="answer", payload=json.dumps({"token": token(scene), "outcome": "approve"}))
    reply = scene.tell(REVIEW, signals=(note,))
    assert reply.verdict is not None
    assert reply.verdict.by == ("olga",)


def test_a_token_counts_once(scene: Scene) -> None:
    given = token(scene)
    send(scene, {"token": given, "outcome": "approve"})
    send(scene, {"token": given, "outcome": "approve"})
    assert answers(scene) == [("olga", "approve", "signal")]
    assert scene.refused() == ["token-used"]


def test_an_answer_that_is_refused_leaves_the_token_usable(scene: Scene) -> None:
    given = token(scene)
    send(scene, {"token": given, "outcome": "refuse"})
    assert scene.refused() == ["comment-required"]
    send(scene, {"token": given, "outcome": "refuse", "comment": "because"})
    assert answers(scene) == [("olga", "refuse", "signal")]


def test_a_token_expires(scene: Scene) -> None:
    given = token(scene, life=DAY)
    scene.clock.move(DAY)
    send(scene, {"token": given, "outcome": "approve"})
    assert scene.refused() == ["token-expired"]
    assert answers(scene) == []


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (None, "unreadable"),
        ("", "unreadable"),
        ("approve", "unreadable"),
        ('"approve"', "unreadable"),
        ("[1]", "unreadable"),
        ("[" * 20_000, "unreadable"),
        ("x" * 32_001, "unreadable"),
        ({"outcome": "approve"}, "no-token"),
        ({"token": 7, "outcome": "approve"}, "no-token"),
        ('{"token": "\\ud800", "outcome": "approve"}', "no-token"),
        ({"token": "sig_invented", "outcome": "approve"}, "unknown-token"),
    ],
)
def test_whatever_is_not_a_signal_is_audited_and_never_raised(scene: Scene, payload: Any, why: str) -> None:
    token(scene)
    send(scene, payload)
    assert scene.refused() == [why]
    assert answers(scene) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"outcome": 1},
        {"outcome": "approve", "comment": ["no"]},
        {"outcome": "approve", "comment": "x" * 8001},
        {"outcome": "approve", "data": "no"},
        {"outcome": "approve", "comment": "nul \x00"},
        {"outcome": "approve", "comment": "\ud800"},
        {"outcome": "approve", "data": {"a": float("nan")}},
        {"outcome": "approve", "data": {"a\x00": 1}},
    ],
)
def test_a_malformed_answer_is_audited_and_never_raised(scene: Scene, answer: dict[str, Any]) -> None:
    send(scene, answer | {"token": token(scene)})
    assert scene.refused() == ["malformed"]
    assert answers(scene) == []


def test_a_signal_of_another_name_or_another_case_is_refused(scene: Scene) -> None:
    given = token(scene)
    send(scene, {"token": given, "outcome": "approve"}, name="documents_submitted")
    send(scene, {"token": given, "outcome": "approve"}, name="odd \x00 name")
    scene.open("case-2")
    send(scene, {"token": given, "outcome": "approve"})
    assert scene.refused() == ["wrong-signal"] * 3
    assert answers(scene) == []


def test_a_token_gives_no_more_rights_than_its_person_has(scene: Scene) -> None:
    given = token(scene, "rita")
    send(scene, {"token": given, "outcome": "approve"})
    assert scene.refused() == ["not-asked"]


def test_a_right_signal_counts_among_wrong_ones(scene: Scene) -> None:
    good = {"token": token(scene), "outcome": "approve"}
    notes = [SignalNote(name="answer", payload=text) for text in ("junk", json.dumps(good), None)]
    reply = scene.tell(REVIEW, signals=tuple(notes))
    assert reply.verdict is not None
    assert scene.refused() == ["unreadable", "unreadable"]


def test_only_the_hash_of_a_token_is_kept(scene: Scene) -> None:
    given = token(scene)
    assert given not in str(scene.rows(sa.select(t.signal_token)))


def test_the_documents_of_a_signal_become_the_data_of_the_answer(scene: Scene) -> None:
    scene.ask(signal="documents_submitted", form={"type": "object", "required": ["documents"]})
    person = scene.person_of("olga")
    given = scene.do(lambda tx: signals.issue(tx, person, scene.task))
    payload = json.dumps({"token": given, "decision": "approve", "documents": ["a.pdf"], "noise": 1})
    scene.tell(signals=(SignalNote(name="documents_submitted", payload=payload),))
    assert scene.decision()["verdict"]["data"] == {"documents": ["a.pdf"]}
    assert code(scene.answer("omar")) == "task-closed"
