"""Who may do what: the whole table, role by role."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.access import RIGHTS, Action, permitted
from placet.domain.people import BUILT_IN_ROLES, Grant, Person

STARTING = (Action.START,)
OWN = {
    "member": STARTING,
    "coordinator": (
        Action.MANAGE_CASE,
        Action.REASSIGN,
        Action.READ_FAUCET,
        Action.REGISTER_RESOURCE,
        *STARTING,
    ),
    "council": (Action.EXPORT_AUDIT, Action.READ_FAUCET, Action.READ_LEDGER, *STARTING),
    "admin": (
        Action.MANAGE_PEOPLE,
        Action.MANAGE_CASE,
        Action.REASSIGN,
        Action.READ_ALL_MAIL,
        Action.EXPORT_AUDIT,
        Action.FORCE_APPROVE,
        Action.DEPOSIT,
        Action.READ_FAUCET,
        Action.READ_LEDGER,
        Action.MANAGE_BADGES,
        Action.OPERATE,
        Action.SET_POLICY,
        Action.REGISTER_RESOURCE,
        *STARTING,
    ),
}


def person(*grants: Grant, external: bool = False, active: bool = True) -> Person:
    return Person(id="p", name="P", email="p@example.org", grants=grants, external=external, active=active)


@pytest.mark.parametrize("role", BUILT_IN_ROLES)
@pytest.mark.parametrize("action", Action)
def test_each_role_has_exactly_its_rights_in_its_scope(role: str, action: Action) -> None:
    here, everywhere = person(Grant(role=role, scope="deals")), person(Grant(role=role))
    assert permitted(here, action, "deals") is (action in OWN[role])
    assert permitted(everywhere, action, "deals") is (action in OWN[role])
    assert permitted(here, action, "funds") is False


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("standing", [{"external": True}, {"active": False}])
def test_people_outside_and_former_people_have_no_rights(action: Action, standing: dict[str, bool]) -> None:
    grants = tuple(Grant(role=role) for role in BUILT_IN_ROLES)
    assert not permitted(person(*grants, **standing), action, "deals")


def test_every_action_but_starting_is_in_the_table() -> None:
    assert set(RIGHTS) == set(Action) - {Action.START}


@pytest.mark.parametrize(
    ("grant", "starters", "may"),
    [
        (Grant(role="sales", scope="deals"), ("sales",), True),
        (Grant(role="sales", scope="funds"), ("sales",), False),
        (Grant(role="sales"), ("sales",), True),
        (Grant(role="member", scope="deals"), ("sales",), False),
        (Grant(role="admin", scope="deals"), ("sales",), True),
        (Grant(role="anything", scope="deals"), (), True),
        (Grant(role="anything", scope="funds"), (), False),
    ],
)
def test_a_workflow_names_the_roles_that_may_start_it(grant: Grant, starters: tuple[str, ...], may: bool) -> None:
    assert permitted(person(grant), Action.START, "deals", starters) is may


GRANTS = st.builds(Grant, role=st.sampled_from(BUILT_IN_ROLES), scope=st.sampled_from(["*", "deals", "funds"]))


@given(st.lists(GRANTS, max_size=4), GRANTS, st.sampled_from(Action), st.sampled_from(["deals", "funds", "other"]))
def test_one_more_grant_never_takes_a_right_away(held: list[Grant], more: Grant, action: Action, scope: str) -> None:
    assert permitted(person(*held), action, scope) <= permitted(person(*held, more), action, scope)
