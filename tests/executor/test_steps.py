"""Money as steps of a case, on a real Temporal server: reset, forged from outside, and without a treasury."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from executor import council
from executor.anvil import Anvil
from executor.desk import Desk, desk, somebody
from executor.ledger import judge
from executor.test_service import open_door
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.domain.intent import Intent
from placet.domain.step import Step
from placet.durable.workflow import entry_of
from placet.executor.keys import LocalKey
from placet.runtime.wiring import Ports
from placet.store import tables as t
from placet.testing import TASK_QUEUE, World, scenario
from samples.transfer import Transfer

pytestmark = pytest.mark.server
DEPTH = 3


@contextlib.asynccontextmanager
async def office(chain: Anvil, folder: Path, key: LocalKey) -> AsyncIterator[tuple[World, Desk]]:
    """A world with people, a worker, and an executor behind its socket; both know one database."""
    url = f"sqlite:///{folder}/placet.db"
    path = folder / "s"
    with_treasury: Callable[[Ports], Ports] = lambda ports: replace(ports, treasury=ExecutorClient(path))  # noqa: E731
    async with (
        scenario([entry_of(Transfer)], real_server=True, database_url=url, ports=with_treasury) as world,
        desk(chain, folder, key=key, confirmations=DEPTH) as at,
        open_door(at, path),
    ):
        await world.hire("ann", "member")
        await world.hire("cleo", "council")
        await world.hire("cora", "coordinator")
        yield world, at


async def until_shown(world: World, case_id: str) -> Intent:
    """The intent that the council sees."""
    task = await world.task(case_id, "council")
    query = sa.select(t.decision.c.subject).where(t.decision.c.id == task)
    return Intent.model_validate(await world.store.read(lambda tx: tx.conn.execute(query).scalar_one()))


async def signed_by_council(world: World, at: Desk, case_id: str) -> Intent:
    intent = await until_shown(world, case_id)
    council.close(at.store, intent, name="council-signs")
    return intent


async def test_a_case_pays_and_waits_for_the_receipt_at_its_final_depth(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    async with office(chain, tmp_path, key) as (world, at):
        case_id = await world.start("transfer", {"to": somebody(), "amount": "1000"}, "ann")
        intent = await signed_by_council(world, at, case_id)
        await world.answer("cleo", case_id, "council", "approve")
        await world.until("the payment", lambda: _mined(chain, intent))
        assert (await world.case(case_id))["is_open"], "it did not wait for the depth"
        chain.mine(DEPTH)
        outcome = (await world.ended(case_id))["outcome"]
        assert outcome["receipt"]["status"] == "confirmed" and outcome["receipt"]["confirmations"] == DEPTH
        assert chain.rpc("eth_getTransactionReceipt", outcome["receipt"]["tx_hash"])["status"] == "0x1"
        assert at.judged([intent]) == (1, 0, 0)


async def test_an_operators_reset_pays_nothing_twice(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    async with office(chain, tmp_path, key) as (world, at):
        case_id = await world.start("transfer", {"to": somebody(), "amount": "1000"}, "ann")
        intent = await signed_by_council(world, at, case_id)
        await world.answer("cleo", case_id, "council", "approve")
        await world.until("the payment", lambda: _mined(chain, intent))
        # As if the database had gone back, too: it knows nothing of the payment.
        step = t.step.c
        forget = t.step.delete().where(step.case_id == case_id, step.name.startswith("treasury.pay"))
        await world.store.write(lambda tx: tx.conn.execute(forget))
        history = await world.history(case_id)
        first = next(one for one in history.events if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        await world.env.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=world.env.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=case_id, run_id=history.run_id),
                workflow_task_finish_event_id=first.event_id,
                request_id="once",
                reason="a test",
            )
        )
        chain.mine(DEPTH)
        assert (await world.ended(case_id))["state"] == "completed"
        assert (await world.steps(case_id))["treasury.pay/1"] == "done"
        judge("An operator resets the workflow after the payment", 1, 1, at.judged([intent]))


@workflow.defn(name="rogue")
class Rogue:
    """Somebody with access to Temporal schedules our own activity for a decision of theirs."""

    @workflow.run
    async def run(self, case_id: str, decision: str) -> Any:
        return await workflow.execute_activity(
            "treasury.pay",
            args=[Step(case_id=case_id, name="treasury.pay", ordinal=1, final=True), decision],
            task_queue=TASK_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


async def test_approvals_forged_straight_to_temporal_move_no_money(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    async with office(chain, tmp_path, key) as (world, at):
        case_id = await world.start("transfer", {"to": somebody(), "amount": "1000"}, "ann")
        intent = await until_shown(world, case_id)
        forged = {"outcome": "approved", "person": "cleo", "approvals": ["cleo", "ann"], "intent": intent.hash}
        for name in ("approve", "council", "treasury.pay", "wake"):
            await world.handle(case_id).signal(name, forged)
        unsigned = council.close(at.store, intent, name="forged", approvals=[])
        own = world.env.client
        # Without our own settings of a worker, and with our form of data.
        client = await Client.connect(
            own.service_client.config.target_host, namespace=own.namespace, data_converter=pydantic_data_converter
        )
        tried = 0
        async with Worker(client, task_queue="rogue", workflows=[Rogue], workflow_runner=UnsandboxedWorkflowRunner()):
            for decision in (f"{case_id}.council.1", unsigned, f"{case_id}.council-signs.1", "nothing"):
                with pytest.raises(WorkflowFailureError):
                    await client.execute_workflow(
                        Rogue.run, args=[case_id, decision], id=f"rogue-{decision}", task_queue="rogue"
                    )
                tried += 1
        assert at.journal.next_nonce == 0
        assert (await world.case(case_id))["final_step"] is None
        assert {"pay", "prepare"} - {name.split("/")[0].split(".")[1] for name in await world.steps(case_id)} == {"pay"}
        judge("Approvals forged straight to Temporal", tried + 4, 0, at.judged([intent]))


async def test_without_a_treasury_the_case_says_so_at_once() -> None:
    async with scenario([entry_of(Transfer)]) as world:
        await world.hire("cora", "coordinator")
        await world.hire("ann", "member")
        case_id = await world.start("transfer", {"to": somebody(), "amount": "1000"}, "ann")
        task = await world.task(case_id, "attention-treasury-prepare")
        query = sa.select(t.decision.c.rules).where(t.decision.c.id == task)
        rules = await world.store.read(lambda tx: tx.conn.execute(query).scalar_one())
        assert "There is no treasury here" in rules["instructions"]
        await world.answer("cora", case_id, "attention-treasury-prepare", "abandon")
        assert (await world.ended(case_id))["state"] == "failed"


async def _mined(chain: Anvil, intent: Intent) -> bool:
    return chain.received()[intent.to.lower()] == 1
