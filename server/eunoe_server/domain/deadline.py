"""By when the work at hand must be done, told to whatever it calls, however deep.

Whoever waits for the work sets it; what takes time asks how much is left. A store gives up a
little before the deadline, so that its caller can still say what became of the call. It knows
neither calls nor databases, and interrupts nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("eunoe_deadline", default=None)


@contextmanager
def due_in(seconds: float) -> Iterator[None]:
    """Until the block ends its work is due in so many seconds, or when it was due before."""
    moment, outer = time.monotonic() + seconds, _deadline.get()
    token = _deadline.set(moment if outer is None else min(moment, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """Until the deadline, never below zero; None without one."""
    moment = _deadline.get()
    return None if moment is None else max(0.0, moment - time.monotonic())
