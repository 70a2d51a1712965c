"""The executor as a process of an installation."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from placet.connectors.chain.addresses import check_address
from placet.connectors.chain.evm import EvmNode
from placet.executor import badge_keys, keys, service
from placet.executor.badge_keys import KeyLocked
from placet.executor.badges import BadgeSigner
from placet.executor.journal import Journal, JournalInUse
from placet.executor.keys import KeyRefused, SigningKey
from placet.executor.lit import LitKey
from placet.executor.office import Office
from placet.runtime import chain
from placet.runtime.datadir import DataDir
from placet.runtime.settings import Settings, SettingsError, secret_of
from placet.runtime.wiring import open_store
from placet.store.engine import Store

log = logging.getLogger(__name__)


def signing_key(settings: Settings, datadir: DataDir, environment: Mapping[str, str]) -> SigningKey:
    """The key of the settings; a local one is made at its first use."""
    try:
        if settings.executor.key == "lit":
            if settings.executor.lit is None:
                raise SettingsError('[executor] key = "lit" needs a table [executor.lit]')
            return LitKey(settings.executor.lit, environment)
        return keys.local_key(datadir.executor, environment)
    except (KeyRefused, ValueError) as error:
        raise SettingsError(f"[executor] {error}") from error
    except ImportError as error:
        raise SettingsError("The executor needs the extra `chain`: pip install 'placet[chain]'.") from error


async def run_executor(datadir: DataDir, settings: Settings, port: int, environment: Mapping[str, str]) -> None:
    """The executor process, until SIGTERM: it signs credentials, and pays where there is a chain."""
    token = secret_of(environment, settings.executor.token_env) if settings.executor.token_env else None
    if settings.executor.listen and token is None:
        raise SettingsError("[executor] listen needs token_env, the environment variable that holds its token.")
    try:
        badge_key = await asyncio.to_thread(badge_keys.opened, datadir.executor, environment)
    except KeyLocked as error:
        raise SettingsError(f"[executor] {error}") from error
    store = open_store(settings, datadir, port, environment)
    badges = BadgeSigner(store, badge_key, datadir.executor)
    try:
        async with _office(datadir, settings, port, environment, store) as office:
            await service.serve(office, datadir.executor_socket(), settings.executor.listen, token, badges)
    finally:
        badges.close()
        store.close()


@asynccontextmanager
async def _office(
    datadir: DataDir, settings: Settings, port: int, environment: Mapping[str, str], store: Store
) -> AsyncIterator[Office | None]:
    """What pays; None where there is no chain."""
    on = chain.resolved(settings.chain)
    if on.kind == "none":
        yield None
        return
    for address in (on.safe, *(token.address for token in on.tokens)):
        if address is not None and (why := check_address(address)) is not None:
            raise SettingsError(f"[chain] {address}: {why}")
    key = await asyncio.to_thread(signing_key, settings, datadir, environment)
    url = secret_of(environment, on.url_env) if on.url_env else f"http://127.0.0.1:{chain.port_of(on, port)}"
    try:
        journal = Journal(datadir.executor / "journal.db", on.chain_id, key.address)
    except JournalInUse as error:
        raise SettingsError(str(error)) from error
    node = EvmNode(url)
    try:
        log.info("paying from %s on chain %s", on.safe or key.address, on.chain_id)
        yield service.office_of(node, key, journal, on, settings.executor, store)
    finally:
        await node.close()
        journal.close()
