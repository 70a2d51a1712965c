"""Documents of cases, from the command line."""

from pathlib import Path

import click

from placet.cli.door import Door, table


@click.group()
def document() -> None:
    """List, give and fetch the documents of a case."""


@document.command("list")
@click.argument("case_id")
@click.pass_obj
def list_documents(door: Door, case_id: str) -> None:
    """List what was asked for and what has come."""
    found = door.call("GET", f"/api/v1/cases/{case_id}/documents")
    rows = []
    for entry in found["items"]:
        known = {key: entry[key] for key in ("name", "state", "round")}
        rows += [known | {"id": file["id"], "file": file["filename"]} for file in entry["files"]] or [known]
    columns = [("name", "DOCUMENT"), ("state", "STATE"), ("round", "ROUND"), ("id", "ID"), ("file", "FILE")]
    door.show(found, table(rows, columns, "No documents."))


@document.command("upload")
@click.argument("case_id")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", help="Idempotency key.")
@click.pass_obj
def upload(door: Door, case_id: str, name: str, files: tuple[Path, ...], key: str | None) -> None:
    """Give FILES to a case as the document NAME: all of them are taken, or none."""
    sent = [(path.name, path.read_bytes()) for path in files]
    taken = door.upload(f"/api/v1/cases/{case_id}/documents", name, sent, key)
    lines = [f"{one['document']['id']}  receipt {one['receipt'][:16]}…" for one in taken["items"]]
    door.show(taken, "\n".join(lines))


@document.command("get")
@click.argument("document_id")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.pass_obj
def get(door: Door, document_id: str, output: Path, force: bool) -> None:
    """Fetch one file by its ID into --output."""
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists already; choose another --output, or give --force.")
    content = door.download(f"/api/v1/documents/{document_id}")
    output.write_bytes(content)
    door.show({"id": document_id, "file": str(output), "size": len(content)}, f"{output}: {len(content)} bytes")
