"""What the doors of the executor share: its payments, the application's database to read, and its audit log."""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from placet.connectors.chain.port import ChainRefused, ChainUnavailable
from placet.domain.payment import Paid, PaymentState, ReceiptFacts
from placet.domain.people import SYSTEM
from placet.executor.journal import Payment
from placet.executor.payments import Payments
from placet.executor.verify import Own, Refused, proven, read_decision
from placet.store.audit import append
from placet.store.engine import Store, StoreUnavailable, Tx

log = logging.getLogger(__name__)

CHAIN = "@executor"


@dataclass
class Office:
    """One executor at work."""

    payments: Payments
    own: Own
    store: Store

    async def pay(self, key: str, decision: str, case: str | None, intent_hash: str | None) -> Payment:
        """The payment of this decision under this key, begun now or long ago; raises Refused and the like."""
        try:
            return await self._pay(key, decision, case, intent_hash)
        except Refused as refused:
            await self.refused(key, decision, refused)
            raise

    async def _pay(self, key: str, decision: str, case: str | None, intent_hash: str | None) -> Payment:
        journal = self.payments.journal
        row = await self.store.read(lambda tx: read_decision(tx, decision))
        earlier = journal.find(key) or journal.of_decision(decision)
        if earlier is not None:
            if earlier.decision != decision:
                raise Refused("key-reused", "This key belongs to the payment of another decision.")
            if earlier.key != key:
                raise Refused("already-paid", f"This decision is paid under the key {earlier.key}, and pays once.")
            if case is not None and case != earlier.intent.case_id:
                raise Refused("other-case", "The payment belongs to another case.")
            # Told of a restored database, the council may have approved something else under the same name.
            asked = {intent_hash} if row is None else {intent_hash, _intent_of(row.rules)}
            if asked - {None, earlier.intent_hash}:
                raise Refused("other-intent", "This key and decision paid another intent before.")
            return earlier
        found = proven(row, self.own, case, intent_hash)
        if journal.needs_clearance(decision, found.closed_at.astimezone(UTC).timestamp()):
            raise Refused(
                "needs-clearance",
                "This decision is from before the executor was thawed, and may have been paid then. An administrator "
                f"looks at the chain, then runs `placet executor thaw --pay {decision}`.",
            )
        try:
            return await self.payments.pay(key, decision, found)
        except sqlite3.IntegrityError:
            raise Refused("already-paid", "This decision is being paid under another key.") from None

    async def refused(self, key: str, decision: str, why: Refused) -> None:
        """Remember a refusal, here and in the audit log."""
        self.payments.journal.refuse(key, decision, why.code, str(why))

        def write(tx: Tx) -> None:
            if tx.house.refusals.allows(CHAIN):
                append(
                    tx,
                    CHAIN,
                    SYSTEM,
                    "payment.refused",
                    {"key": key[:500], "decision": decision[:500], "code": why.code},
                )

        await self._audited(write)

    async def frozen(self, why: str) -> None:
        def write(tx: Tx) -> None:
            append(tx, CHAIN, SYSTEM, "executor.frozen", {"account": self.payments.account, "why": why})

        await self._audited(write)

    async def thaw(self, cleared: tuple[str, ...]) -> None:
        """Go on after an administrator has looked."""
        was = self.payments.journal.frozen
        await self.payments.thaw(cleared)

        def write(tx: Tx) -> None:
            append(tx, CHAIN, SYSTEM, "executor.thawed", {"was": was or "", "cleared": list(cleared)})

        await self._audited(write)

    def paid(self, payment: Payment) -> Paid:
        """As the worker is told; of several signed transactions the mined one, else the newest."""
        newest = self.payments.journal.newest(payment.key)
        mined = payment.receipt.tx_hash if payment.receipt else None
        return Paid(
            key=payment.key,
            tx_hash=mined or (newest.hash if newest else None),
            nonce=payment.nonce,
            state=payment.state,
        )

    def facts(self, payment: Payment) -> ReceiptFacts | None:
        """How it ended on the chain; None before."""
        if payment.state not in (PaymentState.CONFIRMED, PaymentState.REVERTED) or payment.receipt is None:
            return None
        receipt = payment.receipt
        return ReceiptFacts(
            tx_hash=receipt.tx_hash,
            block_number=receipt.block.number,
            block_hash=receipt.block.hash,
            gas_used=receipt.gas_used,
            confirmations=self.payments.policy.depth,
            status=payment.state.value,
        )

    async def status(self) -> dict[str, object]:
        """Everything an operator wants to know, and what to do."""
        journal, account = self.payments.journal, self.payments.account
        told: dict[str, object] = {
            "state": "ready",
            "account": account,
            "treasury": self.own.account,
            "mode": "safe" if self.own.safe else "account",
            "chain_id": self.own.chain_id,
            "next_nonce": journal.next_nonce,
            "payments": journal.counts(),
            "unfinished": [
                {"key": one.key, "nonce": one.nonce, "state": one.state, "why": one.why} for one in journal.unfinished()
            ],
            "refusals": [
                one | {"at": datetime.fromtimestamp(one["at"], UTC).isoformat()} for one in journal.refusals()
            ],
            "signed_by": "wallets" if self.own.safe or self.own.pins.wallets else "the database",
        }
        try:
            told["balance"] = str(await self.payments.chain.balance(self.own.account))
            told["fees_balance"] = str(await self.payments.chain.balance(account))
        except (ChainUnavailable, ChainRefused) as error:
            told |= {"state": "chain-unavailable", "why": str(error)}
        if (why := journal.frozen) is not None:
            told |= {"state": "frozen", "why": why, "advice": "Look at the chain, then run `placet executor thaw`."}
        return told

    async def _audited(self, write: Callable[[Tx], None]) -> None:
        try:
            await self.store.write(write)
        except StoreUnavailable:
            # The journal has it; the audit log is of the database that is away.
            log.exception("the audit log could not be written")


def _intent_of(rules: object) -> str | None:
    found = rules.get("intent_hash") if isinstance(rules, dict) else None
    return found if isinstance(found, str) else None
