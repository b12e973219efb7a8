"""`GET /openapi.json` and `GET /docs`: what this server answers, for programs and for people.

Both are files that `docs/generate.py` made of the contract; the page needs no script and nothing
from elsewhere. They say nothing of anybody and are shown without a key.
"""

from __future__ import annotations

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from eunoe_server.transport.http.routing import Endpoint, Route

_HEADERS = {
    "cache-control": "max-age=300",
    # The page is ours from the first byte to the last: styles of its own, and nothing else.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}


def routes() -> list[Route]:
    """Both routes."""
    return [
        Route("GET", "/openapi.json", "", lambda _: _file("openapi.json", "application/json")),
        Route("GET", "/docs", "", lambda _: _file("openapi.html", "text/html; charset=utf-8")),
    ]


def _file(name: str, content_type: str) -> Endpoint:
    content = resources.files(__package__).joinpath(name).read_bytes()

    async def endpoint(request: Request) -> Response:
        del request
        return Response(content, headers=_HEADERS | {"content-type": content_type})

    return endpoint
