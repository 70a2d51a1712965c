"""kill -9 of any part, at random and at every named point, while people decide: nothing is lost, doubled or stuck.

`KILLS=500` makes it the long run; `SEED` repeats one.
"""

import asyncio
import os
import random
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proof.campaign import Campaign
from proof.checker import check
from proof.harness import Installation, installed, until
from proof.office import Office

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
CASES = 20
POINTS = (
    "case-row-written",
    "case.start-committed",
    "task.answer-committed",
    "outbox-claimed",
    "outbox-sent",
    "step-planned",
    "step-effected",
    "report-committed",
)

pytestmark = pytest.mark.server


def test_random_kills_lose_double_and_block_nothing(killed: Ended) -> None:
    print(figures(killed.campaign))
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
        ended = await wind_up(place, campaign)
    assert ended.problems() == []
    assert ended.verified
    # Each kill happened in a child, which the supervisor reported and started again.
    assert place.output.read_text().count("killed by signal 9") >= len(POINTS)


def figures(campaign: Campaign) -> str:
    """One paragraph for whoever reads the report of a run."""
    history, kills = campaign.office.history, campaign.kills
    count = {kind: sum(op["type"] == kind for op in history) for kind in ("ok", "fail", "info")}
    back = sorted(kill.recovered for kill in kills)
    hit = sum(kill.in_flight > 0 for kill in kills)
    return (
        f"{len(campaign.plans)} cases, {len(kills)} kills ({hit} hit work in flight); "
        f"acts: {count['ok']} acknowledged, {count['fail']} refused, {count['info']} tries without an answer; parts served again after "
        f"{statistics.median(back):.1f} s (median), {back[-1]:.1f} s (longest)"
    )
