"""How many calls a minute a key may make, said with every answer as OpenAI says it.

In memory, and so of one process: behind a balancer with three servers a key gets three times as
much. Off by default. What is left is sent as initial metadata, which the shim shows as headers.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from eunoe_server.domain.token_bucket import Allowance, TokenBuckets
from eunoe_server.errors import LimitReached
from eunoe_server.transport.grpc import initial_metadata
from eunoe_server.transport.grpc.interceptors.authentication import caller
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor
from eunoe_server.transport.grpc.timing import is_asked_for


class RateLimit(Interceptor):
    """Takes a token for each call."""

    def __init__(
        self, buckets: TokenBuckets, *, monotonic_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._buckets = buckets
        self._now = monotonic_seconds

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises LimitReached."""
        allowance = self._buckets.take(caller().key_id, self._now())
        initial_metadata.hold(_metadata(allowance))
        try:
            if allowance.retry_after_seconds:
                raise LimitReached(retry_after_seconds=allowance.retry_after_seconds)
            if not is_asked_for(call.context):
                await initial_metadata.send(call.context)
            yield
        finally:
            # The times are told by chats that begin to answer; what does not is told this alone.
            await initial_metadata.send(call.context)


def _metadata(allowance: Allowance) -> tuple[tuple[str, str], ...]:
    return (
        ("x-ratelimit-limit-requests", str(allowance.limit)),
        ("x-ratelimit-remaining-requests", str(allowance.remaining)),
        ("x-ratelimit-reset-requests", _duration(allowance.reset_seconds)),
    )


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"
