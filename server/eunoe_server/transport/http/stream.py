"""A streamed answer: the events of one StreamChat or StreamResponse call as server-sent events.

The status is sent only once the first chunk is there, so an error before it is a real status. A
later error is one event, and no `[DONE]` follows it. What ends a stream (`[DONE]`, or the last
event of a response) and the end of the body are one write, after the exchange is stored:
openai-node reads on until the end. The client's leaving cancels the call at once, wherever it is.
A slow client slows the call: a chunk is read only when the one before it is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc.aio
from starlette.types import Receive, Scope, Send

from eunoe.v1 import chat_pb2
from eunoe_server.transport.http import sse
from eunoe_server.transport.http.calls import ClientLeft, told_with, until_client_leaves
from eunoe_server.transport.http.errors import (
    Failure,
    Refused,
    failure_of,
    internal_error,
    openai_event,
    response_event,
)
from eunoe_server.transport.http.keep_alive import KeepAlive

Event: TypeAlias = chat_pb2.StreamChatResponse | chat_pb2.StreamResponseResponse
Events = AsyncIterator[Event]
StreamCall: TypeAlias = "grpc.aio.UnaryStreamCall[Any, Any]"
HeadersOf = Callable[[chat_pb2.MemoryReport, chat_pb2.Upstream], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How the streams of one endpoint end."""

    #: What follows the last event of a whole answer.
    done: bytes
    #: Names of events that nothing follows.
    last_events: frozenset[str]
    #: The event that says what went wrong, given how many came before it.
    error: Callable[[Failure, int], bytes]


CHAT_STREAM = StreamForm(sse.DONE, frozenset(), lambda failure, _: sse.event(openai_event(failure)))
RESPONSE_STREAM = StreamForm(
    b"",
    frozenset({"response.completed", "response.incomplete", "response.failed", "error"}),
    lambda failure, count: sse.event(response_event(failure, count), "error"),
)


class AnswerStream:
    """An ASGI answer out of one call, which it opens itself."""

    def __init__(
        self,
        open_call: Callable[[], StreamCall],
        form: StreamForm,
        *,
        headers_of: HeadersOf,
        keep_alive: KeepAlive,
    ) -> None:
        self._open_call = open_call
        self._form = form
        self._headers_of = headers_of
        self._keep_alive = keep_alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises grpc.aio.AioRpcError and Refused while there is still a status to choose."""
        request_id = scope["state"]["request_id"]
        call = self._open_call()
        with suppress(ClientLeft):  # the call is cancelled, and nobody is there to be told more
            await until_client_leaves(receive, call, self._stream(call, send, request_id))

    async def _stream(self, call: StreamCall, send: Send, request_id: str) -> None:
        events = aiter(call)
        opening = await anext(events, None)
        first = await anext(events, None)
        if opening is None or first is None:
            raise Refused(internal_error(request_id))
        headers = self._headers_of(opening.started.memory, opening.started.upstream)
        await _start(send, {**headers, **await told_with(call), **sse.HEADERS})
        async with self._kept_alive(send, first.chunk.body) as write:
            last = await self._pass_on(first, events, write, request_id)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _pass_on(
        self,
        event: Event | None,
        events: Events,
        write: Callable[[bytes], Awaitable[None]],
        request_id: str,
    ) -> bytes:
        """Writes the events as they come; gives what ends the stream."""
        last, count = b"", 0
        try:
            while event is not None:
                if event.WhichOneof("event") == "finished":
                    async for _ in events:  # nothing but the call's status
                        pass
                    return last + self._form.done
                piece = sse.event(event.chunk.body, event.chunk.event_name)
                if event.chunk.event_name in self._form.last_events:
                    last = piece
                else:
                    await write(piece)
                count += 1
                event = await anext(events, None)
        except grpc.aio.AioRpcError as error:
            return self._form.error(failure_of(error), count)
        return self._form.error(internal_error(request_id), count)

    @asynccontextmanager
    async def _kept_alive(
        self, send: Send, first_event: bytes
    ) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
        """Gives what writes a piece of the body; each long silence is filled."""
        filler = self._keep_alive.piece(first_event)
        loop = asyncio.get_running_loop()
        last_write = loop.time()

        async def write(piece: bytes) -> None:
            nonlocal last_write
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            last_write = loop.time()

        async def fill(filler: bytes) -> None:
            while True:
                silence = loop.time() - last_write
                if silence >= self._keep_alive.seconds:
                    await write(filler)
                else:
                    await asyncio.sleep(self._keep_alive.seconds - silence)

        if filler is None:
            yield write
            return
        filling = asyncio.create_task(fill(filler))
        try:
            yield write
        finally:
            filling.cancel()
            await asyncio.wait((filling,))


async def _start(send: Send, headers: Mapping[str, str]) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
