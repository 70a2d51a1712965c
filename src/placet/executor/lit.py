"""A key held by Lit ("Chipotle"): its action signs a digest inside a trusted environment; we only ask for it."""

from collections.abc import Mapping
from typing import Any

import httpx2
from pydantic import Field, HttpUrl

from placet.domain.intent import ADDRESS
from placet.domain.model import Strict
from placet.executor.keys import KeyRefused, KeyUnavailable, signer

ACTION = """async function main({ pkpId, digest }) {
  const wallet = new ethers.Wallet(await Lit.Actions.getPrivateKey({ pkpId }));
  return ethers.utils.joinSignature(wallet._signingKey().signDigest(digest));
}"""
WHY_NOT = {
    401: "Lit does not know the API key. Correct it.",
    402: "The account at Lit has no credit left. Top it up.",
    403: "The API key may not use this action or this key. Grant it at Lit.",
}


class LitSettings(Strict):
    """The server, the environment variable that holds its usage key, and the key that is meant, by its address.

    `action` is the IPFS id of the action, if it is pinned there; else its text is sent along.
    """

    url: HttpUrl
    api_key_env: str
    pkp: str = Field(pattern=ADDRESS)
    action: str | None = None
    timeout_seconds: float = Field(default=30, gt=0, le=300)


class LitKey:
    """Whatever comes back is checked: a signature of another key, or over something else, is none."""

    def __init__(self, settings: LitSettings, environment: Mapping[str, str]) -> None:
        """Read the API key from `environment`; raises ValueError when the named variable is missing."""
        api_key = environment.get(settings.api_key_env)
        if not api_key:
            raise ValueError(f"The environment variable {settings.api_key_env} is empty. Set it to the API key.")
        self.address = settings.pkp
        self._settings = settings
        self._headers = {"X-Api-Key": api_key}

    async def sign(self, digest: bytes) -> bytes:
        settings = self._settings
        code = {"ipfs_id": settings.action} if settings.action else {"code": ACTION}
        question = code | {"js_params": {"pkpId": settings.pkp, "digest": f"0x{digest.hex()}"}}
        try:
            async with httpx2.AsyncClient(headers=self._headers, timeout=settings.timeout_seconds) as client:
                answer = await client.post(f"{str(settings.url).rstrip('/')}/core/v1/lit_action", json=question)
        except httpx2.HTTPError as error:
            raise KeyUnavailable(f"Lit cannot be reached ({type(error).__name__}).") from error
        if (why := WHY_NOT.get(answer.status_code)) is not None:
            raise KeyRefused(why)
        if not answer.is_success:
            raise KeyUnavailable(f"Lit answered {answer.status_code}.")
        return self._checked(digest, answer)

    def _checked(self, digest: bytes, answer: Any) -> bytes:
        try:
            told = answer.json()
            failed, raw = told["has_error"], bytes.fromhex(str(told["response"]).removeprefix("0x"))
        except (ValueError, KeyError, TypeError) as error:
            raise KeyUnavailable("Lit gave an answer that makes no sense.") from error
        if failed:
            raise KeyUnavailable("The action at Lit failed.")
        if len(raw) != 65:
            raise KeyRefused("Lit gave something that is no signature.")
        # Some say 27 and 28.
        signature = raw[:64] + bytes([raw[64] - 27 if raw[64] >= 27 else raw[64]])
        if signer(digest, signature) != self.address:
            raise KeyRefused(f"Lit signed with another key than {self.address}, or something else.")
        return signature
