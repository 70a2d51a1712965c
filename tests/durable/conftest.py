from collections.abc import AsyncIterator

import pytest_asyncio

from placet.durable.workflow import entry_of
from placet.testing import World, scenario
from samples.purchase import Purchase, Shop


class Market(World):
    shop: Shop


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Market]:
    """Time-skipping server, a shop, and a small organisation."""
    shop = Shop()
    async with scenario([entry_of(Purchase)], extra_activities=shop.activities) as made:
        made.shop = shop
        await hire(made)
        yield made


async def hire(world: World) -> None:
    await world.hire("ann", "member")
    await world.hire("ben", "buyer")
    await world.hire("bea", "buyer")
    await world.hire("hal", "head")
    await world.hire("cora", "coordinator")
