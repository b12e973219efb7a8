"""The ops port: /livez, /readyz and /metrics, apart from the traffic it reports on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from eunoe_server.services.readiness import Readiness
from eunoe_server.telemetry import Metrics


def build_ops_app(
    readiness: Readiness, metrics: Metrics, measure: Callable[[], Awaitable[None]]
) -> Starlette:
    """Live: the event loop turns. Ready: the server should get traffic, else 503 and why not.

    `measure` sets the gauges that are asked for and not counted, at each scrape.
    """

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        if readiness.is_ready:
            return PlainTextResponse("ok\n")
        return PlainTextResponse(readiness.why_not + "\n", status_code=503)

    async def show_metrics(_request: Request) -> Response:
        await measure()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", show_metrics),
        ]
    )
