"""Every error as problem+json (RFC 9457): one table from the kinds of control to HTTP, and what HTTP itself adds."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from placet.control.errors import Kind, Problem, fault_at
from placet.domain.forms import Fault
from placet.store.engine import StoreUnavailable
from placet.web.pages import lost, reads_pages
from placet.web.session import guest

STATUS: dict[Kind, int] = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.INVALID: 422,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}

HEADERS: dict[Kind, dict[str, str]] = {
    Kind.UNAUTHENTICATED: {"WWW-Authenticate": "Bearer"},
    Kind.TOO_MANY: {"Retry-After": "60"},
    Kind.UNAVAILABLE: {"Retry-After": "1"},
}

OF_HTTP: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "Unreadable request", "The request could not be read; check its body."),
    404: ("not-found", "Not found", "There is nothing here that you may see."),
    405: ("method-not-allowed", "Wrong method", "This address does not take this method; see the header Allow."),
    413: ("too-large", "Too large", "The body is too large; the most is 1 MB."),
}
"""What routing and reading the request can say by themselves: code, title, detail."""


class ProblemView(BaseModel):
    """An error: `code` is stable, `detail` is for people, `field` and `errors` say where a request is wrong.

    `verdict` is how a task ended, `final` how a proposal did; `proposal` is the one that is there already.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    errors: list[Fault] | None = None
    verdict: dict[str, Any] | None = None
    final: dict[str, Any] | None = None
    proposal: str | None = None


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
    },
}


def problem_json(
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    body = {"type": f"urn:placet:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    told = body | {key: value for key, value in more.items() if value}
    return JSONResponse(told, status, dict(headers or {}), media_type="application/problem+json")


def answer_to(problem: Problem) -> JSONResponse:
    faults = [fault.model_dump() for fault in problem.faults]
    return problem_json(
        STATUS[problem.kind],
        problem.code,
        problem.title,
        problem.detail,
        HEADERS.get(problem.kind),
        field=problem.field,
        errors=faults,
        **problem.extra,
    )


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> JSONResponse:
        return answer_to(problem)

    @app.exception_handler(StoreUnavailable)
    async def _unavailable(_: Request, error: StoreUnavailable) -> JSONResponse:
        detail = "The database cannot take this now; nothing was changed. Try again in a moment."
        return answer_to(Problem("unavailable", detail))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # The first part of a location only says whether it is the body, the query or a header.
        found = [fault_at(_within(one), one) for one in error.errors()]
        return answer_to(Problem("invalid-request", found[0].detail, faults=found))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code, title, detail = OF_HTTP.get(error.status_code, ("http-error", "Not possible", str(error.detail)))
        if reads_pages(request):
            # With the way on, for whoever is signed in.
            with suppress(StoreUnavailable):
                await guest(request)
        if (page := lost(request.scope, error.status_code, title, detail)) is not None:
            return page
        return problem_json(error.status_code, code, title, detail, error.headers)


def cross_site(scope: Scope) -> Response:
    """The refusal of a form that another site has sent."""
    detail = "This was sent from another site; go to our own page and send it from there."
    problem = Problem("cross-site", detail)
    return lost(scope, 403, problem.title, detail) or answer_to(problem)


def describe(app: FastAPI) -> None:
    """Put the shape of problems into the description of the API."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        api = plain()
        shape = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")
        api["components"]["schemas"] |= shape.pop("$defs", {}) | {"ProblemView": shape}
        return api

    app.openapi = described  # type: ignore[method-assign]


def _within(error: Any) -> tuple[Any, ...]:
    return () if error["type"] == "json_invalid" else tuple(error["loc"][1:])
