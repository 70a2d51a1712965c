"""Screening through the matching API of OpenSanctions, hosted or on premises (yente)."""

import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, Field, HttpUrl, ValidationError

from placet.connectors.screening.port import (
    MAX_HITS,
    ScreenedList,
    ScreeningHit,
    ScreeningRefused,
    ScreeningReport,
    ScreeningSubject,
    ScreeningUnavailable,
    SubjectKind,
)
from placet.domain.model import Strict

MAX_ANSWER = 20 * 1024 * 1024
MAX_LINES = 12
# The server lets the catalogue be kept for as long.
CATALOGUE_SECONDS = 300
QUERY = "subject"
SCHEMATA = {SubjectKind.PERSON: "Person", SubjectKind.COMPANY: "Company"}
DATES = {SubjectKind.PERSON: "birthDate", SubjectKind.COMPANY: "incorporationDate"}
COUNTRIES = ("country", "nationality", "citizenship", "jurisdiction", "mainCountry")

Shape = TypeVar("Shape", bound=BaseModel)


class YenteSettings(Strict):
    """The server, the data set searched, and the environment variable with the API key, if the server asks for one."""

    url: HttpUrl
    dataset: str = Field(default="default", pattern=r"^[a-z0-9_-]+$")
    api_key_env: str | None = None
    algorithm: str = "best"
    threshold: int = Field(default=70, ge=1, le=100)
    timeout_seconds: float = Field(default=30, gt=0)


class _Feature(BaseModel):
    score: float = 0
    detail: str | None = None
    query: str | None = None
    candidate: str | None = None


class _Scored(BaseModel):
    id: str
    caption: str
    score: float
    properties: dict[str, list[Any]] = {}
    datasets: list[str] = []
    explanations: dict[str, _Feature] = {}


class _Total(BaseModel):
    value: int


class _Matches(BaseModel):
    status: int = 200
    results: list[_Scored]
    total: _Total


class _Answer(BaseModel):
    responses: dict[str, _Matches]


class _Dataset(BaseModel):
    name: str
    version: str | None = None
    index_version: str | None = None
    entity_count: int | None = None
    thing_count: int | None = None


class _Catalogue(BaseModel):
    datasets: list[_Dataset]


class YenteScreener:
    """Asks for the entities most like the subject; the score and its reasons are the server's."""

    def __init__(self, settings: YenteSettings, environment: Mapping[str, str]) -> None:
        """Read the key from `environment`; raises ValueError when the named variable is missing."""
        self._settings = settings
        self._headers = {}
        if settings.api_key_env is not None:
            key = environment.get(settings.api_key_env)
            if not key:
                raise ValueError(f"The environment variable {settings.api_key_env} is empty. Set it to the API key.")
            self._headers["Authorization"] = f"ApiKey {key}"
        self._source: ScreenedList | None = None
        self._source_read_at = 0.0

    async def screen(self, subject: ScreeningSubject) -> ScreeningReport:
        if not any(char.isalnum() for char in subject.name):
            raise ScreeningRefused("unusable-name", "The name has no letters, so nobody can be looked up. Correct it.")
        settings = self._settings
        asked = {"limit": MAX_HITS, "threshold": settings.threshold / 100, "algorithm": settings.algorithm}
        try:
            async with httpx2.AsyncClient(
                base_url=str(settings.url).rstrip("/"), headers=self._headers, timeout=settings.timeout_seconds
            ) as client:
                source = await self._searched(client)
                path, body = f"/match/{quote(settings.dataset)}", {"queries": {QUERY: _example(subject)}}
                answer = _as(_Answer, await _call(client, "POST", path, params=asked, json=body))
        except httpx2.HTTPError as error:
            raise ScreeningUnavailable(
                f"The screening server cannot be reached: {error or type(error).__name__}"
            ) from error
        matches = answer.responses.get(QUERY)
        if matches is None or matches.status != 200:
            raise ScreeningUnavailable("The screening server did not answer the question. Try again later.")
        hits = [_hit(scored, subject) for scored in matches.results if _points(scored) >= settings.threshold]
        hits.sort(key=lambda hit: (-hit.score, hit.caption, hit.entity))
        return ScreeningReport(
            hits=tuple(hits[:MAX_HITS]),
            lists=(source,),
            threshold=settings.threshold,
            found=max(matches.total.value, len(hits)),
        )

    async def _searched(self, client: httpx2.AsyncClient) -> ScreenedList:
        """The data set as the server has it; asked before the match, so that the report never claims a newer one."""
        now = time.monotonic()
        if self._source is None or now - self._source_read_at > CATALOGUE_SECONDS:
            catalogue = _as(_Catalogue, await _call(client, "GET", "/catalog"))
            found = next((one for one in catalogue.datasets if one.name == self._settings.dataset), None)
            if found is None:
                raise ScreeningUnavailable(
                    f"The screening server has no data set {self._settings.dataset}. Correct it in the settings."
                )
            count = found.thing_count if found.thing_count is not None else found.entity_count
            version = found.index_version or found.version or "unknown"
            self._source = ScreenedList(name=found.name, entries=count, version=version)
            self._source_read_at = now
        return self._source


def _example(subject: ScreeningSubject) -> dict[str, Any]:
    properties: dict[str, list[str]] = {"name": [subject.name]}
    if subject.aliases:
        properties["alias"] = list(subject.aliases)
    if subject.birth_date:
        properties[DATES[subject.kind]] = [subject.birth_date.isoformat()]
    if subject.countries:
        properties["country"] = [country.lower() for country in subject.countries]
    return {"schema": SCHEMATA[subject.kind], "properties": properties}


def _points(scored: _Scored) -> int:
    return max(0, min(100, round(100 * scored.score)))


def _hit(scored: _Scored, subject: ScreeningSubject) -> ScreeningHit:
    named = [one.candidate for key, one in scored.explanations.items() if "name" in key and one.score and one.candidate]
    topics = _values(scored, ("topics",))
    listed = (f"Listed for: {', '.join(topics)}.",) if topics else ()
    return ScreeningHit(
        entity=scored.id,
        caption=scored.caption,
        score=_points(scored),
        matched_name=named[0] if named else scored.caption,
        list_name=", ".join(sorted(scored.datasets)),
        birth_dates=_values(scored, (DATES[subject.kind],)),
        countries=tuple(country.upper() for country in _values(scored, COUNTRIES)),
        topics=topics,
        why=(*_why(scored.explanations), *listed),
    )


def _why(explanations: Mapping[str, _Feature]) -> tuple[str, ...]:
    """What counted, the weightiest first; a negative score speaks against the hit."""
    counted = sorted((-abs(one.score), key, one) for key, one in explanations.items() if one.score)
    lines = []
    for _, key, feature in counted[:MAX_LINES]:
        side = "Speaks for it" if feature.score > 0 else "Speaks against it"
        compared = f" (“{feature.query}” and “{feature.candidate}”)" if feature.query and feature.candidate else ""
        detail = f": {feature.detail[:300]}" if feature.detail else ""
        lines.append(f"{side}: {key.replace('_', ' ')}{compared}{detail}")
    return tuple(lines)


def _values(scored: _Scored, names: tuple[str, ...]) -> tuple[str, ...]:
    values = (value for name in names for value in scored.properties.get(name, ()))
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str)))


async def _call(client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> bytes:
    async with client.stream(method, path, **options) as response:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_ANSWER:
                raise ScreeningUnavailable("The screening server's answer is too large. Check its URL.")
        if response.is_success:
            return bytes(body)
    said = bytes(body[:300]).decode("utf-8", "replace")
    match response.status_code:
        case 400 | 422 if method == "POST":
            raise ScreeningRefused("subject-refused", f"The screening server cannot use these details: {said}")
        case 401 | 403:
            raise ScreeningUnavailable("The screening server refuses the key. Correct the key in the settings.")
        case 402:
            raise ScreeningUnavailable("The screening account has no credit left. Top it up.")
        case status:
            raise ScreeningUnavailable(f"The screening server answered {status}: {said}")


def _as(shape: type[Shape], body: bytes) -> Shape:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise ScreeningUnavailable("The screening server gave an answer that makes no sense. Check its URL.") from error
