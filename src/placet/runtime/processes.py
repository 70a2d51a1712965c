"""The supervisor that runs the processes of Placet as one. Their own code is loaded by them alone, and not here."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from placet.connectors.chain.port import ChainSettings
from placet.executor.keys import PASSPHRASE
from placet.runtime import chain, embedded, first_admin
from placet.runtime.database import prepare
from placet.runtime.place import Place
from placet.runtime.supervisor import Child, ChildState, Status, Supervisor
from placet.runtime.treasury import treasury_address
from placet.runtime.wiring import mail_transport

MIN_FREE_MB = 200
DRAIN_SECONDS = 35.0
# People come first: in a burst of answers the API takes a half more of them, and cases go on a little later.
BACKGROUND = 5


async def up(place: Place, demo: bool, say: Callable[[str], None]) -> int:
    """Run everything under one supervisor until told to stop; the exit code."""
    place.datadir.check_space(MIN_FREE_MB)
    settings = place.settings()
    mail_transport(settings, place.environment)
    with place.datadir.lock():
        embedded.check_port(place.port, "--port", settings.server.host)
        own_server = settings.temporal.address is None
        on = chain.resolved(settings.chain)
        own_chain = on.kind == "embedded"
        if own_chain:
            embedded.check_port(chain.port_of(on, place.port), "[chain] port")
        if own_server:
            embedded.check_port(place.temporal_port)
        await asyncio.gather(
            asyncio.to_thread(prepare, place, demo),
            *([embedded.bootstrap(place.datadir)] if own_server else []),
            *([_first_block(place, on)] if own_chain and not chain.begun(place.datadir) else []),
        )
        _, token_file = place.datadir.admin_token(place.environment)
        address = f"http://{settings.server.host}:{place.port}"
        place.datadir.write_runtime({"url": address, "temporal": place.temporal, "pid": os.getpid()})
        children = _children(place, own_server, on, demo)
        waiting = {child.name for child in children}

        def told(status: Status) -> None:
            if status.state in (ChildState.DIED, ChildState.GIVEN_UP, ChildState.NOT_READY, ChildState.KILLED):
                say(f"{status.child}: {status.state}. {status.detail}")
            if status.state is ChildState.READY and status.child in waiting:
                waiting.discard(status.child)
                if not waiting:
                    if own_server:
                        say(f"temporal {place.temporal} (namespace {settings.temporal.namespace or 'default'})")
                    if demo:
                        who = ", ".join(one.id for one in first_admin.EVERYBODY)
                        say(f"sign in as one of {who}; their password is in {place.datadir.demo_password_file}")
                    if token_file is not None:
                        say(f"administrator token in {token_file}")
                    say(f"ready {address}")

        keeping = asyncio.create_task(chain.keep(place.datadir, chain.port_of(on, place.port))) if own_chain else None
        try:
            return await Supervisor(children, place.datadir.logs, told).run()
        finally:
            if keeping is not None:
                keeping.cancel()
            place.datadir.remove_runtime()


async def _first_block(place: Place, on: ChainSettings) -> None:
    """Make the embedded chain, with money for the account that pays."""
    account = await treasury_address(place.arguments(), place.environment)
    await chain.bootstrap(place.datadir, [account, *filter(None, [on.safe])])


def _children(place: Place, own_server: bool, on: ChainSettings, demo: bool) -> list[Child]:
    lit = place.settings().executor.lit
    # What opens the executor's key is for the executor alone.
    secrets = {PASSPHRASE, lit.api_key_env if lit else PASSPHRASE}
    env = {name: value for name, value in place.environment.items() if name not in secrets}
    placet = [sys.executable, "-m", "placet.cli.main"]
    children = [
        Child(
            "api",
            [*placet, "api", *place.arguments(), *(["--demo"] if demo else [])],
            env,
            _answers(place.settings().server.host, place.port),
            stop_order=0,
            waits=False,
        ),
        Child(
            "worker",
            [*placet, "worker", *place.arguments()],
            env,
            _exists(place.worker_ready),
            stop_order=1,
            grace_seconds=DRAIN_SECONDS,
            waits=False,
            niceness=BACKGROUND,
        ),
    ]
    if own_server:
        temporal = Child(
            "temporal",
            embedded.command(place.datadir, place.temporal_port),
            embedded.environment(),
            lambda: embedded.ready(place.datadir, place.temporal_port),
            stop_order=2,
            niceness=BACKGROUND,
        )
        children.insert(0, temporal)
    return [*children, *_for_money(place, placet, on)]


def _for_money(place: Place, placet: list[str], on: ChainSettings) -> list[Child]:
    """The executor, unless it runs elsewhere, and its chain."""
    if place.settings().executor.url is not None:
        return []
    executor = Child(
        "executor",
        [*placet, "executor", *place.arguments()],
        dict(place.environment),
        _listens(place.datadir.executor_socket()),
        stop_order=3,
        waits=False,
        niceness=BACKGROUND,
    )
    if on.kind != "embedded":
        return [executor]
    port = chain.port_of(on, place.port)
    anvil = Child(
        "chain", chain.command(place.datadir, port), {}, lambda: chain.ready(port), 4, waits=False, niceness=BACKGROUND
    )
    return [anvil, executor]


def _answers(host: str, port: int) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    return ready


def _listens(path: Path) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    return ready


def _exists(path: Path) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while not _names_a_process(path):
            await asyncio.sleep(0.05)

    return ready


def _names_a_process(path: Path) -> bool:
    try:
        os.kill(int(path.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
