"""Before anything is signed: is this decision real, whole, favourable, ours, and signed by whom it must be?

The caller's word counts for nothing: the executor reads the decision itself. Where the council signs with wallets, each
signature is recovered again. Where it does not, the database is believed; only the pins of the settings go beyond it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from placet.connectors.chain.addresses import check_address
from placet.connectors.chain.signatures import signer_of
from placet.domain.intent import Intent
from placet.domain.model import Durable
from placet.domain.multisig import Approval, MultisigRules
from placet.domain.payment import Token
from placet.domain.signature import BadSignature
from placet.domain.task import Verdict
from placet.executor.settings import ExecutorSettings
from placet.store import tables as t
from placet.store.engine import Tx

FORM, APPROVED = "multisig", "approved"


class Refused(Exception):
    """It is not paid; `code` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Row(Durable):
    """The decision as the application database has it."""

    id: str
    case_id: str
    form: str
    state: str
    rules: Any
    verdict: Any
    opened_at: datetime
    closed_at: datetime | None


class _Granted(Durable):
    """What the verdict of a multisig holds."""

    decision: str
    intent: Intent
    intent_hash: str
    approvals: tuple[Approval, ...]


@dataclass(frozen=True)
class Own:
    """What this executor pays from, and what its settings pin."""

    chain_id: int
    account: str
    safe: bool
    tokens: tuple[Token, ...]
    pins: ExecutorSettings


@dataclass(frozen=True)
class Proven:
    """A payment that may be made; `signatures` are those of the wallets, by address."""

    intent: Intent
    signatures: Mapping[str, str]
    opened_at: datetime
    closed_at: datetime


def read_decision(tx: Tx, decision: str) -> Row | None:
    d = t.decision.c
    columns = sa.select(d.id, d.case_id, d.form, d.state, d.rules, d.verdict, d.opened_at, d.closed_at)
    row = tx.conn.execute(columns.where(d.id == decision)).mappings().one_or_none()
    return None if row is None else Row.model_validate(dict(row))


def proven(row: Row | None, own: Own, case: str | None = None, intent_hash: str | None = None) -> Proven:
    """The one intent that this decision pays; raises Refused."""
    if row is None:
        raise Refused("unknown-decision", "There is no such decision.")
    if row.form != FORM:
        raise Refused("not-a-multisig", f"This decision is a {row.form}, and only a multisig moves money.")
    if row.state != "closed" or row.verdict is None or row.closed_at is None:
        raise Refused("not-closed", "This decision is not closed.")
    try:
        verdict = Verdict.model_validate(row.verdict)
        rules = MultisigRules.model_validate(row.rules)
    except ValidationError as error:
        raise Refused("damaged", "This decision cannot be read.") from error
    if not verdict.favourable or verdict.outcome != APPROVED:
        raise Refused("not-approved", "This decision was not in favour of the payment.")
    try:
        granted = _Granted.model_validate(verdict.data)
    except ValidationError as error:
        raise Refused("damaged", "This verdict cannot be read.") from error
    hashes = {rules.intent.hash, rules.intent_hash, granted.intent.hash, granted.intent_hash, intent_hash} - {None}
    if len(hashes) != 1 or granted.decision != row.id:
        raise Refused("other-intent", "What was put to the council, what it approved and what is asked for differ.")
    _ours(rules.intent, row, own, case)
    signatures = _approved(rules, granted.approvals, own)
    return Proven(intent=rules.intent, signatures=signatures, opened_at=row.opened_at, closed_at=row.closed_at)


def _ours(intent: Intent, row: Row, own: Own, case: str | None) -> None:
    """The intent is one of this case, of this account on this chain, and within its limits."""
    if intent.case_id != row.case_id or (case is not None and case != row.case_id):
        raise Refused("other-case", "The payment belongs to another case.")
    if intent.chain_id != own.chain_id or intent.account != own.account:
        raise Refused("other-account", f"This executor pays from {own.account} on chain {own.chain_id} only.")
    if (intent.safe_nonce is not None) != own.safe:
        raise Refused("other-account", "A payment from a Safe names the Safe's nonce, and no other does.")
    if (why := check_address(intent.to)) is not None:
        raise Refused("bad-address", why)
    if intent.token is not None and intent.token not in {token.address for token in own.tokens}:
        raise Refused("unknown-token", "This token is not known here.")
    most = own.pins.most(intent.token)
    if most is not None and intent.units > most:
        raise Refused("over-the-limit", f"One payment moves at most {most} of this, say the executor's settings.")


def _approved(rules: MultisigRules, approvals: tuple[Approval, ...], own: Own) -> dict[str, str]:
    """Enough members of the frozen council approved, each once; returns the signatures by wallet."""
    council = {member.person: member for member in rules.members}
    pinned = {wallet.lower() for wallet in own.pins.wallets}
    signed_for = rules.wallets or own.safe or bool(pinned)
    people: set[str] = set()
    signatures: dict[str, str] = {}
    for approval in approvals:
        member = council.get(approval.person)
        if member is None:
            raise Refused("not-a-member", f"{approval.person} is not in the council of this decision.")
        if signed_for:
            try:
                wallet = signer_of(rules.intent, approval.signature or "")
            except BadSignature as error:
                raise Refused("bad-signature", f"The signature of {approval.person}: {error.detail}") from error
            if wallet.lower() != (member.wallet or "").lower():
                raise Refused("bad-signature", f"The signature of {approval.person} is not that of their wallet.")
            if pinned and wallet.lower() not in pinned:
                raise Refused("not-pinned", f"The wallet {wallet} is not one of the executor's settings.")
            signatures[wallet] = approval.signature or ""
        people.add(approval.person)
    # A person counts once, and so does a wallet, whoever holds it.
    count = min(len(people), len(signatures)) if signed_for else len(people)
    needed = max(rules.threshold, own.pins.min_threshold, 1)
    if count < needed:
        raise Refused("too-few", f"{count} approved, {needed} are needed.")
    return signatures
