"""kill -9 of any part, at random and at every named point, while people decide: nothing is lost, doubled or stuck.

`KILLS=500` makes it the long run; `SEED` repeats one.
"""

import random
from pathlib import Path

import pytest

from proof.campaign import Campaign, Ended
from proof.conftest import KILLS, SEED
from proof.harness import installed, until
from proof.office import Office

POINTS = (
    "case-row-written",
    "case.start-committed",
    "task.answer-committed",
    "outbox-claimed",
    "outbox-sent",
    "step-planned",
    "step-effected",
    "report-committed",
    "mail-claimed",
)

pytestmark = pytest.mark.server


def test_random_kills_lose_double_and_block_nothing(killed: Ended) -> None:
    print(killed.campaign.figures())
    assert killed.problems() == []
    assert killed.verified


def test_the_random_kills_hit_work_in_flight(killed: Ended) -> None:
    kills = killed.campaign.kills
    assert len(kills) >= KILLS
    assert {kill.child for kill in kills} == {"temporal", "worker", "api"}
    assert sum(kill.in_flight > 0 for kill in kills) * 3 >= len(kills), kills


async def test_a_kill_at_every_named_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    tickets = tmp_path / "tickets"
    tickets.mkdir()
    environment = {"PLACET_CRASH_AT": ",".join(POINTS), "PLACET_CRASH_TICKETS": str(tickets)}

    async def at_every_point() -> None:
        for point in POINTS:
            (tickets / point).write_text("kill")
            await until(lambda: not list(tickets.iterdir()), f"a kill at {point}")

    async with installed(tmp_path, environment=environment) as place, Office(place) as office:
        campaign = Campaign(place, office, random.Random(SEED), cases=len(POINTS))
        await campaign.play(at_every_point())
        ended = await campaign.wind_up()
    assert ended.problems() == []
    assert ended.verified
    # Each kill happened in a child, which the supervisor reported and started again.
    assert place.output.read_text().count("killed by signal 9") >= len(POINTS)
