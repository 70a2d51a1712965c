"""Who may do what: one table of rights, and one function that every door asks.

What a person may *see* is also decided here (`SEES_ALL`, `SEES_SCOPE`); `store.sight` says the same in SQL.
"""

from enum import StrEnum

from placet.domain.people import ADMIN, COORDINATOR, COUNCIL, Person

SEES_ALL = (COUNCIL, ADMIN)
"""Roles that see every case, platform-wide, whatever the scope of the grant."""

SEES_SCOPE = (COORDINATOR,)
"""Roles that see the cases of their scopes. Everybody sees the cases that involve them."""


class Action(StrEnum):
    MANAGE_PEOPLE = "manage-people"
    MANAGE_CASE = "manage-case"
    REASSIGN = "reassign"
    START = "start"
    READ_ALL_MAIL = "read-all-mail"
    EXPORT_AUDIT = "export-audit"
    FORCE_APPROVE = "force-approve"
    DEPOSIT = "deposit"
    READ_FAUCET = "read-faucet"
    READ_LEDGER = "read-ledger"
    MANAGE_BADGES = "manage-badges"
    SET_POLICY = "set-policy"
    REGISTER_RESOURCE = "register-resource"
    OPERATE = "operate"


RIGHTS: dict[Action, tuple[str, ...]] = {
    Action.MANAGE_PEOPLE: (ADMIN,),
    Action.MANAGE_CASE: (COORDINATOR, ADMIN),
    Action.REASSIGN: (COORDINATOR, ADMIN),
    Action.READ_ALL_MAIL: (ADMIN,),
    Action.EXPORT_AUDIT: (COUNCIL, ADMIN),
    Action.FORCE_APPROVE: (ADMIN,),
    Action.DEPOSIT: (ADMIN,),
    Action.READ_FAUCET: (COORDINATOR, COUNCIL, ADMIN),
    Action.READ_LEDGER: (COUNCIL, ADMIN),
    Action.MANAGE_BADGES: (ADMIN,),
    Action.SET_POLICY: (ADMIN,),
    Action.REGISTER_RESOURCE: (COORDINATOR, ADMIN),
    Action.OPERATE: (ADMIN,),
}
"""The roles that carry each right, in the scope of the thing acted on; starting is decided by the workflow."""


def permitted(person: Person, action: Action, scope: str, starters: tuple[str, ...] = ()) -> bool:
    """Whether the person may do this in this scope. External and inactive people hold no rights."""
    if person.external or not person.active:
        return False
    if action is Action.START:
        if person.holds(ADMIN, scope):
            return True
        if starters:
            return any(person.holds(role, scope) for role in starters)
        return any(grant.covers(grant.role, scope) for grant in person.grants)
    return any(person.holds(role, scope) for role in RIGHTS[action])
