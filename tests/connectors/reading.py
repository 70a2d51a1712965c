"""The embedded extractor, with as much time as a busy machine may need."""

from placet.connectors.extraction.local import LocalExtractionSettings, LocalExtractor


def patient_extractor() -> LocalExtractor:
    return LocalExtractor(LocalExtractionSettings(cpu_seconds=120, timeout_seconds=300))
