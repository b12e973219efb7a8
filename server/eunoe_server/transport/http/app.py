"""The shim as one Starlette application: every route, and what becomes of what they raise.

An ordinary gRPC client of our own server. It turns HTTP and JSON into RPCs and back and holds no
decision: who may do what, what is valid and what is remembered is decided behind the channel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import grpc.aio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from eunoe_server.errors import EunoeError, Overloaded
from eunoe_server.transport.http import health, memories_v1, openai, reference, transcode
from eunoe_server.transport.http.calls import ClientLeft, fresh_request_id
from eunoe_server.transport.http.dialects import dialect_of, is_openai_endpoint
from eunoe_server.transport.http.door import LET_IN, OPEN_DOOR, Door, Doorman
from eunoe_server.transport.http.errors import Failure, Refused, failure_of, respond
from eunoe_server.transport.http.keep_alive import KeepAlive
from eunoe_server.transport.http.middleware import (
    LastResort,
    OneLength,
    RawPath,
    RequestIds,
    Spans,
)
from eunoe_server.transport.http.routing import Endpoint, Route, Wiring

_KEEP_ALIVE = KeepAlive()
#: What calls nothing, and what says how the server is however busy that is.
_NEVER_REFUSED = ("", "Health.Check")


def _utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def build_app(
    channel: grpc.aio.Channel,
    *,
    max_body_bytes: int = 16 * 1024 * 1024,
    keep_alive: KeepAlive = _KEEP_ALIVE,
    describes_itself: bool = True,
    doorman: Doorman = OPEN_DOOR,
    clock: Callable[[], datetime] = _utc_now,
    new_request_id: Callable[[], str] = fresh_request_id,
) -> Starlette:
    """The application. Raises Unsupported when the contract holds what it cannot serve.

    The `doorman` is asked about each request by a shim in the server's own process; one that runs
    apart is told with each call whether there was room, and its refusals cost the server little.
    """
    wiring = Wiring(channel, max_body_bytes, keep_alive)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for route in _all_routes(describes_itself=describes_itself):
        by_path.setdefault(route.path, {})[route.method] = _guarded(route, wiring, doorman)
    answers = _Answers(clock)
    app = Starlette(
        routes=[
            StarletteRoute(path, _by_method(path, endpoints), methods=list(endpoints))
            for path, endpoints in by_path.items()
        ],
        middleware=[
            Middleware(RequestIds, new_request_id),
            Middleware(Spans),
            Middleware(LastResort, clock),
            Middleware(OneLength, clock),
            Middleware(RawPath),
        ],
        exception_handlers={
            EunoeError: answers.of_error,
            grpc.aio.AioRpcError: answers.of_error,
            Refused: answers.of_refusal,
            ClientLeft: answers.of_absence,
            HTTPException: answers.of_routing,
        },
    )
    app.router.redirect_slashes = False  # a redirect loses the body of a POST
    return app


def build_door(
    doorman: Doorman,
    *,
    describes_itself: bool = True,
    clock: Callable[[], datetime] = _utc_now,
    new_request_id: Callable[[], str] = fresh_request_id,
) -> Door:
    """The door before the application that is built with the same."""
    routes = _all_routes(describes_itself=describes_itself)
    return Door(
        doorman,
        [(route.method, route.path, _refusable(route)) for route in routes],
        clock,
        new_request_id,
    )


def route_table() -> list[tuple[str, str, str]]:
    """(method, path, RPC) of every route that calls one, in the order of the contract."""
    return [(route.method, route.path, route.rpc) for route in _all_routes() if route.rpc]


def _all_routes(*, describes_itself: bool = True) -> list[Route]:
    calling = [*openai.routes(), *transcode.routes(), *memories_v1.routes(), *health.routes()]
    return [*calling, *reference.routes()] if describes_itself else calling


def _by_method(
    path: str, endpoints: dict[str, Endpoint]
) -> Callable[[Request], Awaitable[ASGIApp]]:
    async def endpoint(request: Request) -> ASGIApp:
        request.state.route = path
        # Starlette lets HEAD through wherever GET is; the HTTP server leaves the body out.
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


def _guarded(route: Route, wiring: Wiring, doorman: Doorman) -> Endpoint:
    """Refuses, before the body is read, what there is no room for and the door let pass."""
    endpoint, method = route.endpoint(wiring), _refusable(route)
    if not method:
        return endpoint

    async def guarded(request: Request) -> ASGIApp:
        if request.scope["state"].get(LET_IN):
            return await endpoint(request)
        leave = doorman.let_in(method)
        if leave is None:
            doorman.has_refused()
            raise Overloaded
        try:
            return await endpoint(request)
        finally:
            leave()

    return guarded


def _refusable(route: Route) -> str:
    """The gRPC method that a route calls; empty if it is answered however busy the server is."""
    return "" if route.rpc in _NEVER_REFUSED else f"/eunoe.v1.{route.rpc.replace('.', '/')}"


class _Answers:
    """What becomes of an exception, in the dialect of the request's path.

    Starlette types its handlers by `Exception`; which kind each gets is in the table above.
    They are coroutines although they wait for nothing: Starlette runs others in threads.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    async def of_error(self, request: Request, error: Any) -> Response:
        """What went wrong behind the channel, or before a call could be made."""
        return self._respond(request, failure_of(error))

    async def of_refusal(self, request: Request, error: Any) -> Response:
        """What only HTTP can refuse."""
        return self._respond(request, error.failure)

    async def of_absence(self, request: Request, error: Any) -> Response:
        """Nobody is there: nothing of this is sent."""
        del request, error
        return Response(status_code=499)

    async def of_routing(self, request: Request, error: Any) -> Response:
        """No such route, or not with this method."""
        url = f"{request.method} {request.url.path}"
        if error.status_code != 405:
            message = f"Unknown request URL: {url}."
            if is_openai_endpoint(request.url.path):
                message += (
                    " The base_url of an OpenAI client ends in /v1/memory, "
                    "/v1/memory/ns/<namespace>, /v1 or /api/publicLLM, without a slash behind."
                )
            return self._respond(request, Failure(404, "UNKNOWN_ROUTE", message))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
        return self._respond(
            request,
            Failure(405, "METHOD_NOT_ALLOWED", f"Not allowed: {url}.", headers=error.headers),
        )

    def _respond(self, request: Request, failure: Failure) -> Response:
        return respond(
            failure,
            dialect_of(request.scope["path"]),
            request.state.request_id,
            self._clock(),
        )
