"""A span a call; in the chain only where traces are exported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eunoe_server.telemetry import request_id
from eunoe_server.tracing import server_span
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor, ended_with


class Spans(Interceptor):
    """The server's span, in the caller's trace; transactions and the upstream are inside it."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Named by the method; the status is the one that went out."""
        service, _, method = call.method.removeprefix("/").partition("/")
        carrier = {
            name: value
            for name in ("traceparent", "tracestate")
            for value in call.metadata(name)[:1]
        }
        attributes = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "eunoe.request_id": request_id.get(),
        }
        with server_span(f"{service}/{method}", carrier, attributes) as span:
            status = "OK"
            try:
                yield
            except BaseException as error:
                status = ended_with(error, call.context)
                if status != "CANCELLED":
                    span.error = status
                raise
            finally:
                span.attributes["rpc.grpc.status"] = status
