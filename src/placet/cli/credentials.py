"""Badges and credentials, from the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from placet.cli.door import Door, table

LARGEST = 16 * 1024 * 1024

BADGES = [("id", "BADGE"), ("name", "NAME"), ("cost", "COST"), ("valid_days", "VALID DAYS")]
CREDENTIALS = [("id", "CREDENTIAL"), ("name", "BADGE"), ("holder", "HOLDER"), ("state", "STATE"), ("until", "UNTIL")]


@click.group()
def badge() -> None:
    """List badges that can be earned, and define them (administrators)."""


@badge.command("list")
@click.pass_obj
def list_badges(door: Door) -> None:
    """List what can be earned, and what it costs."""
    found = door.call("GET", "/api/v1/badges", limit=200)
    door.show(found, table(found["items"], BADGES, "No badges."))


@badge.command("add")
@click.argument("badge_id")
@click.option("--name", required=True)
@click.option("--description", required=True)
@click.option("--criteria", required=True, help="What somebody must have done to earn it.")
@click.option("--cost", type=click.IntRange(0), default=0, show_default=True, help="In the smallest unit.")
@click.option("--valid-days", type=click.IntRange(1, 36_500), help="Without it, a credential counts for ever.")
@click.pass_obj
def add_badge(
    door: Door, badge_id: str, name: str, description: str, criteria: str, cost: int, valid_days: int | None
) -> None:
    """Define a badge; it cannot be changed afterwards."""
    body = {"id": badge_id, "name": name, "description": description, "criteria": criteria, "cost": cost}
    made = door.call("POST", "/api/v1/badges", body | {"valid_days": valid_days})
    door.show(made, f"defined: {badge_id}")


@badge.command("request")
@click.argument("badge_id")
@click.option("--holder", default="", help="For somebody else (coordinators); yourself without it.")
@click.option("--did", help="A decentralised identifier of the holder, such as did:key:z6Mk…")
@click.option("--note", default="", help="Why they have earned it.")
@click.option("--scope", default="general", show_default=True)
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def request_badge(
    door: Door, badge_id: str, holder: str, did: str | None, note: str, scope: str, key: str | None
) -> None:
    """Ask for a badge; a coordinator approves it."""
    request = {"badge": badge_id, "holder": holder, "did": did, "note": note}
    made = door.call("POST", "/api/v1/workflows/credential-issuance/cases", {"scope": scope, "request": request}, key)
    door.show(made, f"opened {made['id']}\n{made['waiting_for']}")


@click.group()
def credential() -> None:
    """List, show, revoke and check credentials."""


@credential.command("list")
@click.option("--badge", "badge_id", help="Only of this badge.")
@click.option("--holder", help="Only of this person.")
@click.option("--scope")
@click.option("--state", help="drawn, signed, issued, revoked or withdrawn.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def list_credentials(
    door: Door,
    badge_id: str | None,
    holder: str | None,
    scope: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List those that you hold, and those whose cases you see."""
    asked: dict[str, Any] = {"holder": holder, "scope": scope, "state": state, "limit": limit, "cursor": cursor}
    found = door.call("GET", "/api/v1/credentials", badge=badge_id, **asked)
    shown = table([_line(one) for one in found["items"]], CREDENTIALS, "No credentials.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@credential.command("show")
@click.argument("credential_id")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the signed form here.")
@click.pass_obj
def show_credential(door: Door, credential_id: str, output: Path | None) -> None:
    """Show one credential; with --output, fetch the signed form of it."""
    found = door.call("GET", f"/api/v1/credentials/{credential_id}")
    if output is not None:
        if found["jwt"] is None:
            raise click.ClickException("There is no signed form of it that you may have.")
        with output.open("x", encoding="utf-8") as file:
            file.write(found["jwt"] + "\n")
    line = _line(found)
    words = [
        f"{found['name']}, held by {found['holder']}: {line['state']}",
        f"case {found['case_id']}, valid until {line['until'] or 'further notice'}",
        f"place {found['status_index']} of {found['status_list']}",
    ]
    door.show(found, "\n".join(words + ([f"signed form in {output}"] if output else [])))


@credential.command("revoke")
@click.argument("credential_id")
@click.option("--reason", required=True)
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def revoke_credential(door: Door, credential_id: str, reason: str, key: str | None) -> None:
    """Ask for the revocation of a credential; a coordinator approves it."""
    scope = door.call("GET", f"/api/v1/credentials/{credential_id}")["scope"]
    request = {"credential": credential_id, "reason": reason}
    made = door.call("POST", "/api/v1/workflows/credential-revocation/cases", {"scope": scope, "request": request}, key)
    door.show(made, f"opened {made['id']}\n{made['waiting_for']}")


@credential.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--jwks", required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--status", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The status list.")
@click.pass_obj
def verify_credential(door: Door, file: Path, jwks: Path, status: Path | None) -> None:
    """Check a credential, offline: nothing is fetched, and no installation is needed.

    \b
    FILE      the signed credential, or the JSON that was delivered
    --jwks    what the issuer serves as /.well-known/jwks.json
    --status  what the issuer serves at the statusListCredential of the credential;
              without it nobody knows whether the credential was revoked
    """
    from placet.connectors.credentials.checking import check

    keys = _json(jwks).get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise click.ClickException(f"{jwks} is not a JSON Web Key Set.")
    result = check(_token(file), keys, _token(status) if status else None, datetime.now(UTC))
    lines = [f"PROBLEM {problem}" for problem in result.problems]
    if result.id:
        lines.append(f"{result.name} ({result.id}), issued by {result.issuer}")
    said = {None: "nobody looked whether it was revoked", True: "REVOKED", False: "not revoked"}[result.revoked]
    lines.append(f"{'it holds' if result.ok else 'IT DOES NOT HOLD'}; {said}")
    door.show(result.model_dump(mode="json") | {"ok": result.ok}, "\n".join(lines))
    if not result.ok:
        raise SystemExit(1)


def _line(one: dict[str, Any]) -> dict[str, Any]:
    state = "expired" if one["expired"] else one["state"]
    return one | {"state": state, "until": (one["valid_until"] or "")[:10] or None}


def _text(file: Path) -> str:
    if file.stat().st_size > LARGEST:
        raise click.ClickException(f"{file} is too large for this.")
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not text.") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file} is not JSON.") from error
    if not isinstance(found, dict):
        raise click.ClickException(f"{file} is not a JSON object.")
    return found


def _token(file: Path) -> str:
    """The signed token: the file itself, or what was delivered around it."""
    text = _text(file)
    return str(_json(file).get("jwt", "")) if text.startswith("{") else text
