"""The documents of a case as the pure rules of collecting see them."""

import sqlalchemy as sa

from placet.domain import collection
from placet.domain.collection import Received
from placet.domain.task import TaskRules
from placet.store import tables as t
from placet.store.engine import Tx


def received(tx: Tx, case_id: str) -> list[Received]:
    """Everything that has come, oldest first."""
    d = t.case_document
    query = sa.select(d).where(d.c.case_id == case_id).order_by(d.c.round, d.c.at, d.c.id)
    return [
        Received(
            id=row.id,
            name=row.name,
            hash=row.hash,
            filename=row.filename,
            media_type=row.media_type,
            size=row.size,
            round=row.round,
            at=row.at,
            by=row.uploaded_by,
        )
        for row in tx.conn.execute(query)
    ]


def missing(tx: Tx, case_id: str, rules: TaskRules) -> tuple[str, ...]:
    """The required documents of a task that have not come in its round."""
    return collection.missing(rules.documents, received(tx, case_id), rules.round) if rules.documents else ()


def newest(tx: Tx, case_id: str) -> list[dict[str, object]]:
    """The file that counts for each name, as JSON."""
    return [one.model_dump(mode="json") for one in collection.newest(received(tx, case_id)).values()]
