"""`placet`: run it, and everything people can do with it, from the command line."""

import os
from pathlib import Path
from typing import Any

import click

from placet import __version__
from placet.cli import (
    cases,
    credentials,
    documents,
    executor,
    multisigs,
    overview,
    people,
    policies,
    proof,
    resources,
    serving,
    tasks,
    voting,
)
from placet.cli.door import DEFAULT_DATA, Door

EPILOG = """\b
A first look:
  placet up --demo                 start everything, with a sample organisation
  placet workflows                 what can be started
  placet case start partner-approval --scope deals request.json
  placet task list                 what waits for me
  placet proposals                 what I can vote on

Without --url the commands work on the installation in --data, running or not, as its administrator."""


class Commands(click.Group):
    """Tells what people can mend in one sentence, and leaves the trace to our own mistakes."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise
        except Exception as error:
            from placet.runtime.datadir import DataDirError
            from placet.runtime.settings import SettingsError
            from placet.store.engine import StoreUnavailable
            from placet.store.schema import SchemaError

            if isinstance(error, DataDirError | SettingsError | SchemaError | StoreUnavailable | OSError):
                raise click.ClickException(str(error)) from error
            raise


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--url", envvar="PLACET_URL", help="A running Placet, such as http://127.0.0.1:8400.")
@click.option("--token", envvar="PLACET_TOKEN", help="Bearer token; better given as PLACET_TOKEN.")
@click.option(
    "--data",
    envvar="PLACET_DATA",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA,
    show_default=True,
    help="Data directory of an installation on this machine.",
)
@click.option("--config", envvar="PLACET_CONFIG", type=click.Path(path_type=Path, dir_okay=False), help="placet.toml")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def placet(
    context: click.Context, url: str | None, token: str | None, data: Path, config: Path | None, as_json: bool
) -> None:
    """Durable decisions: ask the right people, wait as long as it takes, act exactly once, prove it afterwards."""
    if config is None and Path("placet.toml").is_file():
        config = Path("placet.toml")
    context.obj = Door(url, token, data, config, as_json)


for command in (
    serving.up,
    serving.worker,
    serving.api,
    executor.executor,
    serving.config,
    serving.demo,
    cases.workflows,
    cases.case,
    overview.overview,
    tasks.task,
    multisigs.multisig,
    documents.document,
    voting.proposals,
    voting.propose,
    voting.propose_deletion,
    voting.vote,
    voting.force_approve,
    voting.faucet,
    voting.deposit,
    credentials.badge,
    credentials.credential,
    people.person,
    people.mail,
    policies.policy,
    resources.resource,
    proof.verify,
    proof.export,
    proof.backup,
    proof.restore,
):
    placet.add_command(command)


def main() -> None:
    """The console entry point."""
    os.umask(0o077)
    placet()


if __name__ == "__main__":
    main()
