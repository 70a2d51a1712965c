"""`@case` turns a class with a `run` story into a Temporal workflow and a catalogue entry."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ValidationError
from temporalio import workflow

from placet.domain.course import Opening
from placet.domain.model import Durable
from placet.durable.case import Case
from placet.store.policies import Check

CaseType = TypeVar("CaseType", bound=type[Case])


class NoPolicy(Durable):
    """A workflow without policies of its own."""


@dataclass(frozen=True)
class Entry:
    """What the catalogue shows of a workflow, read off its class."""

    kind: str
    title: str
    subject: str
    description: str
    decides: str
    silence: str
    starters: tuple[str, ...]
    workflow: type[Case]
    request: type[BaseModel]
    outcome: type[BaseModel]
    policy: type[BaseModel]
    policy_name: str
    by_people: bool
    children: tuple[str, ...] = ()


def case(
    kind: str,
    *,
    title: str,
    subject: str,
    decides: str,
    silence: str,
    policy: type[BaseModel] = NoPolicy,
    starters: tuple[str, ...] = (),
    workflow_type: str | None = None,
    policy_name: str | None = None,
    by_people: bool = True,
    children: tuple[str, ...] = (),
) -> Callable[[CaseType], CaseType]:
    """Declare a catalogue workflow.

    `subject` is a format string over the request that titles each case. `decides` and `silence` are product text:
    who decides, and what happens if nobody does. `starters` are the roles that may start it; empty means everybody
    with a grant in the scope. `workflow_type` is the Temporal name when it is not the kind, `policy_name` the table
    of its policy in the settings. Without `by_people` only other cases start it. `children` are the kinds that its
    cases may start.
    """

    def declare(cls: CaseType) -> CaseType:
        story = cls.run
        hints = get_type_hints(story)
        parameters = [name for name in inspect.signature(story).parameters if name != "self"]
        request, outcome = hints[parameters[0]], hints["return"]

        async def run(self, opening: Opening) -> dict[str, Any]:  # type: ignore[no-untyped-def]
            result: dict[str, Any] = await Case.conduct(self, opening)
            return result

        # Temporal wants the entry point defined on the class itself, so the story moves aside for it.
        run.__qualname__ = f"{cls.__qualname__}.run_case"
        run.__module__ = cls.__module__
        run.__name__ = "run_case"
        cls.run_case = workflow.run(run)  # type: ignore[attr-defined]
        cls.request_type = request
        cls.policy_type = policy
        cls.entry = Entry(
            kind=kind,
            title=title,
            subject=subject,
            description=inspect.getdoc(cls) or "",
            decides=decides,
            silence=silence,
            starters=starters,
            workflow=cls,
            request=request,
            outcome=outcome,
            policy=policy,
            policy_name=policy_name or kind,
            by_people=by_people,
            children=children,
        )
        return workflow.defn(name=workflow_type or kind)(cls)

    return declare


def overlaid(entry: Entry, base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of a workflow with these values in the place of some; raises ValueError for what it cannot be."""
    if unknown := sorted(set(values) - set(entry.policy.model_fields)):
        known = ", ".join(sorted(entry.policy.model_fields)) or "none"
        raise ValueError(f"{unknown[0]}: there is no such key; there are: {known}")
    try:
        return entry.policy.model_validate({**base, **values}).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def checks(entries: Mapping[str, Entry], base: Callable[[Entry], Mapping[str, Any]]) -> Check:
    """What keeps a version of a policy valid on top of `base`; the entries are by the name of their policy."""

    def check(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if name not in entries:
            raise ValueError(f"there is no policy called {name}; there are: {', '.join(sorted(entries))}")
        whole = overlaid(entries[name], base(entries[name]), values)
        return {key: whole[key] for key in values}

    return check


def descendants(entry: Entry, catalogue: Mapping[str, Entry]) -> list[Entry]:
    """What cases of this kind may start, directly or through those; each once."""
    found: dict[str, Entry] = {}
    ahead = [*entry.children]
    while ahead:
        kind = ahead.pop(0)
        if kind not in found:
            found[kind] = catalogue[kind]
            ahead += catalogue[kind].children
    return list(found.values())


def entry_of(cls: type[Case]) -> Entry:
    """The catalogue entry of a workflow class declared with `@case`."""
    return cls.entry
