"""What an operator sees of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from eunoe_server.telemetry import Metrics
from eunoe_server.transport.grpc.interceptors.chain import Call, Frame, ended_with

log = structlog.get_logger()


class AccessLog(Frame):
    """One line and one count a call: method, code, milliseconds. No contents, no parameters."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @contextmanager
    def within(self, call: Call) -> Iterator[None]:
        """The code is the one that went out; a cancelled call is CANCELLED.

        It is noted as the next thing that the event loop does: nobody's answer waits for that.
        """
        started = time.perf_counter()
        name = "OK"
        try:
            yield
        except BaseException as error:
            name = ended_with(error, call.context)
            raise
        finally:
            seconds = time.perf_counter() - started
            asyncio.get_running_loop().call_soon(self._note, call.method, name, seconds)

    def _note(self, method: str, code: str, seconds: float) -> None:
        method = method.removeprefix("/eunoe.v1.")
        self._metrics.rpcs.labels(method, code).inc()
        self._metrics.rpc_seconds.labels(method).observe(seconds)
        log.info("rpc", method=method, code=code, milliseconds=round(seconds * 1000, 2))
