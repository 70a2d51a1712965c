"""What cases wait for beside human tasks: ballots, the approvals of councils, money, and other cases."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.control.reading import Waits, by_case, open_in, tasks
from placet.control.views import BallotLine, DecisionLine
from placet.domain import voting
from placet.domain.ballot import BallotRules, deadline, quorum_threshold
from placet.domain.child import ChildRules, child_sentence
from placet.domain.funds import FundsRules, funds_sentence
from placet.domain.multisig import Heard, MultisigRules, multisig_sentence, shown
from placet.domain.said import Said
from placet.domain.task import Verdict
from placet.store import people
from placet.store import tables as t
from placet.store.ballots import LockedBallot, count_of
from placet.store.children import LockedChild
from placet.store.engine import Tx
from placet.store.funds import LockedFunds, totals
from placet.store.multisig import LockedMultisig, able_in, acts_of, heard_of

OTHERS = (LockedBallot.form, LockedFunds.form, LockedMultisig.form, LockedChild.form)


@dataclass(frozen=True)
class BallotFacts:
    row: Mapping[Any, Any]
    rules: BallotRules
    paused_at: datetime | None

    def waits(self, scope: str, now: datetime) -> Said:
        return voting.ballot_sentence(self.rules, count_of(self.row), self.paused_at or now)


@dataclass(frozen=True)
class FundsFacts:
    row: Mapping[Any, Any]
    rules: FundsRules
    faucet: Mapping[str, int]

    def waits(self, scope: str, now: datetime) -> Said:
        return funds_sentence(self.rules, timedelta(microseconds=self.row["shift_us"]), self.faucet)


@dataclass(frozen=True)
class ChildFacts:
    row: Mapping[Any, Any]
    rules: ChildRules

    def waits(self, scope: str, now: datetime) -> Said:
        return child_sentence(self.rules)


@dataclass(frozen=True)
class MultisigFacts:
    row: Mapping[Any, Any]
    rules: MultisigRules
    heard: Heard
    able: Collection[str]
    paused_at: datetime | None
    names: Mapping[str, str]

    def waits(self, scope: str, now: datetime) -> Said:
        return multisig_sentence(self.rules, self.heard, self.paused_at or now, self.able, self.names)


Other = BallotFacts | FundsFacts | MultisigFacts | ChildFacts


def others(tx: Tx, which: sa.ColumnElement[bool]) -> list[Other]:
    """The decisions other than tasks that fulfil the condition, oldest first."""
    d = t.decision.c
    query = (
        sa.select(t.decision, t.case.c.paused_at, t.case.c.scope.label("case_scope"))
        .join_from(t.decision, t.case, t.case.c.id == d.case_id)
        .where(which, d.form.in_(OTHERS))
        .order_by(d.opened_at, d.id)
    )
    rows = tx.conn.execute(query).mappings().all()
    faucet = totals(tx) if any(row["form"] == LockedFunds.form for row in rows) else {}
    councils = {row["id"]: row for row in rows if row["form"] == LockedMultisig.form}
    frozen = {one: MultisigRules.model_validate(row["rules"]) for one, row in councils.items()}
    said = acts_of(tx, councils)
    there = able_in(tx, [(rules, councils[one]["case_scope"]) for one, rules in frozen.items()])
    able = dict(zip(frozen, there, strict=True))
    names = people.names(tx, {member.person for rules in frozen.values() for member in rules.members})

    def facts(row: Mapping[Any, Any]) -> Other:
        match row["form"]:
            case LockedBallot.form:
                return BallotFacts(row, BallotRules.model_validate(row["rules"]), row["paused_at"])
            case LockedFunds.form:
                return FundsFacts(row, FundsRules.model_validate(row["rules"]), faucet)
            case LockedChild.form:
                return ChildFacts(row, ChildRules.model_validate(row["rules"]))
        one = row["id"]
        return MultisigFacts(row, frozen[one], heard_of(row, said.get(one, ())), able[one], row["paused_at"], names)

    return [facts(row) for row in rows]


def waiting_in(tx: Tx, cases: Sequence[str]) -> dict[str, list[Waits]]:
    """What each of these cases waits for: its open decisions."""
    if not cases:
        return {}
    which = open_in(cases)
    found: list[Waits] = [*others(tx, which), *tasks(tx, which)]
    return by_case(found)


def funds_wanted(tx: Tx, cases: Sequence[str], now: datetime) -> dict[str, Said]:
    """For each of these cases that waits for money, why."""
    if not cases:
        return {}
    waiting = others(tx, open_in(cases) & (t.decision.c.form == LockedFunds.form))
    return {one.row["case_id"]: one.waits("", now) for one in waiting}


def ballot_line(one: BallotFacts) -> BallotLine:
    count = count_of(one.row)
    return BallotLine(
        total=one.rules.total,
        quorum=quorum_threshold(one.rules),
        approve=count.approve,
        deny=count.deny,
        closes_at=deadline(one.rules, count),
    )


def decision_line(one: Other) -> DecisionLine:
    row = one.row
    return DecisionLine(
        id=row["id"],
        form=row["form"],
        title=one.rules.title,
        state=row["state"],
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        closed_at=row["closed_at"],
        verdict=shown(Verdict.model_validate(row["verdict"])) if row["verdict"] else None,
        tally=row["tally"],
        ballot=ballot_line(one) if isinstance(one, BallotFacts) else None,
    )
