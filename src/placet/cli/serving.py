"""Running Placet: everything at once, or one process of it."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placet.cli.door import Door

if TYPE_CHECKING:
    from placet.runtime.place import Place

PORT = 8400


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--config", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="placet.toml"),
        click.option(
            "--temporal-port", type=click.IntRange(1, 65535), help="Where Temporal listens  [default: port + 1]"
        ),
        click.option(
            "--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Where Placet listens."
        ),
        click.option(
            "--data", type=click.Path(path_type=Path, file_okay=False), help="Data directory  [default: .placet]"
        ),
    ):
        command = option(command)
    return command


def place_of(door: Door, data: Path | None, port: int, temporal_port: int | None, config: Path | None) -> "Place":
    from placet.runtime.datadir import DataDir, DataDirError
    from placet.runtime.place import Place

    try:
        datadir = DataDir(data or door.data)
    except DataDirError as error:
        raise click.ClickException(str(error)) from error
    return Place(datadir, port, temporal_port or port + 1, config or door.config, os.environ)


@click.command()
@place_options
@click.option("--demo", is_flag=True, help="Begin with a small sample organisation; refused where real people are.")
@click.pass_obj
def up(door: Door, data: Path | None, port: int, temporal_port: int | None, config: Path | None, demo: bool) -> None:
    """Start everything on this machine: Temporal, worker and API, in one data directory.

    Prints one `ready` line once people can be served. Ctrl-C drains: running steps finish, nothing is lost; so does a
    kill of any part, which is started again.
    """
    from placet.runtime.datadir import DataDirError
    from placet.runtime.embedded import EmbeddedServerError
    from placet.runtime.processes import up as run
    from placet.runtime.settings import SettingsError
    from placet.store.schema import SchemaError

    place = place_of(door, data, port, temporal_port, config)
    try:
        code = asyncio.run(run(place, demo, lambda line: click.echo(line)))
    except (DataDirError, EmbeddedServerError, SettingsError, SchemaError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


@click.command()
@place_options
@click.pass_obj
def worker(door: Door, data: Path | None, port: int, temporal_port: int | None, config: Path | None) -> None:
    """Run only the worker: workflows, steps, outbox, mail, sweeper."""
    from placet.runtime.worker import run_worker

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(run_worker(place_of(door, data, port, temporal_port, config)))


@click.command()
@place_options
@click.option("--demo", is_flag=True, help="Name the sample people on the page for signing in.")
@click.pass_obj
def api(door: Door, data: Path | None, port: int, temporal_port: int | None, config: Path | None, demo: bool) -> None:
    """Run only the API."""
    import uvloop

    from placet.runtime.api import run_api

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(run_api(place_of(door, data, port, temporal_port, config), demo))


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="placet.toml")
@click.pass_obj
def config(door: Door, config: Path | None) -> None:
    """Print every setting as it is in force, defaults included."""
    from placet.catalogue.registry import CATALOGUE
    from placet.runtime.settings import SettingsError, effective, load

    try:
        shown = effective(load(config or door.config, CATALOGUE), CATALOGUE)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    door.show(shown, "\n\n".join(_toml(name, value) for name, value in shown.items() if value is not None))


@click.command()
@click.option("--keep", is_flag=True, help="Keep the data directory and print its place.")
def demo(keep: bool) -> None:
    """Play the sample cases on a fresh installation, print what happened, and verify the proof."""
    from placet.runtime.demo.play import play

    sys.exit(asyncio.run(play(click.echo, keep)))


def _toml(name: str, value: dict[str, Any]) -> str:
    """One settings table, as TOML would have it."""
    plain = {key: item for key, item in value.items() if not isinstance(item, dict) and item is not None}
    nested = {key: item for key, item in value.items() if isinstance(item, dict)}
    lines = [f"[{name}]", *(f"{key} = {json.dumps(item, ensure_ascii=False)}" for key, item in plain.items())]
    head = ["\n".join(lines)] if plain or not nested else []
    return "\n\n".join(head + [_toml(f"{name}.{key}", item) for key, item in nested.items()])
