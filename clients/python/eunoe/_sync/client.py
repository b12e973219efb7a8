# Generated from ../_async by generate_sync.py. Do not edit.
"""The client."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from eunoe._endpoint import Endpoint, Tls
from eunoe._found import SearchResults
from eunoe._memory import Memory
from eunoe._message import Message
from eunoe._search_options import SearchOptions
from eunoe._sync.administration import Administration
from eunoe._sync.chat import Chat
from eunoe._sync.dialogue import Dialogue
from eunoe._sync.dialogues import Dialogues
from eunoe._sync.memories import Memories
from eunoe._sync.searching import search

if TYPE_CHECKING:
    from eunoe._sync.wire import Wire


class Eunoe:
    """One server, as the holder of one API key sees it.

    `address` is where the server's gRPC is, as host:port; `tls=True` checks its certificate against
    those of the system. `timeout` is in seconds, of one call with its repeats; a chat has
    `chat_timeout` instead. The connection opens with the first call. Close the client, or use it
    in a `with` block.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        api_key: str,
        tls: Tls | bool = False,
        timeout: float = 30.0,
        chat_timeout: float = 600.0,
    ) -> None:
        # gRPC is most of what there is to load, and nothing needs it before there is a client.
        from eunoe._sync.wire import Connection, Wire  # noqa: PLC0415 - the reason above

        self._chat_timeout = chat_timeout
        self._bind(Wire(Connection(Endpoint.of(address, api_key, tls)), timeout))

    def _bind(self, wire: Wire) -> None:
        self._wire = wire
        self.memories = Memories(wire)
        self.dialogues = Dialogues(wire)
        self.chat = Chat(wire, self._chat_timeout)
        self.admin = Administration(wire)

    def with_timeout(self, seconds: float) -> Self:
        """The same client, over the same connection, with this timeout for calls and chats."""
        other = super().__new__(type(self))
        other._chat_timeout = seconds
        other._bind(self._wire.with_timeout(seconds))
        return other

    @overload
    def search(
        self,
        query: str,
        object: Literal["memory"] = "memory",
        **options: Unpack[SearchOptions],
    ) -> SearchResults[Memory]: ...
    @overload
    def search(
        self,
        query: str,
        object: Literal["message"],
        **options: Unpack[SearchOptions],
    ) -> SearchResults[Message]: ...
    @overload
    def search(
        self,
        query: str,
        object: Literal["dialogue"],
        **options: Unpack[SearchOptions],
    ) -> SearchResults[Dialogue]: ...
    def search(
        self,
        query: str,
        object: Literal["memory", "message", "dialogue"] = "memory",  # noqa: A002
        **options: Unpack[SearchOptions],
    ) -> Any:
        """What fits a query best, by meaning and by words. Raises InvalidRequest."""
        return search(self._wire, query, object, options)

    def __enter__(self) -> Self:
        """Closes the client when the block is left."""
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
        """Ends calls that are under way; later ones raise ClientClosed."""
        self._wire.connection.close()
