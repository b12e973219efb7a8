"""The least that speaks gRPC and HTTP, so that offering a load costs the load next to nothing.

A gRPC library's client needs more CPU for a call than our server for its refusal. On two cores a
load of four times the ceiling then starves the server that it is to measure, and what it prints is
its own slowness. Here a call is two frames (or one request) of bytes, and of an answer only that is
read which tells what became of it: a twentieth of a millisecond.

It holds no client's promises: no retries, no TLS, no deadlines. It knows what our server sends.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a call: its gRPC status or HTTP status, the body, and where it says why."""

    status: int
    body: bytes
    head: bytes


Done: TypeAlias = Callable[[Answered], None]

#: What a call ends with when its connection or stream breaks.
BROKEN = -1

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_MOST = 2**31 - 1
_FIRST_WINDOW = 2**16 - 1
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_FRAME_HEAD = 9
#: No table of headers, so that every block of them can be read alone; no push; any window for an
#: answer; and headers that end in `-bin` as bytes instead of base64 (an extension of gRPC).
_OUR_SETTINGS = struct.pack(">HIHIHIHI", 1, 0, 2, 0, 4, _MOST, 0xFE03, 1)
#: Static table of RFC 7541: `:method: POST`, `:scheme: http`.
_POST_HTTP = b"\x83\x86"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A header as it is, neither indexed nor compressed (RFC 7541, section 6.2.2)."""
    assert max(len(name), len(value)) < 127, "lengths of one byte"
    return b"\0" + b"".join(bytes((len(each),)) + each.encode() for each in (name, value))


class GrpcConnection(asyncio.Protocol):
    """One HTTP/2 connection with any number of unary calls."""

    _transport: asyncio.Transport

    def __init__(self, authority: str, metadata: tuple[tuple[str, str], ...]) -> None:
        self._common = b"".join(
            _literal(name, value)
            for name, value in (
                (":authority", authority),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                *metadata,
            )
        )
        self._heads: dict[str, bytes] = {}
        self._next_stream = 1
        self._calls: dict[int, tuple[Done, list[bytes]]] = {}
        self._unread = b""
        self._window = _FIRST_WINDOW
        #: Calls that the server's flow control does not let go yet.
        self._held: deque[bytes] = deque()

    def call(self, method: str, message: bytes, done: Done) -> None:
        """Sends a request of a method such as `/package.Service/Method`."""
        head = self._heads.get(method)
        if head is None:
            head = self._heads[method] = _POST_HTTP + _literal(":path", method) + self._common
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._calls[stream] = done, []
        body = struct.pack(">BI", 0, len(message)) + message
        self._window -= len(body)
        frames = _frame(_HEADERS, _END_HEADERS, stream, head) + _frame(
            _DATA, _END_STREAM, stream, body
        )
        if self._window < 0:
            self._held.append(frames)
        else:
            self._transport.write(frames)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says what we take."""
        self._transport = cast("asyncio.Transport", transport)
        _send_at_once(self._transport)
        grow = _frame(_WINDOW, 0, 0, struct.pack(">I", _MOST - _FIRST_WINDOW))
        self._transport.write(_PREFACE + _frame(_SETTINGS, 0, 0, _OUR_SETTINGS) + grow)

    def data_received(self, data: bytes) -> None:
        """Reads whole frames."""
        data, at = self._unread + data, 0
        while len(data) - at >= _FRAME_HEAD:
            end = at + _FRAME_HEAD + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            stream = int.from_bytes(data[at + 5 : at + 9], "big") & _MOST
            self._read_frame(data[at + 3], data[at + 4], stream, data[at + _FRAME_HEAD : end])
            at = end
        self._unread = data[at:]

    def _read_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if stream in self._calls:
            done, parts = self._calls[stream]
            if kind in {_DATA, _HEADERS}:
                parts.append(payload)
            if kind == _RESET or (kind in {_DATA, _HEADERS} and flags & _END_STREAM):
                del self._calls[stream]
                done(_answered(parts) if kind != _RESET else Answered(BROKEN, b"", payload))
        elif kind in {_SETTINGS, _PING} and not flags & _ACK:
            answer = payload if kind == _PING else b""
            self._transport.write(_frame(kind, _ACK, 0, answer))
        elif kind == _WINDOW and stream == 0:
            self._window += int.from_bytes(payload, "big")
            if self._window >= 0 and self._held:
                self._transport.write(b"".join(self._held))
                self._held.clear()
        elif kind == _GOAWAY:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """All that was not answered is broken."""
        calls, self._calls = self._calls, {}
        for done, _ in calls.values():
            done(Answered(BROKEN, b"", repr(error).encode()))

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()


def _answered(parts: list[bytes]) -> Answered:
    """The first part is the headers, the last the trailers; of a refusal they are one."""
    _, found, after = parts[-1].partition(b"\x0bgrpc-status")
    status = int(after[1 : 1 + after[0]]) if found else BROKEN
    return Answered(status, b"".join(parts[1:-1])[5:], parts[-1])


class HttpConnection(asyncio.Protocol):
    """One HTTP/1.1 connection with one request at a time."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._done: Done | None = None
        self._unread = b""
        self.is_open = False

    def call(self, request: bytes, done: Done) -> None:
        """Sends a whole request."""
        self._done = done
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for a request."""
        self._transport = cast("asyncio.Transport", transport)
        _send_at_once(self._transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Reads an answer of a length that its head tells."""
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        self._unread = b""
        self._end(Answered(int(head[9:12]), body, head.lower()))

    def connection_lost(self, error: Exception | None) -> None:
        """What was not answered is broken."""
        self.is_open = False
        self._end(Answered(BROKEN, b"", repr(error).encode()))

    def _end(self, answered: Answered) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(answered)

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()


def _send_at_once(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
