"""A council that approves payments, with wallets of its own, and short words for what its members do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.conftest import ManualClock
from tests.store.conftest import Scene

from placet.connectors.chain.signatures import signable
from placet.domain.course import Ask, Reply, Report, SignalNote
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Role
from placet.domain.span import Span
from placet.store import course, multisig_acts, wallets
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted
from placet.store.engine import Store
from placet.store.multisig import locked_multisig
from placet.store.multisig_acts import GivenApproval

COUNCIL = Role(name="treasurer")
ACCOUNT, PAYEE = "0x" + "a" * 40, "0x" + "b" * 40
INTENT = Intent(chain_id=31337, account=ACCOUNT, to=PAYEE, amount="5000000000000000000", case_id="case-1")


def pay(**more: Any) -> MultisigSpec:
    rules = {"name": "pay", "title": "Pay the baker", "intent": INTENT, "council": COUNCIL, "threshold": 2}
    return MultisigSpec(**(rules | {"within": Span("3d")} | more))


def key_of(name: str) -> LocalAccount:
    """A wallet of this name, the same in every test."""
    return Account.from_key(name.encode().rjust(32, b"\x01"))


def sign(name: str, intent: Intent = INTENT) -> str:
    signed: str = key_of(name).sign_typed_data(full_message=signable(intent)).signature.to_0x_hex()
    return signed


@dataclass
class Treasury(Scene):
    """Each `put` opens a multisig, which the words below mean from then on."""

    spec: MultisigSpec = field(default_factory=pay)

    def put(self, signals: tuple[SignalNote, ...] = (), **more: Any) -> str:
        self.spec = pay(**more)
        self.task = f"{self.case}.{self.spec.name}.1"
        self.asks(signals)
        return self.task

    def asks(self, signals: tuple[SignalNote, ...] = ()) -> Reply:
        """A report of the workflow that waits for this."""
        known = {"case_id": self.case, "run_id": self.run, "seen": 0, "state": "waiting"}
        told = Report(**known, ask=Ask(spec=self.spec, ordinal=1), signals=signals)
        return self.do(lambda tx: course.report(tx, told))

    def wallet(self, *names: str) -> None:
        def register(tx: Any) -> None:
            for name in names:
                wallets.register(tx, "boss", self.person_of(name), key_of(name).address)

        self.do(register)

    def approve(self, who: str, signature: str | None = None, **more: Any) -> Counted | NotCounted:
        given = GivenApproval(**({"intent_hash": INTENT.hash, "signature": signature} | more))
        return self.do(lambda tx: multisig_acts.approve(tx, self.person_of(who), self.task, given, "test"))

    def refuse(self, who: str, comment: str = "too much") -> Counted | NotCounted:
        return self.do(lambda tx: multisig_acts.refuse(tx, self.person_of(who), self.task, comment, "test"))

    def withdraw(self, who: str, comment: str = "") -> Counted | NotCounted:
        return self.do(lambda tx: multisig_acts.withdraw(tx, self.person_of(who), self.task, comment, "test"))

    def settled(self) -> None:
        def settle(tx: Any) -> None:
            with locked_multisig(tx, self.task) as council:
                council.settle()

        self.do(settle)

    def approvers(self) -> list[str]:
        query = sa.select(t.act).where(t.act.c.outcome == "approve")
        return sorted(row["person_id"] for row in self.rows(query))


def made(store: Store, clock: ManualClock, members: Callable[[], tuple[str, ...]] | None = None) -> Treasury:
    treasury = Treasury(store, clock)
    treasury.people(
        *((name, "treasurer@deals") for name in (members() if members else ("tara", "theo", "tina"))),
        ("cora", "coordinator@deals"),
        ("carl", "council"),
        ("rita", "member", "treasurer@deals"),
        ("boss", "admin"),
        ("stan", "member"),
        ("tess", "treasurer@labs"),
    )
    treasury.open()
    return treasury


@pytest.fixture
def treasury(store: Store, clock: ManualClock) -> Treasury:
    """Treasurers tara, theo and tina; rita is one too and has asked; tess is one elsewhere."""
    return made(store, clock)
