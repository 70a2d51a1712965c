"""One list from several that are in the same order already."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from placet.store.engine import Tx

MOST_BRANCHES = 60
"""What one statement joins together; SQLite takes at most 500."""


def merged(tx: Tx, branches: Iterable[sa.Select[Any]]) -> set[tuple[Any, ...]]:
    """The rows of all branches, each of which reads no more of its index than its limit."""
    found: set[tuple[Any, ...]] = set()
    left = list(branches)
    while left:
        some, left = left[:MOST_BRANCHES], left[MOST_BRANCHES:]
        # SQLite wants the order and limit of a branch inside brackets of its own.
        parts = [sa.select(*branch.subquery().c) for branch in some]
        query = parts[0] if len(parts) == 1 else sa.union_all(*parts)
        found |= {tuple(row) for row in tx.conn.execute(query)}
    return found
