"""A double of docling-serve: its asynchronous API over the wire, with real conversions behind it."""

import json
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from placet.connectors.extraction.port import ExtractionRefused, TextExtractor

KEY = "a key of tests"
TYPES = {"pdf", "docx", "xlsx", "pptx", "html", "image"}


class DoclingDouble:
    """Answers as docling-serve 1.x does; `faults` replace single answers by method and path."""

    def __init__(self, engine: TextExtractor) -> None:
        self._engine = engine
        self._tasks: dict[str, dict[str, Any]] = {}
        self.names: list[str] = []
        self.polls = 0
        self.faults: dict[str, Callable[[], Response]] = {}
        self._app = Starlette(
            routes=[
                Route("/v1/convert/file/async", self._guarded(self._convert), methods=["POST"]),
                Route("/v1/status/poll/{task}", self._guarded(self._poll)),
                Route("/v1/result/{task}", self._guarded(self._result)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            if request.headers.get("X-Api-Key", "").strip() != KEY:
                return JSONResponse({"detail": None}, 401)
            fault = self.faults.get(request.method + " " + request.url.path.split("/")[2])
            found: Response = fault() if fault else await answer(request)
            return found

        return guarded

    async def _convert(self, request: Request) -> Response:
        async with request.form() as form:
            known = set(form.getlist("from_formats")) <= TYPES and form.getlist("to_formats") == ["md"]
            if not known or form.get("target_type") != "inbody" or form.get("do_ocr") not in ("true", "false"):
                return JSONResponse({"detail": [{"loc": ["body"], "msg": "Field required", "type": "missing"}]}, 422)
            (file,) = form.getlist("files")
            assert not isinstance(file, str)
            self.names.append(file.filename or "")
            content, media_type = await file.read(), file.content_type or ""
        task = f"task-{len(self._tasks) + 1}"
        self._tasks[task] = await self._converted(content, media_type)
        return JSONResponse(self._status(task, "pending"))

    async def _converted(self, content: bytes, media_type: str) -> dict[str, Any]:
        try:
            found = await self._engine.extract(content, media_type, "")
        except ExtractionRefused:
            # The real server does not tell callers more than this either.
            problem = {"component_type": "document_backend", "module_name": "", "error_message": "Conversion failed."}
            return {
                "document": {"filename": "document"},
                "status": "failure",
                "errors": [problem],
                "processing_time": 1,
            }
        text = found.text if found.text.strip() else "<!-- image -->"
        return {
            "document": {"filename": "document", "md_content": text, "json_content": None},
            "status": "success",
            "errors": [],
            "processing_time": 0.1,
            "timings": {},
            "confidence": {"pages": {str(page): {} for page in range(1, (found.pages or 0) + 1)}},
        }

    async def _poll(self, request: Request) -> Response:
        task = request.path_params["task"]
        if task not in self._tasks:
            return JSONResponse({"detail": "Task not found."}, 404)
        self.polls += 1
        assert float(request.query_params["wait"]) > 0
        # The first answer is always that the work goes on.
        if self.polls % 2:
            return JSONResponse(self._status(task, "started"))
        return JSONResponse(self._status(task, self._tasks[task]["status"]))

    async def _result(self, request: Request) -> Response:
        task = request.path_params["task"]
        if task not in self._tasks:
            return JSONResponse({"detail": "Task not found."}, 404)
        return Response(json.dumps(self._tasks[task]), media_type="application/json")

    def _status(self, task: str, status: str) -> dict[str, Any]:
        return {
            "task_id": task,
            "task_type": "convert",
            "task_status": status,
            "task_position": 1 if status == "pending" else None,
            "task_meta": None,
            "error_message": "Conversion failed." if status == "failure" else None,
            "failure": None,
        }
