"""Delivery into a folder, for whoever fetches credentials from there."""

import asyncio
import json
import os
import tempfile
from pathlib import Path

from placet.connectors.credentials.port import Parcel
from placet.connectors.delivery.envelope import envelope
from placet.connectors.delivery.port import Delivered, DeliveryRefused


class FileDelivery:
    """One file a credential, whole or not there at all, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, key: str, parcel: Parcel) -> Delivered:
        try:
            name = await asyncio.to_thread(self._write, parcel)
        except OSError as error:
            raise DeliveryRefused("folder-unusable", f"{self._folder} cannot be written: {error.strerror}.") from error
        return Delivered(way="file", reference=name)

    def _write(self, parcel: Parcel) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self._folder / f"{parcel.credential}.json"
        descriptor, draft = tempfile.mkstemp(dir=self._folder, prefix=".draft-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(envelope(parcel.jwt), file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
        return target.name
