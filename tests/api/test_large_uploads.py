"""Large and hostile files against the API as a process of its own: its memory stays bounded, and it stays alive."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.samples import files

from placet.connectors.blobs.port import content_hash
from placet.domain.collection import DocumentRequest
from placet.domain.course import Ask, Report
from placet.domain.people import Role
from placet.domain.task import TaskSpec
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from placet.store import cases, course
from placet.store.engine import Store, Tx
from placet.store.house import House
from ports import free_port

CASE = "order-1"
PATH = f"/api/v1/cases/{CASE}/documents"
MEGABYTE = 1_000_000
WITHIN_SECONDS = 120
LOOK_SECONDS = 0.05
LONG = (b"A deed in plain words, and then some more.\n" * 600_000)[: 24 * MEGABYTE]


@dataclass
class Served:
    """A running API; `peak` is the most memory it has had since `forget`, in bytes."""

    http: httpx2.AsyncClient
    pid: int

    def forget(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def peak(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    async def give(self, name: str, content: Any, **more: Any) -> httpx2.Response:
        return await self.http.post(PATH, data={"name": "deed"}, files={"file": (name, content)}, **more)


def opened(tx: Tx) -> None:
    """A case that waits for a document."""
    cases.create(tx, CASE, "test", "deals", "A deal", "rita", {"request": {}}, "rita", {})
    spec = TaskSpec(
        name="collect", title="Collect", to=(Role(name="customer"),), documents=(DocumentRequest(name="deed"),)
    )
    course.report(tx, Report(case_id=CASE, run_id="run-1", seen=0, state="waiting", ask=Ask(spec=spec, ordinal=1)))


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """`placet api` over a new data directory, without a Temporal server."""
    datadir = DataDir(folder / "data")
    port, nobody = free_port(), free_port()
    place = Place(datadir, port, nobody, None, os.environ)
    await asyncio.to_thread(prepare, place)
    store = Store(f"sqlite:///{datadir.app_db}", House(secret=datadir.secret()))
    await store.write(opened)
    store.close()
    with (folder / "api.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "placet.cli.main", "api", *place.arguments(), stdout=log, stderr=log
        )
    headers = {"Authorization": f"Bearer {datadir.admin_token(os.environ)[0]}"}
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=WITHIN_SECONDS
        ) as http:
            async with asyncio.timeout(WITHIN_SECONDS):
                while not await answers(http):
                    assert process.returncode is None, (folder / "api.log").read_text()
                    await asyncio.sleep(LOOK_SECONDS)
            yield Served(http, process.pid)
            assert process.returncode is None, (folder / "api.log").read_text()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def answers(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/api/v1/me")).status_code == 200
    except httpx2.TransportError:
        return False


async def stream(size: int, asked: list[int]) -> AsyncIterator[bytes]:
    """A form whose file never seems to end; `asked` counts what the server let us send."""
    yield b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\ndeed\r\n'
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    for _ in range(size // 100_000):
        asked.append(100_000)
        yield b"x" * 100_000


@pytest.mark.timeout(1_200)
async def test_large_and_hostile_files_leave_the_memory_bounded_and_the_api_alive(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await served.give("small.txt", b"A deed.")).status_code == 201
        served.forget()
        before = served.peak

        asked: list[int] = []
        forty = await served.http.post(
            PATH, content=stream(40 * MEGABYTE, asked), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert (forty.status_code, forty.json()["code"]) == (413, "too-large")
        announced = await served.give("forty.txt", bytes(40 * MEGABYTE))
        assert (announced.status_code, announced.json()["code"]) == (413, "too-large")
        bomb = await served.give("bomb.docx", files.zip_bomb())
        assert (bomb.status_code, bomb.json()["code"]) == (422, "unpacks-too-large")
        nested = await served.give("lying.docx", files.lying_bomb())
        assert (nested.status_code, nested.json()["code"]) == (422, "unpacks-too-large")
        # What is refused is never held whole: not the 40 MB, not the 190 MB of the bomb.
        assert served.peak - before < 20 * MEGABYTE

        served.forget()
        before = served.peak
        taken = await served.give("long.txt", LONG)
        assert taken.status_code == 201, taken.text
        # The file once, and what the database copies of it while it writes.
        assert served.peak - before < 4 * len(LONG)
        document = taken.json()["items"][0]["document"]
        assert document["hash"] == content_hash(LONG)
        got = await served.http.get(f"/api/v1/documents/{document['id']}")
        assert got.content == LONG

        served.forget()
        before = served.peak
        many = await asyncio.gather(*(served.give("long.txt", LONG) for _ in range(12)))
        assert {answer.status_code for answer in many} == {200}
        # Only a few at once are read into memory, however many arrive.
        # Without the limit on uploads at the same time it is nine files and more.
        assert served.peak - before < 6 * len(LONG)
        assert (await served.http.get(PATH)).json()["items"][0]["state"] == "received"
