"""A frozen council approves one intent: acts, clock and verdict, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, HOUR, code
from tests.store.council import INTENT, PAYEE, Treasury, key_of, sign
from tests.store.council import treasury as treasury

from placet.connectors.chain.signatures import signer_of
from placet.domain.audit import verify
from placet.domain.intent import Intent
from placet.domain.multisig import Approval, Member, MultisigRules
from placet.domain.people import Grant
from placet.domain.signature import ORDER
from placet.domain.span import Span
from placet.store import audit, people, wallets
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted, NotVisible
from placet.store.decisions import NoSuchTask
from placet.store.engine import Store
from placet.store.house import House

OTHER = Intent(**(INTENT.model_dump() | {"amount": "6"}))


def receipt(result: Counted | NotCounted) -> str:
    assert isinstance(result, Counted) and result.receipt is not None
    return result.receipt.receipt


def test_enough_approvals_close_it_at_once_and_later_ones_learn_the_verdict(treasury: Treasury) -> None:
    treasury.put()
    treasury.drain()
    assert code(treasury.approve("tara", comment="fine")) == "counted"
    assert treasury.waiting() == []
    result = treasury.approve("theo")
    assert result.verdict is not None
    assert (result.verdict.outcome, result.verdict.favourable, result.verdict.by) == (
        "approved",
        True,
        ("tara", "theo"),
    )
    assert treasury.waiting() == [("case-1", "wake")]
    late = treasury.approve("tina")
    assert code(late) == "multisig-closed"
    assert late.verdict == result.verdict
    assert code(treasury.withdraw("tara")) == "multisig-closed"
    assert treasury.lines()[1:] == ["multisig.opened", "multisig.approved", "multisig.approved", "multisig.closed"]
    assert treasury.asks().verdict == result.verdict


def test_the_verdict_holds_what_was_approved_and_a_receipt_for_each(treasury: Treasury) -> None:
    treasury.put()
    receipts = [receipt(treasury.approve(who)) for who in ("theo", "tara")]
    data = treasury.decision()["verdict"]["data"]
    assert (data["decision"], data["intent_hash"]) == (treasury.task, INTENT.hash)
    assert Intent.model_validate(data["intent"]) == INTENT
    assert [Approval.model_validate(one).receipt for one in data["approvals"]] == receipts
    hashes = treasury.rows(sa.select(t.audit.c.hash).where(t.audit.c.action == "multisig.approved"))
    assert [row["hash"] for row in hashes] == receipts
    assert treasury.decision()["tally"] == {"approve": 2}
    assert verify(treasury.export()).problems == ()


def test_the_council_is_frozen_when_it_opens(treasury: Treasury) -> None:
    treasury.wallet("tara")
    treasury.put()
    rules = MultisigRules.model_validate(treasury.decision()["rules"])
    assert rules.members == (
        Member(person="tara", wallet=key_of("tara").address),
        Member(person="theo"),
        Member(person="tina"),
    )
    treasury.person("tom", "treasurer@deals")
    treasury.wallet("theo")
    with pytest.raises(NotVisible):
        treasury.approve("tom")
    assert MultisigRules.model_validate(treasury.decision()["rules"]) == rules


def test_whoever_asked_was_named_or_is_paid_is_no_member(treasury: Treasury) -> None:
    treasury.wallet("tina")
    paid = Intent(**(INTENT.model_dump() | {"to": key_of("tina").address}))
    treasury.put(intent=paid, excluded={"theo": "you audit it"}, threshold=1)
    rules = MultisigRules.model_validate(treasury.decision()["rules"])
    assert [one.person for one in rules.members] == ["tara"]
    assert code(treasury.approve("rita", intent_hash=paid.hash)) == "excluded"
    # Who is excluded is not asked, and so need not see the case either; whoever does is told why.
    treasury.do(lambda tx: people.set_grants(tx, "boss", "theo", [Grant(role="council")]))
    treasury.know("theo")
    result = treasury.approve("theo", intent_hash=paid.hash)
    assert isinstance(result, NotCounted)
    assert result.refusal.detail == "You cannot decide this: you audit it."
    reasons = treasury.rows(sa.select(t.exclusion.c.person_id, t.exclusion.c.reason))
    assert {row["person_id"]: row["reason"] for row in reasons} == {
        "rita": "you asked for it",
        "theo": "you audit it",
        "tina": "you would be paid by it",
    }


def test_who_is_not_of_the_council_may_see_but_not_act_and_strangers_learn_nothing(treasury: Treasury) -> None:
    treasury.put()
    assert code(treasury.approve("carl")) == "not-a-member"
    assert code(treasury.refuse("cora")) == "not-a-member"
    for who in ("stan", "tess"):
        with pytest.raises(NotVisible):
            treasury.approve(who)
    treasury.task = "case-9.pay.1"
    with pytest.raises(NoSuchTask):
        treasury.approve("tara")
    assert treasury.refused() == ["not-a-member", "not-a-member"]


def test_who_lost_the_role_can_no_longer_act_and_what_they_gave_stays(treasury: Treasury) -> None:
    treasury.put()
    treasury.approve("tara")
    for who in ("tara", "theo"):
        treasury.do(lambda tx, who=who: people.set_grants(tx, "boss", who, [Grant(role="member")]))
        treasury.know(who)
    assert code(treasury.approve("tara")) == "counted", "the same again"
    assert code(treasury.withdraw("theo")) == "role-revoked"
    assert code(treasury.approve("theo")) == "role-revoked"
    assert code(treasury.refuse("theo")) == "role-revoked"
    verdict = treasury.approve("tina").verdict
    assert verdict is not None and verdict.by == ("tara", "tina")


def test_who_lost_the_role_may_still_take_an_approval_back(treasury: Treasury) -> None:
    treasury.put()
    treasury.approve("tara")
    treasury.do(lambda tx: people.set_grants(tx, "boss", "tara", [Grant(role="member")]))
    treasury.know("tara")
    assert code(treasury.withdraw("tara")) == "counted"
    assert code(treasury.approve("tara")) == "role-revoked"
    assert treasury.approve("tina").verdict is None
    assert treasury.lines().count("multisig.approval-withdrawn") == 1


def test_the_same_act_again_returns_the_same_receipt_and_writes_nothing(treasury: Treasury) -> None:
    treasury.put(threshold=3)
    first = [treasury.approve("tara", comment="yes"), treasury.approve("theo"), treasury.withdraw("theo")]
    lines = treasury.lines()
    treasury.clock.move(HOUR)
    again = [treasury.approve("tara", comment="yes"), treasury.withdraw("theo")]
    assert [receipt(one) for one in again] == [receipt(first[0]), receipt(first[2])]
    assert treasury.lines() == lines
    assert treasury.refused() == []
    refused = treasury.refuse("tina", "no")
    assert receipt(treasury.refuse("tina", "no")) == receipt(refused)


def test_one_approval_a_person(treasury: Treasury) -> None:
    treasury.put(threshold=3)
    treasury.approve("tara")
    assert code(treasury.approve("tara", comment="again")) == "already-approved"
    assert code(treasury.refuse("tara")) == "already-approved"
    assert treasury.approvers() == ["tara"]
    assert treasury.decision()["tally"] == {"approve": 1}


def test_an_approval_can_be_withdrawn_and_given_again_before_the_threshold(treasury: Treasury) -> None:
    treasury.put()
    first = receipt(treasury.approve("tara"))
    assert code(treasury.withdraw("tara", "wait")) == "counted"
    assert (treasury.approvers(), treasury.decision()["tally"]) == ([], {})
    assert treasury.approve("theo").verdict is None
    second = receipt(treasury.approve("tara"))
    assert second != first
    assert treasury.decision()["verdict"]["by"] == ["theo", "tara"]
    assert treasury.lines().count("multisig.approval-withdrawn") == 1
    assert verify(treasury.export()).problems == ()


def test_who_withdrew_may_refuse_and_a_refusal_stands(treasury: Treasury) -> None:
    treasury.put()
    treasury.approve("tara")
    treasury.withdraw("tara")
    assert code(treasury.refuse("tara", "")) == "comment-required"
    assert code(treasury.refuse("tara", "too much")) == "counted"
    assert code(treasury.withdraw("tara")) == "nothing-to-withdraw"
    assert code(treasury.approve("tara")) == "already-refused"


def test_so_many_refusals_that_enough_cannot_approve_end_it_at_once(treasury: Treasury) -> None:
    treasury.put()
    treasury.approve("tara")
    assert treasury.refuse("theo", "too much").verdict is None
    verdict = treasury.refuse("tina", "not now").verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.favourable, verdict.reason) == ("refused", False, "impossible")
    assert verdict.by == ("theo", "tina")
    assert verdict.comment.startswith("too much; not now (")


@pytest.mark.parametrize(
    "more",
    [{"threshold": 4}, {"wallets": True}, {"excluded": {"tara": "x", "theo": "y"}}, {"council": {"name": "nobody"}}],
    ids=["threshold above m", "no wallets", "excluded", "empty council"],
)
def test_a_council_that_can_never_reach_its_threshold_is_refused_when_it_opens(
    treasury: Treasury, more: dict[str, Any]
) -> None:
    treasury.put(**more)
    decision = treasury.decision()
    assert (decision["state"], decision["verdict"]["outcome"]) == ("closed", "refused")
    assert decision["verdict"]["reason"] == "impossible"
    assert treasury.mails("asked") == []
    reply = treasury.asks()
    assert reply.verdict is not None and not reply.verdict.favourable


@pytest.mark.parametrize(("before", "counts"), [(timedelta(microseconds=1), True), (timedelta(), False)])
def test_an_approval_counts_only_before_the_deadline(treasury: Treasury, before: timedelta, counts: bool) -> None:
    treasury.put(threshold=1)
    treasury.clock.move(3 * DAY - before)
    result = treasury.approve("tara")
    assert (code(result) == "counted") is counts
    assert result.verdict is not None
    assert result.verdict.outcome == ("approved" if counts else "expired")


def test_the_clock_reminds_who_owes_an_answer_and_stands_still_in_a_pause(treasury: Treasury) -> None:
    treasury.put(remind=Span("1d"), threshold=3)
    assert treasury.mails("asked") == ["tara", "theo", "tina"]
    treasury.approve("tara")
    treasury.steer("pause")
    assert code(treasury.approve("theo")) == "case-paused"
    treasury.clock.move(DAY)
    treasury.settled()
    assert treasury.mails("reminder") == []
    treasury.steer("resume")
    treasury.clock.move(DAY)
    treasury.settled()
    treasury.settled()
    assert treasury.mails("reminder") == ["theo", "tina"]
    treasury.clock.move(2 * DAY)
    treasury.settled()
    assert treasury.decision()["verdict"]["outcome"] == "expired"
    assert treasury.decision()["verdict"]["comment"] == "1 of 3 approvals came in time."
    assert treasury.mails("outcome") == ["tara", "theo", "tina"]


def test_a_cancelled_case_tells_its_council_and_lays_the_decision_aside(treasury: Treasury) -> None:
    treasury.put()
    treasury.steer("cancel")
    assert treasury.decision()["state"] == "withdrawn"
    assert treasury.mails("outcome") == ["tara", "theo", "tina"]
    assert code(treasury.approve("tara")) == "multisig-closed"


def test_where_they_sign_one_after_the_other_out_of_turn_is_refused(treasury: Treasury) -> None:
    treasury.put(ordered=True, threshold=2)
    assert code(treasury.approve("theo")) == "not-your-turn"
    treasury.approve("tara")
    assert treasury.mails("turn") == ["theo"]
    treasury.do(lambda tx: people.set_grants(tx, "boss", "theo", []))
    assert treasury.approve("tina").verdict is not None


def test_what_one_looked_at_must_be_what_is_asked(treasury: Treasury) -> None:
    treasury.put()
    assert code(treasury.approve("tara", intent_hash=OTHER.hash)) == "stale-intent"
    assert treasury.approvers() == []


def test_a_wallet_council_counts_signatures_of_its_frozen_wallets(treasury: Treasury) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    treasury.approve("tara", sign("tara"))
    verdict = treasury.approve("theo", sign("theo")[2:].upper()).verdict
    assert verdict is not None
    for one in verdict.data["approvals"]:
        found = Approval.model_validate(one)
        assert found.signature == sign(found.person)
        assert signer_of(INTENT, found.signature) == found.wallet == key_of(found.person).address
    told = str(treasury.rows(sa.select(t.audit.c.detail).where(t.audit.c.action == "multisig.approved")))
    assert sign("tara")[2:] not in told


def high(signature: str) -> str:
    r, s, v = signature[2:66], int(signature[66:130], 16), int(signature[130:], 16)
    return f"0x{r}{ORDER - s:064x}{55 - v:02x}"


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (None, "signature-missing"),
        ("0x12", "signature-malformed"),
        ("no hex", "signature-malformed"),
        ("0x" + "f" * 130, "signature-malformed"),
        (high(sign("tara")), "signature-high-s"),
        (sign("theo"), "wrong-wallet"),
        (sign("somebody else"), "wrong-signature"),
        (sign("tara", OTHER), "wrong-signature"),
    ],
)
def test_a_signature_that_proves_nothing_is_refused_with_its_code(
    treasury: Treasury, signature: str | None, why: str
) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    result = treasury.approve("tara", signature)
    assert code(result) == why
    assert isinstance(result, NotCounted) and result.refusal.field == "signature"
    assert (treasury.approvers(), treasury.refused()) == ([], [why])
    assert code(treasury.approve("tara", sign("tara"))) == "counted"


def test_a_wallet_registered_since_does_not_count_and_one_without_may_only_refuse(treasury: Treasury) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    treasury.wallet("tina")
    assert code(treasury.approve("tina", sign("tina"))) == "no-wallet"
    assert code(treasury.refuse("tina")) == "counted"
    treasury.do(lambda tx: wallets.register(tx, "boss", treasury.person_of("tara"), key_of("new").address))
    assert code(treasury.approve("tara", sign("new"))) == "wrong-wallet"
    assert code(treasury.approve("tara", sign("tara"))) == "counted"


def test_signer_twice_counts_once(treasury: Treasury) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    treasury.approve("tara", sign("tara"))
    assert code(treasury.approve("tara", sign("theo"))) == "already-approved"
    assert code(treasury.approve("theo", sign("tara"))) == "wrong-wallet"
    assert treasury.approvers() == ["tara"]


def test_a_council_without_wallets_keeps_no_signature_that_nobody_checked(treasury: Treasury) -> None:
    treasury.put()
    assert code(treasury.approve("tara", sign("tara"))) == "signature-unwanted"


def test_where_signatures_cannot_be_checked_none_counts(treasury: Treasury) -> None:
    treasury.wallet("tara", "theo")
    treasury.put(wallets=True)
    bare = Treasury(Store(treasury.store.url, House(secret="x" * 40), treasury.clock), treasury.clock)
    try:
        bare._people, bare.task = treasury._people, treasury.task
        assert code(bare.approve("tara", sign("tara"))) == "chain-missing"
    finally:
        bare.store.close()
    assert treasury.approvers() == []


def test_a_decision_that_was_laid_aside_and_is_asked_for_again_keeps_its_approvals(treasury: Treasury) -> None:
    """As after a restore: the case withdraws all but one decision, and comes back to this one."""
    treasury.put()
    treasury.approve("tara")
    treasury.tell(seen=99)
    treasury.tell(withdraw_others=True, seen=0)
    assert treasury.decision()["state"] == "withdrawn"
    assert code(treasury.approve("theo")) == "multisig-closed"
    treasury.clock.move(5 * DAY)
    treasury.asks()
    assert treasury.decision()["state"] == "open"
    assert treasury.lines()[-1] == "multisig.reopened"
    verdict = treasury.approve("theo").verdict
    assert verdict is not None and verdict.by == ("tara", "theo")


def test_wallets_are_registered_once_each_with_a_line_and_a_mail(treasury: Treasury) -> None:
    tara, theo = treasury.person_of("tara"), treasury.person_of("theo")
    address = key_of("tara").address
    assert treasury.do(lambda tx: wallets.register(tx, "boss", tara, address)) is None
    assert treasury.do(lambda tx: wallets.register(tx, "boss", tara, address)) is None
    assert treasury.do(lambda tx: wallets.holder(tx, address)) == "tara"
    why = treasury.do(lambda tx: wallets.register(tx, "boss", theo, address))
    assert why is not None and why.code == "wallet-taken"
    assert treasury.do(lambda tx: wallets.register(tx, "boss", tara, key_of("new").address)) is None
    lines = treasury.rows(sa.select(t.audit.c.detail).where(t.audit.c.action == "wallet.registered"))
    assert [row["detail"]["earlier"] for row in lines] == [None, address]
    assert treasury.mails("wallet/") == ["tara", "tara"]


def test_a_checkpoint_over_a_decided_council_verifies(treasury: Treasury) -> None:
    treasury.put(threshold=1)
    treasury.approve("tara")
    point = treasury.do(audit.take_checkpoint)
    assert point is not None
    assert verify(treasury.export(), point.hash).problems == ()
    assert treasury.decision()["subject"]["to"] == PAYEE
