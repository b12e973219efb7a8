"""A wire tap: a TCP relay that passes every byte and keeps what was asked and answered over it.

Placed between a client and a server it changes nothing, not even how the bytes are cut; what it
read of them is HTTP/1.1, so two runs of a client can be compared request by request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

from tests.fixtures.loop_thread import LoopThread


@dataclass(slots=True)
class Exchange:
    """One request and what was answered to it."""

    method: str
    target: str
    body: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    #: False when the connection was closed before the answer's end.
    is_complete: bool = False


class Tap(LoopThread):
    """The running relay to one server. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        super().__init__()
        target = urlsplit(url)
        assert target.hostname is not None
        assert target.port is not None
        self._host, self._port = target.hostname, target.port
        #: In the order in which the requests were complete.
        self.exchanges: list[Exchange] = []
        self._own_port = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._own_port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Accepts clients; leaving drops them."""
        running: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            relay = asyncio.ensure_future(self._relay(reader, writer))
            running.add(relay)

            def let_go(relay: asyncio.Task[None]) -> None:
                # Here and not in the relay: one that is cancelled at once never begins.
                running.discard(relay)
                writer.close()

            relay.add_done_callback(let_go)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._own_port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        # Whoever was accepted this very moment comes in within a turn of the loop or two, and what
        # is closed takes as long to be gone.
        for _ in range(5):
            for relay in running:
                relay.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await asyncio.sleep(0)
        await server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side closes, which then closes the other."""
        heard = _Heard(self.exchanges)
        onward_reader, onward_writer = await asyncio.open_connection(self._host, self._port)
        pumps = [
            asyncio.ensure_future(_pump(reader, onward_writer, heard.request_bytes)),
            asyncio.ensure_future(_pump(onward_reader, writer, heard.answer_bytes)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in (writer, onward_writer):
                each.close()
            closing = (each.wait_closed() for each in (writer, onward_writer))
            await asyncio.gather(*closing, return_exceptions=True)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[bytes], None]
) -> None:
    while piece := await reader.read(65_536):
        heard(piece)
        writer.write(piece)
        await writer.drain()


class _Heard:
    """The HTTP of one connection, as both of its ends understand it."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._exchanges = exchanges
        self._server = h11.Connection(h11.SERVER)
        self._client = h11.Connection(h11.CLIENT)
        self._head: h11.Request | None = None
        self._body = b""
        self._open: Exchange | None = None

    def request_bytes(self, piece: bytes) -> None:
        """From the client."""
        self._server.receive_data(piece)
        while True:
            event = self._server.next_event()
            if isinstance(event, h11.Request):
                self._head, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                self._open = Exchange(
                    self._head.method.decode(), self._head.target.decode(), self._body
                )
                self._exchanges.append(self._open)
                self._client.send(h11.Request(method="POST", target="/", headers=[("host", "-")]))
                self._client.send(h11.EndOfMessage())
            else:
                return

    def answer_bytes(self, piece: bytes) -> None:
        """From the server."""
        self._client.receive_data(piece)
        while True:
            event = self._client.next_event()
            if isinstance(event, h11.Response):
                assert self._open is not None
                self._open.status = event.status_code
                self._open.headers = {
                    name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
                }
            elif isinstance(event, h11.Data):
                assert self._open is not None
                self._open.answer += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert self._open is not None
                self._open.is_complete = True
                self._next_cycle()
            else:
                return

    def _next_cycle(self) -> None:
        """Each of the two parsers waits for the half that the other one has read."""
        if h11.MUST_CLOSE in (self._client.our_state, self._client.their_state):
            return
        self._client.start_next_cycle()
        self._server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        self._server.send(h11.EndOfMessage())
        if self._server.our_state is h11.DONE:
            self._server.start_next_cycle()
