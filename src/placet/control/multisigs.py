"""Multisigs: the payments that wait for my approval, one of them with what to sign, and the acts of its council."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from placet.connectors.chain.signatures import signable
from placet.control import cursor, reading
from placet.control.door import Done, Door, Once
from placet.control.errors import Problem, found, not_found, uncounted
from placet.control.sent import Paging, Sent
from placet.control.tasks import SIGNAL_LIFE
from placet.control.views import CaseRef, Page, SignalTokenView, View, WhyNot
from placet.domain import multisig as rule
from placet.domain.intent import Intent
from placet.domain.multisig import Act, Heard, MultisigRules
from placet.domain.people import Person, Role
from placet.domain.said import Said, Text
from placet.domain.signature import BadSignature, CannotRecover, normal
from placet.domain.task import Refusal, Verdict
from placet.store import multisig, multisig_acts, people, signals
from placet.store import tables as t
from placet.store.acts import MAX_COMMENT, Counted, NotCounted, audit_refusal
from placet.store.cases import LockedCase
from placet.store.engine import Tx
from placet.store.multisig import LockedMultisig
from placet.store.multisig_acts import GivenApproval
from placet.store.sight import sees_case

Acting = Callable[[Tx, Person], Counted | NotCounted]


class GivenSigning(Sent):
    """My approval of the intent with this hash; `signature` is my wallet's over `typed_data`, where wallets sign."""

    intent_hash: str = Field(max_length=64)
    signature: str | None = Field(default=None, max_length=200)
    comment: str = Field(default="", max_length=MAX_COMMENT)


class GivenRefusal(Sent):
    """Why I refuse."""

    comment: str = Field(max_length=MAX_COMMENT)


class GivenWithdrawal(Sent):
    """Why I take my approval back, if I like."""

    comment: str = Field(default="", max_length=MAX_COMMENT)


class MemberView(View):
    """One of the frozen council: the wallet that must sign, and what they have said (`approve`, `refuse`, None)."""

    person: str
    wallet: str | None
    act: str | None
    comment: str
    at: datetime | None
    receipt: str | None


class MultisigLine(View):
    """A multisig that waits for the caller; `why_not` is why they cannot approve at this moment."""

    id: str
    case_id: str
    case: CaseRef
    title: str
    opened_at: datetime
    due_at: datetime | None
    intent: Intent
    intent_hash: str
    wallets: bool
    threshold: int
    approvals: int
    why_not: WhyNot | None
    waiting_for: Text


class MultisigView(MultisigLine):
    """Everything about a multisig. `typed_data` is what a wallet signs to approve (EIP-712). `balance` is what the
    account held when the payment was prepared; `warning` says, while it is decided, that this was too little.
    """

    name: str
    instructions: str
    balance: str | None
    warning: str
    state: str
    closed_at: datetime | None
    typed_data: dict[str, Any] | None
    council: Role
    members: list[MemberView]
    ordered: bool
    turn: str | None
    my_act: str | None
    can_approve: bool
    can_refuse: bool
    can_withdraw: bool
    verdict: Verdict | None


class MultisigActView(View):
    """What came of an act: its receipt, the counts, and the verdict once it is decided."""

    multisig: str
    person: str
    act: str
    at: datetime
    receipt: str
    tally: dict[str, int]
    verdict: Verdict | None


class Multisigs:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def mine(self, person: Person, page: Paging) -> Page[MultisigLine]:
        """Open ones of whose council this person is and has not acted: earliest deadline first."""
        d, k, c = t.decision.c, t.case.c, t.candidate.c
        asked = sa.select(c.decision_id).where(sa.text("candidate.live"), c.person_id == person.id)
        query = (
            sa.select(d.id, d.due_at, t.case)
            .join_from(t.decision, t.case, k.id == d.case_id)
            .where(d.id.in_(asked), d.state == "open", d.form == LockedMultisig.form, k.is_open)
            .where(~sa.exists().where(t.act.c.decision_id == d.id, t.act.c.person_id == person.id))
            .order_by(d.due_at.asc().nulls_last(), d.id)
        )
        if page.cursor is not None:
            due, last = cursor.decode(page.cursor, (int, type(None)), str)
            query = query.where(_after(None if due is None else cursor.moment(due), last))

        def look(tx: Tx, check: reading.Check) -> Page[MultisigLine]:
            rows = tx.conn.execute(query.limit(page.limit + 1)).all()
            shown = rows[: page.limit]
            cases = {row[0]: dict(zip(t.case.c.keys(), row[2:], strict=True)) for row in shown}
            check(tx, [case["id"] for case in cases.values()])
            # Whoever lost the role since is no longer waited for.
            lines = [_line(council, person) for council in _councils(tx, cases) if multisig.holds_role(council, person)]
            following = None
            if len(rows) > page.limit:
                due_at = shown[-1].due_at
                following = cursor.encode(cursor.micros(due_at) if due_at else None, shown[-1].id)
            return Page(items=lines, next_cursor=following)

        return await self._door.read_settled(look)

    async def get(self, person: Person, multisig_id: str) -> MultisigView:
        def look(tx: Tx, check: reading.Check) -> MultisigView | None:
            case = _case_of(tx, person, multisig_id)
            if case is None:
                return None
            check(tx, [case["id"]])
            return _view(_council(tx, multisig_id, case), person)

        return found(await self._door.read_settled(look))

    async def approve(
        self, person: Person, multisig_id: str, given: GivenSigning, door: str, once: Once | None = None
    ) -> Done:
        """Approve the intent; `door` is where it came in (`api`, `web`)."""
        if given.signature is not None:
            await self._look_ahead(person, multisig_id, given.signature)
        approval = GivenApproval(**given.model_dump())
        return await self._act(
            person,
            Act.APPROVE,
            lambda tx, present: multisig_acts.approve(tx, present, multisig_id, approval, door),
            once,
        )

    async def refuse(
        self, person: Person, multisig_id: str, given: GivenRefusal, door: str, once: Once | None = None
    ) -> Done:
        def refused(tx: Tx, present: Person) -> Counted | NotCounted:
            return multisig_acts.refuse(tx, present, multisig_id, given.comment, door)

        return await self._act(person, Act.REFUSE, refused, once)

    async def withdraw(
        self, person: Person, multisig_id: str, given: GivenWithdrawal, door: str, once: Once | None = None
    ) -> Done:
        """Take one's approval back before the council has decided."""

        def withdrawn(tx: Tx, present: Person) -> Counted | NotCounted:
            return multisig_acts.withdraw(tx, present, multisig_id, given.comment, door)

        return await self._act(person, Act.WITHDRAW, withdrawn, once)

    async def signal_token(self, person: Person, multisig_id: str) -> Done:
        """A single-use token for the signal `council_approval`. Only its hash is kept, so each call issues another."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            case = _case_of(tx, present, multisig_id)
            if case is None:
                return not_found()
            council = _council(tx, multisig_id, case)
            if why := multisig.hindrance(council, present, Act.REFUSE):
                audit_refusal(tx, present.id, "multisig.signal-token", why.code, {"multisig": multisig_id})
                return uncounted(NotCounted(refusal=why, verdict=council.verdict))
            token = signals.issue(tx, present, multisig_id, SIGNAL_LIFE)
            view = SignalTokenView(token=token, expires_at=tx.now + SIGNAL_LIFE)
            return Done(view.model_dump(mode="json"), created=True)

        return await self._door.act(person, "multisig.signal-token", act)

    async def _act(self, person: Person, act: Act, acting: Acting, once: Once | None) -> Done:
        return await self._door.act(person, f"multisig.{act}", lambda tx, present: _done(acting(tx, present)), once)

    async def _look_ahead(self, person: Person, multisig_id: str, signature: str) -> None:
        """Recover the signer before the transaction, which asks again and finds it remembered: no lock is held so long.

        Only for those who could approve, so that nobody else can keep us busy.
        """

        def intent_of(tx: Tx) -> Intent | None:
            case = _case_of(tx, person, multisig_id)
            council = _council(tx, multisig_id, case) if case is not None else None
            return council.rules.intent if council and multisig.hindrance(council, person) is None else None

        intent = await self._door.read(intent_of)
        if intent is not None:
            with suppress(BadSignature, CannotRecover):
                await asyncio.to_thread(self._door.store.house.signer_of, intent, normal(signature))


def _done(result: Counted | NotCounted) -> Done | Problem:
    if isinstance(result, NotCounted):
        return uncounted(result)
    assert result.receipt is not None
    of = result.receipt
    view = MultisigActView(
        multisig=of.task,
        person=of.person,
        act=of.outcome,
        at=datetime.fromisoformat(of.at),
        receipt=of.receipt,
        tally=result.tally,
        verdict=result.verdict,
    )
    return Done(view.model_dump(mode="json"))


def _case_of(tx: Tx, person: Person, multisig_id: str) -> Mapping[Any, Any] | None:
    """The case of the multisig, if this person may see it."""
    query = (
        sa.select(t.case)
        .join_from(t.case, t.decision, t.decision.c.case_id == t.case.c.id)
        .where(t.decision.c.id == multisig_id, t.decision.c.form == LockedMultisig.form, sees_case(person))
    )
    return tx.conn.execute(query).mappings().one_or_none()


class _Known(LockedMultisig):
    """One of many that are only looked at: what it would ask of the database was asked for all of them."""

    def __init__(
        self, case: LockedCase, row: Mapping[Any, Any], acts: list[Any], able: set[str], barred: Mapping[str, str]
    ) -> None:
        super().__init__(case, row)
        self._acts, self._able, self._barred = acts, able, barred
        self._heard = multisig.heard_of(row, acts)

    @property
    def heard(self) -> Heard:
        return self._heard

    def acts(self) -> list[Any]:
        return self._acts

    def able(self) -> set[str]:
        return self._able

    def barred(self, person: str) -> str | None:
        return self._barred.get(person)


def _councils(tx: Tx, cases: Mapping[str, Mapping[Any, Any]]) -> list[LockedMultisig]:
    """Several multisigs, by the rows of their cases, in that order."""
    query = sa.select(t.decision).where(t.decision.c.id.in_(list(cases)))
    rows = {row["id"]: row for row in tx.conn.execute(query).mappings()}
    acts, barred = multisig.acts_of(tx, list(cases)), multisig.barred_from(tx, list(cases))
    rules = [(MultisigRules.model_validate(rows[one]["rules"]), case["scope"]) for one, case in cases.items()]
    able = multisig.able_in(tx, rules)
    return [
        _Known(LockedCase(tx, case), rows[one], acts.get(one, []), there, barred.get(one, {}))
        for (one, case), there in zip(cases.items(), able, strict=True)
    ]


def _council(tx: Tx, multisig_id: str, case: Mapping[Any, Any]) -> LockedMultisig:
    row = tx.conn.execute(sa.select(t.decision).where(t.decision.c.id == multisig_id)).mappings().one()
    return LockedMultisig(LockedCase(tx, case), row)


def _typed(rules: MultisigRules) -> dict[str, Any] | None:
    """What to sign, where this installation can say it."""
    if not rules.wallets:
        return None
    try:
        return signable(rules.intent)
    except CannotRecover:
        return None


def _explained(council: LockedMultisig) -> Said:
    if council.is_open:
        tx, rules = council.case.tx, council.rules
        names = people.names(tx, (member.person for member in rules.members))
        return rule.multisig_sentence(rules, council.heard, tx.now, council.able(), names)
    return reading.closed(council.verdict)


def _told(why: Refusal | None) -> WhyNot | None:
    return WhyNot(code=why.code, detail=why.detail) if why else None


def _line(council: LockedMultisig, person: Person) -> MultisigLine:
    rules, row = council.rules, council.row
    return MultisigLine(
        id=council.id,
        case_id=council.case.id,
        case=reading.case_ref(council.case.row),
        title=rules.title,
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        intent=rules.intent,
        intent_hash=rules.intent_hash,
        wallets=rules.wallets,
        threshold=rules.threshold,
        approvals=row["tally"].get(Act.APPROVE, 0),
        why_not=_told(multisig.hindrance(council, person)),
        waiting_for=_explained(council),
    )


def _view(council: LockedMultisig, person: Person) -> MultisigView:
    rules, row = council.rules, council.row
    acts = {act.person_id: act for act in council.acts()}
    line = _line(council, person)
    members = [
        MemberView(
            person=one.person,
            wallet=one.wallet,
            act=act.outcome if (act := acts.get(one.person)) else None,
            comment=act.comment if act else "",
            at=act.at if act else None,
            receipt=act.receipt if act else None,
        )
        for one in rules.members
    ]
    return MultisigView(
        **line.model_dump(),
        name=row["name"],
        instructions=rules.instructions,
        balance=rules.balance,
        warning=rule.shortfall(rules) if council.is_open else "",
        state=row["state"],
        closed_at=row["closed_at"],
        typed_data=_typed(rules),
        council=rules.council,
        members=members,
        ordered=rules.ordered,
        turn=rule.turn(rules, council.heard, council.able()) if council.is_open else None,
        my_act=acts[person.id].outcome if person.id in acts else None,
        can_approve=line.why_not is None,
        can_refuse=multisig.hindrance(council, person, Act.REFUSE) is None,
        can_withdraw=multisig.hindrance(council, person, Act.WITHDRAW) is None,
        verdict=council.verdict,
    )


def _after(due: datetime | None, last: str) -> sa.ColumnElement[bool]:
    """Behind this position in the order of deadlines, those without one last."""
    d = t.decision.c
    if due is None:
        return d.due_at.is_(None) & (d.id > last)
    return (d.due_at > due) | ((d.due_at == due) & (d.id > last)) | d.due_at.is_(None)
