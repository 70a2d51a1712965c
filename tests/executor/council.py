"""Decisions as the application database has them, made here without the code that normally closes them."""

from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from placet.connectors.chain.safe import safe_typed_data
from placet.domain.intent import Intent, typed_data
from placet.domain.multisig import Approval, Member, MultisigRules
from placet.domain.task import Reason, Verdict
from placet.store import cases
from placet.store import tables as t
from placet.store.engine import Store, Tx

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# Keys of nobody; the same in each run.
WALLETS = [Account.from_key(number.to_bytes(32, "big")) for number in range(1001, 1006)]
PEOPLE = ("ann", "ben", "cleo", "dora", "emil")


def signed(intent: Intent, wallet: Any) -> str:
    """What the wallet of a council member gives back."""
    message = typed_data(intent) if intent.safe_nonce is None else safe_typed_data(intent)
    signature = wallet.sign_message(encode_typed_data(full_message=message)).signature
    return f"0x{bytes(signature).hex()}"


def rules_of(intent: Intent, threshold: int = 2, wallets: bool = True, members: int = 3) -> MultisigRules:
    council = tuple(
        Member(person=PEOPLE[number], wallet=WALLETS[number].address if wallets else None) for number in range(members)
    )
    return MultisigRules(
        title="Pay", intent=intent, intent_hash=intent.hash, members=council, threshold=threshold, wallets=wallets,
        opened_at=AT,
    )  # fmt: skip


def approvals_of(intent: Intent, people: int = 2, wallets: bool = True) -> list[Approval]:
    return [
        Approval(
            person=PEOPLE[number],
            wallet=WALLETS[number].address if wallets else None,
            signature=signed(intent, WALLETS[number]) if wallets else None,
            at=AT,
            receipt="0" * 64,
        )
        for number in range(people)
    ]


def close(
    store: Store,
    intent: Intent,
    *,
    rules: MultisigRules | None = None,
    approvals: list[Approval] | None = None,
    wallets: bool = True,
    approved: Intent | None = None,
    closed_at: datetime | None = None,
    name: str = "council",
    **changed: Any,
) -> str:
    """A closed multisig of the intent's case; its id. `approved` and `changed` make it other than it should be."""
    rules = rules or rules_of(intent, wallets=wallets)
    granted = approved or intent
    given = approvals_of(intent, wallets=wallets) if approvals is None else approvals
    decision = f"{intent.case_id}.{name}.1"
    verdict = Verdict(
        outcome="approved",
        favourable=True,
        reason=Reason.ANSWERED,
        at=AT,
        data={
            "decision": decision,
            "intent": granted.model_dump(mode="json"),
            "intent_hash": granted.hash,
            "approvals": [one.model_dump(mode="json") for one in given],
        },
    )
    row = {
        "id": decision, "case_id": intent.case_id, "name": name, "ordinal": 1, "form": "multisig",
        "state": "closed", "rules": rules.model_dump(mode="json"), "subject": None, "tally": {}, "rung": 0,
        "shift_us": 0, "opened_at": AT, "closed_at": closed_at or datetime.now(UTC),
        "verdict": verdict.model_dump(mode="json"),
    } | changed  # fmt: skip

    def write(tx: Tx) -> None:
        found = tx.conn.execute(t.case.select().where(t.case.c.id == intent.case_id)).one_or_none()
        if found is None:
            cases.create(tx, intent.case_id, "test", "treasury", "Pay", "rita", {}, "rita", {})
        tx.conn.execute(t.decision.delete().where(t.decision.c.id == decision))
        tx.conn.execute(t.decision.insert(), row)

    store.submit(write).result()
    return decision
