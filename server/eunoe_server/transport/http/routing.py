"""What a route is, before there is a channel to call through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc.aio
from starlette.requests import Request
from starlette.types import ASGIApp

from eunoe_server.transport.http.keep_alive import KeepAlive

#: Answers one request. May raise what `app.py` turns into answers: EunoeError, AioRpcError,
#: Refused, ClientLeft.
Endpoint = Callable[[Request], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What endpoints are made with."""

    channel: grpc.aio.Channel
    max_body_bytes: int
    keep_alive: KeepAlive


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path, and what answers there."""

    method: str
    #: Starlette's template: `/memory/{id}`, `/v1/models/{id:path}`.
    path: str
    #: `MemoryService.CreateMemory`; empty where no RPC is called.
    rpc: str
    endpoint: Callable[[Wiring], Endpoint]
