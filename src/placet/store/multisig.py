"""The multisig under lock: a frozen council, what it has said about one exact intent, and its clock."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain import multisig as rule
from placet.domain.audit import digest
from placet.domain.calendar import BusinessCalendar
from placet.domain.multisig import Act, Approval, Heard, Member, MemberStanding, MultisigRules, MultisigSpec
from placet.domain.people import SYSTEM, Person, Role
from placet.domain.task import Reason, Refusal, Verdict
from placet.store import council_mail, people
from placet.store import tables as t
from placet.store.cases import LockedCase, locked
from placet.store.decisions import LockedDecision, NoSuchTask, close, decision_id, insert
from placet.store.engine import Tx
from placet.store.tasks import SEPARATION

_d, _a, _x, _p, _w = t.decision.c, t.act.c, t.exclusion.c, t.person.c, t.wallet.c
CASE_OF = sa.select(_d.case_id).where(_d.id == sa.bindparam("of_task"), _d.form == "multisig")
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
_ACTS = sa.select(t.act).where(_a.decision_id == sa.bindparam("of_task"))
_BARRED = sa.select(_x.reason).where(_x.decision_id == sa.bindparam("of_task"), _x.person_id == sa.bindparam("of_who"))


class LockedMultisig(LockedDecision):
    form = "multisig"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        super().__init__(case, row)
        self.rules = MultisigRules.model_validate(row["rules"])

    @property
    def verdict(self) -> Verdict | None:
        verdict = super().verdict
        return rule.shown(verdict) if verdict else None

    def acts(self) -> list[Any]:
        """The rows of its acts, oldest first."""
        return sorted(self.case.tx.conn.execute(_ACTS, {"of_task": self.id}), key=_line)

    @property
    def heard(self) -> Heard:
        return heard_of(self.row, self.acts())

    def barred(self, person: str) -> str | None:
        """Why this person was kept out, if they were."""
        found = self.case.tx.conn.execute(_BARRED, {"of_task": self.id, "of_who": person})
        return found.scalar_one_or_none()

    def able(self) -> set[str]:
        """Which members can act now: they are active, and still hold the role."""
        return able_in(self.case.tx, [(self.rules, self.case["scope"])])[0]

    def times(self) -> tuple[datetime | None, datetime | None]:
        heard = heard_of(self.row, ())
        return rule.deadline(self.rules, heard), rule.next_at(self.rules, heard)

    def catch_up(self) -> None:
        """The reminder to those who still owe an answer, and the verdict of the deadline."""
        heard, now = self.heard, self.case.tx.now
        if over := rule.on_silence(self.rules, heard, self.id, now):
            close(self, over)
        elif (at := rule.reminder_at(self.rules, heard)) is not None and at <= now:
            self.save(rung=1)
            self.refresh_times()
            self.case.audit(SYSTEM, "multisig.reminded", {"multisig": self.id})
            council_mail.reminded(self, heard)

    def commitment(self) -> Mapping[str, Any]:
        """The intent, the frozen council and who approved it."""
        approvals = [[one.person, one.wallet, one.receipt] for one in self.heard.approvals]
        return {"intent": self.rules.intent_hash, "rules": digest(self.row["rules"]), "approvals": approvals}

    def ended(self, verdict: Verdict) -> None:
        """Tell the council, unless the decision is only laid aside."""
        if verdict.reason is not Reason.WITHDRAWN or self.case["cancelled_by"] is not None:
            council_mail.outcome(self, verdict)


def heard_of(row: Mapping[Any, Any], acts: Iterable[Any]) -> Heard:
    """What the council has said, from the row of the decision and the rows of its acts."""
    # By their lines in the log: several can fall into one instant of the case's clock.
    acts = sorted(acts, key=_line)
    approvals = (
        Approval(
            person=act.person_id,
            wallet=act.data.get("wallet"),
            signature=act.data.get("signature"),
            at=act.at,
            receipt=act.receipt,
        )
        for act in acts
        if act.outcome == Act.APPROVE
    )
    return Heard(
        approvals=tuple(approvals),
        refusals=tuple(act.person_id for act in acts if act.outcome == Act.REFUSE),
        reminded=row["rung"] > 0,
        shift=timedelta(microseconds=row["shift_us"]),
    )


def acts_of(tx: Tx, multisigs: Collection[str]) -> dict[str, list[Any]]:
    """The rows of the acts on several multisigs, for a list of them."""
    found: dict[str, list[Any]] = {}
    if multisigs:
        for act in tx.conn.execute(sa.select(t.act).where(_a.decision_id.in_(multisigs))):
            found.setdefault(act.decision_id, []).append(act)
    return found


def barred_from(tx: Tx, multisigs: Collection[str]) -> dict[str, dict[str, str]]:
    """Who was kept out of each of these multisigs, and why."""
    found: dict[str, dict[str, str]] = {}
    query = sa.select(_x.decision_id, _x.person_id, _x.reason).where(_x.decision_id.in_(multisigs))
    for row in tx.conn.execute(query) if multisigs else ():
        found.setdefault(row.decision_id, {})[row.person_id] = row.reason
    return found


def _line(act: Any) -> int:
    return int(act.data["line"])


def open_multisig(case: LockedCase, spec: MultisigSpec, ordinal: int, calendar: BusinessCalendar) -> LockedMultisig:
    """Get the decision with this natural key, or open it now and freeze its council; one that is too small to decide
    is refused at once."""
    tx, found = case.tx, decision_id(case.id, spec.name, ordinal)
    if (known := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedMultisig(case, known)
    having = holding(tx, spec.council, case["scope"])
    barred = rule.barred(spec, case["requester"], having)
    members = [one for one in having if one.person not in barred] if len(having) <= rule.MOST_MEMBERS else []
    rules = rule.freeze(spec, members, tx.now, calendar, case["scope"])
    frozen = rules.model_dump(mode="json")
    times = {"due_at": rules.due_at, "next_at": rule.next_at(rules, Heard())}
    row = insert(case, "multisig", spec.name, ordinal, frozen, frozen["intent"], **times)
    council = LockedMultisig(case, row)
    asked = [
        {"decision_id": found, "case_id": case.id, "person_id": one.person, "role": None, "scope": None}
        | {"via": "asked", "due_at": rules.due_at, "live": True, "case_opened_at": case["opened_at"]}
        for one in rules.members
    ]
    if asked:
        tx.conn.execute(t.candidate.insert(), asked)
    rows = [
        {"decision_id": found, "person_id": person, "kind": SEPARATION, "reason": reason}
        for person, reason in sorted(barred.items())
    ]
    tx.conn.execute(t.exclusion.insert(), rows)
    case.audit(
        SYSTEM,
        "multisig.opened",
        {
            "multisig": found,
            "title": rules.title,
            "intent": rules.intent_hash,
            "council": rules.council.model_dump(mode="json"),
            "members": [[one.person, one.wallet] for one in rules.members],
            "excluded": sorted(barred),
            "threshold": rules.threshold,
            "rules": digest(frozen),
            "subject": frozen["intent"],
        },
    )
    if not decide(council, ""):
        council_mail.asked(council)
    return council


@contextmanager
def locked_multisig(tx: Tx, multisig_id: str) -> Iterator[LockedMultisig]:
    """Lock the case, then the decision."""
    case_id = tx.conn.execute(CASE_OF, {"of_task": multisig_id}).scalar_one_or_none()
    if case_id is None:
        raise NoSuchTask(multisig_id)
    with locked(tx, case_id) as case:
        yield LockedMultisig(case, tx.conn.execute(_ROW, {"of_task": multisig_id}).mappings().one())


def standing(council: LockedMultisig, person: Person) -> MemberStanding:
    """What this person is to this multisig, looked up now."""
    holds = holds_role(council, person)
    return MemberStanding(person=person.id, holds_role=holds, excluded=council.barred(person.id))


def holds_role(council: LockedMultisig, person: Person) -> bool:
    """Whether this person holds the role of the council now."""
    role = council.rules.council
    return person.active and person.holds(role.name, role.scope or council.case["scope"])


def able_in(tx: Tx, councils: Sequence[tuple[MultisigRules, str]]) -> list[set[str]]:
    """For each of these rules, with the scope of its case, the members who can act now."""
    members = [[one.person for one in rules.members] for rules, _ in councils]
    there = people.present(tx, {person for some in members for person in some})
    return [
        {one for one in some if one in there and there[one].holds(rules.council.name, rules.council.scope or scope)}
        for some, (rules, scope) in zip(members, councils, strict=True)
    ]


def hindrance(council: LockedMultisig, person: Person, act: Act = Act.APPROVE) -> Refusal | None:
    """Why this person cannot act so now, by the same rules as the act itself."""
    state = state_of(council)
    return rule.hindrance(council.rules, council.heard, standing(council, person), act, **state)


def holding(tx: Tx, council: Role, scope: str) -> list[Member]:
    """Everybody of the organisation who holds the role now, each with the wallet registered now."""
    holders = sa.select(t.role_grant.c.person_id).where(people.holders(council.name, council.scope or scope))
    query = (
        sa.select(_p.id, _w.address)
        .outerjoin_from(t.person, t.wallet, _w.person_id == _p.id)
        .where(_p.active, ~_p.external, _p.id.in_(holders))
        .order_by(_p.id)
        .limit(rule.MOST_MEMBERS + 1)
    )
    return [Member(person=row.id, wallet=row.address) for row in tx.conn.execute(query)]


def state_of(council: LockedMultisig) -> dict[str, Any]:
    # Who else is able matters to an act only where it says whose turn it is.
    there = council.able() if council.rules.ordered else None
    return {"is_open": council.is_open, "paused": council.case.paused, "able": there}


def decide(council: LockedMultisig, comment: str) -> bool:
    """Close the decision if what was heard decides it."""
    verdict = rule.decided(council.rules, council.heard, council.id, council.case.tx.now, comment)
    if verdict is not None:
        close(council, verdict)
    return verdict is not None


def turn_of(council: LockedMultisig) -> str | None:
    return rule.turn(council.rules, council.heard, council.able()) if council.is_open else None
