"""Policies from the command line: what is in force, and new values for cases to come."""

import json
from typing import Any

import click

from placet.cli.door import Door, table


@click.group()
def policy() -> None:
    """Show the policies that cases are frozen with, and change them (administrators)."""


@policy.command("list")
@click.pass_obj
def list_policies(door: Door) -> None:
    """List every policy, its version (0: as the settings say), and the workflows it holds for."""
    found = door.call("GET", "/api/v1/policies")
    columns = [("name", "POLICY"), ("version", "VERSION"), ("kinds", "HOLDS FOR")]
    door.show(found, table(found["items"], columns, "No policies."))


@policy.command("show")
@click.argument("name")
@click.pass_obj
def show(door: Door, name: str) -> None:
    """Show the values in force for cases that open now, and every version that was decided."""
    found = _named(door, name)
    values = [{"key": key, "value": value} for key, value in found["values"].items()]
    lines = [f"{name}, version {found['version']}, holds for {', '.join(found['kinds'])}", ""]
    lines += [table(values, [("key", "KEY"), ("value", "VALUE")], "It has no values.")]
    if found["history"]:
        columns = [("version", "VERSION"), ("values", "SET"), ("by", "BY"), ("case_id", "CASE"), ("at", "AT")]
        lines += ["", table(found["history"], columns, "")]
    door.show(found, "\n".join(lines))


@policy.command("set")
@click.argument("name")
@click.argument("values", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option(
    "--base-version",
    type=click.IntRange(0),
    help="Only if this version is still in force; without it, whichever is in force now.",
)
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def set_policy(door: Door, name: str, values: tuple[str, ...], base_version: int | None, key: str | None) -> None:
    """Bring new values into force, for cases that open from now on; running cases keep theirs.

    Keys that are not named stay as they are. A value is text such as a length of time, or JSON:

    \b
      placet policy set treasury-disbursement threshold=3 wallets=true approval=5d
      placet policy set proposal countdown=48h --base-version 2
    """
    found = _named(door, name)
    body = {
        "values": dict(_pair(found["policy_schema"], text) for text in values),
        "base_version": found["version"] if base_version is None else base_version,
    }
    made = door.call("PUT", f"/api/v1/policies/{name}", body, key)
    door.show(made, f"{name} is at version {made['version']}")


def _named(door: Door, name: str) -> dict[str, Any]:
    policies: list[dict[str, Any]] = door.call("GET", "/api/v1/policies")["items"]
    for one in policies:
        if one["name"] == name:
            return one
    raise click.ClickException(f"There is no such policy; there are: {', '.join(one['name'] for one in policies)}.")


def _pair(schema: dict[str, Any], text: str) -> tuple[str, Any]:
    """The key, and its value as the schema of the policy wants it."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"“{text}” is not of the form KEY=VALUE", param_hint="KEY=VALUE")
    if schema.get("properties", {}).get(key, {}).get("type") == "string":
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
