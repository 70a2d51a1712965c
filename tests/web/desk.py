"""Somebody at their browser: signed in by a cookie, reading pages and sending forms."""

import re
from dataclasses import dataclass
from typing import Any

import httpx2

from api.office import Office
from placet.store import sessions

COOKIE = "placet"


@dataclass
class Desk:
    office: Office
    cookie: str | None

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self._ask("GET", path, **more)

    async def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
        given = {} if "content" in more else {"data": data or {}}
        return await self._ask("POST", path, **given, **more)

    async def follow(self, answer: httpx2.Response) -> httpx2.Response:
        """The page to which an act leads."""
        assert answer.status_code == 303, (answer.status_code, answer.text[-3000:])
        flash = answer.cookies.get("flash")
        return await self.get(answer.headers["Location"].partition("#")[0], cookies={"flash": flash} if flash else {})

    async def _ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        cookies = dict(more.pop("cookies", {})) | ({COOKIE: self.cookie} if self.cookie else {})
        headers = {"Accept": "text/html", **more.pop("headers", {})}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        answer = await self.office.http.request(method, path, headers=headers, **more)
        # What the browser would keep is told by the answer alone.
        self.office.http.cookies.clear()
        return answer


async def desk(office: Office, who: str | None) -> Desk:
    """The browser of somebody who is signed in, or of nobody."""
    if who is None:
        return Desk(office, None)
    secret = await office.store.write(lambda tx: sessions.open_session(tx, who, "password", f"browser of {who}"))
    return Desk(office, secret)


def hidden_in(page: httpx2.Response, form: str) -> dict[str, str]:
    """What the form with this id sends without being filled in."""
    inner = page.text.partition(f'id="{form}"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', inner))


def key_in(page: httpx2.Response) -> str:
    """The first key of a form on the page."""
    found = re.search(r'name="key" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]
