"""Projects that rest and members who leave: rules, authority, change, and the way back."""

import dataclasses
from typing import Any

import sqlalchemy as sa
from temporalio.exceptions import ApplicationError

from placet.catalogue.registry import CATALOGUE
from placet.domain.people import Grant
from placet.runtime.settings import Settings
from placet.store import course, people, resources
from placet.store import tables as t
from placet.testing import QUICK, World, scenario

SETTINGS = Settings(patience=QUICK)
FENCE = {"kind": "project", "id": "fence", "title": "The fence"}
MIA = {"kind": "member", "id": "mia", "title": "Mia"}


async def staff(world: World) -> None:
    for person, *grants in (
        ("mia", "member@garden"),
        ("max", "member@garden"),
        ("cora", "coordinator@garden"),
        ("kofi", "council"),
    ):
        await world.hire(person, *grants)
    for kind, name in (("project", "fence"), ("member", "mia")):
        await world.store.write(
            lambda tx, kind=kind, name=name: resources.register(tx, "cora", kind, name, "garden", name.title())
        )


async def asked(world: World, what: dict[str, Any], was: str, becomes: str, who: str = "max") -> str:
    request = {**what, "was": was, "becomes": becomes, "reason": "Winter"}
    return await world.start("lifecycle-transition", request, who, scope="garden")


async def moved(world: World, what: dict[str, Any], was: str, becomes: str, by: str = "cora") -> dict[str, Any]:
    case = await asked(world, what, was, becomes)
    await world.answer(by, case, "authorisation", "approve")
    return await world.state(case, "completed")


async def state(world: World, what: dict[str, Any]) -> str:
    found = await world.store.read(lambda tx: resources.find(tx, what["kind"], what["id"]))
    return found["state"]


async def grants(world: World, person: str) -> set[Grant]:
    found = await world.store.read(lambda tx: people.find(tx, person))
    return set(found.grants)


async def test_a_project_hibernates_wakes_and_is_archived_by_the_council() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        ended = await moved(world, FENCE, "active", "hibernating")
        assert ended["outcome"] == {"status": "changed", "state": "hibernating", "told": 1}
        await moved(world, FENCE, "hibernating", "active")
        await moved(world, FENCE, "active", "hibernating")
        case = await asked(world, FENCE, "hibernating", "archived")
        rules = sa.select(t.decision.c.rules).where(t.decision.c.id == await world.task(case, "authorisation"))
        ladder = (await world.store.read(lambda tx: tx.conn.execute(rules).scalar_one()))["ladder"]
        assert [rung["action"] for rung in ladder] == ["remind"], "nobody is asked as well who has been asked already"
        assert (await world.answer("cora", case, "authorisation", "approve")).refusal.code == "not-asked"
        await world.answer("kofi", case, "authorisation", "approve")
        await world.state(case, "completed")
        assert await state(world, FENCE) == "archived"
        lines = sa.select(t.audit.c.action, t.audit.c.detail).where(t.audit.c.chain == resources.CHAIN)
        last = await world.store.read(lambda tx: tx.conn.execute(lines.order_by(t.audit.c.seq.desc())).first())
        assert (last.action, last.detail["state"], last.detail["case"]) == ("resource.state-set", "archived", case)
        mail = sa.select(t.message.c.person_id).where(t.message.c.subject == "The fence: archived")
        assert await world.store.read(lambda tx: tx.conn.execute(mail).scalars().all()) != []


async def test_a_member_who_leaves_loses_the_grant_and_has_it_again_on_coming_back() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        await moved(world, MIA, "active", "alumni")
        assert await grants(world, "mia") == set()
        await moved(world, MIA, "alumni", "active")
        assert await grants(world, "mia") == {Grant(role="member", scope="garden")}


async def test_nobody_authorises_what_is_about_themselves() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        await world.store.write(
            lambda tx: people.grant(tx, "x", "mia", Grant(role="coordinator", scope="garden"), "by-hand")
        )
        case = await asked(world, MIA, "active", "alumni")
        assert (await world.answer("mia", case, "authorisation", "approve")).refusal.code == "excluded"


async def test_a_change_that_the_rules_forbid_is_refused_before_anybody_is_asked() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        await moved(world, FENCE, "active", "hibernating")
        await owed(world, 40)
        case = await asked(world, FENCE, "hibernating", "archived")
        ended = await world.state(case, "refused")
        assert "owed 40" in ended["outcome"]["reason"]
        assert await state(world, FENCE) == "hibernating"


async def owed(world: World, amount: int) -> None:
    """Work of the garden that the faucet still owes."""
    case = "work-in-garden"

    def write(tx: Any) -> None:
        from placet.store import cases

        cases.create(tx, case, "proposal-work", "garden", "Work", "max", {"request": {}}, "max", {})
        tx.conn.execute(t.outbox.delete().where(t.outbox.c.case_id == case))
        row = {"id": case, "proposal_id": "p", "slot": "once", "number": 1, "state": "open", "owed": amount}
        tx.conn.execute(t.work.insert().values(row | {"created_at": tx.now}))

    await world.store.write(write)


async def test_what_changed_while_it_was_being_authorised_is_refused() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        case = await asked(world, FENCE, "active", "hibernating")
        await world.task(case, "authorisation")
        other = t.resource.update().where(t.resource.c.id == "fence").values(state="archived")
        await world.store.write(lambda tx: tx.conn.execute(other))
        await world.answer("cora", case, "authorisation", "approve")
        assert "archived by now" in (await world.state(case, "refused"))["outcome"]["reason"]
        assert await state(world, FENCE) == "archived"


async def test_of_two_changes_of_the_same_only_the_first_can_go_on() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        first = await asked(world, FENCE, "active", "hibernating")
        await world.task(first, "authorisation")
        second = await asked(world, FENCE, "active", "hibernating")
        assert first in (await world.state(second, "refused"))["outcome"]["reason"]


async def test_a_refusal_changes_nothing() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        case = await asked(world, MIA, "active", "alumni")
        await world.answer("cora", case, "authorisation", "refuse", "Stay")
        await world.state(case, "refused")
        assert (await state(world, MIA), await grants(world, "mia")) == (
            "active",
            {Grant(role="member", scope="garden")},
        )


async def test_a_step_that_fails_for_good_takes_the_change_back() -> None:
    def broken(ports: Any) -> Any:
        class Broken:
            def __getattr__(self, name: str) -> Any:
                return getattr(ports.membership, name)

            async def set_role(self, key: str, case_id: str, order: Any) -> Any:
                raise ApplicationError("the directory is gone", type="gone", non_retryable=True)

        return dataclasses.replace(ports, membership=Broken())

    async with scenario(CATALOGUE, settings=SETTINGS, ports=broken) as world:
        await staff(world)
        case = await asked(world, MIA, "active", "alumni")
        await world.answer("cora", case, "authorisation", "approve")
        await world.answer("cora", case, "attention-membership-set-role", "abandon")
        await world.state(case, "failed")
        assert await state(world, MIA) == "active"
        assert (await world.steps(case))["lifecycle.change/1"] == "compensated"


async def test_a_cancel_while_it_waits_for_authority_leaves_everything() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await staff(world)
        case = await asked(world, FENCE, "active", "hibernating")
        await world.task(case, "authorisation")
        await world.steer(course.cancel, "cora", case)
        await world.state(case, "cancelled")
        assert await state(world, FENCE) == "active"
