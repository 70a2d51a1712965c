"""The connection to Temporal: the embedded server, a cluster, or Temporal Cloud by the standard environment."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from placet.durable.workflow import Entry
from placet.runtime.plugin import PlacetPlugin
from placet.runtime.settings import TemporalSettings

log = logging.getLogger(__name__)


def quiet_runtime() -> Runtime:
    """The SDK's core logs thousands of lines to standard output when a server goes away: errors only."""
    telemetry = TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR")))
    return Runtime(telemetry=telemetry)


async def connect(
    settings: TemporalSettings,
    address: str,
    catalogue: Sequence[Entry],
    environment: Mapping[str, str],
    lazy: bool = False,
) -> Client:
    """A client; `lazy` does not wait for the server, so that people are served while it is down."""
    options: dict[str, Any] = {}
    if settings.address is not None:
        options = dict(ClientConfig.load_client_connect_config(config_file=_file(environment), override_env_vars=None))
    options |= {"target_host": settings.address or address, "namespace": settings.namespace}
    return await Client.connect(**options, plugins=[PlacetPlugin(catalogue)], lazy=lazy, runtime=quiet_runtime())


async def connect_patiently(
    settings: TemporalSettings, address: str, catalogue: Sequence[Entry], environment: Mapping[str, str]
) -> Client:
    """Connect, trying for as long as it takes."""
    while True:
        try:
            return await connect(settings, address, catalogue, environment)
        except (RuntimeError, OSError) as error:
            log.info("Temporal at %s is not there yet: %s", settings.address or address, str(error)[:200])
            await asyncio.sleep(0.3)


def _file(environment: Mapping[str, str]) -> str | None:
    named = environment.get("TEMPORAL_CONFIG_FILE")
    return str(Path(named)) if named else None
