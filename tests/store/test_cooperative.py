"""What cases change about people, policies and resources: once by its key, taken back by it, and never after that."""

import pytest
import sqlalchemy as sa

from placet.domain.lifecycle import TRANSITIONS, ResourceKind, ResourceState, StateOrder, transition
from placet.domain.membership import ContactsOf, Entry, NewMember, RoleOrder
from placet.domain.people import Grant
from placet.domain.policy import PolicyOrder
from placet.store import departure, membership, people, policies, resources
from placet.store import tables as t

NIA = NewMember(person="nia", name="Nia", email="nia@x.example")
OFFICER = RoleOrder(person="rita", role="officer", scope="deals", change="grant")
NO_MEMBER = RoleOrder(person="rita", role="member", scope="*", change="revoke")
REVIEW = PolicyOrder(policy="order", values={"review": "9d"}, base_version=0)
REST = StateOrder(kind=ResourceKind.PROJECT, id="fence", was=ResourceState.ACTIVE, becomes=ResourceState.HIBERNATING)


def keep(name, values):
    return dict(values)


def shut_out(scene, who):
    def act(tx):
        with departure.held(tx, who) as claims:
            assert departure.deactivate(tx, "root", who, claims)

    scene.do(act)


def held(scene, who):
    return {(grant.role, grant.scope) for grant in scene.know(who).grants}


@pytest.mark.parametrize("order", [OFFICER, NO_MEMBER], ids=["grant", "revoke"])
def test_a_change_of_a_role_is_made_once_and_taken_back_once(scene, order):
    before = held(scene, "rita")
    for _ in range(2):
        assert scene.do(lambda tx: membership.set_role(tx, "k", "case-1", order)).result == "done"
    assert held(scene, "rita") == before ^ {(order.role, order.scope)}
    for _ in range(2):
        scene.do(lambda tx: membership.restore_role(tx, "k", "case-1", order))
    assert held(scene, "rita") == before
    late = scene.do(lambda tx: membership.set_role(tx, "k", "case-1", order))
    assert (late.result, held(scene, "rita")) == ("refused", before)
    assert scene.lines("@registry")[-2:] in (
        ["person.granted", "person.revoked"],
        ["person.revoked", "person.granted"],
    )


def test_an_undo_that_comes_first_keeps_the_change_from_arriving(scene):
    before = held(scene, "rita")
    scene.do(lambda tx: membership.restore_role(tx, "k", "case-1", OFFICER))
    assert scene.do(lambda tx: membership.set_role(tx, "k", "case-1", OFFICER)).result == "refused"
    assert held(scene, "rita") == before


def test_what_is_so_already_is_moot_and_its_undo_takes_nothing(scene):
    member = RoleOrder(person="rita", role="member", scope="*", change="grant")
    assert scene.do(lambda tx: membership.set_role(tx, "k", "case-1", member)).result == "moot"
    scene.do(lambda tx: membership.restore_role(tx, "k", "case-1", member))
    assert ("member", "*") in held(scene, "rita")


def test_the_last_administrator_stays(scene):
    scene.person("root", "admin")
    away = RoleOrder(person="root", role="admin", scope="*", change="revoke")
    assert "must remain" in scene.do(lambda tx: membership.set_role(tx, "k", "case-1", away)).why
    scene.person("ada", "admin")
    assert scene.do(lambda tx: membership.set_role(tx, "k2", "case-1", away)).result == "done"


def test_a_changed_role_changes_the_electorates_that_are_frozen_after_it(scene):
    before = scene.do(lambda tx: people.registry_state(tx, "officer"))
    scene.do(lambda tx: membership.set_role(tx, "k", "case-1", OFFICER))
    assert scene.do(lambda tx: people.registry_state(tx, "officer")) == before + 1


def test_an_entry_is_made_once_and_leaves_an_inactive_person_behind(scene):
    for _ in range(2):
        assert scene.do(lambda tx: membership.enter(tx, "k", "case-1", NIA)).result is Entry.ENTERED
    assert scene.know("nia").active
    for _ in range(2):
        scene.do(lambda tx: membership.leave(tx, "k", "case-1", NIA))
    assert not scene.know("nia").active
    assert scene.do(lambda tx: membership.enter(tx, "k", "case-1", NIA)).result is Entry.TAKEN_BACK
    # Another case lets the same person in again.
    assert scene.do(lambda tx: membership.enter(tx, "k2", "case-2", NIA)).result is Entry.ENTERED
    assert scene.know("nia").active


def test_whoever_enters_again_begins_without_the_rights_and_tokens_of_before(scene):
    scene.person("nia", "admin", "council@deals")
    scene.do(lambda tx: people.issue_token(tx, "nia", "nia", "old", "plc_old"))
    scene.person("root", "admin")
    shut_out(scene, "nia")
    again = NewMember(person="nia", name="Nia", email=scene.know("nia").email)
    assert scene.do(lambda tx: membership.enter(tx, "k", "case-1", again)).result is Entry.ENTERED
    assert scene.know("nia").active and held(scene, "nia") == set()
    live = sa.select(t.access_token.c.hash).where(t.access_token.c.revoked_at.is_(None))
    assert scene.do(lambda tx: tx.conn.execute(live).all()) == []


def test_an_id_of_somebody_else_is_never_taken_and_never_left(scene):
    taken = NewMember(person="rita", name="Other", email="other@x.example")
    assert scene.do(lambda tx: membership.enter(tx, "k", "case-1", taken)).result is Entry.TAKEN
    scene.do(lambda tx: membership.leave(tx, "k", "case-1", taken))
    assert scene.know("rita").active


def test_an_address_of_somebody_active_is_never_taken_however_it_is_written(scene):
    email = scene.know("rita").email
    taken = NewMember(person="newcomer", name="Other", email=email.upper())
    assert scene.do(lambda tx: membership.enter(tx, "k", "case-1", taken)).result is Entry.TAKEN
    assert scene.do(lambda tx: people.find(tx, "newcomer")) is None
    scene.do(lambda tx: people.set_active(tx, "root", "rita", False, "case-0"))
    assert scene.do(lambda tx: membership.enter(tx, "k2", "case-2", taken)).result is Entry.ENTERED
    # Whoever had it before does not come back with it either.
    back = NewMember(person="rita", name="Rita", email=email)
    assert scene.do(lambda tx: membership.enter(tx, "k3", "case-3", back)).result is Entry.TAKEN


def test_contacts_are_the_holders_of_a_role_and_one_more(scene):
    wanted = ContactsOf(role="coordinator", scope="deals", person="rita")
    found = scene.do(lambda tx: membership.contacts(tx, wanted))
    assert [one.person for one in found] == ["cora", "rita"]
    assert scene.do(lambda tx: membership.contacts(tx, ContactsOf(role="nobody", scope="deals"))) == ()


def test_a_version_of_a_policy_is_written_once_and_only_on_the_newest(scene):
    def put(order, key):
        return scene.do(lambda tx: policies.put(tx, order, keep, "placet", "case-1", key))

    assert [put(REVIEW, "k").version, put(REVIEW, "k").version] == [1, 1]
    assert put(REVIEW, "other").result == "stale"
    second = PolicyOrder(policy="order", values={"remind": "1d"}, base_version=1)
    assert put(second, "k2").version == 2
    assert scene.do(lambda tx: policies.newest(tx, "order")) == (2, {"review": "9d", "remind": "1d"})
    # The first is no longer the newest, so its undo leaves everything; that of the second brings the first again.
    assert scene.do(lambda tx: policies.take_back(tx, "order", "k", "placet", "case-1")) is False
    assert scene.do(lambda tx: policies.take_back(tx, "order", "k2", "placet", "case-1")) is True
    assert scene.do(lambda tx: policies.newest(tx, "order")) == (3, {"review": "9d"})
    assert len(scene.do(lambda tx: policies.history(tx, "order"))) == 3


def test_a_version_that_was_taken_back_before_it_came_does_not_come(scene):
    scene.do(lambda tx: policies.take_back(tx, "order", "k", "placet", "case-1"))
    late = scene.do(lambda tx: policies.put(tx, REVIEW, keep, "placet", "case-1", "k"))
    assert (late.result, scene.do(lambda tx: policies.newest(tx, "order"))) == ("refused", (0, {}))


def test_values_that_are_not_valid_any_more_are_refused_when_they_should_take_effect(scene):
    def strict(name, values):
        raise ValueError("review: there is no such key")

    found = scene.do(lambda tx: policies.put(tx, REVIEW, strict, "placet", "case-1", "k"))
    assert (found.result, found.why) == ("refused", "review: there is no such key")


def registered(scene):
    assert scene.do(lambda tx: resources.register(tx, "cora", "project", "fence", "deals", "The fence"))


def state(scene):
    return scene.do(lambda tx: resources.find(tx, "project", "fence"))["state"]


def test_a_state_is_changed_once_and_given_back_once(scene):
    registered(scene)
    for _ in range(2):
        assert scene.do(lambda tx: resources.change(tx, "k", "case-1", REST)).result == "done"
    assert state(scene) == "hibernating"
    assert scene.do(lambda tx: resources.restore(tx, "k", "case-1", REST)) is True
    assert scene.do(lambda tx: resources.restore(tx, "k", "case-1", REST)) is False
    assert state(scene) == "active"
    assert scene.do(lambda tx: resources.change(tx, "k", "case-1", REST)).result == "refused"
    assert scene.lines("@resources") == ["resource.registered", "resource.state-set", "resource.state-set"]


def test_a_state_that_others_have_changed_since_is_left_to_them(scene):
    registered(scene)
    scene.do(lambda tx: resources.change(tx, "k", "case-1", REST))
    wake = StateOrder(kind=REST.kind, id="fence", was=REST.becomes, becomes=REST.was)
    scene.do(lambda tx: resources.change(tx, "k2", "case-2", wake))
    scene.do(lambda tx: resources.change(tx, "k3", "case-3", REST))
    assert scene.do(lambda tx: resources.restore(tx, "k", "case-1", REST)) is False
    assert state(scene) == "hibernating"


def test_an_undo_of_a_state_that_comes_first_keeps_the_change_from_arriving(scene):
    registered(scene)
    scene.do(lambda tx: resources.restore(tx, "k", "case-1", REST))
    assert scene.do(lambda tx: resources.change(tx, "k", "case-1", REST)).result == "refused"
    assert state(scene) == "active"


@pytest.mark.parametrize("kind", ResourceKind)
def test_only_what_the_table_names_can_happen(scene, kind):
    scene.do(lambda tx: resources.register(tx, "cora", kind, "thing", "deals", "Thing"))
    allowed = {(rule.was, rule.becomes) for rule in TRANSITIONS if rule.kind is kind}
    for number, was in enumerate(ResourceState):
        for becomes in ResourceState:
            back = t.resource.update().where(t.resource.c.id == "thing").values(state=was.value)
            scene.do(lambda tx, back=back: tx.conn.execute(back))
            order = StateOrder(kind=kind, id="thing", was=was, becomes=becomes)
            key = f"{number}-{becomes}"
            done = scene.do(lambda tx, order=order, key=key: resources.change(tx, key, "case-1", order))
            assert (
                (done.result == "done") == ((was, becomes) in allowed) == (transition(kind, was, becomes) is not None)
            )


def test_whoever_was_granted_something_by_a_case_is_granted_by_placet(scene):
    scene.do(lambda tx: people.grant(tx, "placet", "rita", Grant(role="x", scope="deals"), "case-1"))
    query = sa.select(t.role_grant.c.granted_by).where(t.role_grant.c.role == "x")
    assert scene.do(lambda tx: tx.conn.execute(query).scalar_one()) == "placet"
