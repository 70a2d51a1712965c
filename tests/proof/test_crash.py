"""kill -9 of any part, at random and at every named point, while people decide: nothing is lost, doubled or stuck.

The short runs are small; `make proof-crash` is the long one.
"""

from collections.abc import Callable

import pytest

from proof import report
from proof.conftest import DATABASES, KILLS, LONGEST_SECONDS, SHORT_CARDS
from proof.kills import EVERYTHING, POINTS, POSTGRES
from proof.plans import PLANS
from proof.runs import Ended

# A campaign is played by the first test that looks at it; how long it takes is the machine's affair.
pytestmark = [pytest.mark.server, pytest.mark.timeout(LONGEST_SECONDS), pytest.mark.parametrize("database", DATABASES)]


def test_random_kills_lose_double_and_block_nothing(campaign_on: Callable[[str], Ended], database: str) -> None:
    ended = campaign_on(database)
    print("\n" + report.table(ended.figures))
    assert ended.figures["problems"] == []
    assert ended.verified


def test_the_kills_hit_every_process_and_work_in_flight(campaign_on: Callable[[str], Ended], database: str) -> None:
    kills = campaign_on(database).kills
    assert len(kills) >= (KILLS or len(SHORT_CARDS[database]))
    assert sum(kill.busy > 0 for kill in kills) * 3 >= len(kills), kills
    if KILLS >= 50:
        assert {kill.part for kill in kills} >= {"temporal", "worker", "api", EVERYTHING}
        assert POSTGRES in {kill.part for kill in kills} or database == "sqlite"
    if KILLS >= 50 or database == "sqlite":
        assert {kill.point for kill in kills} >= set(POINTS)


def test_cases_of_every_plan_were_played(campaign_on: Callable[[str], Ended], database: str) -> None:
    ends = {f"{plan.kind} {plan.end}" for plan in PLANS}
    assert set(campaign_on(database).figures["cases_by_end"]) == ends
