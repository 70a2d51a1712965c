"""What moves no money: decisions that are not real, not whole, not ours, or not signed by whom they must be."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from executor import council
from executor.anvil import Anvil
from executor.council import PEOPLE, WALLETS, approvals_of, rules_of, signed
from executor.desk import Desk, desk, somebody
from executor.ledger import judge
from placet.domain.intent import Intent
from placet.domain.multisig import Member
from placet.executor.settings import ExecutorSettings
from placet.executor.verify import Refused
from placet.store import tables as t

Tamper = Callable[[Intent], dict[str, Any]]


@pytest_asyncio.fixture
async def at(chain: Anvil, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(chain, tmp_path) as opened:
        yield opened


def again(intent: Intent, **changed: Any) -> Intent:
    return intent.model_copy(update=changed)


def with_approval(intent: Intent, number: int, **changed: Any) -> dict[str, Any]:
    given = approvals_of(intent)
    return {"approvals": [*given[:number], given[number].model_copy(update=changed), *given[number + 1 :]]}


def with_rules(of: Intent, **changed: Any) -> dict[str, Any]:
    return {"rules": rules_of(of).model_copy(update=changed)}


def council_of(*wallets: Any, people: tuple[str, ...] = PEOPLE) -> tuple[Member, ...]:
    """Members with these wallets."""
    return tuple(Member(person=one, wallet=wallet.address) for one, wallet in zip(people, wallets, strict=False))


def stranger(intent: Intent) -> dict[str, Any]:
    """Somebody outside the frozen council, with a good signature of their own."""
    changed = {"person": "mallory", "wallet": WALLETS[4].address, "signature": signed(intent, WALLETS[4])}
    return with_approval(intent, 1, **changed)


FORGED: dict[str, tuple[str, Tamper]] = {
    "one approval instead of two": ("too-few", lambda i: {"approvals": approvals_of(i, 1)}),
    "no approval": ("too-few", lambda i: {"approvals": []}),
    "one person twice": ("too-few", lambda i: {"approvals": approvals_of(i, 1) * 2}),
    "a signature of nobody": ("bad-signature", lambda i: with_approval(i, 1, signature=f"0x{'11' * 65}")),
    "no signature": ("bad-signature", lambda i: with_approval(i, 1, signature=None)),
    "half a signature": ("bad-signature", lambda i: with_approval(i, 1, signature=signed(i, WALLETS[1])[:-2])),
    "a signature with more behind it": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(i, WALLETS[1]) + "00"),
    ),
    "a signature that is no hex": ("bad-signature", lambda i: with_approval(i, 1, signature="0xzz")),
    "the signature of another member": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(i, WALLETS[0])),
    ),
    "a signature over another amount": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(again(i, amount="999"), WALLETS[1])),
    ),
    "a signature over another payee": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(again(i, to=somebody()), WALLETS[1])),
    ),
    "a signature for another case": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(again(i, case_id="another"), WALLETS[1])),
    ),
    "a signature for another chain": (
        "bad-signature",
        lambda i: with_approval(i, 1, signature=signed(again(i, chain_id=1), WALLETS[1])),
    ),
    "a stranger among the approvals": ("not-a-member", stranger),
    "a stranger put into the council as well": (
        "bad-signature",
        lambda i: (
            stranger(i) | with_rules(i, members=council_of(WALLETS[0], WALLETS[2], people=(PEOPLE[0], "mallory")))
        ),
    ),
    "one wallet under two names": (
        "too-few",
        lambda i: (
            with_approval(i, 1, wallet=WALLETS[0].address, signature=signed(i, WALLETS[0]))
            | with_rules(i, members=tuple(Member(person=one, wallet=WALLETS[0].address) for one in PEOPLE[:3]))
        ),
    ),
    "another intent in the verdict": ("other-intent", lambda i: {"approved": again(i, to=somebody())}),
    "another intent in the rules": ("other-intent", lambda i: with_rules(i, intent=again(i, amount="999000"))),
    "another hash in the rules": ("other-intent", lambda i: with_rules(i, intent_hash="0" * 64)),
    "still open": ("not-closed", lambda i: {"state": "open", "verdict": None}),
    "withdrawn": ("not-closed", lambda i: {"state": "withdrawn"}),
    "closed without a verdict": ("not-closed", lambda i: {"verdict": None}),
    "another form of decision": ("not-a-multisig", lambda i: {"form": "task"}),
    "rules that cannot be read": ("damaged", lambda i: {"rules_raw": {"title": "?"}}),
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_decision_moves_nothing(at: Desk, what: str) -> None:
    code, tamper = FORGED[what]
    intent = at.intent()
    how = tamper(intent)
    raw = how.pop("rules_raw", None)
    decision = council.close(at.store, intent, **how)
    if raw is not None:
        changed = t.decision.update().where(t.decision.c.id == decision).values(rules=raw)
        at.store.submit(lambda tx: tx.conn.execute(changed)).result()
    with pytest.raises(Refused) as refused:
        await at.pay(decision)
    assert refused.value.code == code
    assert at.journal.next_nonce == 0 and at.journal.refusals()[0]["code"] == code
    judge("A forged decision is put to the executor", 1, 0, at.judged([intent]))
    query = sa.select(t.audit.c.detail).where(t.audit.c.action == "payment.refused")
    (line,) = at.store.read_now(lambda tx: list(tx.conn.execute(query).scalars()))
    assert (line["decision"], line["code"]) == (decision, code)


async def test_the_same_decision_untouched_is_paid(at: Desk) -> None:
    intent, decision = at.approved()
    await at.pay(decision)
    await at.rounds(decision)
    assert at.judged([intent]) == (1, 0, 0)


async def test_an_unfavourable_or_unknown_decision_moves_nothing(at: Desk) -> None:
    _intent, decision = at.approved()
    verdict = at.store.read_now(lambda tx: tx.conn.execute(sa.select(t.decision.c.verdict)).scalar_one())
    for changed in ({"favourable": False}, {"outcome": "refused"}):
        row = t.decision.update().values(verdict=verdict | changed)
        at.store.submit(lambda tx, row=row: tx.conn.execute(row)).result()
        with pytest.raises(Refused) as refused:
            await at.pay(decision)
        assert refused.value.code == "not-approved"
    with pytest.raises(Refused) as refused:
        await at.pay("case-0.council.1")
    assert refused.value.code == "unknown-decision"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("other-account", {"account": WALLETS[0].address}),
        ("other-account", {"chain_id": 1}),
        ("other-account", {"safe_nonce": 0}),
        ("unknown-token", {"token": WALLETS[3].address}),
        ("bad-address", {"to": "0x" + "ab" * 20}),
        ("bad-address", {"to": "0x" + "00" * 20}),
    ],
)
async def test_an_intent_that_is_not_ours_to_pay_moves_nothing(at: Desk, code: str, changed: dict[str, Any]) -> None:
    intent = again(at.intent(), **changed)
    with pytest.raises(Refused) as refused:
        await at.pay(council.close(at.store, intent))
    assert refused.value.code == code
    assert at.journal.next_nonce == 0 and at.chain.transactions() == []


async def test_a_decision_of_another_case_moves_nothing(at: Desk) -> None:
    intent, decision = at.approved()
    for asked in ({"case": "another", "intent_hash": None}, {"case": None, "intent_hash": "1" * 64}):
        with pytest.raises(Refused):
            await at.office.pay("a key", decision, **asked)
    moved = t.decision.update().values(case_id=at.approved()[0].case_id)
    at.store.submit(lambda tx: tx.conn.execute(moved.where(t.decision.c.id == decision).values(name="x"))).result()
    with pytest.raises(Refused) as refused:
        await at.pay(decision)
    assert refused.value.code == "other-case"
    assert at.judged([intent]) == (0, 0, 0)


async def test_what_the_settings_pin_no_database_can_change(chain: Anvil, tmp_path: Path) -> None:
    pins = ExecutorSettings(
        wallets=tuple(wallet.address for wallet in WALLETS[:2]), min_threshold=2, max_amount={"native": "5000"}
    )
    async with desk(chain, tmp_path, pins=pins) as at:
        for code, intent, how in (
            ("too-few", at.intent(), {"threshold": 1, "people": 1}),
            ("bad-signature", at.intent(), {"wallets": False}),
            ("over-the-limit", at.intent(amount=5001), {}),
        ):
            wallets = how.get("wallets", True)
            rules = rules_of(intent, how.get("threshold", 2), wallets)
            given = approvals_of(intent, how.get("people", 2), wallets)
            with pytest.raises(Refused) as refused:
                await at.pay(council.close(at.store, intent, rules=rules, approvals=given))
            assert refused.value.code == code
        intent = at.intent()
        others = rules_of(intent, 2).model_copy(update={"members": council_of(*WALLETS[2:])})
        given = [
            one.model_copy(update={"wallet": wallet.address, "signature": signed(intent, wallet)})
            for one, wallet in zip(approvals_of(intent), WALLETS[2:], strict=False)
        ]
        with pytest.raises(Refused) as refused:
            await at.pay(council.close(at.store, intent, rules=others, approvals=given))
        assert refused.value.code == "not-pinned"
        good, decision = at.approved(at.intent(amount=5000))
        await at.pay(decision)
        await at.rounds(decision)
        assert at.judged([good, intent]) == (1, 0, 0)


async def test_without_wallets_the_database_is_believed(at: Desk) -> None:
    """As the documentation says: without signatures there is nothing else to go by."""
    intent, decision = at.approved(wallets=False)
    await at.pay(decision)
    await at.rounds(decision)
    assert at.judged([intent]) == (1, 0, 0)
    assert (await at.office.status())["signed_by"] == "the database"
