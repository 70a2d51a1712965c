"""The partner registry: each change once, each change taken back at most once."""

import asyncio

import pytest
from sqlalchemy import func, select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from placet.connectors.crm.port import (
    CrmActivities,
    CrmRefused,
    Partner,
    PartnerStatus,
    Restoration,
    StatusChange,
    StatusChanged,
)
from placet.connectors.crm.registry import PartnerRegistry
from placet.domain.step import Step
from placet.store.engine import Store
from placet.store.tables import crm_change

PROSPECT, IN_APPROVAL, ACTIVE, DECLINED = PartnerStatus


def to(status: PartnerStatus, partner_id: str = "p-1", email: str = "office@rossi.example") -> StatusChange:
    return StatusChange(partner_id=partner_id, name="Rossi S.p.A.", email=email, status=status)


@pytest.fixture
def crm(store: Store) -> PartnerRegistry:
    return PartnerRegistry(store)


async def status(crm: PartnerRegistry, partner_id: str = "p-1") -> PartnerStatus | None:
    partner = await crm.get(partner_id)
    return None if partner is None else partner.status


async def test_a_partner_not_yet_known_is_entered(crm: PartnerRegistry) -> None:
    assert await crm.get("p-1") is None
    assert await crm.set_status("c/enter/1", to(PROSPECT)) is None
    assert await crm.get("p-1") == Partner(id="p-1", name="Rossi S.p.A.", email="office@rossi.example", status=PROSPECT)


async def test_a_change_answers_the_status_before_and_keeps_an_address_it_does_not_name(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    assert await crm.set_status("b", to(IN_APPROVAL, email="")) is PROSPECT
    partner = await crm.get("p-1")
    assert partner is not None and (partner.status, partner.email) == (IN_APPROVAL, "office@rossi.example")


async def test_a_repeated_change_answers_the_same_and_changes_nothing(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    await crm.set_status("b", to(IN_APPROVAL))
    await crm.set_status("c", to(ACTIVE))
    assert await crm.set_status("b", to(IN_APPROVAL)) is PROSPECT
    assert await status(crm) is ACTIVE


async def test_the_same_change_ten_times_at_once_happens_once(crm: PartnerRegistry, store: Store) -> None:
    await crm.set_status("a", to(PROSPECT))
    answers = await asyncio.gather(*(crm.set_status("b", to(IN_APPROVAL)) for _ in range(10)))
    assert answers == [PROSPECT] * 10
    count = await store.read(lambda tx: tx.conn.execute(select(func.count()).select_from(crm_change)).scalar_one())
    assert count == 2


async def test_restoring_gives_the_earlier_status_back_once(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    await crm.set_status("b", to(IN_APPROVAL))
    assert await crm.restore("b", to(IN_APPROVAL)) is Restoration.RESTORED
    assert await status(crm) is PROSPECT
    await crm.set_status("c", to(IN_APPROVAL))
    assert await crm.restore("b", to(IN_APPROVAL)) is Restoration.ALREADY_UNDONE
    assert await status(crm) is IN_APPROVAL


async def test_a_chain_of_changes_is_restored_in_reverse_order(crm: PartnerRegistry) -> None:
    for key, change in (("a", to(PROSPECT)), ("b", to(IN_APPROVAL)), ("c", to(ACTIVE))):
        await crm.set_status(key, change)
    assert [await crm.restore(key, change) for key, change in (("c", to(ACTIVE)), ("b", to(IN_APPROVAL)))] == [
        Restoration.RESTORED,
        Restoration.RESTORED,
    ]
    assert await status(crm) is PROSPECT


async def test_restoring_leaves_a_partner_alone_that_was_changed_since(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    await crm.set_status("b", to(IN_APPROVAL))
    await crm.set_status("other-case", to(DECLINED))
    assert await crm.restore("b", to(IN_APPROVAL)) is Restoration.SUPERSEDED
    assert await status(crm) is DECLINED


async def test_restoring_leaves_alone_what_another_change_has_set_to_the_same_status(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    await crm.set_status("b", to(IN_APPROVAL))
    await crm.set_status("other-case", to(IN_APPROVAL))
    assert await crm.restore("b", to(IN_APPROVAL)) is Restoration.SUPERSEDED
    assert await status(crm) is IN_APPROVAL


async def test_restoring_the_change_that_entered_a_partner_removes_it(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(IN_APPROVAL))
    await crm.set_status("x", to(ACTIVE, partner_id="p-2"))
    assert await crm.restore("a", to(IN_APPROVAL)) is Restoration.RESTORED
    assert await crm.get("p-1") is None
    assert await status(crm, "p-2") is ACTIVE


async def test_a_change_that_arrives_after_its_undo_is_refused(crm: PartnerRegistry) -> None:
    assert await crm.restore("late", to(ACTIVE)) is Restoration.PREVENTED
    with pytest.raises(CrmRefused) as refused:
        await crm.set_status("late", to(ACTIVE))
    assert refused.value.code == "change-undone"
    assert await crm.get("p-1") is None


async def test_a_key_used_for_another_change_is_refused(crm: PartnerRegistry) -> None:
    await crm.set_status("a", to(PROSPECT))
    for other in (to(ACTIVE), to(PROSPECT, partner_id="p-2")):
        with pytest.raises(CrmRefused) as refused:
            await crm.set_status("a", other)
        assert refused.value.code == "change-key-reused"


async def test_the_undo_step_takes_back_the_step_it_names(crm: PartnerRegistry) -> None:
    activities, environment = CrmActivities(crm), ActivityEnvironment()
    await crm.set_status("a", to(PROSPECT))
    step = Step(case_id="case-1", name="crm.set-status")
    changed: StatusChanged = await environment.run(activities.set_status, step, to(ACTIVE))
    assert (changed.previous, changed.status) == (PROSPECT, ACTIVE)
    undo = Step(case_id="case-1", name="crm.restore-status", undoes="crm.set-status")
    await environment.run(activities.restore_status, undo, to(ACTIVE))
    assert await status(crm) is PROSPECT
    with pytest.raises(ApplicationError) as error:
        await environment.run(activities.set_status, step, to(ACTIVE))
    assert (error.value.type, error.value.non_retryable) == ("change-undone", True)
