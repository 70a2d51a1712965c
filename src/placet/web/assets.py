"""Style sheet and script: their addresses carry a hash of their content, so browsers keep them until they change."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
KEEP = "Content-Type", "Cache-Control", "Vary"
KEPT = "public, max-age=31536000, immutable"


@cache
def asset(name: str) -> str:
    """The address of a static file."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


@cache
def small(name: str) -> bytes:
    """The file as browsers may get it over the line."""
    return gzip.compress((STATIC / name).read_bytes(), mtime=0)


class Assets(StaticFiles):
    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            # Whoever asks without a version asks again next time.
            response.headers["Cache-Control"] = KEPT if scope["query_string"].startswith(b"v=") else "no-cache"
            response.headers["Vary"] = "Accept-Encoding"
            if "gzip" in Headers(scope=scope).get("accept-encoding", "") and scope["method"] == "GET":
                headers = {name: response.headers[name] for name in KEEP if name in response.headers}
                return Response(small(path), headers=headers | {"Content-Encoding": "gzip"})
        return response
