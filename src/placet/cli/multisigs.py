"""Payments that a council approves, from the command line; a key that signs never leaves this machine."""

import os
from pathlib import Path
from typing import Any

import click

from placet.cli.door import Door, table
from placet.domain.intent import Intent

PASSPHRASE = "PLACET_WALLET_PASSPHRASE"

KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"Encrypted keystore (JSON) to sign with here; its passphrase is in {PASSPHRASE}, or asked for. Neither the "
    "key nor the passphrase leaves this machine: only the signature is sent.",
)


def signed_here(typed: dict[str, Any], key_file: Path) -> str:
    """Sign with the keystore file, on this machine."""
    from placet.connectors.chain.signatures import signed
    from placet.domain.signature import CannotRecover

    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None:
        passphrase = click.prompt(f"Passphrase of {key_file}", hide_input=True, err=True)
    try:
        return signed(typed, key_file.read_text(encoding="utf-8"), passphrase)
    except (ValueError, CannotRecover) as error:
        raise click.ClickException(str(error)) from error


@click.group()
def multisig() -> None:
    """Approve or refuse payments as a member of a council."""


@multisig.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor")
@click.pass_obj
def list_multisigs(door: Door, limit: int, cursor: str | None) -> None:
    """List what waits for your approval, most urgent first."""
    found = door.call("GET", "/api/v1/multisigs", limit=limit, cursor=cursor)
    rows = [
        one | {"of": one["case"]["title"], "so_far": f"{one['approvals']} of {one['threshold']}"}
        for one in found["items"]
    ]
    columns = [("id", "MULTISIG"), ("title", "TITLE"), ("of", "CASE"), ("so_far", "APPROVED"), ("due_at", "DUE")]
    shown = table(rows, columns, "No payment waits for your approval.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@multisig.command("show")
@click.argument("multisig_id")
@click.pass_obj
def show(door: Door, multisig_id: str) -> None:
    """Show one: the payment, who has approved, and whether you can."""
    found = door.call("GET", f"/api/v1/multisigs/{multisig_id}")
    members = table(found["members"], [("person", "MEMBER"), ("wallet", "WALLET"), ("act", "ACT")], "Nobody.")
    lines = [found["title"], payment(found["intent"]), f"Intent {found['intent_hash']}"]
    lines += [*filter(None, [found["warning"]]), "", members, ""]
    lines.append(found["waiting_for"])
    if found["why_not"]:
        lines.append(f"You cannot approve now: {found['why_not']['detail']}")
    door.show(found, "\n".join(lines))


@multisig.command("approve")
@click.argument("multisig_id")
@click.option("--intent-hash", help="Approve only if this is still the intent; else the one that is asked now.")
@click.option("--signature", help="Your wallet's signature over the typed data that `show --json` gives.")
@KEY_FILE
@click.option("--comment", default="")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def approve(
    door: Door,
    multisig_id: str,
    intent_hash: str | None,
    signature: str | None,
    key_file: Path | None,
    comment: str,
    key: str | None,
) -> None:
    """Approve a payment, where wallets sign with your signature."""
    if signature and key_file:
        raise click.UsageError("Give either --signature or --key-file.")
    asked = door.call("GET", f"/api/v1/multisigs/{multisig_id}")
    intent = Intent.model_validate(asked["intent"])
    # Computed here: what is signed must be what is shown, whatever the server says.
    wanted = intent_hash or intent.hash
    if asked["warning"]:
        click.echo(asked["warning"], err=True)
    if key_file is not None:
        from placet.connectors.chain.signatures import signable

        if wanted != intent.hash:
            raise click.ClickException(f"The intent is now {intent.hash}, not {wanted}; look at it again.")
        click.echo(payment(asked["intent"]), err=True)
        signature = signed_here(signable(intent), key_file)
    body = {"intent_hash": wanted, "comment": comment} | ({"signature": signature} if signature else {})
    told(door, door.call("POST", f"/api/v1/multisigs/{multisig_id}/approve", body, key))


@multisig.command("refuse")
@click.argument("multisig_id")
@click.option("--comment", required=True, help="Why.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def refuse(door: Door, multisig_id: str, comment: str, key: str | None) -> None:
    """Refuse a payment."""
    told(door, door.call("POST", f"/api/v1/multisigs/{multisig_id}/refuse", {"comment": comment}, key))


@multisig.command("withdraw")
@click.argument("multisig_id")
@click.option("--comment", default="")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def withdraw(door: Door, multisig_id: str, comment: str, key: str | None) -> None:
    """Take your approval back, as long as the council has not decided."""
    told(door, door.call("POST", f"/api/v1/multisigs/{multisig_id}/withdraw", {"comment": comment}, key))


def told(door: Door, found: Any) -> None:
    verdict = found["verdict"]
    end = f"; decided: {verdict['outcome']}" if verdict else ""
    door.show(found, f"counted, receipt {found['receipt'][:16]}…{end}")


def payment(intent: dict[str, Any]) -> str:
    """The payment in words, for whoever is about to sign it."""
    token = f" of the token {intent['token']}" if intent["token"] else " of the chain's own currency"
    data = f"\nwith data {intent['data']}" if intent["data"] != "0x" else ""
    paid = f"{intent['amount']}{token} (smallest unit)"
    return f"{paid}\nfrom {intent['account']}\nto   {intent['to']}\non chain {intent['chain_id']}{data}"
