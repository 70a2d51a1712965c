"""A double of the OpenSanctions matching API: its wire format, with a real search behind it."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from placet.connectors.screening.port import Screener, ScreeningHit, ScreeningSubject, SubjectKind

KEY = "a key of tests"
DATASET = "sanctions"
ALGORITHMS = {"best", "logic-v1", "logic-v2"}


class YenteDouble:
    """Answers as yente 5 does; `faults` replace single answers by method and path."""

    def __init__(self, engine: Screener) -> None:
        self._engine = engine
        self.examples: list[dict[str, Any]] = []
        self.catalogues = 0
        self.faults: dict[str, Callable[[], Response]] = {}
        self._app = Starlette(
            routes=[
                Route("/catalog", self._guarded(self._catalogue)),
                Route("/match/{dataset}", self._guarded(self._match), methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            if request.headers.get("Authorization") != f"ApiKey {KEY}":
                return JSONResponse({"detail": "Invalid API key."}, 401)
            fault = self.faults.get(request.method + " " + request.url.path.split("/")[1])
            found: Response = fault() if fault else await answer(request)
            return found

        return guarded

    async def _catalogue(self, request: Request) -> Response:
        self.catalogues += 1
        dataset = {"name": DATASET, "title": "Sanctions", "version": "20261120120000-abc", "thing_count": 31}
        indexed = {"index_version": "20261119120000-xyz", "index_current": False, "children": [], "resources": []}
        other = {"name": "peps", "title": "Office holders", "children": [], "resources": []}
        body = {"datasets": [other, dataset | indexed], "current": [], "outdated": [DATASET], "index_stale": True}
        return JSONResponse(body, headers={"Cache-Control": "public, max-age=300"})

    async def _match(self, request: Request) -> Response:
        if request.path_params["dataset"] != DATASET:
            return JSONResponse({"detail": "No such dataset."}, 404)
        limit, threshold = int(request.query_params["limit"]), float(request.query_params["threshold"])
        if request.query_params["algorithm"] not in ALGORITHMS:
            return JSONResponse({"detail": "Invalid algorithm"}, 400)
        responses = {}
        for key, example in (await request.json())["queries"].items():
            self.examples.append(example)
            report = await self._engine.screen(_subject(example))
            found = [hit for hit in report.hits if hit.score / 100 >= threshold]
            results = [_scored(hit, example) for hit in found[:limit]]
            total = {"value": len(found), "relation": "eq"}
            responses[key] = {"status": 200, "results": results, "total": total, "query": example}
        return JSONResponse({"responses": responses, "limit": limit})


def _subject(example: dict[str, Any]) -> ScreeningSubject:
    properties = example["properties"]
    kind = {"Person": SubjectKind.PERSON, "Company": SubjectKind.COMPANY}[example["schema"]]
    dates = properties.get("birthDate", []) + properties.get("incorporationDate", [])
    return ScreeningSubject.model_validate(
        {
            "name": properties["name"][0],
            "aliases": properties.get("alias", []),
            "kind": kind,
            "birth_date": dates[0] if dates else None,
            "countries": properties.get("country", []),
        }
    )


def _scored(hit: ScreeningHit, example: dict[str, Any]) -> dict[str, Any]:
    date = "birthDate" if example["schema"] == "Person" else "incorporationDate"
    compared = {"detail": None, "query": example["properties"]["name"][0], "candidate": hit.matched_name}
    return {
        "id": hit.entity,
        "caption": hit.caption,
        "schema": example["schema"],
        "properties": {
            "name": [hit.caption],
            date: list(hit.birth_dates),
            "country": [country.lower() for country in hit.countries],
            "topics": list(hit.topics),
            "address": [{"id": "a-1", "caption": "Somewhere", "schema": "Address", "properties": {}}],
        },
        "datasets": [hit.list_name],
        "referents": [],
        "target": True,
        "first_seen": "2026-01-01T12:00:00",
        "score": hit.score / 100,
        "explanations": {
            "name_match": {"score": hit.score / 100} | compared,
            "dob_year_disjoint": {"score": -0.1, "detail": "1961 and 1962", "query": None, "candidate": None},
            "country_disjoint": {"score": 0.0, "detail": None, "query": None, "candidate": None},
        },
        "match": True,
    }
