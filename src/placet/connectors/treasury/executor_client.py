"""The executor behind its socket, or behind a URL and a token."""

from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from placet.connectors.treasury.port import TreasuryRefused, TreasuryUnavailable
from placet.domain.payment import Prepared, Progress, TransferRequest

Shape = TypeVar("Shape", bound=BaseModel)

# Below the time of one attempt of a step. A payment that was begun goes on without us.
TIMEOUT_SECONDS = 50.0


class ExecutorClient:
    def __init__(self, socket: Path, url: str | None = None, token: str | None = None) -> None:
        self._socket = socket
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def prepare(self, wanted: TransferRequest) -> Prepared:
        return await self._call(Prepared, "POST", "/prepare", wanted.model_dump(mode="json"))

    async def pay(self, key: str, decision: str, case: str) -> Progress:
        return await self._call(Progress, "POST", "/payments", {"key": key, "decision": decision, "case": case})

    async def progress(self, key: str) -> Progress:
        return await self._call(Progress, "GET", f"/payments/{quote(key)}")

    async def status(self) -> dict[str, Any]:
        """How the executor is."""
        told: dict[str, Any] = (await self._ask("GET", "/status")).json()
        return told

    async def thaw(self, pay: tuple[str, ...] = ()) -> dict[str, Any]:
        """Go on after somebody has looked at the chain."""
        told: dict[str, Any] = (await self._ask("POST", "/thaw", {"pay": list(pay)})).json()
        return told

    async def _call(self, shape: type[Shape], method: str, path: str, body: Any = None) -> Shape:
        answer = await self._ask(method, path, body)
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError as error:
            raise TreasuryUnavailable("The executor gave an answer that makes no sense.") from error

    async def _ask(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        transport = None if self._url else httpx2.AsyncHTTPTransport(uds=str(self._socket))
        try:
            async with httpx2.AsyncClient(
                base_url=self._url or "http://executor",
                transport=transport,
                headers=self._headers,
                timeout=TIMEOUT_SECONDS,
            ) as client:
                answer = await client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise TreasuryUnavailable(f"The executor does not answer ({type(error).__name__}).") from error
        if answer.is_success:
            return answer
        try:
            told = answer.json()
            code, detail = str(told["code"]), str(told["detail"])
        except (ValueError, KeyError, TypeError):
            raise TreasuryUnavailable(f"The executor answered {answer.status_code}.") from None
        # 401: the token may be mended while the step is tried again.
        if answer.status_code >= 500 or answer.status_code == 401:
            raise TreasuryUnavailable(detail)
        raise TreasuryRefused(code, detail)
