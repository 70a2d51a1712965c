"""Where an installation lives; light to import, for every process of it needs this."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from placet.catalogue.registry import CATALOGUE
from placet.runtime.datadir import DataDir
from placet.runtime.settings import Settings, load


@dataclass(frozen=True)
class Place:
    """Where an installation lives: its data, its settings, the ports it listens on, and its environment."""

    datadir: DataDir
    port: int
    temporal_port: int
    config: Path | None
    environment: Mapping[str, str]

    def settings(self) -> Settings:
        return load(self.config, CATALOGUE)

    def arguments(self) -> list[str]:
        given = ["--data", str(self.datadir.path), "--port", str(self.port), "--temporal-port", str(self.temporal_port)]
        return [*given, "--config", str(self.config)] if self.config else given

    @property
    def temporal(self) -> str:
        return f"127.0.0.1:{self.temporal_port}"

    @property
    def worker_ready(self) -> Path:
        return self.datadir.path / "worker.ready"
