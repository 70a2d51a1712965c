"""How the other processes of an installation reach the executor."""

import asyncio
import sys
from collections.abc import Mapping

from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import NoTreasury, Treasury
from placet.runtime import chain
from placet.runtime.datadir import DataDir
from placet.runtime.settings import Settings, SettingsError, secret_of


def client_of(settings: Settings, datadir: DataDir, environment: Mapping[str, str]) -> ExecutorClient | None:
    """The way to the executor; None where there is no chain."""
    if chain.resolved(settings.chain).kind == "none" and settings.executor.url is None:
        return None
    token = secret_of(environment, settings.executor.token_env) if settings.executor.token_env else None
    return ExecutorClient(datadir.executor_socket(), settings.executor.url, token)


def treasury_of(settings: Settings, datadir: DataDir, environment: Mapping[str, str]) -> Treasury:
    return client_of(settings, datadir, environment) or NoTreasury()


async def treasury_address(arguments: list[str], environment: Mapping[str, str]) -> str:
    """The address that the executor pays from, asked of a process of its own: no other holds the key."""
    asked = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "placet.cli.main", "executor", *arguments, "address"],
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, problem = await asked.communicate()
    if asked.returncode:
        raise SettingsError(problem.decode(errors="replace").strip())
    return told.decode().strip()
