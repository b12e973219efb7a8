"""Refusing early what cannot be served in time, so that what is let in can (`admission.py`).

Two kinds of calls, each with a gate, because they use up different things:

* `calls` protects the event loop and the database's connections: reading, writing, searching.
  More at a time would finish no sooner, only later each.
* `chats` protects memory and file descriptors: calls that wait for a model, mostly asleep, for
  minutes. They hold no place among the `calls`, so however many there are, memories are read and
  searched. What they do with the database goes through `steps`, and they leave that before they
  wait for the model (`services/chat.py`); here it only says when a chat has no chance.

Health and reflection pass by all of them. `Shedding` stands first of all: while a gate refuses, a
call is answered before it is decoded, checked for a key or logged, which makes a refusal as cheap
as gRPC allows. It tells a stranger nothing but that the server is busy.
`Admission` stands behind the limits of the key, and lets in or has wait.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from eunoe_server.admission import RETRY_SECONDS, Gate
from eunoe_server.errors import Overloaded
from eunoe_server.telemetry import Metrics
from eunoe_server.transport.grpc.interceptors.chain import (
    CHATS,
    OPEN_SERVICES,
    WAITS_FOR_MODEL,
    Call,
    Interceptor,
)
from eunoe_server.transport.grpc.interceptors.request_id import name_of
from eunoe_server.transport.grpc.status import to_status

log = structlog.get_logger()

#: Between two lines in the log that say how many were refused.
_REPORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of a server."""

    calls: Gate
    chats: Gate
    steps: Gate

    def of(self, method: str) -> Gate:
        """The gate that a method goes through."""
        return self.chats if method in WAITS_FOR_MODEL else self.calls

    def are_refusing(self, method: str) -> bool:
        """Whether a call that came now would be refused."""
        if method in CHATS:
            return self.chats.is_refusing or self.steps.is_refusing
        return self.of(method).is_refusing


class Shedding(grpc.aio.ServerInterceptor):
    """Answers OVERLOADED for calls that their gate would refuse."""

    def __init__(self, gates: Gates, metrics: Metrics) -> None:
        self._gates = gates
        self._refused = metrics.calls_refused
        self._count = 0
        self._reported_at = 0.0

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler that the rest of the chain found, or one that refuses."""
        method = handler_call_details.method
        if not self._gates.are_refusing(method) or method.startswith(OPEN_SERVICES):
            return await continuation(handler_call_details)
        self._report()
        return _REFUSAL

    def _report(self) -> None:
        self._refused.inc()
        self._count += 1
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_SECONDS:
            log.warning("overloaded", refused=self._count)
            self._count, self._reported_at = 0, now


async def _refuse(request: bytes, context: Any) -> bytes:
    """Takes the request as bytes, and sets its status instead of raising it: both are cheaper."""
    del request
    name = name_of(context.invocation_metadata())
    status = to_status(Overloaded(retry_after_seconds=RETRY_SECONDS, metadata={"request_id": name}))
    context.set_code(status.code)
    context.set_details(status.details)
    context.set_trailing_metadata((*status.trailing_metadata, ("x-request-id", name)))
    return b""


# A stream is refused by the same handler: what a client sees of both is the status alone.
_REFUSAL: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(_refuse)


class Admission(Interceptor):
    """Lets a call in, has it wait a moment, or refuses it."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises Overloaded."""
        async with self._gates.of(call.method).entered():
            yield
