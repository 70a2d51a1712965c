"""A database that was written before lists had an order of their own gets it when it is brought up to date."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from tests.conftest import Databases

from placet.store import schema
from placet.store import tables as t

BEFORE = "0003"
OPENED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def old(databases: Databases, database: str) -> Iterator[str]:
    url = databases.empty(database)
    config = schema._config()
    with schema._locked(url) as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, BEFORE)
    yield url
    databases.drop(url)


def test_what_was_there_gets_the_moment_kind_and_scope_of_its_case(old: str) -> None:
    case = {"id": "order-1", "kind": "order", "scope": "deals", "title": "t", "requester": "rita", "state": "waiting"}
    case |= {
        "is_open": True,
        "opening": {},
        "opened_at": OPENED,
        "clock": OPENED,
        "paused_us": 0,
        "compensating": False,
    }
    case |= {"past_runs": [], "progress": 0, "audit_seq": 0, "audit_head": ""}
    decision = {"id": "order-1.review.1", "case_id": "order-1", "name": "review", "ordinal": 1, "form": "task"}
    decision |= {"state": "open", "rules": {}, "tally": {}, "rung": 0, "shift_us": 0, "opened_at": OPENED}
    candidate = {"decision_id": "order-1.review.1", "case_id": "order-1", "role": "buyer", "scope": "deals"}
    engine = sa.create_engine(old)
    with engine.begin() as conn:
        conn.execute(t.case.insert().values(case))
        conn.execute(t.case_party.insert().values(case_id="order-1", person_id="rita", why="requester"))
        conn.execute(t.decision.insert().values(decision))
        conn.execute(t.candidate.insert().values(candidate | {"via": "asked", "live": True}))
    schema.upgrade(old)
    with engine.connect() as conn:
        found = [
            conn.execute(sa.select(t.case_party.c.opened_at)).scalar_one(),
            conn.execute(sa.select(t.candidate.c.case_opened_at)).scalar_one(),
            tuple(conn.execute(sa.select(t.decision.c.kind, t.decision.c.scope)).one()),
        ]
    engine.dispose()
    assert found == [OPENED, OPENED, ("order", "deals")]
