"""The multisig, pure: n of m named people approve one exact intent. Frozen rules, what was heard so far, and now."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from pydantic import Field

from placet.domain.calendar import BusinessCalendar
from placet.domain.explain import reminder, unless
from placet.domain.intent import Intent
from placet.domain.model import Durable
from placet.domain.people import COUNCIL, Role
from placet.domain.said import Said, Who, later, listed, together
from placet.domain.span import Span
from placet.domain.task import Reason, Refusal, Verdict

APPROVED, REFUSED, EXPIRED = "approved", "refused", "expired"
MOST_MEMBERS = 1000


class Act(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


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
    `balance` is what the account held when the intent was prepared, in the same unit; None where nobody has looked.
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
    balance: str | None = None


class MultisigRules(Durable):
    """The frozen rules of one open multisig; times are absolute (UTC), before any shift by a pause.

    `members` are those who could sign when it opened, by person id; `council` is the role that they must still hold.
    """

    title: str
    instructions: str = ""
    intent: Intent
    intent_hash: str
    members: tuple[Member, ...]
    threshold: int
    ordered: bool = False
    wallets: bool = False
    council: Role = Role(name=COUNCIL)
    opened_at: datetime
    remind_at: datetime | None = None
    due_at: datetime | None = None
    balance: str | None = None

    def member(self, person: str) -> Member | None:
        return next((member for member in self.members if member.person == person), None)


class Heard(Durable):
    """What the council has said so far, oldest first, and the time it stood still."""

    approvals: tuple[Approval, ...] = ()
    refusals: tuple[str, ...] = ()
    reminded: bool = False
    shift: timedelta = timedelta()

    @property
    def acted(self) -> set[str]:
        return {approval.person for approval in self.approvals} | set(self.refusals)


class MemberStanding(Durable):
    """What one person is to one multisig, looked up at the moment of the act."""

    person: str
    holds_role: bool = True
    excluded: str | None = None


def barred(spec: MultisigSpec, requester: str, members: Iterable[Member]) -> dict[str, str]:
    """Who may not sign, and why: whoever asked, whoever is named, and whoever holds the wallet that is paid."""
    payee = {one.person: later("you would be paid by it") for one in members if _same(one.wallet, spec.intent.to)}
    return {**payee, requester: later("you asked for it"), **spec.excluded}


def freeze(
    spec: MultisigSpec,
    members: Iterable[Member],
    now: datetime,
    calendar: BusinessCalendar | None = None,
    scope: str | None = None,
) -> MultisigRules:
    """The rules of a multisig that opens now. `members` hold the role, without the barred ones."""
    times = calendar or BusinessCalendar()
    due_at = times.after(now, spec.within) if spec.within else None
    remind_at = times.after(now, spec.remind) if spec.remind else None
    return MultisigRules(
        title=spec.title,
        instructions=spec.instructions,
        intent=spec.intent,
        intent_hash=spec.intent.hash,
        members=tuple(sorted(members, key=lambda member: member.person)),
        threshold=spec.threshold,
        ordered=spec.ordered,
        wallets=spec.wallets,
        council=Role(name=spec.council.name, scope=spec.council.scope or scope),
        opened_at=now,
        # A reminder at or after the deadline could never go out.
        remind_at=remind_at if due_at is None or remind_at is None or remind_at < due_at else None,
        due_at=due_at,
        balance=spec.balance,
    )


def shortfall(rules: MultisigRules) -> str:
    """What the council should know of the money: that there was too little when this was prepared; else nothing."""
    if rules.balance is None or int(rules.balance) >= rules.intent.units:
        return ""
    return Said(
        "When this was prepared, the account held %(balance)s, less than the %(amount)s of this payment (smallest "
        "unit). If it is approved, it is paid only once there is enough.",
        balance=rules.balance,
        amount=rules.intent.amount,
    )


def turn(rules: MultisigRules, heard: Heard, able: Collection[str] | None = None) -> str | None:
    """Whose turn it is where they sign one after the other: the first who has not acted, and still can (`able`)."""
    return next((one.person for one in _owing(rules, heard, able)), None) if rules.ordered else None


def hindrance(
    rules: MultisigRules,
    heard: Heard,
    standing: MemberStanding,
    act: Act = Act.APPROVE,
    *,
    is_open: bool = True,
    paused: bool = False,
    able: Collection[str] | None = None,
) -> Refusal | None:
    """Why this person cannot act so now, whatever they send; None if they can."""
    me = standing.person
    if not is_open:
        return Refusal(code="multisig-closed", detail=Said("This approval is closed; its verdict stands."))
    if paused:
        detail = Said("The case is paused; nothing can be decided until it is resumed.")
        return Refusal(code="case-paused", detail=detail)
    if standing.excluded is not None:
        return Refusal(code="excluded", detail=Said("You cannot decide this: %(why)s.", why=Said(standing.excluded)))
    member = rules.member(me)
    if member is None:
        return Refusal(code="not-a-member", detail=Said("You were not of the council when this was put to it."))
    if act is Act.WITHDRAW and any(approval.person == me for approval in heard.approvals):
        # What they gave stays when they lose the role, so they may still take it back.
        return None
    if not standing.holds_role:
        detail = Said("You no longer hold the role %(role)s.", role=rules.council.name)
        return Refusal(code="role-revoked", detail=detail)
    if act is Act.WITHDRAW:
        return Refusal(code="nothing-to-withdraw", detail=Said("There is no approval of yours to take back."))
    if me in heard.refusals:
        return Refusal(code="already-refused", detail=Said("You have refused already; a refusal stands."))
    if me in heard.acted:
        return Refusal(code="already-approved", detail=Said("You have approved already; one approval a person."))
    if act is Act.REFUSE:
        return None
    if rules.wallets and member.wallet is None:
        detail = Said("You had no registered wallet when this was put to the council; it takes a wallet's signature.")
        return Refusal(code="no-wallet", detail=detail)
    if rules.wallets and any(_same(approval.wallet, member.wallet) for approval in heard.approvals):
        return Refusal(code="wallet-used", detail=Said("This wallet has signed already; two people cannot share one."))
    if rules.ordered and (first := turn(rules, heard, able)) != me:
        detail = Said("The council signs one after the other; now it is %(first)s's turn.", first=first or "")
        return Refusal(code="not-your-turn", detail=detail)
    return None


def refusal(
    rules: MultisigRules,
    heard: Heard,
    standing: MemberStanding,
    act: Act,
    *,
    intent_hash: str | None = None,
    signed: bool = False,
    comment: str = "",
    is_open: bool = True,
    paused: bool = False,
    able: Collection[str] | None = None,
) -> Refusal | None:
    """Why this act may not count, or None; who signed is for `signer_refusal` to say."""
    if why := hindrance(rules, heard, standing, act, is_open=is_open, paused=paused, able=able):
        return why
    if act is Act.REFUSE and not comment.strip():
        return Refusal(code="comment-required", detail=Said("Say why in a comment."), field="comment")
    if act is not Act.APPROVE:
        return None
    if intent_hash != rules.intent_hash:
        detail = Said("What you looked at is not what is asked now; read it again.")
        return Refusal(code="stale-intent", detail=detail, field="intent_hash")
    if rules.wallets and not signed:
        detail = Said("Sign the typed data with your registered wallet, and send the signature.")
        return Refusal(code="signature-missing", detail=detail, field="signature")
    if signed and not rules.wallets:
        detail = Said("This council approves without wallets; leave the signature out.")
        return Refusal(code="signature-unwanted", detail=detail, field="signature")
    return None


def signer_refusal(member: Member, signer: str, known: bool) -> Refusal | None:
    """Why a signature by this wallet does not count for the member; `known`: it is registered for somebody else."""
    if _same(signer, member.wallet):
        return None
    if known:
        detail = Said(
            "This was signed by %(signer)s, the wallet of somebody else; yours is %(wallet)s.",
            signer=signer,
            wallet=str(member.wallet),
        )
        return Refusal(code="wrong-wallet", detail=detail, field="signature")
    detail = Said(
        "Your wallet %(wallet)s did not sign this intent: it signed another one, or another wallet signed.",
        wallet=str(member.wallet),
    )
    return Refusal(code="wrong-signature", detail=detail, field="signature")


def decided(rules: MultisigRules, heard: Heard, decision: str, now: datetime, comment: str = "") -> Verdict | None:
    """The verdict that has come about: enough have approved, or so many refused that enough no longer can."""
    if len(heard.approvals) >= rules.threshold:
        return _verdict(rules, heard, decision, APPROVED, Reason.ANSWERED, now, comment)
    if (most := reach(rules, heard)) < rules.threshold:
        why = f"At most {most} can still approve, and {rules.threshold} are needed."
        said = f"{comment} ({why})" if comment else why
        return _verdict(rules, heard, decision, REFUSED, Reason.IMPOSSIBLE, now, said)
    return None


def reach(rules: MultisigRules, heard: Heard, able: Collection[str] | None = None) -> int:
    """How many approvals there can be at most, as things stand: where wallets sign, each counts once.

    With `able`, only by those who can act now. That decides nothing, as whoever comes back may still approve.
    """
    ahead = _owing(rules, heard, able)
    if not rules.wallets:
        return len(heard.approvals) + len(ahead)
    used = {(approval.wallet or "").lower() for approval in heard.approvals}
    return len(heard.approvals) + len({(one.wallet or "").lower() for one in ahead} - used)


def deadline(rules: MultisigRules, heard: Heard) -> datetime | None:
    return rules.due_at + heard.shift if rules.due_at else None


def reminder_at(rules: MultisigRules, heard: Heard) -> datetime | None:
    """When those who have not acted are reminded, if they have not been."""
    return rules.remind_at + heard.shift if rules.remind_at and not heard.reminded else None


def next_at(rules: MultisigRules, heard: Heard) -> datetime | None:
    """When the clock acts next."""
    return reminder_at(rules, heard) or deadline(rules, heard)


def on_silence(rules: MultisigRules, heard: Heard, decision: str, now: datetime) -> Verdict | None:
    """The verdict of the deadline, dated at it; None before it."""
    at = deadline(rules, heard)
    if at is None or now < at:
        return None
    comment = f"{len(heard.approvals)} of {rules.threshold} approvals came in time."
    return _verdict(rules, heard, decision, EXPIRED, Reason.EXPIRED, at, comment)


def multisig_sentence(
    rules: MultisigRules,
    heard: Heard,
    now: datetime,
    able: Collection[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Said:
    """Why a case waits for its council, of whom those in `able` can act now, and what happens if nobody acts."""
    called = partial(Who.among, names)
    owing = [called(one.person) for one in _owing(rules, heard, able)]
    waiting = (
        later("Waiting for %(needed)s of %(members)s approvals with their wallets (%(far)s), from %(whom)s: %(title)s.")
        if rules.wallets
        else later("Waiting for %(needed)s of %(members)s approvals (%(far)s), from %(whom)s: %(title)s.")
    )
    why = Said(
        waiting,
        needed=rules.threshold,
        members=len(rules.members),
        far=_so_far(heard, called),
        whom=listed(owing, "then" if rules.ordered else "or"),
        title=Said(rules.title),
    )
    steps = []
    if (at := reminder_at(rules, heard)) is not None:
        steps.append(reminder(at))
    if (end := deadline(rules, heard)) is not None:
        steps.append(Said("it expires and nothing is paid on %(at)s (%(left)s)", at=end, left=end - now))
    return together(why, _too_few(rules, heard, able), unless(steps))


def _too_few(rules: MultisigRules, heard: Heard, able: Collection[str] | None) -> str:
    """That those who can act now are not enough, and what helps; nothing while they are."""
    if (most := reach(rules, heard, able)) >= rules.threshold:
        return ""
    return Said(
        "Only %(most)s of the %(needed)s approvals can come about now; an administrator can let members in again or"
        " give them back the role %(role)s, or the case can be cancelled.",
        most=most,
        needed=rules.threshold,
        role=rules.council.name,
    )


def _so_far(heard: Heard, called: Callable[[str], str]) -> Said:
    given = [called(approval.person) for approval in heard.approvals]
    by = listed(given, "and")
    far = Said("%(count)s so far, by %(whom)s", count=len(given), whom=by) if given else Said("none so far")
    if not heard.refusals:
        return far
    return Said("%(far)s; refused by %(whom)s", far=far, whom=listed(map(called, heard.refusals), "and"))


def shown(verdict: Verdict) -> Verdict:
    """The verdict as everybody but the executor is told it.

    Whoever has the signatures over the transaction of a Safe can present them there, before the executor does.
    """
    if verdict.data.get("intent", {}).get("safe_nonce") is None:
        return verdict
    approvals = [{**one, "signature": None} for one in verdict.data["approvals"]]
    return verdict.model_copy(update={"data": {**verdict.data, "approvals": approvals}})


def _verdict(
    rules: MultisigRules, heard: Heard, decision: str, outcome: str, reason: Reason, at: datetime, comment: str
) -> Verdict:
    approved = outcome == APPROVED
    # Signatures that came to nothing are shown to nobody: some are worth money wherever they are presented.
    approvals = heard.approvals if approved else [one.model_copy(update={"signature": None}) for one in heard.approvals]
    data: dict[str, Any] = {
        "decision": decision,
        "intent": rules.intent.model_dump(mode="json"),
        "intent_hash": rules.intent_hash,
        "approvals": [approval.model_dump(mode="json") for approval in approvals],
    }
    by = tuple(approval.person for approval in heard.approvals) if approved else heard.refusals
    return Verdict(outcome=outcome, favourable=approved, reason=reason, at=at, by=by, comment=comment, data=data)


def _owing(rules: MultisigRules, heard: Heard, able: Collection[str] | None) -> list[Member]:
    """Those whose approval would still count, in their order; with `able`, only those who can act now."""
    ahead = (one for one in rules.members if one.person not in heard.acted and _counts(rules, one))
    return [one for one in ahead if able is None or one.person in able]


def _counts(rules: MultisigRules, member: Member) -> bool:
    return not rules.wallets or member.wallet is not None


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.lower() == other.lower()
