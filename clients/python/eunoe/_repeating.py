"""When a write is repeated, and after which pause.

Only what may never have arrived is: the way to the server broke, the server was stopping, or the
first attempt of the same idempotency key is still being worked on. Each attempt carries the same
idempotency key and the same ids.
"""

from __future__ import annotations

import random

from eunoe._endpoint import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    PAUSE_FACTOR,
)
from eunoe.exceptions import EunoeError, Unavailable

_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
_REPEATED_REASONS = frozenset({"", "STORAGE_UNAVAILABLE", _IN_PROGRESS})


def pause_seconds(error: EunoeError, attempt: int) -> float | None:
    """How long to wait after this attempt, counted from 1; None: do not repeat."""
    if not isinstance(error, Unavailable) or error.reason not in _REPEATED_REASONS:
        return None
    # An attempt that is still being worked on, or was by a server that is gone, has its time.
    if attempt >= MAX_ATTEMPTS and error.reason != _IN_PROGRESS:
        return None
    longest = min(FIRST_PAUSE_SECONDS * PAUSE_FACTOR ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    # Many clients must not come back in step.
    pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return max(pause, error.retry_after_seconds or 0.0)
