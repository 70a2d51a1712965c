"""Projects and memberships as resources: their state, every change of it, and what stands against one."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from placet.domain import lifecycle as rule
from placet.domain.lifecycle import Findings, ResourceState, StateChanged, StateOrder
from placet.domain.people import EVERYWHERE, SYSTEM, Person
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx
from placet.store.proposals import OPEN

CHAIN = "@resources"
KIND = "lifecycle-transition"

_r, _h, _c, _w = t.resource.c, t.resource_change.c, t.case.c, t.work.c


def visible(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `resource`: whoever holds a role in its scope knows of it."""
    if person.external or not person.active:
        return sa.false()
    scopes = {grant.scope for grant in person.grants}
    return sa.true() if EVERYWHERE in scopes else _r.scope.in_(sorted(scopes))


def find(tx: Tx, kind: str, resource_id: str, lock: bool = False) -> Mapping[Any, Any] | None:
    query = sa.select(t.resource).where(_r.kind == kind, _r.id == resource_id)
    row = tx.conn.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return dict(row) if row else None


def register(tx: Tx, by: str, kind: str, resource_id: str, scope: str, title: str) -> bool:
    """Enter a resource, active from now on; False when the id is taken."""
    row: dict[str, Any] = {
        "kind": kind,
        "id": resource_id,
        "scope": scope,
        "title": title,
        "state": ResourceState.ACTIVE.value,
    }
    row |= {"changed_at": tx.now, "change_key": None, "registered_by": by}
    if not tx.insert_ignoring(t.resource, row):
        return False
    append(tx, CHAIN, by, "resource.registered", {"kind": kind, "id": resource_id, "scope": scope}, title=title)
    return True


def pending(tx: Tx, kind: str, resource_id: str, but: str = "") -> str | None:
    """Another open case about the same resource."""
    asked = _c.opening["request"]
    query = sa.select(_c.id).where(
        _c.kind == KIND,
        _c.is_open,
        _c.id != but,
        asked["kind"].as_string() == kind,
        asked["id"].as_string() == resource_id,
    )
    return tx.conn.execute(query.order_by(_c.opened_at).limit(1)).scalar_one_or_none()


def findings(tx: Tx, case_id: str, order: StateOrder) -> Findings:
    """What the rules have against this change now."""
    found = find(tx, order.kind, order.id)
    if found is None or found["state"] != order.was:
        return Findings(against=(_moved(found, order),))
    against = []
    if (other := pending(tx, order.kind, order.id, case_id)) is not None:
        against.append(f"Another change of it is being decided: {other}.")
    if order.becomes in rule.SETTLED and (owed := _unpaid(tx, found["scope"])):
        against.append(f"Work in {found['scope']} is still open and owed {owed} from the faucet.")
    return Findings(against=tuple(against))


def change(tx: Tx, key: str, case_id: str, order: StateOrder) -> StateChanged:
    """Change the state, once by its key, if it is still the one that was decided on and the table allows it."""
    found = find(tx, order.kind, order.id, lock=True)
    done = tx.conn.execute(sa.select(t.resource_change).where(_h.key == key)).one_or_none()
    if done is not None:
        if done.undone_at is not None:
            return StateChanged(result="refused", why="This change has been taken back.")
        return StateChanged(result="done")
    if found is None or found["state"] != order.was:
        return StateChanged(result="refused", why=_moved(found, order))
    if rule.transition(order.kind, order.was, order.becomes) is None:
        return StateChanged(result="refused", why=rule.not_allowed(order.kind, order.was, order.becomes))
    _record(tx, key, case_id, order, None)
    _moved_to(tx, case_id, order, order.becomes, key)
    return StateChanged(result="done")


def restore(tx: Tx, key: str, case_id: str, order: StateOrder) -> bool:
    """Give back the state before this key's change, unless it has changed since; whether that was done."""
    found = find(tx, order.kind, order.id, lock=True)
    done = tx.conn.execute(sa.select(t.resource_change).where(_h.key == key)).one_or_none()
    if done is None:
        # An attempt may still be on its way: this record refuses it.
        _record(tx, key, case_id, order, tx.now)
        return False
    if done.undone_at is not None:
        return False
    tx.conn.execute(t.resource_change.update().where(_h.key == key).values(undone_at=tx.now))
    if found is None or found["change_key"] != key:
        return False
    _moved_to(tx, case_id, order, order.was, None)
    return True


def history(tx: Tx, kind: str, resource_id: str) -> list[sa.Row[Any]]:
    """Every change, newest first, also those that were taken back; not the records of what never came."""
    query = sa.select(t.resource_change).where(_h.kind == kind, _h.id == resource_id)
    return list(tx.conn.execute(query.order_by(_h.at.desc(), _h.key)))


def _moved(found: Mapping[Any, Any] | None, order: StateOrder) -> str:
    now = found["state"] if found else "gone"
    return f"It is {now} by now, and no longer {order.was}."


def _unpaid(tx: Tx, scope: str) -> int:
    """What the faucet has reserved for work of this scope that is not done."""
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(_w.owed), 0))
        .join_from(t.work, t.case, _c.id == _w.id)
        .where(_w.state == OPEN, _c.scope == scope)
    )
    return int(tx.conn.execute(query).scalar_one())


def _record(tx: Tx, key: str, case_id: str, order: StateOrder, undone_at: Any) -> None:
    row = {"key": key, "kind": order.kind, "id": order.id, "from_state": order.was, "to_state": order.becomes}
    tx.conn.execute(t.resource_change.insert().values(row | {"case_id": case_id, "at": tx.now, "undone_at": undone_at}))


def _moved_to(tx: Tx, case_id: str, order: StateOrder, state: str, key: str | None) -> None:
    mine = (_r.kind == order.kind) & (_r.id == order.id)
    tx.conn.execute(t.resource.update().where(mine).values(state=state, changed_at=tx.now, change_key=key))
    detail = {"kind": order.kind, "id": order.id, "state": state, "case": case_id}
    append(tx, CHAIN, SYSTEM, "resource.state-set", detail)
