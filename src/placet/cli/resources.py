"""Projects and memberships from the command line: registering one, looking at it, and asking for another state."""

import click

from placet.cli.door import Door, table

KIND = click.Choice(["project", "member"])


@click.group()
def resource() -> None:
    """List projects and memberships, register them (coordinators), and ask for a change of their state."""


@resource.command("list")
@click.option("--kind", type=KIND)
@click.option("--state", help="active, hibernating, archived or alumni.")
@click.option("--scope")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@click.pass_obj
def list_resources(
    door: Door, kind: str | None, state: str | None, scope: str | None, limit: int, cursor: str | None
) -> None:
    """List those of the scopes in which you hold a role, with the states that each can become."""
    found = door.call("GET", "/api/v1/resources", kind=kind, state=state, scope=scope, limit=limit, cursor=cursor)
    columns = [("kind", "KIND"), ("id", "ID"), ("title", "TITLE"), ("scope", "SCOPE"), ("state", "STATE")]
    shown = table(found["items"], [*columns, ("becomes", "CAN BECOME")], "No projects or memberships.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@resource.command("show")
@click.argument("kind", type=KIND)
@click.argument("resource_id")
@click.pass_obj
def show(door: Door, kind: str, resource_id: str) -> None:
    """Show one: its state, every change with the case that decided it, and a change that is asked for."""
    found = door.call("GET", f"/api/v1/resources/{kind}/{resource_id}")
    lines = [f"{found['title']} ({kind} {resource_id}) in {found['scope']}: {found['state']}"]
    if found["pending_case"]:
        lines.append(f"A change is being decided in {found['pending_case']}.")
    elif found["becomes"]:
        lines.append(f"It can become: {', '.join(found['becomes'])}.")
    columns = [("was", "WAS"), ("becomes", "BECAME"), ("case_id", "CASE"), ("at", "AT"), ("undone_at", "TAKEN BACK")]
    door.show(found, "\n".join([*lines, "", table(found["history"], columns, "It has not changed yet.")]))


@resource.command("add")
@click.argument("kind", type=KIND)
@click.argument("resource_id")
@click.option("--scope", required=True)
@click.option("--title", help="What a project is called; a membership has the name of its person.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def add(door: Door, kind: str, resource_id: str, scope: str, title: str | None, key: str | None) -> None:
    """Register a project, or somebody's membership; it is active from then on.

    \b
      placet resource add project fence --scope deals --title "The fence"
      placet resource add member nina --scope coop        RESOURCE_ID is the person's id
    """
    body = {"kind": kind, "id": resource_id, "scope": scope} | ({"title": title} if title else {})
    made = door.call("POST", "/api/v1/resources", body, key)
    door.show(made, f"registered: {kind} {resource_id}")


@resource.command("change")
@click.argument("kind", type=KIND)
@click.argument("resource_id")
@click.argument("state")
@click.option("--reason", default="", help="Why.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def change(door: Door, kind: str, resource_id: str, state: str, reason: str, key: str | None) -> None:
    """Ask for another STATE: a case of its own, decided by whoever has the authority for this change."""
    scope = door.call("GET", f"/api/v1/resources/{kind}/{resource_id}")["scope"]
    request = {"kind": kind, "id": resource_id, "becomes": state, "reason": reason}
    path = "/api/v1/workflows/lifecycle-transition/cases"
    made = door.call("POST", path, {"scope": scope, "request": request}, key)
    door.show(made, f"opened {made['id']}\n{made['waiting_for']}")
