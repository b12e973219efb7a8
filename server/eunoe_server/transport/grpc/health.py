"""The standard gRPC health service, telling what readiness says.

The stock servicer says SERVING from construction, and its open Watch streams hold a stopping
server for the whole grace period. This one starts with what is so, and ends its streams when the
server drains.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """One status for the server as a whole and for each of its services."""

    def __init__(self, services: frozenset[str]) -> None:
        self._services = services | {""}
        self._is_serving = False
        self._is_closed = False
        self._changed = asyncio.Event()

    def set_serving(self, is_serving: bool) -> None:
        """From now on every service is (not) serving; watchers are told."""
        self._is_serving = is_serving
        self._wake()

    def close(self) -> None:
        """Ends every Watch stream after telling NOT_SERVING."""
        self._is_serving = False
        self._is_closed = True
        self._wake()

    async def Check(self, request: Any, context: Any) -> Any:
        """NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _Status(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """The status now and at each change; SERVICE_UNKNOWN for a service that is not here."""
        del context
        told = None
        while True:
            changed, status = self._changed, self._status(request.service)
            if status != told:
                yield _Status(status=status)
                told = status
            if self._is_closed:
                return
            await changed.wait()

    def _status(self, service: str) -> Any:
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        return _Status.SERVING if self._is_serving else _Status.NOT_SERVING

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
