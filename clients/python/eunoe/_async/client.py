"""The client."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from eunoe._async.administration import AsyncAdministration
from eunoe._async.chat import AsyncChat
from eunoe._async.dialogue import AsyncDialogue
from eunoe._async.dialogues import AsyncDialogues
from eunoe._async.memories import AsyncMemories
from eunoe._async.searching import search
from eunoe._endpoint import Endpoint, Tls
from eunoe._found import SearchResults
from eunoe._memory import Memory
from eunoe._message import Message
from eunoe._search_options import SearchOptions

if TYPE_CHECKING:
    from eunoe._async.wire import Wire


class AsyncEunoe:
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
        from eunoe._async.wire import Connection, Wire  # noqa: PLC0415 - the reason above

        self._chat_timeout = chat_timeout
        self._bind(Wire(Connection(Endpoint.of(address, api_key, tls)), timeout))

    def _bind(self, wire: Wire) -> None:
        self._wire = wire
        self.memories = AsyncMemories(wire)
        self.dialogues = AsyncDialogues(wire)
        self.chat = AsyncChat(wire, self._chat_timeout)
        self.admin = AsyncAdministration(wire)

    def with_timeout(self, seconds: float) -> Self:
        """The same client, over the same connection, with this timeout for calls and chats."""
        other = super().__new__(type(self))
        other._chat_timeout = seconds
        other._bind(self._wire.with_timeout(seconds))
        return other

    @overload
    async def search(
        self,
        query: str,
        object: Literal["memory"] = "memory",
        **options: Unpack[SearchOptions],
    ) -> SearchResults[Memory]: ...
    @overload
    async def search(
        self,
        query: str,
        object: Literal["message"],
        **options: Unpack[SearchOptions],
    ) -> SearchResults[Message]: ...
    @overload
    async def search(
        self,
        query: str,
        object: Literal["dialogue"],
        **options: Unpack[SearchOptions],
    ) -> SearchResults[AsyncDialogue]: ...
    async def search(
        self,
        query: str,
        object: Literal["memory", "message", "dialogue"] = "memory",  # noqa: A002
        **options: Unpack[SearchOptions],
    ) -> Any:
        """What fits a query best, by meaning and by words. Raises InvalidRequest."""
        return await search(self._wire, query, object, options)

    async def __aenter__(self) -> Self:
        """Closes the client when the block is left."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """As `aclose`."""
        await self.aclose()

    async def aclose(self) -> None:
        """Ends calls that are under way; later ones raise ClientClosed."""
        await self._wire.connection.aclose()
