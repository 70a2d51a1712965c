"""The multisig, pure: n of m named people approve one exact intent. Frozen rules, the approvals so far, and now."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from placet.domain.intent import Intent
from placet.domain.model import Durable
from placet.domain.people import Role
from placet.domain.span import Span


class Member(Durable):
    """One of the council as it was when the multisig opened; `wallet` is the address that must have signed."""

    person: str
    wallet: str | None = None


class Approval(Durable):
    """One approval that counts; `signature` (hex, 65 bytes) is over `typed_data` of the intent, where wallets sign."""

    person: str
    wallet: str | None = None
    signature: str | None = None
    at: datetime
    receipt: str


class MultisigSpec(Durable):
    """What a workflow puts to a council. Times are relative; opening makes them absolute, and freezes the council.

    `council` is the role whose holders are the members, without those `excluded` (person id to reason). With
    `ordered`, they sign one after the other, by person id. With `wallets`, an approval counts only with a signature.
    """

    name: str
    title: str
    instructions: str = ""
    intent: Intent
    council: Role
    threshold: int = Field(ge=1, le=1000)
    ordered: bool = False
    wallets: bool = False
    excluded: Mapping[str, str] = {}
    within: Span | None = None
    remind: Span | None = None


class MultisigRules(Durable):
    """The frozen rules of one open multisig; times are absolute (UTC), before any shift by a pause."""

    title: str
    instructions: str = ""
    intent: Intent
    intent_hash: str
    members: tuple[Member, ...]
    threshold: int
    ordered: bool = False
    wallets: bool = False
    opened_at: datetime
    remind_at: datetime | None = None
    due_at: datetime | None = None
