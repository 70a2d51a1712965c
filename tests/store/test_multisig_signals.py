"""A council member's approval as a Temporal signal: it counts with its single-use token, and like any other act."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY
from tests.store.council import INTENT, Treasury, sign
from tests.store.council import treasury as treasury

from placet.domain.course import SignalNote
from placet.store import signals
from placet.store import tables as t


def note(payload: Any, name: str = "council_approval") -> SignalNote:
    return SignalNote(name=name, payload=payload if isinstance(payload, str) else json.dumps(payload))


def token(treasury: Treasury, who: str = "tara", life: timedelta = DAY) -> str:
    return treasury.do(lambda tx: signals.issue(tx, treasury.person_of(who), treasury.task, life))


def acted(treasury: Treasury) -> list[tuple[str, str, str]]:
    return sorted((row["person_id"], row["outcome"], row["door"]) for row in treasury.rows(sa.select(t.act)))


def test_an_approval_by_signal_counts_once_with_its_token(treasury: Treasury) -> None:
    treasury.put()
    given = token(treasury)
    treasury.asks((note({"member": "tara", "token": given}),))
    treasury.asks((note({"member": "tara", "token": given}),))
    assert acted(treasury) == [("tara", "approve", "signal")]
    assert treasury.refused() == ["token-used"]


def test_the_verdict_is_in_the_reply_to_the_report_that_brought_the_signals(treasury: Treasury) -> None:
    treasury.put()
    notes = tuple(
        note({"member": who, "decision": "approve", "token": token(treasury, who)}) for who in ("tara", "theo")
    )
    reply = treasury.asks(notes)
    assert reply.verdict is not None and reply.verdict.by == ("tara", "theo")


def test_a_signal_may_refuse_and_says_why(treasury: Treasury) -> None:
    treasury.put()
    given = token(treasury)
    treasury.asks((note({"member": "tara", "decision": "refuse", "token": given}),))
    assert treasury.refused() == ["comment-required"]
    treasury.asks((note({"member": "tara", "decision": "refuse", "comment": "no", "token": given}),))
    assert acted(treasury) == [("tara", "refuse", "signal")]


def test_a_signal_needs_the_signature_of_the_wallet_as_well(treasury: Treasury) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    given = token(treasury)
    for signature in (None, "0x00", sign("theo"), sign("nobody")):
        treasury.asks((note({"member": "tara", "signature": signature, "token": given}),))
    assert treasury.refused() == ["signature-missing", "signature-malformed", "wrong-wallet", "wrong-signature"]
    assert acted(treasury) == []
    treasury.asks((note({"member": "tara", "signature": sign("tara"), "token": given}),))
    assert acted(treasury) == [("tara", "approve", "signal")]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("approve", "unreadable"),
        ({"member": "tara"}, "no-token"),
        ({"member": "tara", "token": "sig_invented"}, "unknown-token"),
        ({"member": "theo"}, "not-your-token"),
        ({"member": "tara", "decision": "perhaps"}, "malformed"),
        ({"member": "tara", "comment": 7}, "malformed"),
        ({"member": "tara", "comment": "\x00"}, "malformed"),
        ({"member": "tara", "comment": "x" * 8001}, "malformed"),
        ({"member": "tara", "signature": 7}, "malformed"),
        ({"member": "tara", "intent_hash": None}, "malformed"),
        ({"member": "tara", "intent_hash": "0" * 64}, "stale-intent"),
        ({"member": "tara", "signature": sign("tara")}, "signature-unwanted"),
    ],
)
def test_whatever_is_wrong_with_it_is_refused_and_audited(treasury: Treasury, payload: Any, why: str) -> None:
    treasury.put()
    if isinstance(payload, dict) and why not in ("no-token", "unknown-token"):
        payload = payload | {"token": token(treasury)}
    treasury.asks((note(payload),))
    assert treasury.refused() == [why]
    assert acted(treasury) == []


def test_another_name_another_case_and_an_old_token_do_not_count(treasury: Treasury) -> None:
    treasury.put()
    given, old = token(treasury), token(treasury, life=timedelta(seconds=1))
    for name in ("answer", "officer_decision"):
        treasury.asks((note({"member": "tara", "token": given}, name),))
    treasury.clock.move(timedelta(seconds=1))
    treasury.asks((note({"member": "tara", "token": old}),))
    here, treasury.case = treasury.case, treasury.open("case-2")
    treasury.asks((note({"member": "tara", "token": given}),))
    treasury.case = here
    assert treasury.refused() == ["wrong-signal", "wrong-signal", "token-expired", "wrong-signal"]
    assert acted(treasury) == []


def test_a_council_approval_answers_no_task(treasury: Treasury) -> None:
    treasury.people(("olga", "officer@deals"))
    treasury.ask(signal="officer_decision")
    given = treasury.do(lambda tx: signals.issue(tx, treasury.person_of("olga"), treasury.task, DAY))
    treasury.tell(signals=(note({"member": "olga", "token": given}),))
    assert treasury.refused() == ["wrong-signal"]


def test_what_a_signal_approves_is_the_one_intent_of_its_decision(treasury: Treasury) -> None:
    treasury.put(threshold=1)
    reply = treasury.asks((note({"token": token(treasury), "intent_hash": INTENT.hash}),))
    assert reply.verdict is not None and reply.verdict.data["intent_hash"] == INTENT.hash
