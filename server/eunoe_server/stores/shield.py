"""Finishes what was begun, also when the caller no longer waits.

A client that hangs up cancels its call. A write that is cancelled half way costs its connection
(psycopg/psycopg#1208), and whether it was stored is anybody's guess. So a write runs in a task of
its own: the caller's cancellation waits for it and then goes on. Unlike a bare `asyncio.shield`,
no task outlives the call that began it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which runs to its end. Then a cancellation that came meanwhile goes on.

    `work` must be bounded in time by itself: nothing can interrupt it here.
    """
    task = asyncio.create_task(work)
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not report it as forgotten
        raise asyncio.CancelledError
    return task.result()
