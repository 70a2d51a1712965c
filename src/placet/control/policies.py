"""Policies in force: the settings, overlaid by what was decided since; frozen into each case that opens."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem
from placet.control.sent import Sent
from placet.control.views import Page, View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.policy import PolicyOrder
from placet.durable.workflow import Entry, checks, overlaid
from placet.store import policies
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

log = logging.getLogger(__name__)

ATTEMPT = "policy.set"
READ = "policy.read"


class GivenPolicy(Sent):
    """New values for some keys of a policy; `base_version` is the version that was looked at, 0 for the settings."""

    values: dict[str, Any] = Field(min_length=1, max_length=50)
    base_version: int = Field(ge=0, le=2**31 - 1)


class PolicyVersionView(View):
    """`by` is `placet` for what a case brought about."""

    version: int
    values: dict[str, Any]
    by: str
    case_id: str | None
    at: datetime


class PolicyView(View):
    """`values` are in force for cases that open now; `kinds` are the workflows that they hold for."""

    name: str
    kinds: list[str]
    version: int
    values: dict[str, Any]
    policy_schema: dict[str, Any]
    history: list[PolicyVersionView]


class Policies:
    """`base` gives the policy of a workflow by the settings alone."""

    def __init__(self, door: Door, catalogue: Sequence[Entry], base: Callable[[Entry], dict[str, Any]]) -> None:
        self._door = door
        self._base = base
        self._kinds: dict[str, list[str]] = {}
        self.entries = {entry.policy_name: entry for entry in catalogue}
        for entry in catalogue:
            self._kinds.setdefault(entry.policy_name, []).append(entry.kind)
        self.check = checks(self.entries, base)

    def effective(self, tx: Tx, entry: Entry) -> dict[str, Any]:
        """What is frozen into a case that opens in this transaction."""
        base, (version, values) = self._base(entry), policies.newest(tx, entry.policy_name)
        if not version:
            return base
        try:
            return overlaid(entry, base, values)
        except ValueError as error:
            # It was valid when it was decided; the code or the settings have changed since.
            log.error("version %d of the policy %s does not fit any more: %s", version, entry.policy_name, error)
            return base

    async def listed(self, person: Person) -> Page[PolicyView]:
        """Every policy with its history."""
        if person.external:
            await self._door.act(person, READ, lambda tx, present: forbidden(tx, present, READ, "Not for outsiders."))
        names = sorted(self.entries)
        return await self._door.read(lambda tx: Page(items=[self._view(tx, name) for name in names], next_cursor=None))

    async def put(self, person: Person, name: str, given: GivenPolicy, once: Once | None = None) -> Done:
        """Bring new values into force, for cases that open from now on."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.SET_POLICY, EVERYWHERE):
                return forbidden(tx, present, ATTEMPT, "Only administrators may do this.", {"policy": name})
            order = PolicyOrder(policy=name, values=given.values, base_version=given.base_version)
            if (problem := self.fault(tx, order)) is not None:
                audit_refusal(tx, present.id, ATTEMPT, problem.code, {"policy": name})
                return problem
            changed = policies.put(tx, order, self.check, present.id, None, None)
            if changed.result != "done":
                # Somebody else was quicker.
                audit_refusal(tx, present.id, ATTEMPT, "stale-policy", {"policy": name})
                detail = f"{changed.why} Look at it first."
                return Problem("stale-policy", detail, field="base_version", extra={"version": changed.version})
            return Done(self._view(tx, name).model_dump(mode="json"))

        return await self._door.act(person, ATTEMPT, act, once)

    def fault(self, tx: Tx, order: PolicyOrder, place: str = "") -> Problem | None:
        """Why this order cannot be carried out now; `place` is where it stands in what was sent."""
        if order.policy not in self.entries:
            detail = f"There is no such policy; there are: {', '.join(sorted(self.entries))}."
            return Problem("unknown-policy", detail, field=f"{place}policy")
        version, values = policies.newest(tx, order.policy)
        if version != order.base_version:
            detail = f"Version {version} is in force by now; look at it first."
            return Problem("stale-policy", detail, field=f"{place}base_version", extra={"version": version})
        try:
            self.check(order.policy, {**values, **order.values})
        except ValueError as error:
            return Problem("invalid-policy", str(error), field=f"{place}values")
        return None

    def _view(self, tx: Tx, name: str) -> PolicyView:
        entry = self.entries[name]
        version, _ = policies.newest(tx, name)
        return PolicyView(
            name=name,
            kinds=self._kinds[name],
            version=version,
            values=self.effective(tx, entry),
            policy_schema=entry.policy.model_json_schema(),
            history=[
                PolicyVersionView(version=row.version, values=row.content, by=row.by, case_id=row.case_id, at=row.at)
                for row in policies.history(tx, name)
            ],
        )
