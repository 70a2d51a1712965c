"""The executor: the only process that holds keys, and what an administrator does with it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placet.cli.door import Door
from placet.cli.serving import place_of, place_options

if TYPE_CHECKING:
    from placet.connectors.treasury.executor_client import ExecutorClient


@click.group(invoke_without_command=True)
@place_options
@click.pass_context
def executor(
    context: click.Context, data: Path | None, port: int, temporal_port: int | None, config: Path | None
) -> None:
    """Run only the executor, which holds the key and pays what councils have approved."""
    context.obj = (context.obj, place_of(context.obj, data, port, temporal_port, config))
    if context.invoked_subcommand is None:
        from placet.runtime.executor import run_executor

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        # The node's URL may hold a secret.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        place = context.obj[1]
        asyncio.run(run_executor(place.datadir, place.settings(), place.port, place.environment))


@executor.command()
@click.pass_obj
def address(given: tuple[Door, Any]) -> None:
    """Print the address that signs; a local key is made if there is none."""
    from placet.runtime.executor import signing_key

    door, place = given
    found = signing_key(place.settings(), place.datadir, place.environment).address
    door.show({"address": found}, found)


@executor.command()
@click.pass_obj
def status(given: tuple[Door, Any]) -> None:
    """How the executor is: its account, its payments, and what to do when it is frozen."""
    told = _asked(given, lambda client: client.status())
    given[0].show(told, json.dumps(told, indent=2, ensure_ascii=False))


@executor.command()
@click.option("--pay", multiple=True, help="A decision from before the freeze that has not been paid, and may be.")
@click.pass_obj
def thaw(given: tuple[Door, Any], pay: tuple[str, ...]) -> None:
    """Let a frozen executor go on, after you have looked at the chain.

    From then on it pays only decisions that are closed later. One from before that was not paid is named by --pay.
    """
    told = _asked(given, lambda client: client.thaw(pay))
    given[0].show(told, f"The executor is {told['state']}; its next nonce is {told['next_nonce']}.")


def _asked(given: tuple[Door, Any], ask: Callable[["ExecutorClient"], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    from placet.connectors.treasury.port import TreasuryRefused, TreasuryUnavailable
    from placet.runtime.treasury import client_of

    place = given[1]
    client = client_of(place.settings(), place.datadir, place.environment)
    if client is None:
        raise click.ClickException("There is no chain, and so no executor. See [chain] in placet.toml.")

    async def asked() -> dict[str, Any]:
        return await ask(client)

    try:
        return asyncio.run(asked())
    except (TreasuryRefused, TreasuryUnavailable) as error:
        raise click.ClickException(f"{error} Is the executor running?") from error
