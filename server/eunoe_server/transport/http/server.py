"""uvicorn inside our own event loop: no signal handlers, no access log, a graceful end.

What uvicorn lacks is in `Connection`: a deadline for the head of a request (without one a client
that drips a byte a second holds a socket for ever), one for a client that does not read what it
asked for, a door that refuses before anything is done (`door.py`), and JSON for what cannot even be
parsed as HTTP. Access lines are the gRPC server's: a query string may name a user and is logged
nowhere.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import h11
import msgspec
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from eunoe_server.transport.http.calls import fresh_request_id
from eunoe_server.transport.http.door import LET_IN, Door, Refusal
from eunoe_server.transport.http.errors import Failure, openai_body
from eunoe_server.transport.listening import listen

_HEAD_SECONDS = 10.0
#: Above the OpenAI packages' own 5 s, and above what common load balancers wait (60 s).
_KEEP_ALIVE_SECONDS = 75
#: Enough for a hostile Authorization header to be answered 401 rather than at this level.
_MAX_HEAD_BYTES = 128 * 1024
_SEND_BUFFER_BYTES = 256 * 1024


class Connection(H11Protocol):
    """One client's connection."""

    _head_deadline: asyncio.TimerHandle | None = None
    _reader_deadline: asyncio.TimerHandle | None = None
    _unread_bytes = 0
    #: To be called when the request is answered that was let in at the door.
    _on_leaving: Callable[[], None] | None = None

    def __init__(
        self, *args: Any, write_idle_seconds: float, door: Door | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._write_idle_seconds = write_idle_seconds
        self._door = door

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The head of the first request must come soon, and the kernel takes little for a reader.

        Left to itself it takes megabytes of a stream for a client that does not read, and all that
        was taken is kept here as well, to store the answer when it ends.
        """
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES
        )
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """The head of a later request must be whole soon after its first byte."""
        if self._awaits_head():
            if self._is_refused(data):
                return
            self._expect_head()
        super().data_received(data)
        self.app_state = {}  # of a request that was sent behind this one
        if self._awaits_head():
            self._leave()
        else:
            self._cancel_deadline()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write: nothing more is made until it has read."""
        super().pause_writing()
        self._expect_reader()

    def resume_writing(self) -> None:
        """It has read."""
        self._cancel_reader_deadline()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._leave()
        self._cancel_deadline()
        self._cancel_reader_deadline()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """JSON, since there is no path yet to tell a dialect; 431 when the head is too long.

        When it is the body that is broken, somebody may be answering the request already: then
        nobody hears it any more, or what was begun ends here.
        """
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        is_too_long = len(self.conn.trailing_data[0]) > _MAX_HEAD_BYTES
        failure = (
            Failure(431, "REQUEST_TOO_LARGE", "The request's headers are too long.")
            if is_too_long
            else Failure(400, "INVALID_INPUT", msg)
        )
        body = msgspec.json.encode(openai_body(failure))
        head = h11.Response(
            status_code=failure.status,
            headers=[
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("x-request-id", fresh_request_id()),
                ("connection", "close"),
            ],
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        """There is room for the next one."""
        self._leave()
        super().on_response_complete()

    def _is_refused(self, data: bytes) -> bool:
        """Whether `data` was a request that the door has answered."""
        met = self._meet(data)
        if isinstance(met, Refusal):
            self._cancel_deadline()
            self.transport.write(met.data)
            if met.is_last:
                self.transport.close()
            else:
                self.on_response_complete()
            return True
        if met is not None:
            self._on_leaving, self.app_state = met, {LET_IN: True}
        return False

    def _meet(self, data: bytes) -> Refusal | Callable[[], None] | None:
        is_between_requests = (
            self.conn.our_state is h11.IDLE
            and self.conn.their_state is h11.IDLE
            and not any(self.conn.trailing_data)
            and not self.flow.write_paused
        )
        if self._door is None or not is_between_requests:
            return None
        return self._door.meet(data, self.server_state.default_headers)

    def _leave(self) -> None:
        leave, self._on_leaving = self._on_leaving, None
        if leave is not None:
            leave()

    def _expect_reader(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._reader_deadline = self.loop.call_later(self._write_idle_seconds, self._check_reader)

    def _check_reader(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._expect_reader()  # slow is allowed
        else:
            self.transport.abort()

    def _cancel_reader_deadline(self) -> None:
        if self._reader_deadline is not None:
            self._reader_deadline.cancel()
            self._reader_deadline = None

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _cancel_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's, not one of its servers'."""
        yield


@asynccontextmanager
async def serve_http(
    app: ASGIApp,
    address: str | socket.socket,
    *,
    door: Door | None = None,
    drain_seconds: float = 30.0,
    write_idle_seconds: float = 60.0,
) -> AsyncIterator[int]:
    """Serves `app` at `host:port`, or on a socket bound by somebody else, and gives the port.

    Raises OSError when the address is taken.

    A client that reads nothing of an answer for `write_idle_seconds` is disconnected. On leaving,
    no connection is accepted any more; running requests get `drain_seconds` to end.
    """
    listener = listen(address) if isinstance(address, str) else address
    port: int = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            app,
            http=partial(  # type: ignore[arg-type]
                Connection, write_idle_seconds=write_idle_seconds, door=door
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(drain_seconds),
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield port
    finally:
        server.should_exit = True
        await serving
        # Those that were cut are cancelled by now, but have not ended yet.
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
