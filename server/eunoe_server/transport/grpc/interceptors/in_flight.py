"""Which calls still run, for the end of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from eunoe_server.transport.grpc.interceptors.chain import Call, Frame


class InFlight(Frame):
    """Counts running calls, so that a stopping server can wait for what they still have to store.

    `grpc.aio.Server.stop` returns once calls are answered or cancelled, not once their handlers
    have ended.
    """

    def __init__(self) -> None:
        self._count = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @contextmanager
    def within(self, call: Call) -> Iterator[None]:
        """Nothing but counting."""
        del call
        self._count += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._is_idle.set()

    async def wait_until_idle(self, seconds: float) -> None:
        """Returns once no handler runs, or after `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_idle.wait(), seconds)
