"""How many calls a minute: a bucket of tokens for each key, refilled at an even pace.

A bucket rather than a window of time: a burst is served at once, and who has used it up gets the
next call after seconds instead of at the end of a minute. (The `limits` package has windows only.)
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

#: Keys remembered at most. The one that goes has not called for longest, so its bucket is full.
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still do after a call was asked for."""

    #: Calls at once from a full bucket.
    limit: int
    remaining: int
    #: Until the bucket is full again.
    reset_seconds: float
    #: Until the next call is allowed; 0: this one is.
    retry_after_seconds: float


class TokenBuckets:
    """The buckets of one process. Time is given with each call, on any clock that only grows."""

    def __init__(self, calls_per_minute: int, burst: int) -> None:
        self._per_second = calls_per_minute / 60
        self._capacity = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_seconds: float) -> Allowance:
        """A token out of the key's bucket, if there is one."""
        tokens, filled_at = self._buckets.pop(key, (float(self._capacity), now_seconds))
        tokens = min(self._capacity, tokens + (now_seconds - filled_at) * self._per_second)
        # Sums of fractions fall a hair short of the whole token that they are.
        is_allowed = tokens >= 1 - 1e-9
        tokens = max(0.0, tokens - 1) if is_allowed else tokens
        self._buckets[key] = (tokens, now_seconds)
        if len(self._buckets) > MAX_REMEMBERED:
            self._buckets.popitem(last=False)
        return Allowance(
            limit=self._capacity,
            remaining=int(tokens + 1e-9),
            reset_seconds=(self._capacity - tokens) / self._per_second,
            retry_after_seconds=0.0 if is_allowed else (1 - tokens) / self._per_second,
        )
