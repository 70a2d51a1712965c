"""Members taken in, by people or by rule, and what is taken back when it ends early."""

import dataclasses
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from temporalio.exceptions import ApplicationError

from placet.catalogue.registry import CATALOGUE
from placet.domain.people import Grant
from placet.runtime.settings import Settings
from placet.store import course, people
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.testing import QUICK, World, scenario

NEW = {"person_id": "nia", "name": "Nia Newcomer", "email": "nia@new.example", "statement": "I like gardens."}
# On the built-in sample list.
LISTED = {**NEW, "name": "Viktor Morozenko", "birth_date": "1961-04-17"}
APPLICANT = "ext:nia@new.example"


def settings(**policy: Any) -> Settings:
    return Settings(patience=QUICK, policy={"member-onboarding": policy})


AUTOMATED = settings(identity="automated", introduction="automated")


async def staff(world: World) -> None:
    for person, *grants in (
        ("mia", "member@garden"),
        ("cora", "coordinator@garden"),
        ("kofi", "council"),
        ("adam", "admin"),
    ):
        await world.hire(person, *grants)


async def applied(world: World, request: dict[str, Any] = NEW) -> str:
    case = await world.start("member-onboarding", request, "mia", scope="garden")
    await world.answer(APPLICANT, case, "confirm-your-application", "confirm")
    return case


async def member(world: World, person: str = "nia") -> tuple[bool, set[Grant]]:
    found = await world.store.read(lambda tx: people.find(tx, person))
    return (found.active, set(found.grants)) if found else (False, set())


async def mails(world: World, part: str) -> list[str]:
    query = sa.select(t.message.c.email).where(t.message.c.subject.contains(part)).order_by(t.message.c.id)
    return await world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))


def role(name: str) -> Grant:
    return Grant(role=name, scope="garden")


async def test_people_verify_and_introduce_and_a_member_is_active() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.answer("cora", case, "identity-verification", "approve")
        await world.task(case, "introduction")
        assert await member(world) == (True, {role("provisional-member")})
        assert await mails(world, "Welcome") == ["nia@new.example"]
        await world.answer("cora", case, "introduction", "introduced")
        ended = await world.state(case, "completed")
        told = {"status": "active", "person_id": "nia", "identity": "human", "introduction": "human"}
        assert ended["outcome"] == told
        assert await member(world) == (True, {role("member")})


async def test_rules_verify_and_introduce_when_the_policy_says_so() -> None:
    async with scenario(CATALOGUE, settings=AUTOMATED) as world:
        await staff(world)
        case = await applied(world)
        ended = await world.state(case, "completed")
        assert (ended["outcome"]["identity"], ended["outcome"]["introduction"]) == ("automated", "automated")
        assert await mails(world, "Your coordinator in garden") == ["nia@new.example"]
        assert await mails(world, "A new member of garden") == ["cora@example.org"]


async def test_what_screening_finds_is_put_to_people() -> None:
    async with scenario(CATALOGUE, settings=AUTOMATED) as world:
        await staff(world)
        case = await applied(world, LISTED)
        await world.answer("cora", case, "identity-verification", "refuse", "It is they")
        assert (await world.state(case, "refused"))["is_open"] is False
        assert await member(world) == (False, set())


async def test_a_coordinator_who_keeps_silent_is_escalated_over() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.task(case, "identity-verification")
        assert isinstance(await world.answer("kofi", case, "identity-verification", "approve"), NotCounted)
        await world.skip(timedelta(days=3, minutes=1))

        async def told() -> bool:
            return "kofi@example.org" in await mails(world, "Identity verification")

        await world.until("a mail to the council", told)
        await world.answer("kofi", case, "identity-verification", "approve")
        await world.task(case, "introduction")


async def test_silence_to_the_end_takes_everything_back() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.answer("cora", case, "identity-verification", "approve")
        await world.task(case, "introduction")
        assert (await world.ended(case))["state"] == "refused"
        assert await member(world) == (False, set())
        steps = await world.steps(case)
        assert steps["membership.enter/1"] == steps["membership.set-role/1"] == steps["mail.send/1"] == "compensated"


async def test_an_applicant_who_did_not_apply_ends_it_before_anything_is_done() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await world.start("member-onboarding", NEW, "mia", scope="garden")
        await world.answer(APPLICANT, case, "confirm-your-application", "decline")
        await world.state(case, "refused")
        assert await world.steps(case) == {}


async def test_a_paused_onboarding_goes_on_where_it_was() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.answer("cora", case, "identity-verification", "approve")
        task = await world.task(case, "introduction")
        await world.steer(course.pause, "cora", case)
        due = sa.select(t.decision.c.due_at).where(t.decision.c.id == task)
        before = await world.store.read(lambda tx: tx.conn.execute(due).scalar_one())
        await world.skip(timedelta(days=40))
        assert await member(world) == (True, {role("provisional-member")})
        await world.steer(course.resume, "cora", case)
        assert await world.store.read(lambda tx: tx.conn.execute(due).scalar_one()) - before >= timedelta(days=40)
        await world.answer("cora", case, "introduction", "introduced")
        await world.state(case, "completed")


async def test_a_cancelled_onboarding_is_taken_back() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.answer("cora", case, "identity-verification", "approve")
        await world.task(case, "introduction")
        await world.steer(course.cancel, "cora", case)
        await world.state(case, "cancelled")
        assert await member(world) == (False, set())


async def test_an_id_that_was_taken_meanwhile_is_put_to_coordinators() -> None:
    async with scenario(CATALOGUE, settings=settings()) as world:
        await staff(world)
        case = await applied(world)
        await world.task(case, "identity-verification")
        await world.hire("nia", "member@other")
        await world.answer("cora", case, "identity-verification", "approve")
        await world.answer("cora", case, "attention-membership-enter", "abandon")
        await world.state(case, "failed")
        assert await member(world) == (True, {Grant(role="member", scope="other")})


async def test_an_undo_that_fails_is_put_to_people_and_the_others_still_run() -> None:
    def stuck(ports: Any) -> Any:
        class Stuck:
            def __getattr__(self, name: str) -> Any:
                return getattr(ports.membership, name)

            async def leave(self, key: str, case_id: str, member: Any) -> None:
                raise ApplicationError("the directory is gone", type="gone", non_retryable=True)

        return dataclasses.replace(ports, membership=Stuck())

    async with scenario(CATALOGUE, settings=settings(), ports=stuck) as world:
        await staff(world)
        case = await applied(world)
        await world.answer("cora", case, "identity-verification", "approve")
        await world.task(case, "introduction")
        await world.steer(course.cancel, "cora", case)
        await world.answer("cora", case, "attention-membership-leave", "handled")
        await world.state(case, "cancelled")
        assert await member(world) == (True, set())
