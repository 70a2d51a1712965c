"""kill -9 of the executor at each named point, and at any time while thirty payments run."""

import asyncio
import itertools
import random
from pathlib import Path

from executor import council
from executor.anvil import CHAIN_ID, Anvil
from executor.desk import somebody
from executor.ledger import ROUNDS, judge
from executor.process import PATIENCE_SECONDS, Executor, executor
from placet.connectors.treasury.port import TreasuryUnavailable
from placet.domain.intent import Intent

POINTS = (
    "payment-reserved",
    "payment-signed",
    "payment-sending",
    "payment-sent-unrecorded",
    "payment-sent",
    "payment-deep",
    "payment-confirmed",
)
REPLACED = "payment-replaced"
CROWD = 30
_numbers = itertools.count(1)


def approved(at: Executor, account: str) -> tuple[Intent, str, str]:
    """An intent, its decision, and the key that a step would give."""
    case = f"case-{next(_numbers)}"
    intent = Intent(chain_id=CHAIN_ID, account=account, to=somebody(), amount="1000", case_id=case)
    return intent, council.close(at.store, intent), f"{case}/treasury.pay/1"


async def pay(at: Executor, key: str, decision: str) -> None:
    """As a step does: again and again until it is known to be under way."""
    while True:
        try:
            await at.client.pay(key, decision, decision.split(".")[0])
            return
        except TreasuryUnavailable:
            await asyncio.sleep(0.05)


async def test_a_kill_at_each_point_changes_nothing(chain: Anvil, tmp_path: Path) -> None:
    with executor(tmp_path, chain, POINTS) as at:
        at.start()
        account = (await at.serving())["account"]
        chain.give(account)
        for point in POINTS * ROUNDS:
            intent, decision, key = approved(at, account)
            at.ticket(point)
            asking = asyncio.create_task(pay(at, key, decision))
            await at.died()
            if point == "payment-reserved":
                # Nobody asks again: it is carried on all the same.
                asking.cancel()
            at.start()
            await at.confirmed(key)
            if not asking.cancelled() and point != "payment-reserved":
                await asyncio.wait_for(asking, PATIENCE_SECONDS)
            judge(f"kill -9 at `{point}`", 1, 1, at.judged(account, [intent]))


async def test_a_kill_between_a_replacement_and_its_sending_changes_nothing(chain: Anvil, tmp_path: Path) -> None:
    with executor(tmp_path, chain, (REPLACED,), stuck_after=0.2) as at:
        at.start()
        account = (await at.serving())["account"]
        chain.give(account)
        for _ in range(ROUNDS):
            chain.automine(False)
            intent, decision, key = approved(at, account)
            at.ticket(REPLACED)
            await pay(at, key, decision)
            await at.died()
            at.start()
            await at.serving()
            chain.automine(True)
            chain.mine()
            await at.confirmed(key)
            judge(f"kill -9 at `{REPLACED}`", 1, 1, at.judged(account, [intent]))


async def test_thirty_payments_at_once_while_the_executor_is_killed_at_any_time(chain: Anvil, tmp_path: Path) -> None:
    dice = random.Random(7)
    with executor(tmp_path, chain) as at:
        at.start()
        account = (await at.serving())["account"]
        chain.give(account)
        for _ in range(ROUNDS):
            made = [approved(at, account) for _ in range(CROWD)]
            asking = [asyncio.create_task(pay(at, key, decision)) for _, decision, key in made]
            kills = 0
            for share in (0.1, 0.4, 0.7):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while _known(at, made) < share * CROWD:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(dice.random() * 0.05)
                at.kill()
                kills += 1
                at.start()
            await asyncio.wait_for(asyncio.gather(*asking), PATIENCE_SECONDS)
            for _, _, key in made:
                await at.confirmed(key)
            judge(
                "kill -9 at any time, thirty payments at once",
                kills,
                CROWD,
                at.judged(account, [intent for intent, _, _ in made]),
            )


def _known(at: Executor, made: list[tuple[Intent, str, str]]) -> int:
    """How many of them the chain has carried out."""
    received = at.chain.received()
    return sum(received[intent.to.lower()] for intent, _, _ in made)
