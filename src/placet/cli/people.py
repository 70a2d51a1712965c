"""People, their grants, tokens and mails, from the command line."""

import json
from pathlib import Path
from typing import Any, TextIO

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


@person.command("show")
@click.argument("person_id")
@click.pass_obj
def show(door: Door, person_id: str) -> None:
    """Show somebody: their grants, whether they can get in, and the open tasks that hang on them alone."""
    found = door.call("GET", f"/api/v1/people/{person_id}")
    who, out = found["person"], found["shut_out"]
    lines = [f"{who['name']} ({who['id']}), {who['email']}"]
    lines.append("Grants: " + (", ".join(f"{one['role']}@{one['scope']}" for one in who["grants"]) or "none"))
    if out:
        lines.append(f"Deactivated on {out['at']} by {out['by']}" + (f": {out['reason']}" if out["reason"] else ""))
    door.show(found, "\n".join([*lines, *_stranded(found)]))


@person.command("deactivate")
@click.argument("person_id")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def deactivate(door: Door, person_id: str, reason: str, key: str | None) -> None:
    """Let nobody in as this person any more, and list the open tasks that too few can answer now.

    Their sessions, tokens and invitations end for good, passkeys and signed links open nothing, and what they had
    claimed is free again. Grants, password and passkeys are kept for `placet person reactivate`. Nobody deactivates
    themselves, nor the last administrator. Somebody outside is deactivated alike, by the id `ext:ADDRESS`.

    \b
      placet person deactivate ben --reason "Has left the organisation."
      placet task reassign TASK bea        what was put to ben alone
    """
    found = door.call("POST", f"/api/v1/people/{person_id}/deactivate", {"reason": reason}, key)
    door.show(found, "\n".join([f"{person_id} is deactivated", *_stranded(found)]))


@person.command("reactivate")
@click.argument("person_id")
@click.option("--reason", default="", help="Why, if you like.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def reactivate(door: Door, person_id: str, reason: str, key: str | None) -> None:
    """Let somebody in again, with the grants they had; tokens and sessions they get anew."""
    found = door.call("POST", f"/api/v1/people/{person_id}/reactivate", {"reason": reason}, key)
    door.show(found, f"{person_id} is active again")


def _stranded(found: dict[str, Any]) -> list[str]:
    """What hangs on somebody as lines under headings; none for none."""
    common = [("title", "TITLE"), ("of", "CASE"), ("able", "STILL ABLE"), ("due_at", "DUE")]
    told = (
        ("stranded", "Too few people can answer these without them:", [("id", "TASK"), *common]),
        (
            "stranded_multisigs",
            "Too few of the council can approve these without them:",
            [("id", "MULTISIG"), *common, ("approvals", "APPROVED"), ("threshold", "NEEDED")],
        ),
    )
    lines: list[str] = []
    for name, heading, columns in told:
        if rows := [{**one, "of": one["case"]["title"]} for one in found[name]]:
            lines += ["", heading, table(rows, columns, "")]
    return lines


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
