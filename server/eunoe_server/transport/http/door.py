"""The HTTP server's door: while there is a crowd, requests are let in or refused before all else.

On its way through the parser, the layers of the application and back, a refused request costs a
good part of what serving one does: a flood leaves no time for those that were let in. Here one that
came whole is read by llhttp and refused in one write.

Whatever is not as plain as that takes the usual way, on which the same is asked (`app.py`): what
comes in pieces, pipelined or chunked, wants to upgrade, or leads to no call of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import httptools
from starlette.routing import compile_path

from eunoe_server.errors import Overloaded
from eunoe_server.transport.http.calls import offered_request_id
from eunoe_server.transport.http.dialects import Dialect, dialect_of
from eunoe_server.transport.http.errors import failure_of, respond, timestamp

#: What is larger is read by the usual parser, which knows its limits.
_MAX_BYTES = 64 * 1024
#: Headers of what has not come whole, or does not end where its length says.
_NOT_PLAIN = {b"transfer-encoding", b"expect", b"upgrade"}
#: Headers in which a client may name its request.
_NAMES = {b"x-request-id", b"x-client-request-id"}
#: In the state of a request that was let in at the door.
LET_IN = "is_let_in"
_OVERLOADED = failure_of(Overloaded())
#: What stands for them in an answer that is written once.
_NAME, _TIME = "{request id}", datetime.max.replace(tzinfo=UTC)
_NAME_TEXT, _TIME_TEXT = _NAME.encode(), timestamp(_TIME).encode()
_NOWHERE = ("", Dialect.NATIVE)
_GROUP_NAME = re.compile(r"\(\?P<\w+>")

RawHeaders = Sequence[tuple[bytes, bytes]]


class Doorman(Protocol):
    """Says who comes in."""

    @property
    def is_crowded(self) -> bool:
        """Whether it may be worth asking before a request is served."""
        ...

    def let_in(self, method: str) -> Callable[[], None] | None:
        """Of a request for a call (`/eunoe.v1.MemoryService/GetMemory`), if there is room for it.

        What is given is to be called once the request has ended, and only once.
        """
        ...

    def has_refused(self) -> None:
        """One request was answered OVERLOADED."""
        ...


class OpenDoor:
    """What a shim knows of a server elsewhere: nothing, so it lets everybody in."""

    is_crowded = False

    def let_in(self, method: str) -> Callable[[], None]:
        """Whoever comes."""
        del method
        return lambda: None

    def has_refused(self) -> None:
        """Does not happen."""


OPEN_DOOR = OpenDoor()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole answer."""

    data: bytes
    #: The client said that it would ask nothing more.
    is_last: bool


class Door:
    """Refuses what the doorman would."""

    def __init__(
        self,
        doorman: Doorman,
        routes: Iterable[tuple[str, str, str]],
        clock: Callable[[], datetime],
        new_request_id: Callable[[], str],
    ) -> None:
        """`routes` are (HTTP method, path template, gRPC method or ""), the first match counts."""
        self._doorman = doorman
        self._clock = clock
        self._new_request_id = new_request_id
        by_verb: dict[str, list[tuple[str, str]]] = {}
        for verb, path, method in routes:
            by_verb.setdefault(verb, []).append((path, method))
        self._routes = {verb.encode(): _Routes(paths) for verb, paths in by_verb.items()}
        self._answers = {dialect: _Answer(dialect) for dialect in Dialect}

    def meet(self, data: bytes, headers: RawHeaders) -> Refusal | Callable[[], None] | None:
        """What becomes of what came on a connection between requests.

        It is refused, with the `headers` that every answer has; or let in, and then what is given
        is to be called when it is answered; or it was not asked about.
        """
        if not self._doorman.is_crowded or len(data) > _MAX_BYTES:
            return None
        request = _Request()
        if not request.read(data):
            return None
        path, _, _ = request.target.partition(b"?")
        routes = self._routes.get(request.verb)
        method, dialect = routes.at(path) if routes else _NOWHERE
        if not method:
            return None
        leave = self._doorman.let_in(method)
        if leave is not None:
            return leave
        self._doorman.has_refused()
        name = offered_request_id(request.headers) or self._new_request_id()
        closing = () if request.may_go_on else ((b"connection", b"close"),)
        answer = self._answers[dialect].written(name, self._clock(), (*headers, *closing))
        return Refusal(answer, not request.may_go_on)


class _Routes:
    """From paths to gRPC methods and dialects, in one match."""

    def __init__(self, paths: Iterable[tuple[str, str]]) -> None:
        self._found = [(method, dialect_of(path)) for path, method in paths]
        self._pattern = re.compile("|".join(f"({_pattern_of(path)})" for path, _ in paths))

    def at(self, path: bytes) -> tuple[str, Dialect]:
        """Of the first route that matches; without a method if there is none, or it calls none."""
        match = self._pattern.match(path.decode("latin-1"))
        return self._found[match.lastindex - 1] if match and match.lastindex else _NOWHERE


def _pattern_of(path: str) -> str:
    regex, _, _ = compile_path(path)
    return _GROUP_NAME.sub("(?:", regex.pattern)


class _Request:
    """What llhttp says of a request."""

    def __init__(self) -> None:
        self.verb = b""
        self.target = b""
        self.headers: dict[str, str] = {}
        self.may_go_on = False
        self.is_plain = True
        self._begun = self._ended = 0
        self._parser = httptools.HttpRequestParser(self)

    def read(self, data: bytes) -> bool:
        """Whether `data` is one request, whole, and nothing else."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return self.is_plain and self._begun == self._ended == 1

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _NOT_PLAIN:
            self.is_plain = False
        elif name in _NAMES:
            self.headers.setdefault(name.decode(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self.verb = self._parser.get_method()
        self.may_go_on = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._ended += 1


class _Answer:
    """OVERLOADED in a dialect: only the request's name and the time are put in anew."""

    def __init__(self, dialect: Dialect) -> None:
        answer = respond(_OVERLOADED, dialect, _NAME, _TIME)
        status = HTTPStatus(answer.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [
            name + b": " + value for name, value in answer.raw_headers if name != b"content-length"
        ]
        self._head = b"\r\n".join(lines)
        self._body = bytes(answer.body)

    def written(self, request_id: str, now: datetime, headers: RawHeaders) -> bytes:
        """The whole of it."""
        name = request_id.encode()
        body = self._body.replace(_NAME_TEXT, name).replace(_TIME_TEXT, timestamp(now).encode())
        lines = [self._head.replace(_NAME_TEXT, name), b"content-length: %d" % len(body)]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join((*lines, b"", body))
