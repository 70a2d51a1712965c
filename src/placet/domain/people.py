"""People, grants, and the roles that Placet itself knows."""

from placet.domain.model import Durable

ADMIN = "admin"
COUNCIL = "council"
COORDINATOR = "coordinator"
MEMBER = "member"
BUILT_IN_ROLES = (MEMBER, COORDINATOR, COUNCIL, ADMIN)

EVERYWHERE = "*"
"""The scope of a grant that holds in every scope."""

SYSTEM = "placet"
"""The actor of what happens by rule or by the clock."""


class Grant(Durable):
    """One right: this role, in this scope (`*` for all)."""

    role: str
    scope: str = EVERYWHERE

    def covers(self, role: str, scope: str) -> bool:
        return self.role == role and self.scope in (EVERYWHERE, scope)


class Person(Durable):
    id: str
    name: str
    email: str
    external: bool = False
    active: bool = True
    grants: tuple[Grant, ...] = ()

    def holds(self, role: str, scope: str) -> bool:
        """Whether the person has the role in the scope."""
        return any(grant.covers(role, scope) for grant in self.grants)

    def holds_any(self, role: str) -> bool:
        """Whether the person has the role in at least one scope."""
        return any(grant.role == role for grant in self.grants)


class Role(Durable):
    """Whoever holds this role in the case's scope (or in another, when named)."""

    name: str
    scope: str | None = None


class Named(Durable):
    """One person of the organisation, by id."""

    person: str


class External(Durable):
    """Somebody outside the organisation, who answers through a signed link."""

    name: str
    email: str

    @property
    def person(self) -> str:
        return f"ext:{self.email.strip().lower()}"


Audience = Role | Named | External
