"""Cases that belong together: a proposal and the work it brought, a deletion and its target."""

from collections.abc import Iterator

import sqlalchemy as sa

from placet.control import reading
from placet.control.views import CaseRef, View
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.sight import sees_case

MOST = 50


class Related(View):
    """A case that has to do with another, and how."""

    case: CaseRef
    how: str


def related(tx: Tx, person: Person, case_id: str) -> list[Related]:
    """The cases that have to do with this one and that the person may see too."""
    found = dict(_ids(tx, case_id))
    if not found:
        return []
    query = sa.select(t.case).where(t.case.c.id.in_(list(found)), sees_case(person))
    rows = tx.conn.execute(query.order_by(t.case.c.opened_at, t.case.c.id)).mappings()
    return [Related(case=reading.case_ref(row), how=found[row["id"]]) for row in rows]


def _ids(tx: Tx, case_id: str) -> Iterator[tuple[str, str]]:
    w, p = t.work.c, t.proposal.c
    for of in tx.conn.execute(sa.select(w.proposal_id).where(w.id == case_id)).scalars():
        yield of, "proposal"
    newest = sa.select(w.id).where(w.proposal_id == case_id).order_by(w.number.desc()).limit(MOST)
    for work in tx.conn.execute(newest).scalars():
        yield work, "work"
    target = sa.select(p.target_id, p.series_id).where(p.id == case_id)
    for row in tx.conn.execute(target):
        if row.target_id:
            yield row.target_id, "target"
        if row.series_id:
            of_series = sa.select(p.id).where(p.target_id == row.series_id).limit(MOST)
            for deletion in tx.conn.execute(of_series).scalars():
                yield deletion, "deletion"
    for deletion in tx.conn.execute(sa.select(p.id).where(p.target_id == case_id).limit(MOST)).scalars():
        yield deletion, "deletion"
