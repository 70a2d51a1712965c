"""What a workflow means to do, read from its own story: so that a page can show what lies ahead of a case.

The story is code, and may repeat or leave out what it names; this is the order in which it names its steps and
decisions, no more.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

from placet.durable.names import slug
from placet.durable.saga import activity_name

Form = Literal["step", "task", "ballot", "funds"]
DECISIONS: dict[str, Form] = {
    "approval": "task",
    "ask": "task",
    "collect": "task",
    "ballot": "ballot",
    "funded": "funds",
}
TITLES: dict[Form, str] = {"ballot": "Vote", "funds": "Funding"}


class Planned(tuple[Form, str, str]):
    """One stop of the story: its form, the name under which the case keeps it (for a task or step), and its title."""

    @property
    def form(self) -> Form:
        return self[0]

    @property
    def name(self) -> str:
        return self[1]

    @property
    def title(self) -> str:
        return self[2]


def step_title(name: str) -> str:
    """`crm.set-status` is “Set status”."""
    return name.rpartition(".")[2].replace("-", " ").capitalize()


@cache
def plan(story: Callable[..., Any]) -> tuple[Planned, ...]:
    """The stops of the story, in the order in which it names them; none when its source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(story)))
    except (OSError, SyntaxError, TypeError):
        return ()
    known = getattr(story, "__globals__", {})
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return tuple(stop for call in calls for stop in _stops(call, known))


def _stops(call: ast.Call, known: dict[str, Any]) -> Iterator[Planned]:
    what = call.func
    if not isinstance(what, ast.Attribute) or not isinstance(what.value, ast.Name) or what.value.id != "self":
        return
    if what.attr == "step" and call.args and isinstance(do := call.args[0], ast.Attribute):
        owner = known.get(do.value.id) if isinstance(do.value, ast.Name) else None
        if owner is not None and hasattr(owner, do.attr):
            name = activity_name(getattr(owner, do.attr))
            yield Planned(("step", name, step_title(name)))
    elif (form := DECISIONS.get(what.attr)) in ("ballot", "funds"):
        yield Planned((form, what.attr, TITLES[form]))
    elif form is not None and call.args and isinstance(title := call.args[0], ast.Constant):
        yield Planned((form, slug(str(title.value)), str(title.value)))
