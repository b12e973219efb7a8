"""The event loop that servers run in: uvloop, and a garbage collector that is asked less often.

A call makes a few thousand short-lived objects, which the collector's defaults look through several
times; what was imported is there for good and never looked at again.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import uvloop

from eunoe_server.signals import with_signals

#: New objects between two collections of the youngest, and how many of those between two of the
#: older ones.
_THRESHOLDS = (20_000, 20, 100)


def serve_in_loop(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs a server with an event that the first signal sets."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    uvloop.run(with_signals(serve))
