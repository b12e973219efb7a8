# Generated from ../_async by generate_sync.py. Do not edit.
"""`client.chat`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from eunoe._chat import (
    ChatAnswer,
    ChatChunk,
    ChatMessages,
    ChatOptions,
    MemoryReport,
    Model,
    Stored,
    answer,
    chunk,
    fill,
    model,
    report,
    stored,
)
from eunoe._uuid7 import uuid7
from eunoe.v1 import chat_pb2

if TYPE_CHECKING:
    from eunoe._sync.wire import Wire


class Chat:
    """Chats with a model that remembers.

    A whole answer that may never have been asked for is asked for again, with the same idempotency
    key; a stream is not.
    """

    def __init__(self, wire: Wire, timeout_seconds: float) -> None:
        self._wire = wire
        self._timeout_seconds = timeout_seconds

    def complete(self, messages: ChatMessages, **options: Unpack[ChatOptions]) -> ChatAnswer:
        """A whole answer; the exchange is stored by then. Raises UpstreamFailed, InvalidRequest."""
        request = chat_pb2.CompleteChatRequest()
        fill(request, messages, options)
        wire = self._wire.with_timeout(self._timeout_seconds)
        return answer(wire.write(wire.stubs.chat.CompleteChat, request))

    def stream(self, messages: ChatMessages, **options: Unpack[ChatOptions]) -> ChatStream:
        """An answer piece by piece: iterate over it. Asks when the iteration begins."""
        request = chat_pb2.StreamChatRequest(request_id=uuid7())
        fill(request, messages, options)
        return ChatStream(self._wire, request, self._timeout_seconds)

    def models(self) -> list[Model]:
        """The models that chats can name."""
        listed = self._wire.read(self._wire.stubs.chat.ListModels, chat_pb2.ListModelsRequest())
        return [model(each) for each in listed.models]


class ChatStream:
    """An answer that arrives in pieces.

    Iterating yields them and raises UpstreamFailed if the answer breaks off. Leaving early, by
    `break` inside a `with` block, stops the model at once; what had arrived is stored as cut.
    """

    def __init__(
        self, wire: Wire, request: chat_pb2.StreamChatRequest, timeout_seconds: float
    ) -> None:
        self._pieces = self._read(wire, request, timeout_seconds)
        #: What memory did; known with the first piece.
        self.memory: MemoryReport | None = None
        #: What became of the exchange; known at the end.
        self.stored: Stored | None = None

    def __iter__(self) -> Iterator[ChatChunk]:
        """The pieces, once."""
        return self._pieces

    def __enter__(self) -> Self:
        """Stops the model when the block is left."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Stops the model, if it still answers."""
        self._pieces.close()

    def _read(
        self, wire: Wire, request: chat_pb2.StreamChatRequest, timeout_seconds: float
    ) -> Generator[ChatChunk, None]:
        events = wire.stream(wire.stubs.chat.StreamChat, request, timeout_seconds)
        try:
            for event in events:
                match event.WhichOneof("event"):
                    case "started":
                        self.memory = report(event.started.memory)
                    case "chunk":
                        yield chunk(event.chunk)
                    case "finished":
                        self.stored = stored(event.finished)
        finally:
            events.close()
