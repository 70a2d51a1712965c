"""Whether a proven payment can be made now: the account covers it, it would not revert, the Safe takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from placet.connectors.chain.port import Call, Chain, ChainRefused
from placet.connectors.chain.safe import execution, safe_facts
from placet.connectors.chain.transactions import transfer
from placet.domain.intent import Intent
from placet.executor.journal import Journal
from placet.executor.verify import Proven, Refused

# Between the estimate and the block other transactions may change what a call costs.
GAS_ROOM = 5, 4


class NotNow(Exception):
    """The payment may be made later; the text says what it waits for."""


@dataclass(frozen=True)
class Admitted:
    """How much gas it may use, and the signatures that count for it."""

    gas: int
    signatures: Mapping[str, str]


def call_of(intent: Intent, signatures: Mapping[str, str]) -> Call:
    """What the executor's own account does for this payment."""
    return transfer(intent) if intent.safe_nonce is None else execution(intent, signatures)


async def admitted(chain: Chain, journal: Journal, sender: str, proven: Proven) -> Admitted:
    """Raises Refused or NotNow, and whatever the chain raises."""
    intent, signatures = proven.intent, proven.signatures
    if intent.safe_nonce is not None:
        signatures = await _of_owners(chain, journal, proven)
    latest = await chain.next_nonce(sender)
    waiting = [one for one in journal.unfinished() if one.nonce >= latest]
    owed = sum(one.intent.units for one in waiting if one.intent.token == intent.token)
    have = await chain.balance(intent.account, intent.token)
    if have < owed + intent.units:
        spoken = f" and owes {owed} already" if owed else ""
        raise Refused("insufficient-funds", f"{intent.account} has {have}{spoken}; {intent.units} are needed.")
    call = call_of(intent, signatures)
    try:
        estimate = await chain.gas(sender, call)
    except ChainRefused as error:
        if error.reverted:
            raise Refused("would-revert", f"The chain would not carry it out: {error}") from error
        raise NotNow(f"The node cannot say what it would cost: {error}") from error
    gas = estimate * GAS_ROOM[0] // GAS_ROOM[1] if call.data != "0x" else estimate
    fees = await chain.fees()
    needed = fees.most * (gas + sum(one.gas for one in waiting))
    if intent.account == sender and intent.token is None:
        needed += owed + intent.units
    elif intent.safe_nonce is None:
        needed += sum(one.intent.units for one in waiting if one.intent.token is None)
    if (have := await chain.balance(sender)) < needed:
        raise Refused("insufficient-funds", f"{sender} has {have} for its fees, and {needed} may be needed.")
    return Admitted(gas, signatures)


async def _of_owners(chain: Chain, journal: Journal, proven: Proven) -> Mapping[str, str]:
    """The signatures that the Safe asks for, when it is this payment's turn."""
    intent = proven.intent
    facts = await safe_facts(chain, intent.account)
    by_owner = {wallet: one for wallet, one in proven.signatures.items() if wallet in facts.owners}
    if len(by_owner) < facts.threshold:
        text = f"{len(by_owner)} owners of the Safe have signed, and it asks for {facts.threshold}."
        raise Refused("too-few-owners", text)
    taken = {one.intent.safe_nonce for one in journal.unfinished()}
    assert intent.safe_nonce is not None
    if intent.safe_nonce < facts.nonce or intent.safe_nonce in taken:
        # Somebody who presented this very one to the Safe has been looked for before.
        text = "Another transaction took the nonce of this one in the Safe. It was not paid; ask for approval anew."
        raise Refused("safe-nonce-used", text)
    if intent.safe_nonce > facts.nonce:
        raise NotNow(f"The Safe is at its transaction {facts.nonce}, and this one is {intent.safe_nonce}.")
    return by_owner


async def next_safe_nonce(chain: Chain, journal: Journal, safe: str) -> int:
    """The nonce of the Safe's next transaction, behind those that are on their way."""
    facts = await safe_facts(chain, safe)
    ahead = [one.intent.safe_nonce for one in journal.unfinished()]
    return max([facts.nonce, *(nonce + 1 for nonce in ahead if nonce is not None)])
