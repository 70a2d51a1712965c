"""Versions of policies beyond the settings: the newest is overlaid on the settings when a case opens."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import GENESIS
from placet.domain.policy import PolicyChanged, PolicyOrder
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

CHAIN = "@policies"

_v = t.policy_version.c

Check = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""The values of a policy as they are kept, from what was given; raises ValueError for what it cannot be."""


def newest(tx: Tx, name: str) -> tuple[int, dict[str, Any]]:
    """The version in force, and its values; 0 and none while the settings alone hold."""
    query = sa.select(_v.version, _v.content).where(_v.name == name).order_by(_v.version.desc()).limit(1)
    row = tx.conn.execute(query).one_or_none()
    return (row.version, dict(row.content)) if row else (0, {})


def put(tx: Tx, order: PolicyOrder, check: Check, by: str, case_id: str | None, key: str | None) -> PolicyChanged:
    """Bring a new version into force, once by its key, if the one that it was decided on is still the newest."""
    _hold(tx)
    if key is not None:
        known = tx.conn.execute(sa.select(_v.version).where(_v.key == key)).scalar_one_or_none()
        if known is not None:
            return PolicyChanged(result="done", version=known)
        if tx.conn.execute(sa.select(t.meta.c.key).where(t.meta.c.key == _undone(key))).first():
            return PolicyChanged(result="refused", why="This change has been taken back.")
    version, content = newest(tx, order.policy)
    if version != order.base_version:
        return PolicyChanged(result="stale", version=version, why=f"Version {version} is in force by now.")
    try:
        values = check(order.policy, {**content, **order.values})
    except ValueError as error:
        return PolicyChanged(result="refused", version=version, why=str(error))
    return PolicyChanged(result="done", version=_written(tx, order.policy, version + 1, values, by, case_id, key))


def take_back(tx: Tx, name: str, key: str, by: str, case_id: str) -> bool:
    """Bring the version before this key's into force again, unless another has come since; whether it was done."""
    _hold(tx)
    tx.insert_ignoring(t.meta, {"key": _undone(key), "value": case_id})
    version, _ = newest(tx, name)
    mine = tx.conn.execute(sa.select(_v.version).where(_v.key == key)).scalar_one_or_none()
    if mine is None or mine != version:
        return False
    before = tx.conn.execute(sa.select(_v.content).where(_v.name == name, _v.version == mine - 1)).scalar_one_or_none()
    _written(tx, name, version + 1, before or {}, by, case_id, None)
    return True


def history(tx: Tx, name: str) -> list[sa.Row[Any]]:
    """Every version, newest first."""
    return list(tx.conn.execute(sa.select(t.policy_version).where(_v.name == name).order_by(_v.version.desc())))


def _written(
    tx: Tx, name: str, version: int, values: Mapping[str, Any], by: str, case_id: str | None, key: str | None
) -> int:
    row = {"name": name, "version": version, "content": dict(values), "by": by, "case_id": case_id, "key": key}
    tx.conn.execute(t.policy_version.insert().values(row | {"at": tx.now}))
    append(tx, CHAIN, by, "policy.set", {"policy": name, "version": version, "values": dict(values), "case": case_id})
    return version


def _undone(key: str) -> str:
    return f"policy-undone:{key}"


def _hold(tx: Tx) -> None:
    tx.insert_ignoring(t.chain_head, {"chain": CHAIN, "seq": 0, "hash": GENESIS})
    tx.conn.execute(sa.select(t.chain_head.c.seq).where(t.chain_head.c.chain == CHAIN).with_for_update())
