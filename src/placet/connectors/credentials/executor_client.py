"""Asking the executor for signatures, over its Unix socket, or at a URL with a token."""

from pathlib import Path
from typing import Any

import httpx2

from placet.connectors.credentials.port import CredentialRefused, CredentialUnavailable, Order, Signed

REFUSED = 409
MOST_BYTES = 8 * 1024 * 1024


class ExecutorClient:
    """The `Signer` that is another process."""

    def __init__(
        self, socket: Path, url: str | None = None, token: str | None = None, timeout_seconds: float = 20
    ) -> None:
        self._socket = socket
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout_seconds

    async def sign_credential(self, key: str, decision: str, order: Order) -> Signed:
        asked = {"key": key, "decision": decision, "order": order.model_dump(mode="json")}
        return Signed.model_validate(await self._call("POST", "/credentials", asked))

    async def sign_status_list(self, list_id: int, version: int) -> Signed:
        return Signed.model_validate(await self._call("POST", "/status-lists", {"list": list_id, "version": version}))

    async def public_keys(self) -> tuple[dict[str, Any], ...]:
        return tuple((await self._call("GET", "/keys", None))["keys"])

    async def _call(self, method: str, path: str, body: Any) -> Any:
        transport = None if self._url else httpx2.AsyncHTTPTransport(uds=str(self._socket))
        try:
            async with httpx2.AsyncClient(
                transport=transport,
                base_url=self._url or "http://executor",
                headers=self._headers,
                timeout=self._timeout,
                trust_env=False,
            ) as client:
                answer = await client.request(method, path, json=body)
            told = answer.json()
        except httpx2.HTTPError as error:
            raise CredentialUnavailable(f"The executor cannot be reached: {error or type(error).__name__}") from error
        except ValueError as error:
            raise CredentialUnavailable("The executor gave an answer that makes no sense.") from error
        if answer.status_code == REFUSED:
            raise CredentialRefused(str(told["code"]), str(told["detail"]))
        if not answer.is_success:
            raise CredentialUnavailable(f"The executor answered {answer.status_code}: {str(told)[:300]}")
        return told
