"""The export of one ballot, page by page: what `domain.recount` counts again, however many voted.

Each page is a read of its own, so that memory and the time a read takes do not grow with the electorate. Nothing can
come in between: a roll never changes, a log only grows, and where it ends is fixed by the first page.
"""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import stamp
from placet.domain.recount import FORMAT
from placet.store import tables as t
from placet.store.decisions import NoSuchTask
from placet.store.engine import Tx

PAGE = 1000

_d, _c, _r, _a, _x = t.decision.c, t.case.c, t.roll.c, t.audit.c, t.audit_text.c

# One statement, so that on Postgres too tally and log are of the same moment.
_BALLOT = (
    sa.select(_d.case_id, _d.state, _d.rules, _d.subject, _d.tally, _d.verdict, _c.audit_seq)
    .join_from(t.decision, t.case, _c.id == _d.case_id)
    .where(_d.id == sa.bindparam("of_ballot"), _d.form == "ballot")
)
_ENDS = (
    sa.select(_a.seq, _a.detail)
    .where(_a.chain == sa.bindparam("of_case"), _a.action.in_(("ballot.closed", "ballot.withdrawn")))
    .order_by(_a.seq.desc())
)
_ROLL = (
    sa.select(_r.person_id)
    .where(_r.decision_id == sa.bindparam("of_ballot"), _r.person_id > sa.bindparam("after"))
    .order_by(_r.person_id)
    .limit(PAGE)
)
_LINES = (
    sa.select(_a.seq, _a.at, _a.actor, _a.action, _a.detail, _a.prev, _a.hash)
    .where(_a.chain == sa.bindparam("of_case"), _a.seq > sa.bindparam("after"), _a.seq <= sa.bindparam("up_to"))
    .order_by(_a.seq)
)
_TEXTS = (
    sa.select(_x.seq, _x.field, _x.salt, _x.text)
    .where(_x.chain == sa.bindparam("of_case"), _x.seq > sa.bindparam("after"), _x.seq <= sa.bindparam("up_to"))
    .order_by(_x.seq, _x.field)
)

Line = dict[str, Any]


class BallotExport:
    """How far the export of one ballot has come; `page` reads the next lines, until `done`."""

    def __init__(self, ballot_id: str, texts: bool = False) -> None:
        self.ballot_id = ballot_id
        self.done = False
        self.case_id = ""
        self._texts = texts
        self._lines = -1
        self._page = 0
        self._voter: str | None = ""
        self._seq = 0

    def page(self, tx: Tx) -> list[Line]:
        """The next lines: what is published first, then roll and log. Raises NoSuchTask for what is no ballot."""
        if self._lines < 0:
            return [self._ballot(tx)]
        if self._voter is not None:
            return self._roll(tx, self._voter)
        return self._log(tx)

    def _ballot(self, tx: Tx) -> Line:
        row = tx.conn.execute(_BALLOT, {"of_ballot": self.ballot_id}).one_or_none()
        if row is None:
            raise NoSuchTask(self.ballot_id)
        self.case_id, self._lines = row.case_id, row.audit_seq
        if row.state != "open":
            ends = tx.conn.execute(_ENDS, {"of_case": row.case_id})
            self._lines = next(end.seq for end in ends if end.detail.get("ballot") == self.ballot_id)
        return {
            "type": "ballot",
            "format": FORMAT,
            "ballot": self.ballot_id,
            "case": row.case_id,
            "state": row.state,
            "lines": self._lines,
            "texts": self._texts,
            "rules": row.rules,
            "subject": row.subject,
            "tally": row.tally,
            "verdict": row.verdict,
        }

    def _roll(self, tx: Tx, after: str) -> list[Line]:
        people = list(tx.conn.execute(_ROLL, {"of_ballot": self.ballot_id, "after": after}).scalars())
        self._voter = people[-1] if len(people) == PAGE else None
        if not people:
            return []
        self._page += 1
        return [{"type": "roll", "page": self._page, "people": people}]

    def _log(self, tx: Tx) -> list[Line]:
        up_to = min(self._seq + PAGE, self._lines)
        span = {"of_case": self.case_id, "after": self._seq, "up_to": up_to}
        texts: dict[int, list[Line]] = {}
        for said in tx.conn.execute(_TEXTS, span) if self._texts else ():
            kept = {"type": "erased"} if said.text is None else {"type": "text", "salt": said.salt, "text": said.text}
            line = {"chain": self.case_id, "seq": said.seq, "field": said.field, **kept}
            texts.setdefault(said.seq, []).append(line)
        lines: list[Line] = []
        for row in tx.conn.execute(_LINES, span):
            lines.append(
                {
                    "type": "event",
                    "chain": self.case_id,
                    "seq": row.seq,
                    "at": stamp(row.at),
                    "actor": row.actor,
                    "action": row.action,
                    "detail": row.detail,
                    "prev": row.prev,
                    "hash": row.hash,
                }
            )
            lines += texts.get(row.seq, ())
        self._seq, self.done = up_to, up_to == self._lines
        return lines


def export(
    read: Callable[[Callable[[Tx], list[Line]]], list[Line]], ballot_id: str, texts: bool = False
) -> Iterator[Line]:
    """All lines, one after the other; `read` is `Store.read_now`."""
    ballot = BallotExport(ballot_id, texts)
    while not ballot.done:
        yield from read(ballot.page)
