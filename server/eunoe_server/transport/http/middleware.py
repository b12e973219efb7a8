"""What every HTTP request passes through, outermost first, and why:

1. `RequestIds`  first, so that every reply has an `x-request-id`, the unexpected ones too
2. `Spans`       so that it sees every status that goes out
3. `LastResort`  outside of everything of ours, so that a bug is one JSON answer and one log line
4. `OneLength`   before anything reads a body: where it ends must be beyond doubt
5. `RawPath`     before routing: a decoded path has lost which slashes were written as `%2F`

Raw ASGI on purpose: Starlette's BaseHTTPMiddleware hides the client's disconnect from what is
inside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eunoe_server.errors import Unavailable
from eunoe_server.tracing import server_span
from eunoe_server.transport.http.calls import offered_request_id
from eunoe_server.transport.http.dialects import dialect_of
from eunoe_server.transport.http.errors import Failure, failure_of, internal_error, respond

log = structlog.get_logger()


class RequestIds:
    """Names the request: by the client's own word for it, or by a new one."""

    def __init__(self, app: ASGIApp, new_request_id: Callable[[], str]) -> None:
        self._app = app
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Puts the id into the request's state and on the reply."""
        request_id = offered_request_id(Headers(scope=scope)) or self._new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, named)


class Spans:
    """The request's span, in its client's trace, for those who trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Named by the route, which is known once there is one; never by the path."""
        method, state = scope["method"], scope["state"]
        attributes = {"http.request.method": method, "eunoe.request_id": state["request_id"]}
        with server_span(method, Headers(scope=scope), attributes) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.attributes["http.response.status_code"] = status
                    span.error = str(status) if status >= 500 else ""
                    if route := state.get("route"):
                        span.attributes["http.route"] = route
                        span.name = f"{method} {route}"
                await send(message)

            await self._app(scope, receive, noted)


class LastResort:
    """Answers what nothing else caught, short; the whole of it goes to the log."""

    def __init__(self, app: ASGIApp, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Once an answer has begun there is none to give: the connection is closed instead."""
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        request_id = scope["state"]["request_id"]
        failure: Failure
        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if has_begun:
                raise
            failure = failure_of(Unavailable("The server is stopping. Try again."))
        except Exception:
            log.exception("unhandled", request_id=request_id, method=scope["method"])
            if has_begun:
                raise
            failure = internal_error(request_id)
        else:
            return
        reply = respond(failure, dialect_of(scope["path"]), request_id, self._clock())
        await reply(scope, receive, send)


class OneLength:
    """Refuses a body that has a length and is chunked as well.

    Whoever stands in front may have believed the other one (RFC 9112, section 6.1): then what
    follows the body is a request that was smuggled past it. So the connection is closed too.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at no other header."""
        if {name for name, _ in scope["headers"]} >= _LENGTHS:
            failure = Failure(
                400,
                "INVALID_INPUT",
                "Send Content-Length or Transfer-Encoding, not both.",
                headers={"connection": "close"},
            )
            request_id = scope["state"]["request_id"]
            reply = respond(failure, dialect_of(scope["path"]), request_id, self._clock())
            await reply(scope, receive, send)
            return
        await self._app(scope, receive, send)


_LENGTHS = {b"content-length", b"transfer-encoding"}


class RawPath:
    """Routes by the path as it was sent; `path_values` decodes its variable parts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replaces the decoded path by the raw one."""
        raw = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(raw, receive, send)
