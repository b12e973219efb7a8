"""SIGINT and SIGTERM as an event: the first asks to end in order, the second ends at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable


async def with_signals(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs `work` with an event that the first signal sets."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            sys.stderr.write("eunoe: second signal, stopping at once\n")
            sys.stderr.flush()
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await work(stop)
