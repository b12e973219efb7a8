"""The ops port: /livez, /readyz and /metrics, apart from the traffic it reports on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def build_ops_app(why_not: Callable[[], str], collect: Callable[[], Awaitable[bytes]]) -> Starlette:
    """Live: the event loop turns. Ready: the server should get traffic, else 503 and `why_not`.

    `collect` gives the metrics in the text format.
    """

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        if reason := why_not():
            return PlainTextResponse(reason + "\n", status_code=503)
        return PlainTextResponse("ok\n")

    async def show_metrics(_request: Request) -> Response:
        return Response(await collect(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", show_metrics),
        ]
    )
