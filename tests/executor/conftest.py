import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from executor import ledger
from executor.anvil import Anvil, anvil
from executor.desk import Desk, desk
from placet.executor.keys import LocalKey


@pytest.fixture
def chain() -> Iterator[Anvil]:
    with anvil() as running:
        yield running


@pytest.fixture
def key() -> LocalKey:
    return LocalKey(secrets.token_bytes(32))


@pytest_asyncio.fixture
async def paying(chain: Anvil, tmp_path: Path) -> AsyncIterator[Desk]:
    """An executor on a chain that mines at once, with the sample token."""
    key = LocalKey(secrets.token_bytes(32))
    token = chain.token(key.address)
    async with desk(chain, tmp_path, key=key, tokens=(token,)) as opened:
        opened.token = token
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _report() -> Iterator[None]:
    yield
    ledger.write()
