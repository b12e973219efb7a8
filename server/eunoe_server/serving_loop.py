"""The event loop that servers run in: uvloop, and a garbage collector that is asked less often.

A call makes a few thousand short-lived objects, which the collector's defaults look through several
times; what was imported is there for good and never looked at again.

grpc.aio has a thread that waits for its core. It writes a byte into a socket for each event, and
the loop reads one byte a round, though it handles all the events that there are. Under load a few
hundred bytes fill the socket, and the thread waits for room in it: then one event comes a round,
however little each has to do, and calls wait for seconds. So before they are that many, all bytes
but one are read here. (Fewer do no harm: the loop looks for events again instead of sleeping.)
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVarTuple

import uvloop

from eunoe_server.signals import with_signals

Ts = TypeVarTuple("Ts")

#: New objects between two collections of the youngest, and how many of those between two of the
#: older ones.
_THRESHOLDS = (20_000, 20, 100)
_BYTES = 4_096
#: Some 280 fit.
_MOST_UNREAD = 100


def serve_in_loop(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs a server with an event that the first signal sets."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    uvloop.run(with_signals(serve), loop_factory=ServingLoop)


class ServingLoop(uvloop.Loop):
    """uvloop, reading what wakes it up for gRPC."""

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        """As ever, but for grpc.aio's own socket."""
        if isinstance(fd, socket.socket) and _is_of_grpc(callback):
            super().add_reader(fd, _handle_all, fd, callback, *args)
        else:
            super().add_reader(fd, callback, *args)


def _is_of_grpc(callback: Callable[..., Any]) -> bool:
    handler = callback.func if isinstance(callback, partial) else callback
    return type(getattr(handler, "__self__", None)).__name__ == "PollerCompletionQueue"


def _handle_all(wakeups: socket.socket, handle: Callable[..., Any], *args: Any) -> None:
    # Bytes that come from now on are of events that may not be seen by this round. And `handle`
    # reads one itself, and fails when there is none.
    there = len(wakeups.recv(_BYTES, socket.MSG_PEEK))
    if there > _MOST_UNREAD:
        wakeups.recv(there - 1)
    handle(*args)
