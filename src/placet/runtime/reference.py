"""The reference pages, written from the code: `python -m placet.runtime.reference docs/reference` (`make docs`)."""

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import click
from fastapi import FastAPI
from pydantic import BaseModel

from placet.api.app import create_app
from placet.api.errors import OF_HTTP, STATUS
from placet.catalogue.registry import CATALOGUE
from placet.connectors.delivery.webhook import WebhookSettings
from placet.connectors.mail.smtp import SmtpSettings
from placet.control.errors import CODES
from placet.control.outline import Stage, outline_of
from placet.domain.step import StepState
from placet.durable.workflow import Entry
from placet.runtime.api import control_of
from placet.runtime.settings import Settings
from placet.runtime.shapes import code, resolved, shape
from placet.store.cases import OPEN_STATES, CaseState
from placet.store.credentials import ENDED
from placet.store.decisions import LockedDecision
from placet.store.engine import Store
from placet.store.forms import FORMS
from placet.store.house import House

# The layer above this one: it is looked at here, never called.
COMMAND_LINE = "placet.cli.main"
WIDTH = 100
GENERATED = "<!-- Generated from the code by `make docs`; change the code, not this page. -->"

SOURCES = Path(__file__).parents[1]

# The actions whose last word the code fills in: what it may be, when Placet or when a person writes it.
PLACET, PERSON = "Placet", "a person"
ENDINGS: dict[tuple[str, str], tuple[str, ...]] = {
    ("step.", PLACET): (StepState.DONE, StepState.UNKNOWN, StepState.FAILED, StepState.UNDO_FAILED),
    ("step.", PERSON): (StepState.SKIPPED,),
    ("credential.", PLACET): ENDED,
    ("case.", PLACET): tuple(sorted({*CaseState} - {*OPEN_STATES})),
}

# How the actions end that every form of a decision has.
ENDS_OF_FORMS = ("closed", "withdrawn")

ENVIRONMENT: tuple[tuple[str, str], ...] = (
    ("PLACET_ADMIN_TOKEN", "The first administrator's token, at least 16 characters; otherwise one is made."),
    ("PLACET_DATA", "Data directory; the same as `--data`."),
    ("PLACET_CONFIG", "Settings file; the same as `--config`."),
    ("PLACET_URL", "Address of a running Placet, for the command line; the same as `--url`."),
    ("PLACET_TOKEN", "Bearer token for the command line; the same as `--token`."),
    ("PLACET_EXECUTOR_PASSPHRASE", "Opens the executor's keys; otherwise one is made, and kept beside them."),
    ("TEMPORAL_*", "TLS, API key and profile of the Temporal client; read only when `[temporal] address` is set."),
)


def pages() -> dict[str, str]:
    """Every page by its file name."""
    app = _application()
    described = app.openapi()
    return {
        "workflows.md": workflows(CATALOGUE),
        "settings.md": settings(),
        "cli.md": command_line(),
        "api.md": api(described),
        "openapi.json": json.dumps(described, indent=2, ensure_ascii=False) + "\n",
        "errors.md": errors(),
        "audit-actions.md": audit_actions(),
    }


def workflows(catalogue: Iterable[Entry]) -> str:
    parts = ["# Workflows", GENERATED, "What can be started, who decides, and what happens if nobody does."]
    for entry in catalogue:
        parts += [
            f"## {entry.title}",
            entry.description,
            _table(
                ("", ""),
                [
                    ("Kind", f"`{entry.kind}`"),
                    ("Who decides", entry.decides),
                    ("If nobody acts", entry.silence),
                    ("Who may start it", _listed(entry.starters) or "everybody with a role in the scope"),
                ],
            ),
            "### Course",
            _course(entry),
            "### Request",
            _fields(entry.request),
            "### Outcome",
            _fields(entry.outcome),
            "### Policy",
            f"Set in `[policy.{entry.kind}]`; frozen into a case when it opens.",
            _defaults(entry.policy),
        ]
    return _page(parts)


def _course(entry: Entry) -> str:
    """The stages as the source of the workflow tells them."""
    known = outline_of(entry)
    words = {"step": "step", "task": "task", "ballot": "ballot", "funds": "wait for funds"}
    lines = []
    for number, stage in enumerate(known.stages, start=1):
        more = [
            words[stage.form],
            *(["may repeat"] if stage.repeats else []),
            *(["if needed"] if stage.optional else []),
        ]
        lines.append(f"{number}. {stage.title} ({', '.join(more)})")
    return "\n".join(lines if known.whole else [*lines, f"{len(lines) + 1}. …"])


def _freely(stage: Stage) -> tuple[tuple[str, bool], ...]:
    return ("may repeat", stage.repeats), ("if needed", stage.optional)


def settings() -> str:
    parts = [
        "# Settings",
        GENERATED,
        "One file, `placet.toml`, named by `--config` or `PLACET_CONFIG`, or found in the current directory. An unknown"
        " key is an error. `placet config` prints what is in force. A length of time is a number and a unit: `30s`,"
        " `15m`, `24h`, `14d`, `2w`, or `3bd` for business days of `[calendar]`.",
    ]
    for name, field in Settings.model_fields.items():
        # A table that may be left out altogether is a model or None.
        model = next((one for one in get_args(field.annotation) if one is not NoneType), field.annotation)
        if isinstance(model, type) and issubclass(model, BaseModel):
            parts += [f"## [{name}]", inspect.getdoc(model) or "", _defaults(model)]
    parts += ["## [mail.smtp]", inspect.getdoc(SmtpSettings) or "", _defaults(SmtpSettings)]
    parts += ["## [delivery.webhook]", inspect.getdoc(WebhookSettings) or "", _defaults(WebhookSettings)]
    parts += ["## [policy.KIND]", "One table a workflow; see [workflows](workflows.md) for the keys of each."]
    parts += ["## Environment", _table(("Variable", "Meaning"), [(f"`{name}`", text) for name, text in ENVIRONMENT])]
    return _page(parts)


def command_line() -> str:
    root = import_module(COMMAND_LINE).placet
    parts = ["# Command line", GENERATED]
    for path, command in _commands(root, ("placet",)):
        context = click.Context(
            command, info_name=" ".join(path), terminal_width=WIDTH, help_option_names=["-h", "--help"]
        )
        parts += [f"## {' '.join(path)}", f"```text\n{command.get_help(context)}\n```"]
    return _page(parts)


def api(described: Mapping[str, Any]) -> str:
    parts = [
        "# HTTP API",
        GENERATED,
        "Every route. The full description, with all shapes, is [openapi.json](openapi.json), served as"
        " `/api/v1/openapi.json`. How to use it is told in [the guide](../howto/api.md).",
    ]
    rows = []
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            rows.append((f"`{method.upper()} {path}`", _parameters(route), route.get("description", "")))
    parts.append(_table(("Route", "Query and headers", "What it does"), rows))
    return _page(parts)


def errors() -> str:
    rows = [(f"`{code}`", str(STATUS[kind]), title) for code, (kind, title) in CODES.items()]
    known = {code for code in CODES}
    rows += [(f"`{code}`", str(status), title) for status, (code, title, _) in OF_HTTP.items() if code not in known]
    rows.append(("`internal-error`", "500", "Our mistake"))
    parts = [
        "# Error codes",
        GENERATED,
        "Every error is `application/problem+json` (RFC 9457). Rely on `code`: it is stable. `detail` is written for"
        " people and may change. The codes of acts that did not count also stand in the audit log, on `@refused`.",
        _table(("Code", "Status", "Title"), rows),
    ]
    return _page(parts)


def audit_actions() -> str:
    rows: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for file in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                for action, found in _written(function, call):
                    for known, more in zip(rows.setdefault(action, (set(), set(), set())), found, strict=True):
                        known |= more
    table = [
        (f"`{action}`", ", ".join(sorted(who)), _listed(sorted(evidence)), _listed(sorted(texts)))
        for action, (who, evidence, texts) in sorted(rows.items())
    ]
    parts = [
        "# Audit actions",
        GENERATED,
        "What a line of the audit log can say. Evidence stands in the line itself; of an erasable text the line holds"
        " only a salted digest. On the chain `@refused` the action is what was attempted (such as `task.answer`,"
        " `case.cancel`, `signal`), and the evidence has the [code](errors.md) of the refusal.",
        _table(("Action", "Who", "Evidence", "Erasable texts"), table),
    ]
    return _page(parts)


def _written(
    function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call
) -> Iterator[tuple[str, tuple[set[str], set[str], set[str]]]]:
    """The actions that a call of `LockedCase.audit` or `audit.append` writes, with who, evidence and texts."""
    match call:
        case ast.Call(func=ast.Attribute(attr="audit"), args=[who, action, *rest]):
            pass
        case ast.Call(func=ast.Name(id="append"), args=[_, _, who, action, *rest]):
            pass
        case _:
            return
    named = isinstance(who, ast.Constant) or (isinstance(who, ast.Name) and who.id == "SYSTEM")
    by = PLACET if named else PERSON
    match action:
        case ast.Constant(value=str(name)):
            names = [name]
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), ast.FormattedValue()]):
            names = [f"{start}{end}" for end in ENDINGS.get((start, by), ("…",))]
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(end))]):
            names = [f"{form}{end}" for form in FORMS]
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value="."), ast.FormattedValue()]):
            names = [f"{form}.{end}" for form in FORMS for end in ENDS_OF_FORMS]
        case _:
            return
    evidence = _keys(function, rest[0]) if rest else set()
    texts = {keyword.arg for keyword in call.keywords if keyword.arg}
    for name in names:
        form, _, end = name.partition(".")
        own = {form} if isinstance(action, ast.JoinedStr) and form in FORMS else set()
        if own and end in ENDS_OF_FORMS:
            # `store.decisions.close` says of these alone why nobody decided.
            own |= _committed(FORMS[form]) | ({"why"} if end == "withdrawn" else set())
        yield name, ({by}, evidence | own, texts)


def _committed(form: type[LockedDecision]) -> set[str]:
    """The keys of what the end of this form says beyond the verdict."""
    written = ast.parse(textwrap.dedent(inspect.getsource(form.commitment)))
    returned = [node.value for node in ast.walk(written) if isinstance(node, ast.Return)]
    function = next(node for node in ast.walk(written) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {key for value in returned if value is not None for key in _keys(function, value)}


def _keys(function: ast.FunctionDef | ast.AsyncFunctionDef, value: ast.expr) -> set[str]:
    """The keys of a dict that is written out, or that the function has put into this variable."""
    found: set[str] = set()
    match value:
        case ast.Dict():
            for key, inner in zip(value.keys, value.values, strict=True):
                found |= _keys(function, inner) if key is None else _text(key)
        case ast.Name(id=name):
            for node in ast.walk(function):
                match node:
                    case ast.AnnAssign(target=ast.Name(id=target), value=ast.Dict() as given) if target == name:
                        found |= _keys(function, given)
                    case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=target)) as place]) if target == name:
                        found |= _text(place.slice)
    return found


def _text(value: ast.expr) -> set[str]:
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) else set()


def _application() -> FastAPI:
    store = Store("sqlite://", House())
    try:
        return create_app(control_of(store, Settings()), engine_status=_down)
    finally:
        store.close()


async def _down() -> dict[str, Any]:
    return {"engine": "down"}


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], (*path, name))


def _parameters(route: Mapping[str, Any]) -> str:
    named = [one["name"] for one in route.get("parameters", ()) if one["in"] in ("query", "header")]
    return ", ".join(f"`{name}`" for name in named)


def _defaults(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    plain = model.model_construct().model_dump(mode="json", exclude=set(_required(model)))
    rows = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        value = "required" if field.is_required() else "unset" if plain[name] is None else code(plain[name])
        if name in ("smtp", "webhook") and plain.get(name) is None:
            continue
        rows.append((f"`{name}`", value, shape(schema, schema["properties"][name])))
    return _table(("Key", "Default", "Value"), rows) if rows else "No keys."


def _required(model: type[BaseModel]) -> Iterator[str]:
    return (name for name, field in model.model_fields.items() if field.is_required())


def _fields(model: type[BaseModel]) -> str:
    return _table(("Field", "", "Value"), list(_rows(model.model_json_schema(), model.model_json_schema(), "")))


def _rows(schema: Mapping[str, Any], part: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """One row a field, those of nested objects by their path."""
    needed = part.get("required", ())
    for name, inner in part.get("properties", {}).items():
        found = resolved(schema, inner)
        if found.get("properties"):
            yield from _rows(schema, found, f"{prefix}{name}.")
        else:
            yield f"`{prefix}{name}`", "required" if name in needed else "", shape(schema, inner)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) + " |" for line in lines
    )


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")
        print(target / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m placet.runtime.reference FOLDER")
    main(Path(sys.argv[1]))
