"""Human tasks, from the command line."""

import json

import click

from placet.cli.door import Door, table


@click.group()
def task() -> None:
    """See and answer what waits for you."""


@task.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor")
@click.pass_obj
def list_tasks(door: Door, limit: int, cursor: str | None) -> None:
    """List what waits for you, most urgent first."""
    found = door.call("GET", "/api/v1/tasks", limit=limit, cursor=cursor)
    columns = [("id", "TASK"), ("title", "TITLE"), ("due_at", "DUE"), ("claimed_by", "CLAIMED BY")]
    shown = table(found["items"], columns, "Nothing waits for you.")
    if found["next_cursor"]:
        shown += f"\nMore: --cursor {found['next_cursor']}"
    door.show(found, shown)


@task.command("show")
@click.argument("task_id")
@click.pass_obj
def show(door: Door, task_id: str) -> None:
    """Show one task: what is asked, what it shows, how to answer."""
    found = door.call("GET", f"/api/v1/tasks/{task_id}")
    door.show(found, json.dumps(found, indent=2, ensure_ascii=False))


@task.command("answer")
@click.argument("task_id")
@click.argument("outcome")
@click.option("--comment", default="", help="Why; some answers need it.")
@click.option("--data", default=None, help="The form of the task, as JSON.")
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def answer(door: Door, task_id: str, outcome: str, comment: str, data: str | None, key: str | None) -> None:
    """Answer a task with one of its outcomes."""
    body: dict[str, object] = {"outcome": outcome, "comment": comment}
    if data is not None:
        try:
            body["data"] = json.loads(data)
        except ValueError as error:
            raise click.BadParameter(f"not valid JSON: {error}", param_hint="--data") from error
    found = door.call("POST", f"/api/v1/tasks/{task_id}/answer", body, key)
    verdict = found.get("verdict")
    end = f"; decided: {verdict['outcome']}" if verdict else ""
    door.show(found, f"counted, receipt {found['receipt']['receipt'][:16]}…{end}")


@task.command("claim")
@click.argument("task_id")
@click.pass_obj
def claim(door: Door, task_id: str) -> None:
    """Take a task, so that nobody else does."""
    door.show(door.call("POST", f"/api/v1/tasks/{task_id}/claim", {}), f"claimed: {task_id}")


@task.command("release")
@click.argument("task_id")
@click.pass_obj
def release(door: Door, task_id: str) -> None:
    """Give a claimed task back."""
    door.show(door.call("POST", f"/api/v1/tasks/{task_id}/release", {}), f"released: {task_id}")


@task.command("reassign")
@click.argument("task_id")
@click.argument("to")
@click.option("--comment", default="")
@click.pass_obj
def reassign(door: Door, task_id: str, to: str, comment: str) -> None:
    """Put a task to the person TO, and to nobody else (coordinators of its scope and administrators)."""
    body = {"to": to, "comment": comment}
    door.show(door.call("POST", f"/api/v1/tasks/{task_id}/reassign", body), f"{task_id} is now with {to}")


@task.command("delegate")
@click.argument("task_id")
@click.argument("to")
@click.option("--comment", default="")
@click.pass_obj
def delegate(door: Door, task_id: str, to: str, comment: str) -> None:
    """Pass a task on to the person TO."""
    body = {"to": to, "comment": comment}
    door.show(door.call("POST", f"/api/v1/tasks/{task_id}/delegate", body), f"{task_id} is now with {to}")
