"""Cases and the catalogue, from the command line."""

import json
from typing import Any, TextIO

import click

from placet.cli.attaching import attach
from placet.cli.door import Door, table


@click.command()
@click.argument("kind", required=False)
@click.pass_obj
def workflows(door: Door, kind: str | None) -> None:
    """List what can be started; with a KIND, what its request must hold."""
    if kind is not None:
        found = door.call("GET", f"/api/v1/workflows/{kind}")
        door.show(found, json.dumps(found, indent=2, ensure_ascii=False))
        return
    found = door.call("GET", "/api/v1/workflows")
    lines = [
        f"{item['kind']}: {item['title']}\n  {item['decides']}\n  If nobody acts: {item['silence']}"
        for item in found["items"]
    ]
    door.show(found, "\n".join(lines))


@click.group()
def case() -> None:
    """Start, follow and steer cases."""


@case.command("start")
@click.argument("kind")
@click.argument("request_file", type=click.File(encoding="utf-8"), metavar="REQUEST.json")
@click.option("--scope", help="Where the case belongs, such as a project or a desk.")
@click.option("--attach", "attached", multiple=True, metavar="FIELD=FILE", help="Bring a file along; repeatable.")
@click.option("--key", help="Idempotency key: the same key starts the same case once.")
@click.pass_obj
def start(
    door: Door, kind: str, request_file: TextIO, scope: str | None, attached: tuple[str, ...], key: str | None
) -> None:
    """Start a case of KIND with the request in a JSON file (`-` for standard input)."""
    try:
        request = json.load(request_file)
    except ValueError as error:
        raise click.ClickException(f"{request_file.name} is not valid JSON: {error}") from error
    if attached:
        attach(door, kind, request, attached)
    body: dict[str, Any] = {"request": request} | ({"scope": scope} if scope else {})
    opened = door.call("POST", f"/api/v1/workflows/{kind}/cases", body, key)
    door.show(opened, opened["id"])


@case.command("list")
@click.option("--kind")
@click.option("--state")
@click.option("--scope")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def list_cases(
    door: Door, kind: str | None, state: str | None, scope: str | None, limit: int, cursor: str | None
) -> None:
    """List the cases that you may see, newest first."""
    found = door.call("GET", "/api/v1/cases", kind=kind, state=state, scope=scope, limit=limit, cursor=cursor)
    columns = [("id", "CASE"), ("title", "TITLE"), ("scope", "SCOPE"), ("state", "STATE"), ("opened_at", "OPENED")]
    shown = table(found["items"], columns, "No cases.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@case.command("show")
@click.argument("case_id")
@click.option("--events", is_flag=True, help="Print the timeline from the audit log as well.")
@click.pass_obj
def show(door: Door, case_id: str, events: bool) -> None:
    """Show one case: whom it waits for, what people decide, the cases it started, its steps and how it ended."""
    found = door.call("GET", f"/api/v1/cases/{case_id}")
    lines = [f"{found['title']} ({found['kind']}, {found['scope']}): {found['state']}", found["waiting_for"] or ""]
    tasks = [("id", "TASK"), ("title", "TITLE"), ("state", "STATE"), ("due_at", "DUE")]
    decisions = [("id", "DECISION"), ("form", "FORM"), *tasks[1:]]
    if found["tasks"] or not found["decisions"]:
        lines += ["", table(found["tasks"], tasks, "No tasks yet.")]
    if found["decisions"]:
        lines += ["", table(found["decisions"], decisions, "")]
    if found["children"]:
        lines += ["", table(found["children"], [("id", "STARTED"), ("title", "TITLE"), ("state", "STATE")], "")]
    steps = [("name", "STEP"), ("ordinal", "NO"), ("state", "STATE"), ("attempts", "TRIES"), ("error", "ERROR")]
    lines += ["", table(found["steps"], steps, "No steps yet.")]
    if found["outcome"]:
        lines += ["", "Outcome:", json.dumps(found["outcome"], indent=2, ensure_ascii=False)]
    if events:
        log = door.call("GET", f"/api/v1/cases/{case_id}/events", limit=200)
        found["events"] = log["items"]
        lines += ["", table(log["items"], [("at", "AT"), ("actor", "WHO"), ("action", "WHAT")], "No events.")]
    door.show(found, "\n".join(lines))


@case.command("comment")
@click.argument("case_id")
@click.argument("text")
@click.option("--reply-to", help="The id of the comment that this answers.")
@click.option("--key", help="Idempotency key: the same key comments once.")
@click.pass_obj
def comment(door: Door, case_id: str, text: str, reply_to: str | None, key: str | None) -> None:
    """Say something about an open case, in Markdown; whoever sees the case can read it."""
    sent = {"text": text} | ({"reply_to": reply_to} if reply_to else {})
    made = door.call("POST", f"/api/v1/cases/{case_id}/comments", sent, key)
    door.show(made, f"{made['id']}, receipt {made['receipt']}")


@case.command("comments")
@click.argument("case_id")
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def list_comments(door: Door, case_id: str, cursor: str | None) -> None:
    """Read what was said about a case, thread by thread."""
    found = door.call("GET", f"/api/v1/cases/{case_id}/comments", limit=200, cursor=cursor)
    lines = []
    for one in found["items"]:
        space = "  " * one["depth"]
        lines += [f"{space}{one['person']}, {one['at']} ({one['id']})"]
        lines += [f"{space}  {line}" for line in one["text"].splitlines()]
    if found["next_cursor"]:
        lines += [f"More: --cursor {found['next_cursor']}"]
    door.show(found, "\n".join(lines) or "Nobody has said anything yet.")


def _steer(name: str, words: str) -> None:
    @case.command(name, help=words)
    @click.argument("case_id")
    @click.option("--reason", required=True, help="Why; it is part of the audit log.")
    @click.pass_obj
    def act(door: Door, case_id: str, reason: str) -> None:
        found = door.call("POST", f"/api/v1/cases/{case_id}/{name}", {"reason": reason})
        door.show(found, f"{name}: {case_id}")


_steer("pause", "Stop a case: no act is taken and no clock runs until it is resumed.")
_steer("resume", "Let a paused case go on; its deadlines move by the time it stood still.")
_steer("cancel", "End a case early; what it did is taken back.")
