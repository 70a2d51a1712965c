"""Figures for Prometheus, in a registry of the app's own."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.control.views import Vitals


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._acts = Counter(
            "placet_acts", "Acts of people, by what came of them.", ("act", "result"), registry=self.registry
        )
        self._seconds = Histogram(
            "placet_http_request_seconds",
            "Time to answer, by route.",
            ("method", "route", "status"),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self._waiting = Gauge(
            "placet_outbox_waiting", "Starts and wake-ups owed to the engine.", registry=self.registry
        )
        self._open = Gauge("placet_cases_open", "Cases that have not ended.", registry=self.registry)

    def act(self, act: str, result: str) -> None:
        self._acts.labels(act, result).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._seconds.labels(method, route, str(status)).observe(seconds)

    def page(self, vitals: Vitals) -> bytes:
        self._waiting.set(vitals.outbox_waiting)
        self._open.set(vitals.cases_open)
        return generate_latest(self.registry)


class Timed:
    """Times every request until its answer begins; streams have no end worth timing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics: Metrics = scope["app"].state.metrics
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unmatched")
                method = scope["method"] if scope["method"] in METHODS else "other"
                metrics.request(method, route, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, timed)


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
