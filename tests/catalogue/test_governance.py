"""A governance proposal from its discussion to the act that its voters approved."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalogue.test_voting import electorate, proposal, vote
from catalogue.treasury import Treasury, treasury
from executor.desk import somebody
from placet.catalogue.registry import CATALOGUE
from placet.domain.people import Grant
from placet.domain.policy import PolicyOrder
from placet.domain.recount import recount
from placet.runtime.settings import Settings
from placet.store import ballot_export, course, people, policies
from placet.store import tables as t
from placet.testing import QUICK, World, scenario

SETTINGS = Settings(patience=QUICK)
GRANT = {"kind": "role-change", "person": "wim", "role": "coordinator", "scope": "general", "change": "grant"}
POLICY = {"kind": "policy-update", "policy": "voting", "values": {"expiry": "7d"}, "base_version": 0}
TRANSFER = {"kind": "treasury-transfer", "to": f"0x{'1' * 40}", "amount": "1000", "memo": "Roof"}
VOTERS = [f"v{number}" for number in range(10)]


async def proposed(world: World, action: dict[str, Any]) -> str:
    case = await world.start("governance-proposal", {"title": "An act", "action": action}, "prue")
    await world.task(case, "discussion")
    return case


async def opened(world: World, case: str) -> None:
    """Let the discussion pass, and wait for the ballot."""
    await world.skip(timedelta(days=3, seconds=1))
    query = sa.select(t.decision.c.id).where(t.decision.c.id == f"{case}.vote.1")
    await world.until("the ballot", lambda: world.store.read(lambda tx: tx.conn.execute(query).scalar_one_or_none()))


async def decided(world: World, case: str, choice: str = "approve") -> None:
    for voter in VOTERS[:6]:
        await vote(world, case, voter, choice)


async def approved(world: World, action: dict[str, Any]) -> str:
    case = await proposed(world, action)
    await opened(world, case)
    await decided(world, case)
    return case


async def grants(world: World, person: str) -> set[Grant]:
    found = await world.store.read(lambda tx: people.find(tx, person))
    return set(found.grants)


async def test_an_approved_role_change_is_carried_out_by_a_case_of_its_own() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await approved(world, GRANT)
        ended = await world.state(case, "completed")
        assert ended["outcome"] == {"status": "approved", "execution": "done", "reason": ""}
        child = f"{case}-execution-1"
        world.started.append(child)
        assert (await world.case(child))["parent_id"] == case
        assert await world.steps(child) == {"membership.set-role/1": "done"}
        assert Grant(role="coordinator", scope="general") in await grants(world, "wim")
        assert (await proposal(world, case))["status"] == "approved"


async def test_a_vote_of_a_discussed_proposal_can_be_counted_again_from_its_export() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await approved(world, GRANT)
        await world.state(case, "completed")
        lines = ballot_export.export(world.store.read_now, f"{case}.vote.1")
        found = recount(json.loads(json.dumps(list(lines))), f"{case}.vote.1")
        assert found.ok, found.problems
        assert (found.approve, found.deny, found.state) == (6, 0, "closed")


async def test_what_was_done_already_by_the_time_of_its_execution_is_moot() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await proposed(world, GRANT)
        await opened(world, case)
        given = Grant(role="coordinator", scope="general")
        await world.store.write(lambda tx: people.grant(tx, "adam", "wim", given, "by-hand"))
        await decided(world, case)
        assert (await world.state(case, "completed"))["outcome"]["execution"] == "moot"


async def test_a_change_that_must_not_be_is_refused_where_everybody_sees_it() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await approved(world, GRANT | {"person": "adam", "role": "admin", "scope": "*", "change": "revoke"})
        ended = await world.state(case, "completed")
        assert ended["outcome"]["execution"] == "refused"
        assert "must remain administrator" in ended["outcome"]["reason"]
        assert Grant(role="admin", scope="*") in await grants(world, "adam")


async def test_an_approved_policy_holds_for_cases_that_open_after_it() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await approved(world, POLICY)
        assert (await world.state(case, "completed"))["outcome"]["execution"] == "done"
        assert await world.store.read(lambda tx: policies.newest(tx, "voting")) == (1, {"expiry": "7d"})
        assert (await world.case(case))["opening"]["policy"]["expiry"] == "14d"


async def test_a_policy_that_has_changed_since_it_was_voted_on_is_refused() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await proposed(world, POLICY)
        await opened(world, case)
        other = PolicyOrder(policy="voting", values={"expiry": "30d"}, base_version=0)
        await world.store.write(lambda tx: policies.put(tx, other, lambda _, values: dict(values), "adam", None, None))
        await decided(world, case)
        ended = await world.state(case, "completed")
        assert ended["outcome"]["execution"] == "refused"
        assert "Version 1 is in force by now" in ended["outcome"]["reason"]
        assert await world.store.read(lambda tx: policies.newest(tx, "voting")) == (1, {"expiry": "30d"})


async def to_the_council(at: Treasury, to: str) -> tuple[str, str]:
    """A transfer that the voters have approved: the proposal, and the payment that waits for the council."""
    await electorate(at.world)
    case = await approved(at.world, TRANSFER | {"to": to})
    payment = f"{case}-execution-1-treasury-disbursement-1"
    await at.rules(payment)
    return case, payment


async def test_an_approved_transfer_is_paid_by_a_child_of_the_execution(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        to = somebody()
        case, payment = await to_the_council(at, to)
        await at.sign(payment, "kofi", "koji")
        ended = await at.world.state(case, "completed")
        assert ended["outcome"] == {"status": "approved", "execution": "done", "reason": f"Paid by {payment}."}
        paid = await at.world.case(payment)
        assert (paid["requester"], paid["state"], paid["outcome"]["receipt"]["status"]) == (
            "prue",
            "completed",
            "confirmed",
        )
        assert (at.chain.balance(to), at.paid(to)) == (1000, 1)
        at.world.started += [f"{case}-execution-1", payment]


async def test_a_transfer_that_the_council_refuses_ends_as_refused(tmp_path: Path) -> None:
    async with treasury(tmp_path) as at:
        to = somebody()
        case, payment = await to_the_council(at, to)
        await at.refuse(payment, "kofi", "koji")
        ended = await at.world.state(case, "completed")
        assert ended["outcome"]["execution"] == "refused"
        assert "too much" in ended["outcome"]["reason"]
        assert at.paid(to) == 0


async def test_its_proposer_can_withdraw_it_while_it_is_discussed_and_nobody_can_shorten_that() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await proposed(world, GRANT)
        early = await world.answer("prue", case, "discussion", "vote")
        assert early.refusal.code == "unknown-outcome"
        assert (await world.answer("v0", case, "discussion", "withdraw")).refusal.code == "not-asked"
        await world.answer("prue", case, "discussion", "withdraw", "Not yet")
        ended = await world.state(case, "completed")
        assert ended["outcome"] == {"status": "withdrawn", "execution": "none", "reason": "Not yet"}
        assert (await proposal(world, case))["status"] == "withdrawn"


async def test_what_the_voters_reject_or_leave_is_not_carried_out() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        rejected, left = [await proposed(world, GRANT) for _ in range(2)]
        await opened(world, rejected)
        await decided(world, rejected, "deny")
        assert (await world.ended(rejected))["outcome"]["status"] == "rejected"
        assert (await world.ended(left))["outcome"]["status"] == "expired"
        assert Grant(role="coordinator", scope="general") not in await grants(world, "wim")


async def test_a_step_of_the_execution_that_fails_for_good_is_put_to_coordinators_and_taken_back() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS, ports=_broken_membership) as world:
        await electorate(world)
        case = await approved(world, GRANT)
        child = f"{case}-execution-1"
        await world.answer("cora", child, "attention-membership-set-role", "abandon")
        assert (await world.state(case, "completed"))["outcome"]["execution"] == "failed"
        assert (await world.case(child))["state"] == "failed"
        assert Grant(role="coordinator", scope="general") not in await grants(world, "wim")


async def test_cancelling_it_during_the_execution_takes_the_payment_along(tmp_path: Path) -> None:
    async with treasury(tmp_path) as at:
        to = somebody()
        case, payment = await to_the_council(at, to)
        await at.sign(payment, "kofi")
        await at.world.steer(course.cancel, "cora", case)
        await at.world.state(case, "cancelled")
        assert (await at.world.case(payment))["state"] == "cancelled"
        assert at.paid(to) == 0


def _broken_membership(ports: Any) -> Any:
    import dataclasses

    class Broken:
        async def set_role(self, key: str, case_id: str, order: Any) -> Any:
            from temporalio.exceptions import ApplicationError

            raise ApplicationError("the directory is gone", type="gone", non_retryable=True)

        async def restore_role(self, key: str, case_id: str, order: Any) -> None:
            await ports.membership.restore_role(key, case_id, order)

    return dataclasses.replace(ports, membership=Broken())
