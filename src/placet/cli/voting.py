"""Proposals, votes and the faucet, from the command line."""

import json
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote

import click

from placet.cli.door import Door, table

COLUMNS = [("id", "PROPOSAL"), ("title", "TITLE"), ("state", "STATE"), ("votes", "VOTES"), ("closes", "CLOSES")]
MINE = ("my_decision", "MY VOTE")
LEDGER = [("at", "AT"), ("account", "ACCOUNT"), ("amount", "AMOUNT"), ("memo", "WHAT FOR"), ("by", "BY")]


@click.command()
@click.argument("proposal_id", required=False)
@click.option("--mine", is_flag=True, help="What you proposed, however it ended, instead of what is pending.")
@click.option("--deletions", is_flag=True, help="Pending deletions instead of pending workflows.")
@click.option("--governance", is_flag=True, help="Pending acts of governance instead of pending workflows.")
@click.option("--scope", help="Only what belongs here.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def proposals(
    door: Door,
    proposal_id: str | None,
    mine: bool,
    deletions: bool,
    governance: bool,
    scope: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List what is voted on; with a PROPOSAL_ID, show that one and what happens if nobody votes.

    \b
    STATE is pending until the vote is over. Then it is approved, rejected or expired;
    an approval that the faucet cannot pay yet stays pending and says so.
    """
    if proposal_id is not None:
        found = door.call("GET", _path(proposal_id))
        door.show(found, _in_full(found))
        return
    if mine and (deletions or governance or scope):
        raise click.UsageError("--mine lists every workflow that you proposed; leave out the other options.")
    what = "deletion-proposals" if deletions else "governance-proposals" if governance else "workflows"
    path = "/proposer/workflows" if mine else f"/voter/{what}"
    found = door.call("GET", path, scope=scope, limit=limit, cursor=cursor)
    empty = "You have proposed nothing." if mine else "Nothing is pending."
    shown = table([_line(one) for one in found["items"]], COLUMNS if mine else [*COLUMNS, MINE], empty)
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@click.command()
@click.argument("proposal_file", type=click.File(encoding="utf-8"), metavar="PROPOSAL.json")
@click.option("--scope", help="Whose voters decide; wins over the file. Without either it is general.")
@click.option("--key", help="Idempotency key: the same key proposes the same once.")
@click.pass_obj
def propose(door: Door, proposal_file: TextIO, scope: str | None, key: str | None) -> None:
    """Propose a workflow from a JSON file (`-` for standard input); its voters decide.

    \b
    {"title": "A new fence",
     "description": "Markdown",
     "steps": [{"title": "Paint it", "description": "Twice", "bounty": 4000,
                "credentials": ["carpenter"]}],
     "recurrence": "one_time"}

    A bounty is a whole number of the smallest unit. Recurrence is one_time, daily, weekly or monthly.
    """
    try:
        sent = json.load(proposal_file)
    except ValueError as error:
        raise click.ClickException(f"{proposal_file.name} is not valid JSON: {error}") from error
    if scope is not None and isinstance(sent, dict):
        sent["scope"] = scope
    made = door.call("POST", "/proposer/workflows", sent, key)
    door.show(made, made["id"])


@click.command("propose-deletion")
@click.argument("target_id")
@click.option("--series", is_flag=True, help="TARGET_ID is a series: all that is still to come.")
@click.option("--reason", default="", help="Why; the voters read it.")
@click.option("--key", help="Idempotency key: the same key proposes the same once.")
@click.pass_obj
def propose_deletion(door: Door, target_id: str, series: bool, reason: str, key: str | None) -> None:
    """Propose to delete a workflow, or a whole series; the same voters decide, by the same rules."""
    sent = {"target_kind": "series" if series else "workflow", "target_id": target_id, "reason": reason}
    made = door.call("POST", "/voter/deletion-proposals", sent, key)
    door.show(made, made["id"])


@click.command()
@click.argument("proposal_id")
@click.argument("decision", type=click.Choice(["approve", "deny"]))
@click.option("-m", "--comment", default="", help="Why; everybody who sees the proposal can read it.")
@click.pass_obj
def vote(door: Door, proposal_id: str, decision: str, comment: str) -> None:
    """Vote on a proposal or a deletion. A vote cannot be changed; the same vote again is answered alike.

    Keep the receipt: `placet verify --ballot` shows with it that your vote is in the count.
    """
    found = door.call("POST", f"{_path(proposal_id, '/voter')}/vote", {"decision": decision, "comment": comment})
    door.show(found, f"counted, receipt {found['receipt']}\n{found['explanation']}")


@click.command("force-approve")
@click.argument("proposal_id")
@click.option("--reason", required=True, help="Why; it is part of the audit log.")
@click.pass_obj
def force_approve(door: Door, proposal_id: str, reason: str) -> None:
    """Approve a pending proposal past its voters (administrators). The faucet must be able to pay it now."""
    found = door.call("POST", f"{_path(proposal_id, '/admin')}/force-approve", {"reason": reason})
    door.show(found, f"{found['status']}: {proposal_id}")


@click.command()
@click.option("--ledger", is_flag=True, help="Every movement, newest first; the lines of one add up to zero.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def faucet(door: Door, ledger: bool, limit: int, cursor: str | None) -> None:
    """Show what the faucet holds, what is promised of it to approved proposals, and what is free."""
    if not ledger:
        found = door.call("GET", "/admin/faucet")
        door.show(found, "\n".join(f"{name:12}{found[name]:>20}" for name in ("balance", "allocated", "unallocated")))
        return
    found = door.call("GET", "/admin/faucet/ledger", limit=limit, cursor=cursor)
    shown = table(found["items"], LEDGER, "Nothing was ever paid in.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@click.command()
@click.argument("amount", type=click.IntRange(1))
@click.option("-m", "--memo", default="", help="What for; it stands in the ledger.")
@click.option("--key", help="Idempotency key: the same key deposits once.")
@click.pass_obj
def deposit(door: Door, amount: int, memo: str, key: str | None) -> None:
    """Put AMOUNT, in the smallest unit, into the faucet (administrators).

    Approved proposals that wait for funds get theirs at once, oldest first.
    """
    found = door.call("POST", "/admin/faucet/deposits", {"amount": amount, "memo": memo}, key)
    door.show(found, f"deposited: {amount}, the faucet holds {found['balance']}")


def _path(proposal_id: str, for_whom: str | None = None) -> str:
    """The address of a proposal of whatever kind, by its id."""
    name = quote(proposal_id, safe="")
    for kind in ("deletion", "governance"):
        if proposal_id.startswith(f"{kind}-proposal-"):
            return f"{for_whom or '/voter'}/{kind}-proposals/{name}"
    return f"{for_whom or '/proposer'}/workflows/{name}"


def _line(one: dict[str, Any]) -> dict[str, Any]:
    votes = one["votes"]
    tally = f"{votes['votes_cast']} of {votes['total_voters']} ({votes['approve']} for, {votes['deny']} against)"
    ends = one["finalize_at"] or one["expires_at"] or one["vote_opens_at"]
    state = "pending, no funds" if one["awaiting_funds"] else one["status"]
    closes = _moment(ends) if ends and one["finalized_at"] is None and one["status"] == "pending" else None
    return one | {"votes": tally, "state": state, "closes": closes}


def _in_full(one: dict[str, Any]) -> str:
    lines = [f"{one['title']} ({one['scope']}): {_line(one)['state']}", one["explanation"]]
    if one["description"]:
        lines += ["", one["description"]]
    if one["steps"]:
        steps = [step | {"needs": step["credentials"]} for step in one["steps"]]
        lines += ["", table(steps, [("title", "STEP"), ("bounty", "BOUNTY"), ("needs", "NEEDS")], "")]
        lines += [f"{one['recurrence']}; {one['weekly_bounty_requirement']} a week is reserved when it is approved"]
    if one["my_decision"]:
        lines += ["", f"You voted: {one['my_decision']}"]
    return "\n".join(lines)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
