"""`x-memory-timing: 1` in a chat's metadata: where its time went, told to whoever asks.

The answer is in the initial metadata, named and written as HTTP's `Server-Timing`
(https://www.w3.org/TR/server-timing/), so that the shim passes it on as it is. A whole answer tells
all stages, a stream those up to its first token; what comes later is in the metrics.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from eunoe_server.services.chat import ChatEvent, Started
from eunoe_server.telemetry import Stages
from eunoe_server.transport.grpc import initial_metadata

REQUEST_NAME = "x-memory-timing"
ANSWER_NAME = "server-timing"


async def tell(context: Any, stages: Stages) -> None:
    """Sends the initial metadata, if the call asks for the times."""
    if is_asked_for(context):
        await initial_metadata.send(context, (ANSWER_NAME, written(stages.seconds)))


async def told(context: Any, events: AsyncIterator[ChatEvent]) -> AsyncIterator[ChatEvent]:
    """The same events; the first waits for the second, if the call asks for the times."""
    if is_asked_for(context):
        async for opening in events:
            second = await anext(events, None)
            if isinstance(opening, Started):
                await tell(context, opening.stages)
            yield opening
            if second is not None:
                yield second
            break
    async for event in events:
        yield event


def written(seconds: Mapping[str, float]) -> str:
    """`identity;dur=1.2, embed;dur=0.1`, in milliseconds."""
    return ", ".join(f"{name};dur={each * 1000:.2f}" for name, each in seconds.items())


def is_asked_for(context: Any) -> bool:
    """Whether the call asks for the times."""
    return (REQUEST_NAME, "1") in (context.invocation_metadata() or ())
