"""People, their grants, tokens and mails, from the command line."""

import json
from pathlib import Path
from typing import TextIO

import click

from placet.cli.door import Door, table
from placet.cli.multisigs import KEY_FILE, signed_here


def _grants(given: tuple[str, ...]) -> list[dict[str, str]]:
    """`legal@deals` or `member` -> grants."""
    parsed = []
    for text in given:
        role, _, scope = text.partition("@")
        parsed.append({"role": role} | ({"scope": scope} if scope else {}))
    return parsed


@click.group()
def person() -> None:
    """Add people, grant roles, issue tokens (administrators)."""


@person.command("add")
@click.argument("person_id")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--grant", "grants", multiple=True, metavar="ROLE[@SCOPE]", help="May be given several times.")
@click.pass_obj
def add(door: Door, person_id: str, name: str, email: str, grants: tuple[str, ...]) -> None:
    """Add somebody."""
    body = {"id": person_id, "name": name, "email": email, "grants": _grants(grants)}
    door.show(door.call("POST", "/api/v1/people", body), f"added: {person_id}")


@person.command("grant")
@click.argument("person_id")
@click.argument("grants", nargs=-1, metavar="[ROLE[@SCOPE]]...")
@click.pass_obj
def grant(door: Door, person_id: str, grants: tuple[str, ...]) -> None:
    """Set all the grants of a person, in place of the earlier ones."""
    found = door.call("PUT", f"/api/v1/people/{person_id}/grants", {"grants": _grants(grants)})
    door.show(found, f"{person_id}: {', '.join(grants) or 'no grants'}")


@person.command("token")
@click.argument("person_id")
@click.pass_obj
def token(door: Door, person_id: str) -> None:
    """Issue a bearer token; it is shown once."""
    found = door.call("POST", f"/api/v1/people/{person_id}/tokens", {})
    door.show(found, found["token"])


@person.command("invite")
@click.argument("person_id")
@click.pass_obj
def invite(door: Door, person_id: str) -> None:
    """Mail somebody a link with which they choose their password for the dashboard; it is printed as well."""
    found = door.call("POST", f"/api/v1/people/{person_id}/invitations", {})
    door.show(found, found["link"])


@person.command("import")
@click.argument("file", type=click.File(encoding="utf-8"), metavar="PEOPLE.csv")
@click.pass_obj
def import_people(door: Door, file: TextIO) -> None:
    """Add many people from a CSV file with the columns id, name, email, grants; all of them or none."""
    found = door.call("POST", "/api/v1/people/import", file.read())
    door.show(found, f"{len(found['items'])} people")


@person.command("wallet")
@click.argument("person_id")
@click.argument("address", required=False)
@click.option("--signature", help="The wallet's signature over what --proof shows.")
@click.option("--proof", is_flag=True, help="Show the typed data (EIP-712) to sign, and register nothing.")
@KEY_FILE
@click.pass_obj
def wallet(
    door: Door, person_id: str, address: str | None, signature: str | None, proof: bool, key_file: Path | None
) -> None:
    """Show the wallet of a person, or register ADDRESS as it.

    Administrators register anybody's. Everybody registers their own with its signature: --key-file signs here;
    `--proof` shows what another wallet has to sign for --signature.
    """
    path = f"/api/v1/people/{person_id}/wallet"
    if address is None:
        found = door.call("GET", path)
        door.show(found, found["address"] or "No wallet is registered.")
        return
    if proof:
        typed = door.call("GET", path, address=address)["typed_data"]
        door.show(typed, json.dumps(typed, indent=2))
        return
    if key_file is not None:
        signature = signed_here(door.call("GET", path, address=address)["typed_data"], key_file)
    body = {"address": address} | ({"signature": signature} if signature else {})
    found = door.call("PUT", path, body)
    door.show(found, f"{person_id} signs with {found['address']}")


@click.command()
@click.option("--all", "everybody", is_flag=True, help="Everybody's (administrators).")
@click.pass_obj
def mail(door: Door, everybody: bool) -> None:
    """Read the mails that Placet wrote to you, newest first."""
    found = door.call("GET", "/api/v1/messages", all="true" if everybody else None)
    columns = [("created_at", "AT"), ("to", "TO"), ("subject", "SUBJECT"), ("state", "STATE")]
    door.show(found, table(found["items"], columns, "No mail."))
