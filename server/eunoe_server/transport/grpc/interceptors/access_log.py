"""What an operator sees of a call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from eunoe_server.telemetry import Metrics
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor, ended_with

log = structlog.get_logger()


class AccessLog(Interceptor):
    """One line and one count a call: method, code, milliseconds. No contents, no parameters."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """The code is the one that went out; a cancelled call is CANCELLED."""
        started = time.perf_counter()
        name = "OK"
        try:
            yield
        except BaseException as error:
            name = ended_with(error, call.context)
            raise
        finally:
            seconds = time.perf_counter() - started
            method = call.method.removeprefix("/eunoe.v1.")
            self._metrics.rpcs.labels(method, name).inc()
            self._metrics.rpc_seconds.labels(method).observe(seconds)
            log.info("rpc", method=method, code=name, milliseconds=round(seconds * 1000, 2))
