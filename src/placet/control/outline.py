"""The stages of a workflow in the order of its source: what a case that runs has still ahead of it.

Nothing is run: the story of the class is read. What cannot be read leaves a gap and never a fault.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from placet.durable.names import slug
from placet.durable.saga import activity_name
from placet.durable.workflow import Entry

TASKS = {"approval": "task", "ask": "task", "collect": "task"}
DEEPEST = 8


@dataclass(frozen=True)
class Stage:
    """One stage: a step, a task, a ballot or a wait for funds.

    `name` is a pattern over the name of what happens, empty when any of the form fits. `repeats` is inside a loop,
    `optional` inside a condition; stages of one `group` run side by side.
    """

    form: str
    title: str
    name: str = ""
    repeats: bool = False
    optional: bool = False
    group: int | None = None

    def is_of(self, form: str, name: str) -> bool:
        return form == self.form and (not self.name or re.fullmatch(self.name, name) is not None)


@dataclass(frozen=True)
class Outline:
    """`whole` says whether everything could be read."""

    stages: tuple[Stage, ...]
    whole: bool


@cache
def _outline(workflow: Any) -> Outline:
    try:
        source = ast.parse(textwrap.dedent(inspect.getsource(workflow)))
        methods = {
            node.name: node for node in ast.walk(source) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        reader = _Reader(methods, inspect.getmodule(workflow))
        return Outline(tuple(reader.of_method("run", _Place())), reader.whole)
    except (OSError, TypeError, SyntaxError, RecursionError, KeyError):
        return Outline((), False)


def outline_of(entry: Entry) -> Outline:
    """The stages of this workflow."""
    workflow: Any = entry.workflow
    return _outline(workflow)


@dataclass(frozen=True)
class _Place:
    repeats: bool = False
    optional: bool = False
    group: int | None = None
    inside: tuple[str, ...] = ()

    def stage(self, form: str, title: str, name: str = "") -> Stage:
        return Stage(form, title, name, self.repeats, self.optional, self.group)


class _Reader:
    def __init__(self, methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef], module: Any) -> None:
        self._methods = methods
        self._names = vars(module) if module else {}
        self._groups = 0
        self.whole = True

    def of_method(self, name: str, place: _Place) -> Iterator[Stage]:
        if name in place.inside or len(place.inside) >= DEEPEST:
            self.whole = False
            return
        inside = replace(place, inside=(*place.inside, name))
        for statement in self._methods[name].body:
            yield from self._of(statement, inside)

    def _of(self, node: ast.AST, place: _Place) -> Iterator[Stage]:
        """What happens in this part, in the order in which it would run."""
        match node:
            case ast.For(iter=first, body=body, orelse=orelse) | ast.AsyncFor(iter=first, body=body, orelse=orelse):
                yield from self._of(first, place)
                yield from self._all([*body, *orelse], replace(place, repeats=True))
            case ast.While(test=test, body=body, orelse=orelse):
                yield from self._all([test, *body, *orelse], replace(place, repeats=True))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                yield from self._all(ast.iter_child_nodes(node), replace(place, repeats=True))
            case ast.If(test=test, body=body, orelse=orelse) | ast.IfExp(test=test, body=body, orelse=orelse):
                yield from self._of(test, place)
                branches = [*(body if isinstance(body, list) else [body])]
                branches += orelse if isinstance(orelse, list) else [orelse]
                yield from self._all(branches, replace(place, optional=True))
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                yield from self._all(body, place)
                yield from self._all([*handlers], replace(place, optional=True))
                yield from self._all([*orelse, *finalbody], place)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                return
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                yield from self._of_arguments(node, place)
                yield from self._of_own(name, node, place)
            case ast.Call(func=func) if _is_gather(func):
                self._groups += 1
                yield from self._of_arguments(node, replace(place, group=self._groups))
            case _:
                yield from self._all(ast.iter_child_nodes(node), place)

    def _all(self, nodes: Any, place: _Place) -> Iterator[Stage]:
        for node in nodes:
            yield from self._of(node, place)

    def _of_arguments(self, call: ast.Call, place: _Place) -> Iterator[Stage]:
        yield from self._all([*call.args, *(keyword.value for keyword in call.keywords)], place)

    def _of_own(self, name: str, call: ast.Call, place: _Place) -> Iterator[Stage]:
        """What a call of a method of the case itself stands for."""
        if name in self._methods:
            yield from self.of_method(name, place)
        elif name == "step":
            yield from self._step(call, place)
        elif name in TASKS:
            title = _argument(call, "title")
            words = _words(title)
            if words is None:
                self.whole = False
            else:
                yield place.stage("task", words, _pattern(title))
        elif name == "ballot":
            yield place.stage("ballot", "Vote")
        elif name == "funded":
            yield place.stage("funds", "Funding")
        elif name == "decided":
            self.whole = False

    def _step(self, call: ast.Call, place: _Place) -> Iterator[Stage]:
        try:
            activity = activity_name(_found(_argument(call, "do"), self._names))
        except (TypeError, KeyError, AttributeError, ValueError):
            self.whole = False
            return
        yield place.stage("step", plain(activity), re.escape(activity))


def plain(activity: str) -> str:
    """The name of an activity in words: `crm.set-status` is “set status”."""
    return activity.rpartition(".")[2].replace("-", " ").replace("_", " ").capitalize()


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """The first argument, by place or by name."""
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _words(title: ast.expr | None) -> str | None:
    """A title that is written out, with an ellipsis for each part that only a run knows."""
    match title:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)  # type: ignore[misc]
    return None


def _pattern(title: ast.expr | None) -> str:
    """What the names of tasks with this title look like."""
    match title:
        case ast.Constant(value=str(text)):
            return re.escape(slug(text))
        case ast.JoinedStr(values=parts):
            return "".join(_of_part(part) for part in parts)
    return ""


def _of_part(part: ast.expr) -> str:
    """Of a part that is written out, what is left of it in a name; between such parts anything can stand."""
    text = str(part.value) if isinstance(part, ast.Constant) else ""
    return f"{re.escape(slug(text))}.*" if re.search(r"[A-Za-z0-9]", text) else ".*"


def _found(node: ast.expr | None, names: dict[str, Any]) -> Any:
    """What a dotted name stands for in the module of the workflow."""
    match node:
        case ast.Name(id=name):
            return names[name]
        case ast.Attribute(value=value, attr=name):
            return getattr(_found(value, names), name)
    raise ValueError("not a plain name")


def _is_gather(func: ast.expr) -> bool:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in ("gather", "wait", "TaskGroup")
    return False
