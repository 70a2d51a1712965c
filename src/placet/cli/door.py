"""How the command line reaches Placet: a running instance over HTTP, or the same API inside this process."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click

DEFAULT_DATA = ".placet"


class Refused(click.ClickException):
    """The API said no; the text is its own, with the field at fault. The exit code is 4."""

    exit_code = 4

    def __init__(self, problem: dict[str, Any], as_json: bool) -> None:
        field = f" ({problem['field']})" if problem.get("field") else ""
        lines = [f"{problem.get('detail') or problem.get('title')}{field} [{problem.get('code', 'error')}]"]
        lines += [f"  {fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
        super().__init__(json.dumps(problem, indent=2) if as_json else "\n".join(lines))
        self._as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the words, or for scripts the problem as JSON and nothing else."""
        if self._as_json:
            click.echo(self.message, file=file, err=True)
        else:
            super().show(file)


@dataclass
class Door:
    """One connection, chosen once: `url` and `token`, or the data directory of an installation on this machine."""

    url: str | None
    token: str | None
    data: Path
    config: Path | None
    as_json: bool

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **params: Any) -> Any:
        """Call the API; returns the decoded JSON, raises Refused or a plain error that says what to do."""
        given: dict[str, Any] = {"params": {k: v for k, v in params.items() if v is not None}}
        if isinstance(body, str):
            given |= {"content": body, "headers": {"Content-Type": "text/csv"}}
        else:
            given["json"] = body
        answer = asyncio.run(self._send(method, path, key, given))
        return answer.json() if answer.content else None

    def upload(self, path: str, name: str | None, files: list[tuple[str, bytes]], key: str | None = None) -> Any:
        """Send files, each a name and its content, as one document, or for a case that is still to start."""
        given = {"data": {"name": name} if name else {}, "files": [("file", file) for file in files]}
        return asyncio.run(self._send("POST", path, key, given)).json()

    def download(self, path: str, **params: Any) -> bytes:
        """Fetch the content of a file."""
        content: bytes = asyncio.run(self._send("GET", path, None, {"params": params})).content
        return content

    def lines(self, path: str, **params: Any) -> Iterator[str]:
        """The lines of a long answer of a running Placet, as they come."""
        import httpx2

        url, token = self._target()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            with (
                httpx2.Client(base_url=url or "", timeout=30) as client,
                client.stream("GET", path, params=params, headers=headers) as answer,
            ):
                if answer.status_code >= 400:
                    answer.read()
                self._checked(answer)
                rest = b""
                for piece in answer.iter_bytes():
                    # Not splitlines: a text may hold characters that it takes for the end of a line.
                    *whole, rest = (rest + piece).split(b"\n")
                    yield from (line.decode() for line in whole)
        except httpx2.TransportError as error:
            raise click.ClickException(f"the answer of {url} broke off: {error}") from error

    async def _send(self, method: str, path: str, key: str | None, given: dict[str, Any]) -> Any:
        import httpx2

        url, token = self._target()
        headers = given.setdefault("headers", {})
        headers |= {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        if url is not None:
            try:
                async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
                    return self._checked(await client.request(method, path, **given))
            except httpx2.TransportError as error:
                raise click.ClickException(f"cannot reach {url}: {error}. Is `placet up` running?") from error
        async with (
            _inside(self.data, self.config) as transport,
            httpx2.AsyncClient(transport=transport, base_url="http://placet") as client,
        ):
            return self._checked(await client.request(method, path, **given))

    def _target(self) -> tuple[str | None, str]:
        if self.url is not None:
            if not self.token:
                raise click.UsageError("--url needs a token: set PLACET_TOKEN.")
            return self.url, self.token
        from placet.runtime.datadir import DataDir

        if not self.data.is_dir():
            raise click.UsageError(
                f"There is no installation in {self.data}. Start one with `placet up`, or give --data or --url."
            )
        datadir = DataDir(self.data)
        token = self.token or datadir.admin_token(os.environ)[0]
        running = datadir.read_runtime()
        # A supervisor that was killed leaves its note behind.
        return (str(running["url"]) if running and _is_alive(running.get("pid")) else None), token

    def _checked(self, answer: Any) -> Any:
        if answer.status_code >= 400:
            try:
                problem = answer.json()
            except ValueError:
                problem = {"title": f"HTTP {answer.status_code}", "status": answer.status_code}
            raise Refused(problem, self.as_json)
        return answer

    def show(self, value: Any, human: str) -> None:
        """Print JSON for scripts, or the human form."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=False) if self.as_json else human)


class _inside:
    """The API in this process, over the files of an installation that is not running; Temporal hears of it later."""

    def __init__(self, data: Path, config: Path | None) -> None:
        self._data = data
        self._config = config

    async def __aenter__(self) -> Any:
        import httpx2

        from placet.api.app import create_app
        from placet.runtime.api import control_of
        from placet.runtime.database import prepare
        from placet.runtime.datadir import DataDir
        from placet.runtime.place import Place
        from placet.runtime.wiring import blobs_of, open_store

        place = Place(DataDir(self._data), 8400, 8401, self._config, os.environ)
        await asyncio.to_thread(prepare, place)
        settings = place.settings()
        self._store = open_store(settings, place.datadir, place.port, place.environment)

        async def down() -> dict[str, Any]:
            return {"engine": "down"}

        blobs = blobs_of(settings, self._store, place.datadir, place.environment)
        return httpx2.ASGITransport(create_app(control_of(self._store, settings, blobs), engine_status=down))

    async def __aexit__(self, *error: object) -> None:
        self._store.close()


def _is_alive(pid: Any) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, TypeError):
        return False
    except PermissionError:
        return True
    return True


def _alive(pid: int) -> bool:
    """Whether the supervisor that wrote its address is still there; after a kill its file is left behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def table(rows: list[dict[str, Any]], columns: list[tuple[str, str]], empty: str) -> str:
    """Rows as aligned columns: `columns` are (key, heading)."""
    if not rows:
        return empty
    cells = [[heading for _, heading in columns], *([_cell(row.get(key)) for key, _ in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cell(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
