"""How projects and members change their state: one table of what is allowed, and who must authorise it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from placet.domain.membership import RoleOrder
from placet.domain.model import Durable
from placet.domain.people import COORDINATOR, COUNCIL, MEMBER
from placet.domain.said import Said


class ResourceKind(StrEnum):
    PROJECT = "project"
    MEMBER = "member"


class ResourceState(StrEnum):
    ACTIVE = "active"
    HIBERNATING = "hibernating"
    ARCHIVED = "archived"
    ALUMNI = "alumni"


class Transition(Durable):
    """One allowed change of state; `authority` is the role that must authorise it."""

    kind: ResourceKind
    was: ResourceState
    becomes: ResourceState
    authority: str


_PROJECT, _MEMBER = ResourceKind.PROJECT, ResourceKind.MEMBER
_ACTIVE, _HIBERNATING = ResourceState.ACTIVE, ResourceState.HIBERNATING
_ARCHIVED, _ALUMNI = ResourceState.ARCHIVED, ResourceState.ALUMNI

TRANSITIONS: tuple[Transition, ...] = (
    Transition(kind=_PROJECT, was=_ACTIVE, becomes=_HIBERNATING, authority=COORDINATOR),
    Transition(kind=_PROJECT, was=_HIBERNATING, becomes=_ACTIVE, authority=COORDINATOR),
    Transition(kind=_PROJECT, was=_HIBERNATING, becomes=_ARCHIVED, authority=COUNCIL),
    Transition(kind=_MEMBER, was=_ACTIVE, becomes=_ALUMNI, authority=COORDINATOR),
    Transition(kind=_MEMBER, was=_ALUMNI, becomes=_ACTIVE, authority=COORDINATOR),
)

SETTLED = (ResourceState.ARCHIVED,)
"""States that nothing which is still owed may survive."""


def transition(kind: str, was: str, becomes: str) -> Transition | None:
    """The rule for this change of state, None if there is no such change."""
    wanted = (kind, was, becomes)
    return next((rule for rule in TRANSITIONS if (rule.kind, rule.was, rule.becomes) == wanted), None)


def possible(kind: str, was: str) -> tuple[str, ...]:
    """The states that this one can become."""
    return tuple(rule.becomes.value for rule in TRANSITIONS if (rule.kind, rule.was) == (kind, was))


def not_allowed(kind: str, was: str, becomes: str) -> str:
    """Why there is no such change, and what there is."""
    there = tuple(Said(state) for state in possible(kind, was)) or Said("nothing else")
    return Said(
        "A %(kind)s that is %(was)s cannot become %(becomes)s; it can become %(there)s.",
        kind=Said(kind),
        was=Said(was),
        becomes=Said(becomes),
        there=there,
    )


class StateOrder(Durable):
    """One change of state, from the state that was decided on."""

    kind: ResourceKind
    id: str
    was: ResourceState
    becomes: ResourceState

    def role(self, scope: str) -> RoleOrder | None:
        """What it means for the grants of a member; a project has none."""
        if self.kind is not ResourceKind.MEMBER:
            return None
        change: Literal["grant", "revoke"] = "grant" if self.becomes is ResourceState.ACTIVE else "revoke"
        return RoleOrder(person=self.id, role=MEMBER, scope=scope, change=change)


class StateChanged(Durable):
    """`refused`: the resource is not what it was, or has no such change; `why` says so."""

    result: Literal["done", "refused"]
    why: str = ""


class Findings(Durable):
    """What the rules have against a change of state; empty when nothing."""

    against: tuple[str, ...] = Field(default=())
