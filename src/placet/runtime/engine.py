"""The connection to Temporal: the embedded server, a cluster, or Temporal Cloud by the standard environment."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
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
    options: dict[str, Any] = {"target_host": address}
    if settings.address is not None:
        standard = ClientConfig.load_client_connect_config(override_env_vars=dict(environment))
        options |= standard | {"target_host": settings.address}
    if settings.namespace:
        options["namespace"] = settings.namespace
    return await Client.connect(**options, plugins=[PlacetPlugin(catalogue)], lazy=lazy, runtime=quiet_runtime())


async def connect_patiently(
    settings: TemporalSettings, address: str, catalogue: Sequence[Entry], environment: Mapping[str, str]
) -> Client:
    """Connect, trying for as long as it takes."""
    while True:
        try:
            return await connect(settings, address, catalogue, environment)
        except (RuntimeError, OSError) as error:
            log.info("Temporal is not there yet: %s", str(error)[:200])
            await asyncio.sleep(0.3)
