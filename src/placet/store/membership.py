"""What cases change about people and their grants: each change once by its key, and taken back by it."""

from typing import Any

import sqlalchemy as sa

from placet.domain.membership import Contact, ContactsOf, Entered, Entry, NewMember, RoleChanged, RoleOrder
from placet.domain.people import ADMIN, SYSTEM, Grant, Named, Role
from placet.domain.said import Said
from placet.store import departure, people
from placet.store import tables as t
from placet.store.engine import Tx

_m = t.membership_change.c


def enter(tx: Tx, key: str, case_id: str, member: NewMember) -> Entered:
    """Add somebody to the organisation, or let them in again; an id or address of somebody else is refused."""
    people.hold(tx)
    known = people.find(tx, member.person)
    if (done := _change(tx, key)) is not None:
        return Entered(result=Entry.TAKEN_BACK if done.undone_at is not None else Entry.ENTERED)
    if known is not None and (known.external or known.email.lower() != member.email.lower()):
        return Entered(result=Entry.TAKEN)
    if people.address_taken(tx, member.person, member.email):
        return Entered(result=Entry.TAKEN)
    if known is None:
        people.add(tx, SYSTEM, member.person, member.name, member.email, ())
    elif not known.active:
        # Rights of an earlier time do not come back with them.
        people.set_grants(tx, SYSTEM, member.person, ())
        departure.reactivate(tx, SYSTEM, member.person, case_id)
    changed = known is None or not known.active
    _record(tx, key, member.person, "entry", changed)
    return Entered(result=Entry.ENTERED)


def leave(tx: Tx, key: str, case_id: str, member: NewMember) -> None:
    """Take an entry back: whoever came in by it is shut out again. An attempt still on its way is refused."""
    with departure.held(tx, member.person) as claims:
        done = _change(tx, key)
        if _undone(tx, key, done, member.person, "entry"):
            departure.deactivate(tx, SYSTEM, member.person, claims, case_id)


def set_role(tx: Tx, key: str, case_id: str, order: RoleOrder) -> RoleChanged:
    """Grant or revoke one role; `moot` when it is so already, `refused` when it must not be."""
    people.hold(tx)
    if (done := _change(tx, key)) is not None:
        if done.undone_at is not None:
            return RoleChanged(result="refused", why="This change has been taken back.")
        return RoleChanged(result="done" if done.changed else "moot")
    if (why := forbidden(tx, order)) is not None:
        return RoleChanged(result="refused", why=why)
    changed = _apply(tx, case_id, order, order.change == "grant")
    _record(tx, key, order.person, order.change, changed, role=order.role, scope=order.scope)
    return RoleChanged(result="done" if changed else "moot")


def restore_role(tx: Tx, key: str, case_id: str, order: RoleOrder) -> None:
    """Take a change of a role back, unless there was nothing to change."""
    people.hold(tx)
    done = _change(tx, key)
    if _undone(tx, key, done, order.person, order.change, role=order.role, scope=order.scope):
        _apply(tx, case_id, order, order.change != "grant")


def forbidden(tx: Tx, order: RoleOrder) -> str | None:
    """Why this change must not be, or None."""
    person = people.find(tx, order.person)
    if person is None or person.external:
        return Said("There is nobody called %(person)s in the organisation.", person=order.person)
    if order.change == "grant":
        return None if person.active else Said("%(person)s is no longer active.", person=order.person)
    left = [one for one in person.grants if one != order.grant]
    if order.role == ADMIN and order.grant in person.grants and not people.remains_admin(tx, order.person, left):
        return Said("Somebody must remain administrator; make another one first.")
    return None


def is_so(tx: Tx, order: RoleOrder) -> bool:
    """Whether there is nothing to change."""
    person = people.find(tx, order.person)
    return person is not None and (order.grant in person.grants) == (order.change == "grant")


def contacts(tx: Tx, wanted: ContactsOf) -> tuple[Contact, ...]:
    """Whom to write to: the active holders of a role in a scope and, if named, one person more."""
    to: list[Role | Named] = [Role(name=wanted.role, scope=wanted.scope)]
    found = [one for one in people.addressees(tx, to, wanted.scope) if not one[3]][: wanted.most]
    if wanted.person is not None:
        listed = {one[0] for one in found}
        found += [one for one in people.addressees(tx, [Named(person=wanted.person)], "") if one[0] not in listed]
    return tuple(Contact(person=person, name=name, email=email) for person, name, email, _ in found)


def _apply(tx: Tx, case_id: str, order: RoleOrder, give: bool) -> bool:
    change = people.grant if give else people.revoke
    return change(tx, SYSTEM, order.person, Grant(role=order.role, scope=order.scope), case_id)


def _change(tx: Tx, key: str) -> sa.Row[Any] | None:
    return tx.conn.execute(sa.select(t.membership_change).where(_m.key == key)).one_or_none()


def _undone(tx: Tx, key: str, done: sa.Row[Any] | None, person: str, what: str, **more: str) -> bool:
    """Note that a change is taken back; whether there is something to take back."""
    if done is None:
        _record(tx, key, person, what, False, undone_at=tx.now, **more)
        return False
    if done.undone_at is not None:
        return False
    tx.conn.execute(t.membership_change.update().where(_m.key == key).values(undone_at=tx.now))
    return bool(done.changed)


def _record(tx: Tx, key: str, person: str, what: str, changed: bool, **more: Any) -> None:
    row = {"key": key, "person_id": person, "what": what, "changed": changed, "at": tx.now} | more
    tx.conn.execute(t.membership_change.insert().values(row))
