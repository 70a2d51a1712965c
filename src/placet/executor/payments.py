"""Exactly once: a nonce is reserved, bytes are signed once and kept, and then those same bytes are sent until mined.

Every step is in the journal before the next begins, so a kill at any point only repeats what may be repeated. Whether
something arrived is asked of the chain, by hash; what a node says with an error is for people to read.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC

from placet.connectors.chain.port import Block, Chain, ChainRefused, ChainUnavailable, Fees, Receipt
from placet.connectors.chain.safe import executed, safe_facts
from placet.connectors.chain.transactions import Unsigned, moved
from placet.domain.intent import Intent
from placet.domain.payment import PaymentState
from placet.executor.admission import NotNow, admitted, call_of
from placet.executor.journal import Bytes, Journal, Payment
from placet.executor.keys import KeyRefused, KeyUnavailable, SigningKey
from placet.executor.verify import Proven, Refused
from placet.store import crash

log = logging.getLogger(__name__)

GWEI = 10**9
# A replacement must offer clearly more of both fees, or nodes do not take it.
RAISE = 5, 4
# How often a nonce must be seen as used by a stranger before we believe it: nodes behind one URL may disagree.
SIGHTINGS = 3
IDLE = 5
RELAYED = "Somebody else presented it to the Safe."


class Frozen(Exception):
    """Nothing is signed until an administrator has looked; the text says why."""


@dataclass(frozen=True)
class Policy:
    """When a payment is final, when one is stuck, how often to look, and the most that is offered for gas."""

    chain_id: int
    depth: int
    stuck_after: float
    poll_seconds: float
    max_fee_gwei: int


class Payments:
    def __init__(
        self,
        chain: Chain,
        key: SigningKey,
        journal: Journal,
        policy: Policy,
        on_freeze: Callable[[str], Awaitable[None]],
    ) -> None:
        self.chain = chain
        self.journal = journal
        self.account = key.address
        self.policy = policy
        self._key = key
        self._on_freeze = on_freeze
        self._admission = asyncio.Lock()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sightings: defaultdict[str, int] = defaultdict(int)
        self._kick = asyncio.Event()

    async def pay(self, key: str, decision: str, proven: Proven) -> Payment:
        """Begin a payment that is proven and new; raises Refused, NotNow, Frozen, or what the chain raises."""
        async with self._admission:
            if (found := self.journal.find(key)) is not None:
                return found
            self._check_thawed()
            await self.agree()
            if (receipt := await self._relayed(proven)) is not None:
                self.journal.relayed(key, decision, proven.intent, proven.signatures, receipt, RELAYED)
                return self._known(key)
            entry = await admitted(self.chain, self.journal, self.account, proven)
            self._check_thawed()
            self.journal.reserve(key, decision, proven.intent, entry.signatures, entry.gas)
        crash.reach("payment-reserved")
        await self._carried(key)
        # A chain that mines at once has its receipt by now.
        await self._carried(key)
        self._kick.set()
        return self._known(key)

    async def run(self) -> None:
        """Carry every unfinished payment on, also without callers, until cancelled."""
        while True:
            self._kick.clear()
            try:
                await self.round()
            except (ChainUnavailable, ChainRefused) as error:
                log.warning("The chain cannot be asked: %s", error)
            except Frozen:
                pass
            except Exception:
                log.exception("a round of payments failed")
            idle = 1 if self.journal.unfinished() else IDLE
            try:
                await asyncio.wait_for(self._kick.wait(), self.policy.poll_seconds * idle)
                # What was just begun is carried by whoever began it.
                await asyncio.sleep(self.policy.poll_seconds)
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Look at everything once, in the order of nonces."""
        latest = await self.agree(strict=False)
        for payment in self.journal.ended_from(latest):
            if await self.chain.next_nonce(self.account) > payment.nonce:
                continue
            log.warning("The chain has forgotten %s; the same bytes are sent again.", payment.key)
            self.journal.seen(payment.key, None, "The chain has forgotten it; the same bytes are sent again.")
        for payment in (*self.journal.frozen_payments(), *self.journal.unfinished()):
            await self._carried(payment.key)

    async def agree(self, strict: bool = True) -> int:
        """The account's next nonce on the chain, which must be one that the journal knows; freezes otherwise.

        Not `strict`, it raises only when this is another chain: what is signed may still be followed.
        """
        if (why := await self.other_chain()) is not None:
            await self.freeze(why)
            raise Frozen(why)
        latest = await self.chain.next_nonce(self.account)
        # What waits in the node's pool counts: it may be ours, from before a journal that was lost.
        made = max(latest, await self.chain.next_nonce(self.account, "pending"))
        if made > self.journal.next_nonce:
            await self.freeze(
                f"The account {self.account} has made {made} transactions, and this journal knows of "
                f"{self.journal.next_nonce}. Somebody else uses its key, or the journal is an old copy, or a new one."
            )
            if strict:
                self._check_thawed()
        return latest

    async def other_chain(self) -> str | None:
        """Why this is not the chain of the journal; notes which one it is at the first look."""
        if (found := await self.chain.chain_id()) != self.policy.chain_id:
            return f"The node is on chain {found}, and the settings say {self.policy.chain_id}."
        first = await self.chain.block(0)
        if first is None:
            raise ChainUnavailable("The node does not show its first block.")
        known = self.journal.fact("genesis")
        if known is None:
            self.journal.note("genesis", first.hash)
        elif known != first.hash:
            return (
                f"The node's chain begins with {first.hash}, and the journal belongs to one that begins with {known}."
            )
        return None

    async def freeze(self, why: str) -> None:
        if self.journal.frozen is None:
            self.journal.note("frozen", why)
            log.critical("FROZEN: %s Nothing is signed until `placet executor thaw`.", why)
            await self._on_freeze(why)

    async def thaw(self, cleared: tuple[str, ...]) -> None:
        """Go on from where the chain is; raises Frozen when this is another chain."""
        async with self._admission:
            if (why := await self.other_chain()) is not None:
                raise Frozen(why)
            self.journal.thaw(await self.chain.next_nonce(self.account, "pending"), cleared)
        self._kick.set()

    def _check_thawed(self) -> None:
        if (why := self.journal.frozen) is not None:
            raise Frozen(why)

    async def _carried(self, key: str) -> None:
        """Take a payment as far as it goes now; what is in its way is noted, and tried again in the next round."""
        async with self._locks[key]:
            try:
                await self._carry(key)
            except (ChainUnavailable, ChainRefused, KeyUnavailable, KeyRefused, NotNow) as error:
                log.warning("%s waits: %s", key, error)
                self.journal.trouble(key, str(error))
            except Frozen as error:
                self.journal.trouble(key, str(error))

    async def _carry(self, key: str) -> None:
        payment = self.journal.find(key)
        frozen = payment is not None and payment.state is PaymentState.FROZEN
        if payment is None or (payment.state.is_end and not frozen):
            return
        for one in self.journal.signed(key):
            if (receipt := await self.chain.receipt(one.hash)) is not None:
                await self._mined(payment, receipt)
                return
        if frozen:
            return
        if payment.receipt is not None:
            log.warning("The block that held %s is gone; the same bytes are sent again.", key)
            self.journal.seen(key, None, "The block that held it is gone.")
        latest = await self.chain.next_nonce(self.account)
        if latest > payment.nonce:
            await self._used(payment)
            return
        self._sightings.pop(key, None)
        newest = self.journal.newest(key) or await self._sign(payment, None)
        if await self._arrived(payment, newest) and payment.nonce == latest:
            await self._unstick(payment, newest)

    async def _sign(self, payment: Payment, replaces: Bytes | None) -> Bytes:
        """Sign, and keep the bytes before anybody sees them."""
        self._check_thawed()
        fees = await self._fees(replaces.fees if replaces else None)
        call = call_of(payment.intent, payment.signatures)
        unsigned = Unsigned(chain_id=self.policy.chain_id, nonce=payment.nonce, fees=fees, gas=payment.gas, call=call)
        signed = unsigned.signed(await self._key.sign(unsigned.digest))
        self.journal.keep(payment, signed, fees, replaces.hash if replaces else None)
        crash.reach("payment-replaced" if replaces else "payment-signed")
        return Bytes(hash=signed.hash, raw=signed.raw, fees=fees, signed_at=time.time())

    async def _fees(self, last: Fees | None) -> Fees:
        """What the node suggests; for a replacement at least a quarter more than before, of both."""
        fees, cap = await self.chain.fees(), self.policy.max_fee_gwei * GWEI
        most, tip = fees.most, fees.tip
        if last is not None:
            most = max(most, last.most * RAISE[0] // RAISE[1] + 1)
            tip = max(tip, last.tip * RAISE[0] // RAISE[1] + 1)
            if most > cap:
                raise NotNow(f"It is stuck, and more than {self.policy.max_fee_gwei} gwei are not offered for gas.")
        return Fees(most=min(most, cap), tip=min(tip, most, cap))

    async def _arrived(self, payment: Payment, newest: Bytes) -> bool:
        """Send the bytes unless the node has them; whether it has them now."""
        if not await self.chain.knows(newest.hash):
            crash.reach("payment-sending")
            try:
                await self.chain.send(newest.raw)
            except (ChainUnavailable, ChainRefused) as error:
                # It may have arrived all the same.
                if not await self.chain.knows(newest.hash):
                    self.journal.trouble(payment.key, str(error))
                    if isinstance(error, ChainUnavailable):
                        raise
                    # What the node turns away because it offers too little is replaced in time.
                    replacing = len(self.journal.signed(payment.key)) > 1
                    return replacing or (await self.chain.fees()).most > newest.fees.most
            crash.reach("payment-sent-unrecorded")
        if self._known(payment.key).state is not PaymentState.SENT or payment.sent_at is None:
            self.journal.sent(payment.key)
            crash.reach("payment-sent")
        return True

    async def _unstick(self, payment: Payment, newest: Bytes) -> None:
        """Replace bytes that nobody mines: the same payment with the same nonce, and higher fees."""
        current = self.journal.find(payment.key)
        since = (current.sent_at if current else None) or newest.signed_at
        if time.time() - since < self.policy.stuck_after:
            return
        log.warning("Nobody mines %s; it is replaced with higher fees.", payment.key)
        await self._arrived(payment, await self._sign(payment, newest))

    async def _mined(self, payment: Payment, receipt: Receipt) -> None:
        """Final once it lies deep enough in the chain as it is now."""
        self._sightings.pop(payment.key, None)
        head, block = await self.chain.head(), await self.chain.block(receipt.block.number)
        if block != receipt.block:
            return
        if not self._deep(receipt, head):
            if payment.receipt != receipt and payment.state is not PaymentState.FROZEN:
                self.journal.seen(payment.key, receipt)
            return
        crash.reach("payment-deep")
        if moved(payment.intent, receipt):
            self.journal.end(payment.key, PaymentState.CONFIRMED, receipt)
        else:
            other = await self._presented(payment.intent, payment.reserved_at)
            if other is not None and moved(payment.intent, other):
                self.journal.end(payment.key, PaymentState.CONFIRMED, other, RELAYED)
            else:
                why = "The chain carried the transaction out without a transfer."
                self.journal.end(payment.key, PaymentState.REVERTED, receipt, why)
        crash.reach("payment-confirmed")

    async def _used(self, payment: Payment) -> None:
        """Its nonce is used, and none of our bytes has a receipt: believed only when deep, and seen again."""
        deep = max(0, (await self.chain.head()).number - self.policy.depth + 1)
        if await self.chain.next_nonce(self.account, deep) <= payment.nonce:
            return
        self._sightings[payment.key] += 1
        if self._sightings[payment.key] < SIGHTINGS:
            return
        why = f"The nonce {payment.nonce} of {payment.key} was used by a transaction that is not in the journal."
        other = await self._presented(payment.intent, payment.reserved_at)
        if other is not None and moved(payment.intent, other):
            self.journal.end(payment.key, PaymentState.CONFIRMED, other, RELAYED)
        else:
            self.journal.end(payment.key, PaymentState.FROZEN, None, why)
        await self.freeze(why)

    async def _relayed(self, proven: Proven) -> Receipt | None:
        """The deep receipt of a payment that is new to us, and that somebody else presented to the Safe already."""
        intent = proven.intent
        if intent.safe_nonce is None or intent.safe_nonce >= (await safe_facts(self.chain, intent.account)).nonce:
            return None
        receipt = await self._presented(intent, proven.opened_at.astimezone(UTC).timestamp())
        if receipt is not None and not moved(intent, receipt):
            raise Refused("would-revert", f"The Safe carried it out in {receipt.tx_hash}, without a transfer.")
        return receipt

    async def _presented(self, intent: Intent, since: float) -> Receipt | None:
        """Where the Safe has carried this very intent out, whoever sent it; raises NotNow while that may vanish."""
        if intent.safe_nonce is None:
            return None
        receipt = await executed(self.chain, intent, since)
        if receipt is not None:
            head, block = await self.chain.head(), await self.chain.block(receipt.block.number)
            if block != receipt.block or not self._deep(receipt, head):
                raise NotNow(f"{RELAYED} It waits until {receipt.tx_hash} lies deep enough in the chain.")
        return receipt

    def _deep(self, receipt: Receipt, head: Block) -> bool:
        return head.number - receipt.block.number + 1 >= self.policy.depth

    def _known(self, key: str) -> Payment:
        found = self.journal.find(key)
        assert found is not None
        return found
