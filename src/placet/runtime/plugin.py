"""One Temporal configuration for client, worker, replayer and tests."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import Interceptor, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from placet.durable.tick import SeriesTick
from placet.durable.workflow import Entry

# The sandbox does not guard what it passes through: these are pure, or our own primitives, which have their tests.
# Catalogue files, which everybody writes, stay inside it.
PASSED_THROUGH = ("placet.domain", "placet.durable", "placet.store", "placet.connectors", "jsonschema", "sqlalchemy")


def _models(catalogue: Sequence[Entry]) -> set[str]:
    """Where the data of the workflows is declared: to declare it anew for each case costs a third of the sandbox."""
    shapes = {shape.__module__ for entry in catalogue for shape in (entry.request, entry.outcome, entry.policy)}
    return shapes - {entry.workflow.__module__ for entry in catalogue}


def _sandboxed(models: set[str]) -> Callable[[WorkflowRunner | None], WorkflowRunner]:
    def sandboxed(runner: WorkflowRunner | None) -> WorkflowRunner:
        if not isinstance(runner, SandboxedWorkflowRunner):
            raise TypeError("Placet's workflows run in the sandbox")
        pure = runner.restrictions.with_passthrough_modules(*PASSED_THROUGH, *models)
        return dataclasses.replace(runner, restrictions=pure)

    return sandboxed


class PlacetPlugin(SimplePlugin):
    def __init__(
        self,
        catalogue: Sequence[Entry],
        activities: Sequence[Callable[..., Any]] = (),
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        super().__init__(
            "placet",
            data_converter=pydantic_data_converter,
            workflows=[*(entry.workflow for entry in catalogue), SeriesTick],
            activities=activities,
            interceptors=interceptors,
            workflow_runner=_sandboxed(_models(catalogue)),
        )
