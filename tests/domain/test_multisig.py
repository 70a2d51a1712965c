"""The multisig's rules, against an independent oracle and by properties."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.ballot import BallotSpec
from placet.domain.course import Ask
from placet.domain.funds import FundsSpec
from placet.domain.intent import Intent
from placet.domain.multisig import (
    Act,
    Approval,
    Heard,
    Member,
    MemberStanding,
    MultisigRules,
    MultisigSpec,
    barred,
    deadline,
    decided,
    freeze,
    hindrance,
    multisig_sentence,
    next_at,
    on_silence,
    reach,
    refusal,
    shortfall,
    signer_refusal,
    turn,
)
from placet.domain.payment import Prepared
from placet.domain.people import Role
from placet.domain.signature import ORDER, BadSignature, normal
from placet.domain.span import Span
from placet.domain.task import Reason, TaskSpec

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNT, PAYEE = "0x" + "a" * 40, "0x" + "b" * 40
INTENT = Intent(chain_id=31337, account=ACCOUNT, to=PAYEE, amount="5", case_id="case-1")
NAMES = ("ann", "bob", "cyd", "dan")


def wallet(name: str) -> str:
    return f"0x{name.encode().hex():0>40}"


def spec(**more: Any) -> MultisigSpec:
    rules = {"name": "pay", "title": "Pay", "intent": INTENT, "council": Role(name="council"), "threshold": 2}
    return MultisigSpec(**(rules | more))


def rules(size: int = 3, **more: Any) -> MultisigRules:
    members = [Member(person=name, wallet=wallet(name)) for name in NAMES[:size]]
    return freeze(spec(**more), members, START, scope="treasury")


def approval(name: str, **more: Any) -> Approval:
    return Approval(**({"person": name, "at": START, "receipt": name} | more))


def heard(*approvals: str, refusals: tuple[str, ...] = (), **more: Any) -> Heard:
    return Heard(approvals=tuple(approval(name) for name in approvals), refusals=refusals, **more)


def code(frozen: MultisigRules, so_far: Heard, who: str, act: Act = Act.APPROVE, **more: Any) -> str | None:
    sent = {"intent_hash": INTENT.hash, "comment": "because", "signed": frozen.wallets} | more
    standing = MemberStanding(person=who, **{key: sent.pop(key) for key in ("holds_role", "excluded") if key in sent})
    why = refusal(frozen, so_far, standing, act, **sent)
    return why.code if why else None


class Oracle:
    """The same rules said in another way: one mark a member, counted anew after each act."""

    def __init__(self, size: int, threshold: int, ordered: bool, revoked: frozenset[str]) -> None:
        self.names, self.threshold, self.ordered, self.revoked = NAMES[:size], threshold, ordered, revoked

    def outcome(self, marks: dict[str, str]) -> str | None:
        if list(marks.values()).count("approve") >= self.threshold:
            return "approved"
        left = len(self.names) - list(marks.values()).count("refuse")
        return "refused" if left < self.threshold else None

    def allows(self, marks: dict[str, str], who: str, act: str) -> bool:
        if self.outcome(marks) or who in self.revoked:
            return False
        if act == "withdraw":
            return marks.get(who) == "approve"
        if who in marks:
            return False
        before = [name for name in self.names if name < who and name not in marks and name not in self.revoked]
        return act == "refuse" or not self.ordered or not before


def scenarios() -> Iterator[tuple[int, int, bool, frozenset[str]]]:
    for size, ordered in product(range(4), (False, True)):
        for threshold, gone in product(range(1, size + 2), (frozenset(), frozenset({"ann"}), frozenset({"bob"}))):
            yield size, threshold, ordered, gone


@pytest.mark.parametrize(("size", "threshold", "ordered", "revoked"), [*scenarios()])
def test_every_course_of_a_small_council_ends_as_the_oracle_says(
    size: int, threshold: int, ordered: bool, revoked: frozenset[str]
) -> None:
    frozen = rules(size, threshold=threshold, ordered=ordered)
    oracle = Oracle(size, threshold, ordered, revoked)
    able = set(NAMES) - revoked
    todo: list[tuple[Heard, dict[str, str]]] = [(heard(), {})]
    known: set[Any] = set()
    while todo:
        so_far, marks = todo.pop()
        verdict = decided(frozen, so_far, "d", START)
        assert (verdict.outcome if verdict else None) == oracle.outcome(marks)
        for who, act in product(NAMES[:size], Act):
            why = code(frozen, so_far, who, act, is_open=verdict is None, holds_role=who not in revoked, able=able)
            assert (why is None) == oracle.allows(marks, who, act.value), (marks, who, act, why)
            if why is not None:
                continue
            left = {name: mark for name, mark in marks.items() if name != who}
            after = left if act is Act.WITHDRAW else left | {who: act.value}
            said = Heard(
                approvals=tuple(approval(name) for name, mark in after.items() if mark == "approve"),
                refusals=tuple(name for name, mark in after.items() if mark == "refuse"),
            )
            if (key := tuple(after.items())) not in known:
                known.add(key)
                todo.append((said, after))


@given(st.integers(0, 12), st.integers(1, 14), st.data())
def test_the_outcome_depends_on_counts_alone(size: int, threshold: int, data: st.DataObject) -> None:
    names = [f"m{number:02}" for number in range(size)]
    frozen = freeze(spec(threshold=threshold), [Member(person=name) for name in names], START)
    acts = data.draw(st.lists(st.sampled_from(["approve", "refuse", None]), min_size=size, max_size=size))
    said = dict(zip(names, acts, strict=True))
    approvals = [name for name in names if said[name] == "approve"]
    refusals = tuple(name for name in names if said[name] == "refuse")
    so_far = heard(*approvals, refusals=refusals)
    verdict = decided(frozen, so_far, "d", START)
    assert reach(frozen, so_far) == size - len(refusals)
    if len(approvals) >= threshold:
        assert verdict is not None and (verdict.outcome, verdict.by) == ("approved", tuple(approvals))
    elif size - len(refusals) < threshold:
        assert verdict is not None and (verdict.outcome, verdict.reason) == ("refused", Reason.IMPOSSIBLE)
    else:
        assert verdict is None


def test_a_verdict_carries_what_an_executor_checks_again() -> None:
    verdict = decided(rules(), heard("ann", "bob"), "case-1.pay.1", START)
    assert verdict is not None
    assert verdict.favourable
    assert verdict.data["decision"] == "case-1.pay.1"
    assert Intent.model_validate(verdict.data["intent"]) == INTENT
    assert verdict.data["intent_hash"] == INTENT.hash
    assert [Approval.model_validate(one).person for one in verdict.data["approvals"]] == ["ann", "bob"]


def test_a_signature_that_came_to_nothing_is_not_in_the_verdict() -> None:
    signed = Heard(approvals=(approval("ann", wallet=wallet("ann"), signature="0x01"),), refusals=("bob", "cyd"))
    refused = decided(rules(wallets=True), signed, "d", START)
    expired = on_silence(rules(wallets=True, within=Span("1d")), signed, "d", START + 24 * HOUR)
    for verdict in (refused, expired):
        assert verdict is not None
        assert verdict.data["approvals"][0]["signature"] is None


@pytest.mark.parametrize(
    ("who", "sent", "why"),
    [
        ("ann", {"is_open": False}, "multisig-closed"),
        ("ann", {"paused": True}, "case-paused"),
        ("ann", {"excluded": "you asked for it"}, "excluded"),
        ("zoe", {}, "not-a-member"),
        ("ann", {"holds_role": False}, "role-revoked"),
        ("ann", {"intent_hash": "0" * 64}, "stale-intent"),
        ("ann", {"intent_hash": None}, "stale-intent"),
        ("ann", {"signed": True}, "signature-unwanted"),
        ("bob", {}, "already-approved"),
        ("cyd", {}, "already-refused"),
        ("bob", {"act": Act.REFUSE}, "already-approved"),
        ("cyd", {"act": Act.WITHDRAW}, "nothing-to-withdraw"),
        ("ann", {"act": Act.WITHDRAW}, "nothing-to-withdraw"),
        ("ann", {"act": Act.REFUSE, "comment": " "}, "comment-required"),
        ("ann", {}, None),
        ("ann", {"act": Act.REFUSE}, None),
        ("bob", {"act": Act.WITHDRAW}, None),
    ],
)
def test_each_act_that_does_not_count_has_its_code(who: str, sent: dict[str, Any], why: str | None) -> None:
    assert code(rules(threshold=2), heard("bob", refusals=("cyd",)), who, **sent) == why


def test_a_council_with_wallets_takes_a_signature_of_a_wallet_each() -> None:
    frozen = rules(wallets=True)
    assert code(frozen, heard(), "ann", signed=False) == "signature-missing"
    assert code(frozen, heard(), "ann") is None
    without = freeze(spec(wallets=True), [Member(person="ann"), Member(person="bob", wallet=wallet("bob"))], START)
    assert code(without, heard(), "ann") == "no-wallet"
    assert code(without, heard(), "ann", Act.REFUSE) is None
    shared = [Member(person=name, wallet=wallet("ann").upper().replace("X", "x")) for name in ("ann", "bob")]
    frozen = freeze(spec(wallets=True), shared, START)
    signed = Heard(approvals=(approval("ann", wallet=wallet("ann")),))
    assert code(frozen, signed, "bob") == "wallet-used"


def test_wallets_that_are_missing_or_shared_make_a_threshold_impossible_from_the_start() -> None:
    members = [Member(person="ann"), Member(person="bob", wallet=wallet("x")), Member(person="cyd", wallet=wallet("x"))]
    frozen = freeze(spec(wallets=True), members, START)
    verdict = decided(frozen, heard(), "d", START)
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == ("refused", Reason.IMPOSSIBLE)
    assert verdict.comment == "At most 1 can still approve, and 2 are needed."
    assert decided(freeze(spec(wallets=False), members, START), heard(), "d", START) is None


def test_a_signer_who_is_not_the_member_is_told_which_of_both_it_is() -> None:
    ann = Member(person="ann", wallet=wallet("ann"))
    assert signer_refusal(ann, wallet("ann"), known=True) is None
    for known, why in ((True, "wrong-wallet"), (False, "wrong-signature")):
        found = signer_refusal(ann, wallet("bob"), known)
        assert found is not None and (found.code, found.field) == (why, "signature")


def test_whoever_asked_is_named_or_is_paid_never_signs() -> None:
    members = [Member(person="ann", wallet=PAYEE.replace("b", "B")), Member(person="bob", wallet=wallet("bob"))]
    found = barred(spec(excluded={"cyd": "you audit it"}), "rita", members)
    assert found == {"ann": "you would be paid by it", "rita": "you asked for it", "cyd": "you audit it"}


def test_where_they_sign_one_after_the_other_the_first_who_still_can_is_next() -> None:
    frozen = rules(ordered=True)
    assert turn(frozen, heard()) == "ann"
    assert turn(frozen, heard("ann")) == "bob"
    assert turn(frozen, heard(refusals=("ann",))) == "bob"
    assert turn(frozen, heard(), able={"bob", "cyd"}) == "bob"
    assert turn(frozen, heard("ann", "bob", "cyd")) is None
    assert turn(rules(), heard()) is None
    assert code(frozen, heard(), "bob") == "not-your-turn"
    why = hindrance(frozen, heard(), MemberStanding(person="bob"))
    assert why is not None and "ann's turn" in why.detail


def test_the_clock_reminds_once_and_expires_at_the_deadline_moved_by_pauses() -> None:
    frozen = rules(within=Span("2d"), remind=Span("1d"))
    assert next_at(frozen, heard()) == START + 24 * HOUR
    assert next_at(frozen, heard(shift=HOUR)) == START + 25 * HOUR
    assert next_at(frozen, heard(reminded=True)) == START + 48 * HOUR
    late = heard("ann", shift=HOUR)
    assert on_silence(frozen, late, "d", START + 49 * HOUR - timedelta(microseconds=1)) is None
    verdict = on_silence(frozen, late, "d", START + 60 * HOUR)
    assert verdict is not None
    assert (verdict.outcome, verdict.favourable, verdict.at) == ("expired", False, START + 49 * HOUR)
    assert verdict.comment == "1 of 2 approvals came in time."
    assert rules(within=Span("1d"), remind=Span("1d")).remind_at is None
    assert deadline(rules(), heard()) is None


@pytest.mark.parametrize(("balance", "told"), [(None, False), ("5", False), ("4", True), ("0", True)])
def test_a_council_is_told_that_there_was_too_little_money(balance: str | None, told: bool) -> None:
    said = shortfall(rules(balance=balance))
    assert bool(said) is told and (not told or f"held {balance}, less than the 5 of this payment" in said)


def test_what_the_account_held_is_no_part_of_what_is_signed() -> None:
    prepared = Prepared(**INTENT.model_dump(), balance="4")
    assert (prepared.intent, prepared.hash) == (INTENT, INTENT.hash)
    assert "balance" not in spec(intent=prepared).model_dump()["intent"]


def test_the_sentence_says_whom_it_waits_for_and_what_silence_does() -> None:
    frozen = rules(within=Span("2d"), remind=Span("1d"))
    assert multisig_sentence(frozen, heard("bob"), START) == (
        "Waiting for 2 of 3 approvals (1 so far, by bob), from ann or cyd: Pay. If nobody acts, a reminder goes out on"
        " 3 March 2026 09:00 UTC, then it expires and nothing is paid on 4 March 2026 09:00 UTC (in 2 days)."
    )
    assert multisig_sentence(rules(ordered=True, wallets=True), heard(refusals=("ann",)), START) == (
        "Waiting for 2 of 3 approvals with their wallets (none so far; refused by ann), from bob then cyd: Pay."
        " It waits until somebody acts."
    )


def test_the_sentence_names_only_those_who_can_act_and_says_when_they_are_too_few() -> None:
    one_left = multisig_sentence(rules(2), heard(), START, {"bob"})
    assert one_left == (
        "Waiting for 2 of 2 approvals (none so far), from bob: Pay. Only 1 of the 2 approvals can come about now; an"
        " administrator can let members in again or give them back the role council, or the case can be cancelled."
        " It waits until somebody acts."
    )
    assert ", from nobody: Pay. Only 1 of the 2 approvals" in multisig_sentence(rules(2), heard("ann"), START, {"ann"})
    enough = multisig_sentence(rules(3), heard("ann"), START, {"cyd"})
    assert ", from cyd: Pay." in enough and "Only" not in enough


def test_who_can_act_now_decides_nothing() -> None:
    assert (reach(rules(2), heard(), {"bob"}), reach(rules(2), heard("ann"), {"bob"})) == (1, 2)
    assert decided(rules(2), heard(), "d", START) is None


@pytest.mark.parametrize(
    "asked",
    [
        spec(within=Span("2d"), excluded={"ann": "payee"}),
        TaskSpec(name="t", title="T", to=(Role(name="council"),)),
        BallotSpec(name="vote", title="Vote", electorate=Role(name="voter")),
        FundsSpec(proposal="p", amount=3),
    ],
)
def test_what_a_case_asks_is_read_back_as_the_same_form(asked: Any) -> None:
    ask = Ask(spec=asked, ordinal=1)
    back = Ask.model_validate_json(ask.model_dump_json())
    assert type(back.spec) is type(asked)
    assert back == ask


@given(st.sampled_from(["amount", "to", "account", "chain_id", "case_id", "data", "safe_nonce"]))
def test_any_other_intent_has_another_hash(field: str) -> None:
    other = {"amount": "6", "to": ACCOUNT, "account": PAYEE, "chain_id": 1, "case_id": "case-2", "data": "0x00"}
    changed = INTENT.model_copy(update={field: (other | {"safe_nonce": 0})[field]})
    assert changed.hash != INTENT.hash


def signature(r: int, s: int, v: int) -> str:
    return f"0x{r:064x}{s:064x}{v:02x}"


def test_a_signature_has_one_spelling() -> None:
    low = signature(5, ORDER // 2, 27)
    assert normal(low) == low
    for spelled in (low.upper().replace("X", "x"), low[2:], f" {low}\n", signature(5, ORDER // 2, 0)):
        assert normal(spelled) == low


@pytest.mark.parametrize(
    ("given_signature", "why"),
    [
        ("", "signature-malformed"),
        ("0x", "signature-malformed"),
        ("0x" + "1" * 128, "signature-malformed"),
        ("0x" + "1" * 132, "signature-malformed"),
        ("0x" + "g" * 130, "signature-malformed"),
        (signature(0, 5, 27), "signature-malformed"),
        (signature(5, 0, 27), "signature-malformed"),
        (signature(ORDER, 5, 27), "signature-malformed"),
        (signature(5, ORDER, 27), "signature-malformed"),
        (signature(5, 5, 2), "signature-malformed"),
        (signature(5, 5, 31), "signature-malformed"),
        (signature(5, ORDER // 2 + 1, 27), "signature-high-s"),
    ],
)
def test_what_cannot_be_a_signature_has_its_code(given_signature: str, why: str) -> None:
    with pytest.raises(BadSignature) as raised:
        normal(given_signature)
    assert raised.value.code == why


@given(st.text(max_size=140))
def test_no_text_breaks_the_reading_of_a_signature(text: str) -> None:
    try:
        assert normal(normal(text)) == normal(text)
    except BadSignature as error:
        assert error.code.startswith("signature-")
