"""Exceptions become statuses here and nowhere else; the table is `status.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog

from eunoe_server.errors import EunoeError, NotImplementedYet, Unavailable
from eunoe_server.telemetry import request_id
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor
from eunoe_server.transport.grpc.status import to_status

log = structlog.get_logger()


class Errors(Interceptor):
    """Turns every exception into a status. The unexpected is logged whole and answered short."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Uncaught, grpc.aio would send the exception's text to the client."""
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                # The client's doing, or the loop's end. There is no call left to answer, and what
                # one tries to send on it is never freed (grpc/grpc#43360).
                raise
            # Something that the call waited for was cancelled: without a status the client hangs.
            await self._abort(call, Unavailable("The server is stopping. Try again."))
        except EunoeError as error:
            await self._abort(call, error)
        except NotImplementedError:
            await self._abort(call, NotImplementedYet())
        except Exception:
            log.exception("unhandled", method=call.method)
            await self._abort(
                call, EunoeError(f"Internal error. Quote request id {request_id.get()}.")
            )

    async def _abort(self, call: Call, error: EunoeError) -> None:
        error.metadata.setdefault("request_id", request_id.get())
        limit = min(getattr(call.request, "max_upstream_error_bytes", 0) or 4_096, 1024 * 1024)
        await call.context.abort_with_status(to_status(error, max_upstream_error_bytes=limit))
