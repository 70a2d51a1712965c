"""What cases order about people and their roles, and what came of it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from placet.domain.model import Durable
from placet.domain.people import Grant

PROVISIONAL = "provisional-member"
"""The role of somebody whose identity is known, and who has not been introduced yet."""

ROLE = r"^[a-z0-9][a-z0-9-]{0,63}$"
SCOPE = r"^([a-z0-9][a-z0-9._-]{0,63}|\*)$"


class NewMember(Durable):
    person: str
    name: str
    email: str


class Entry(StrEnum):
    """How an entry ended; `taken`: the id, or the address, belongs to somebody else."""

    ENTERED = "entered"
    TAKEN = "taken"
    TAKEN_BACK = "taken-back"


class Entered(Durable):
    result: Entry


class RoleOrder(Durable):
    """One right that somebody is to have, or to have no longer."""

    person: str = Field(min_length=1, max_length=200, title="Person")
    role: str = Field(pattern=ROLE, title="Role")
    scope: str = Field(default="*", pattern=SCOPE, title="Scope")
    change: Literal["grant", "revoke"] = Field(title="Grant or revoke")

    @property
    def grant(self) -> Grant:
        return Grant(role=self.role, scope=self.scope)


class RoleChanged(Durable):
    """`moot`: it was so already; `refused`: it must not be, and `why`."""

    result: Literal["done", "moot", "refused"]
    why: str = ""


class ContactsOf(Durable):
    """Whom to write to: at most `most` holders of a role in a scope, and one person more."""

    role: str
    scope: str
    person: str | None = None
    most: int = 20


class Contact(Durable):
    person: str
    name: str
    email: str
