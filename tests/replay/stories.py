"""What `make record` plays: for each catalogue workflow, the ways it can go. A new workflow adds its function here."""

from collections.abc import Awaitable, Callable

from catalogue import test_compliance_case as compliance
from catalogue import test_credentials as credentials
from catalogue import test_governance as governance
from catalogue import test_lifecycle as lifecycle
from catalogue import test_onboarding as onboarding
from catalogue import test_partner_approval as partners
from catalogue import test_voting as voting
from catalogue.treasury import Treasury
from executor.desk import somebody
from placet.store import course
from placet.testing import World

WISH = {"commission_percent": "15", "term_months": 12}
AGAIN = {"documents": [{"name": "address", "reason": "Too old."}]}


async def partner_approvals(world: World) -> None:
    await partners.staff(world)
    for end in ("accept", "decline", "refuse", "cancel", "silence"):
        request = partners.ACME | {"partner_id": f"acme-{end}"}
        case_id = await world.start("partner-approval", request, "ann", scope="deals")
        if end == "refuse":
            await world.answer("max", case_id, "manager-approval", "refuse", "no")
            await world.ended(case_id)
            continue
        await world.answer("max", case_id, "manager-approval", "approve")
        await world.answer("lea", case_id, "legal-review", "approve")
        await world.task(case_id, "negotiation")
        if end == "accept":
            await world.answer(partners.PARTNER, case_id, "negotiation", "counter", data=WISH)
            await world.answer("lea", case_id, "legal-review", "approve")
            await world.answer(partners.PARTNER, case_id, "negotiation", "accept")
            await world.answer("eve", case_id, "executive-approval", "approve")
        elif end == "decline":
            await world.answer(partners.PARTNER, case_id, "negotiation", "decline", "no")
        elif end == "cancel":
            await world.steer(course.pause, "cora", case_id)
            await world.steer(course.resume, "cora", case_id)
            await world.steer(course.cancel, "cora", case_id)
        await world.ended(case_id)


async def compliance_cases(world: World) -> None:
    await compliance.staff(world)
    for end in ("approve", "reject", "again", "silence", "cancel"):
        case_id = await world.start("compliance-case", compliance.NOOR, "ann")
        await world.task(case_id, "documents")
        if end != "silence":
            await compliance.submit(world, case_id, "identity", "address")
            await world.task(case_id, "officer-decision")
        if end == "again":
            await world.answer("olga", case_id, "officer-decision", "request_documents", data=AGAIN)
            await compliance.submit(world, case_id, "address", round=2)
            await world.answer("otto", case_id, "officer-decision", "approve")
        elif end == "cancel":
            await world.steer(course.cancel, "cora", case_id)
        elif end in ("approve", "reject"):
            await world.answer("olga", case_id, "officer-decision", end, "because")
        await world.ended(case_id)


async def proposals(world: World) -> None:
    await voting.electorate(world)
    await voting.deposit(world, 40)
    for end in ("approve", "deny", "silence", "cancel", "unfunded"):
        case_id = await world.start("proposal", voting.proposed(), "prue")
        await world.state(case_id, "waiting")
        if end == "cancel":
            await world.steer(course.cancel, "cora", case_id)
        elif end != "silence":
            choice = "deny" if end == "deny" else "approve"
            for number in range(6 if end != "deny" else 5):
                await voting.vote(world, case_id, f"v{number}", choice)
        await world.ended(case_id)


async def deletions(world: World) -> None:
    await voting.electorate(world)
    for end in ("approve", "deny", "silence"):
        request = {"target_kind": "workflow", "target_id": "gone", "title": "Gone"}
        case_id = await world.start("deletion-proposal", request, "prue")
        await world.state(case_id, "waiting")
        if end != "silence":
            for number in range(6):
                await voting.vote(world, case_id, f"v{number}", end)
        await world.ended(case_id)


async def carried_out(world: World) -> None:
    await voting.electorate(world)
    await voting.deposit(world, 80)
    proposed = [await voting.approved(world) for _ in range(2)]
    done, cancelled = (f"{proposal}-work-1" for proposal in proposed)
    world.started[:] = [done, cancelled]
    name = "step-1-paint-the-fence"
    await world.answer("wim", done, name, "submit", data={"evidence": "photo"})
    await world.answer("cora", done, f"verify-{name}", "return", "again")
    await voting.do_step(world, done)
    await world.ended(done)
    await world.task(cancelled, name)
    await world.steer(course.cancel, "cora", cancelled)
    await world.ended(cancelled)


async def issuances(world: World) -> None:
    await credentials.staff(world)
    for end in ("refuse", "silence", "cancel", "approve"):
        case_id = await credentials.requested(world)
        await world.task(case_id, "badge-approval")
        if end == "cancel":
            await world.steer(course.cancel, "cora", case_id)
        elif end != "silence":
            await world.answer("cora", case_id, "badge-approval", end, "because")
        await world.ended(case_id)


async def revocations(world: World) -> None:
    await credentials.staff(world)
    row = await credentials.issued(world)
    world.started.clear()
    for end in ("refuse", "silence", "approve"):
        case_id = await credentials.revocation(world, row)
        await world.task(case_id, "revocation-approval")
        if end != "silence":
            await world.answer("carl", case_id, "revocation-approval", end, "because")
        await world.ended(case_id)


async def onboardings(world: World) -> None:
    await onboarding.staff(world)
    ends = ("introduced", "not-suited", "refuse", "decline", "silence", "cancel")
    for end in ends:
        request = onboarding.NEW | {"person_id": f"nia-{end}"}
        case_id = await world.start("member-onboarding", request, "mia", scope="garden")
        await world.answer(onboarding.APPLICANT, case_id, "confirm-your-application", _one(end, "decline", "confirm"))
        if end == "decline":
            await world.ended(case_id)
            continue
        await world.answer("cora", case_id, "identity-verification", _one(end, "refuse", "approve"), "because")
        if end != "refuse":
            await world.task(case_id, "introduction")
        if end in ("introduced", "not-suited"):
            await world.answer("cora", case_id, "introduction", end, "because")
        elif end == "cancel":
            await world.steer(course.pause, "cora", case_id)
            await world.steer(course.resume, "cora", case_id)
            await world.steer(course.cancel, "cora", case_id)
        await world.ended(case_id)
    # By rule, with nobody and with somebody on the list.
    policy = {"identity": "automated", "introduction": "automated"}
    world.settings = world.settings.model_copy(update={"policy": {"member-onboarding": policy}})
    for request in (onboarding.NEW, onboarding.LISTED | {"person_id": "listed"}):
        case_id = await world.start("member-onboarding", request, "mia", scope="garden")
        await world.answer(onboarding.APPLICANT, case_id, "confirm-your-application", "confirm")
        if request is not onboarding.NEW:
            await world.answer("cora", case_id, "identity-verification", "approve")
        await world.ended(case_id)


def _one(end: str, when: str, otherwise: str) -> str:
    return when if end == when else otherwise


async def governance_proposals(world: World) -> None:
    await voting.electorate(world)
    for end in ("approve", "stale", "deny", "silence", "withdraw", "cancel"):
        action = governance.POLICY | {"base_version": 5} if end == "stale" else governance.GRANT
        case_id = await governance.proposed(world, action)
        if end == "withdraw":
            await world.answer("prue", case_id, "discussion", "withdraw")
        elif end == "cancel":
            await world.steer(course.cancel, "cora", case_id)
        elif end != "silence":
            await governance.opened(world, case_id)
            await governance.decided(world, case_id, _one(end, "deny", "approve"))
        if end in ("approve", "stale"):
            await world.state(case_id, "completed")
        await world.ended(case_id)


async def executions(world: World) -> None:
    await voting.electorate(world)
    children = []
    for action in (governance.GRANT, governance.GRANT, governance.POLICY, governance.POLICY):
        case_id = await governance.approved(world, action)
        await world.state(case_id, "completed")
        children.append(f"{case_id}-execution-1")
    world.started[:] = children


async def transitions(world: World) -> None:
    await lifecycle.staff(world)
    fence, mia = lifecycle.FENCE, lifecycle.MIA
    await lifecycle.moved(world, fence, "active", "hibernating")
    await lifecycle.moved(world, fence, "hibernating", "archived", by="kofi")
    await lifecycle.moved(world, mia, "active", "alumni")
    await lifecycle.moved(world, mia, "alumni", "active")
    for end in ("refuse", "silence", "cancel", "moved"):
        was, becomes = ("active", "hibernating") if end == "moved" else ("active", "alumni")
        case_id = await lifecycle.asked(world, fence if end == "moved" else mia, was, becomes)
        if end == "refuse":
            await world.answer("cora", case_id, "authorisation", "refuse", "Stay")
        elif end == "cancel":
            await world.task(case_id, "authorisation")
            await world.steer(course.cancel, "cora", case_id)
        await world.ended(case_id)


async def disbursements(at: Treasury) -> None:
    world = at.world
    await voting.electorate(world)
    for end in ("paid", "refused", "silence", "cancel", "retried", "given up"):
        balance = 0 if end in ("retried", "given up") else 10**18
        at.chain.give(at.desk.account, balance)
        case_id = await at.start(somebody())
        if end == "refused":
            await at.refuse(case_id, "kofi", "koji")
        elif end == "cancel":
            await at.sign(case_id, "kofi")
            await world.steer(course.pause, "cora", case_id)
            await world.steer(course.resume, "cora", case_id)
            await world.steer(course.cancel, "cora", case_id)
        elif end != "silence":
            await at.sign(case_id, "kofi", "koji")
        if not balance:
            await world.task(case_id, "attention-treasury-pay")
            at.chain.give(at.desk.account)
            await world.answer("cora", case_id, "attention-treasury-pay", "retry" if end == "retried" else "abandon")
        await world.ended(case_id)
    # And one that the voters have approved: the execution, and its payment.
    proposal = await governance.approved(world, governance.TRANSFER | {"to": somebody()})
    payment = f"{proposal}-execution-1-treasury-disbursement-1"
    await at.sign(payment, "kaia", "koji")
    await world.state(proposal, "completed")
    world.started += [f"{proposal}-execution-1", payment]


STORIES: dict[str, Callable[[World], Awaitable[None]]] = {
    "partner-approval": partner_approvals,
    "compliance-case": compliance_cases,
    "proposal": proposals,
    "deletion-proposal": deletions,
    "proposal-work": carried_out,
    "credential-issuance": issuances,
    "credential-revocation": revocations,
    "member-onboarding": onboardings,
    "governance-proposal": governance_proposals,
    "decision-execution": executions,
    "lifecycle-transition": transitions,
}

PAID: dict[str, Callable[[Treasury], Awaitable[None]]] = {"treasury-disbursement": disbursements}
"""Those that need a treasury."""
