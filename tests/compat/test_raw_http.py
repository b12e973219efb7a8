"""Bytes that are HTTP, nearly HTTP or nothing: each is answered in JSON or hung up on (S7, S12).

Sent over bare sockets, because every client is too polite. Whatever comes, no answer is a 5xx, none
is without JSON, what a request smuggles is not served, and the server goes on and has no more to
say in its log than its lines about calls.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fixtures.server import KEY, ServerProcess

#: Seconds after which the server is taken to wait for more, and to have forgotten us.
_SILENCE = 0.3
_PATIENCE = 20.0

AUTHORIZED = f"host: s\r\nauthorization: Bearer {KEY}\r\n".encode()
MEMORY = b'{"value": "raw"}'


def request(
    line: bytes = b"GET /memory?limit=1 HTTP/1.1", headers: bytes = b"", body: bytes = b""
) -> bytes:
    """One request with a good key, made of these bytes."""
    return line + b"\r\n" + AUTHORIZED + headers + b"\r\n" + body


def post(headers: bytes, body: bytes, path: bytes = b"/memory") -> bytes:
    """A POST whose headers about its body are the caller's."""
    return request(
        b"POST " + path + b" HTTP/1.1", b"content-type: application/json\r\n" + headers, body
    )


def exchange(server: ServerProcess, sent: bytes, wanted: int = 1) -> list[tuple[int, Any]]:
    """Status and JSON of what comes back: so many answers, or all until the server hangs up.

    It is told that nothing more will come when it seems to wait for more.
    """
    address = urlsplit(server.http)
    received = b""
    found: list[tuple[int, Any]] = []
    with closing(socket.create_connection((address.hostname, address.port), _PATIENCE)) as client:
        with suppress(OSError):  # closed while we were still sending
            client.sendall(sent)
        client.settimeout(_SILENCE)
        with suppress(ConnectionError):
            while len(found) < wanted:
                try:
                    piece = client.recv(65_536)
                except TimeoutError:
                    client.shutdown(socket.SHUT_WR)
                    client.settimeout(_PATIENCE)
                    continue
                if not piece:
                    break
                received += piece
                received = _take(received, found)
    assert not received, received
    return found


def _take(received: bytes, found: list[tuple[int, Any]]) -> bytes:
    """Moves the answers that are whole; gives what is left."""
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        status = int(status_line.split(" ")[1])
        if status == 100:
            received = rest
            continue
        assert headers["content-type"].startswith("application/json"), head
        assert headers["x-request-id"]
        length = int(headers["content-length"])
        if len(rest) < length:
            break
        found.append((status, json.loads(rest[:length])))
        received = rest[length:]
    return received


def assert_goes_on(server: ServerProcess) -> None:
    """A polite request is answered, and the log has no surprises."""
    assert [status for status, _ in exchange(server, CLOSING)] == [200]
    assert "unhandled" not in server.announced
    assert "Traceback" not in server.announced


CLOSING = request(headers=b"connection: close\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(b"BREW /memory HTTP/1.1"), 405),
        (request(b"TRACE /memory HTTP/1.1"), 405),
        (request(b"CONNECT s:443 HTTP/1.1"), 404),
        (request(b"get /memory HTTP/1.1"), 405),
        (request(b"OPTIONS * HTTP/1.1"), 404),
        (request(b"GET //memory HTTP/1.1"), 404),
        (request(b"GET /memory/%2e%2e/x HTTP/1.1"), 404),
        (request(b"GET /memory/%ff HTTP/1.1"), 400),
        (request(b"GET /memory/%00 HTTP/1.1"), 404),
        (request(b"GET /memory/" + b"x" * 20_000 + b" HTTP/1.1"), 404),
        (request(b"GET /memory?" + b"a=1&" * 200 + b" HTTP/1.1"), 400),
        (request(b"GET /memory HTTP/9.9"), 200),
        (request(b"GET  /memory  HTTP/1.1"), 400),
        (request(b"GET /mem\xffory HTTP/1.1"), 400),
        (request(b"GET /memory HTTP/1.1 and more"), 400),
        (request(b"PRI * HTTP/2.0"), 404),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n", 400),
        (b"GET /memory HTTP/1.1\r\n\r\n", 400),
        (request(headers=b"host: other\r\n"), 400),
        (request(headers=b"no colon\r\n"), 400),
        (request(headers=b"x-nul: a\0b\r\n"), 400),
        (request(headers=b": nameless\r\n"), 400),
        (request(headers=b"x y: blank in the name\r\n"), 400),
        (request(headers=b"x-long: " + b"x" * 9_000 + b"\r\n"), 200),
        (request(headers=b"x-many: 1\r\n" * 1_000), 200),
        (request(headers=b"x-long: " + b"x" * 600_000 + b"\r\n"), 431),
        (request(headers=b"authorization: Bearer another\r\n"), 401),
        (request(headers=b"upgrade: websocket\r\nconnection: upgrade\r\n"), 200),
        (request(headers=b"x-memory-namespace: \xff\r\n"), 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_odd_head_gets_its_status(server: ServerProcess, sent: bytes, status: int) -> None:
    (found,) = exchange(server, sent)
    assert found[0] == status, found
    assert_goes_on(server)


LENGTH = b"content-length: %d\r\n" % len(MEMORY)
CHUNKED = b"transfer-encoding: chunked\r\n"


def in_chunks(body: bytes, size: int) -> bytes:
    """A chunked body."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(LENGTH, MEMORY), 200),
        (post(CHUNKED, in_chunks(MEMORY, 1)), 200),
        (post(CHUNKED, in_chunks(MEMORY, 5).replace(b"5\r\n", b"0005;a=b\r\n", 1)), 200),
        (post(CHUNKED, in_chunks(MEMORY, 5)[:-2] + b"x-trailer: 1\r\n\r\n"), 200),
        (post(b"expect: 100-continue\r\n" + LENGTH, MEMORY), 200),
        (post(b"", b""), 400),
        (post(CHUNKED, b"0\r\n\r\n"), 400),
        (post(CHUNKED + LENGTH, in_chunks(MEMORY, 5)), 400),
        (post(CHUNKED, b"no length\r\n"), 400),
        (post(CHUNKED, b"ffffffffffffffffffffffff\r\n"), 400),
        (post(CHUNKED, in_chunks(MEMORY, 5)[:6] + b"zz" + MEMORY), 400),
        (b"POST /memory HTTP/1.1\r\nhost: s\r\n" + CHUNKED + b"\r\nzz\r\n", 400),
        (post(CHUNKED, in_chunks(b" " * (17 * 2**20), 2**16)[:-5] + b"zz\r\n"), 413),
        (post(LENGTH + b"content-length: 1\r\n", MEMORY), 400),
        (post(b"content-length: -1\r\n", MEMORY), 400),
        (post(b"content-length: +1\r\n", MEMORY), 400),
        (post(b"content-length: 1e3\r\n", MEMORY), 400),
        (post(b"content-length: " + b"9" * 30 + b"\r\n", b""), 400),
        (post(b"content-length: 99999999999\r\n", b""), 413),
        (post(b"transfer-encoding: gzip, chunked\r\n", in_chunks(MEMORY, 5)), 400),
        (post(b"content-encoding: gzip\r\n" + LENGTH, MEMORY), 400),
        (post(b"content-encoding: identity\r\n" + LENGTH, MEMORY), 200),
        (post(CHUNKED, in_chunks(b" " * (17 * 2**20), 2**16)), 413),
        (post(b"content-type: text/plain\r\n" + LENGTH, MEMORY), 200),
        (post(b"content-type: \xff;;;=\r\n" + LENGTH, MEMORY), 200),
    ],
    ids=lambda value: str(value)[80:140],
)
def test_an_odd_body_gets_its_status(server: ServerProcess, sent: bytes, status: int) -> None:
    (found,) = exchange(server, sent)
    assert found[0] == status, found
    assert_goes_on(server)


def test_a_bomb_is_not_unpacked(server: ServerProcess) -> None:
    bomb = gzip.compress(b" " * (64 * 2**20))
    sent = post(b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(bomb), bomb)
    ((status, answer),) = exchange(server, sent)
    assert (status, answer["error"]["code"]) == (400, "INVALID_INPUT")
    assert "compressed" in answer["error"]["message"]


def test_requests_in_a_row_are_answered_in_their_order(server: ServerProcess) -> None:
    paths = [b"/memory?limit=%d" % number for number in range(-5, 20)]
    sent = b"".join(request(b"GET " + path + b" HTTP/1.1") for path in paths)
    found = [status for status, _ in exchange(server, sent + CLOSING, wanted=26)]
    assert found == [400] * 5 + [200] * 21


def test_what_is_smuggled_behind_a_refused_body_is_not_served(server: ServerProcess) -> None:
    smuggled = request(b"DELETE /memory/nobody HTTP/1.1")
    for headers in (CHUNKED + LENGTH, LENGTH + b"content-length: 0\r\n"):
        found = exchange(server, post(headers, smuggled), wanted=2)
        assert [status for status, _ in found] == [400]
    assert_goes_on(server)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_half_a_request_is_nobody_s_harm(server: ServerProcess, share: float) -> None:
    whole = post(LENGTH, MEMORY)
    found = exchange(server, whole[: int(len(whole) * share)])
    assert all(400 <= status < 500 for status, _ in found)
    assert_goes_on(server)


def test_requests_with_wrong_bytes_in_them_are_answered_or_hung_up_on(
    server: ServerProcess,
) -> None:
    choose = random.Random(7)  # noqa: S311 - no secret
    originals = (post(LENGTH, MEMORY), CLOSING, post(CHUNKED, in_chunks(MEMORY, 4)))
    statuses = set()
    for _ in range(300):
        sent = choose.choice(originals)
        for _ in range(choose.randint(1, 4)):
            at = choose.randrange(len(sent))
            with_what = choose.choice((choose.randbytes(2), b"\r\n", b"\0", b" ", b"%", b""))
            sent = sent[:at] + with_what + sent[at + choose.randint(0, 3) :]
        statuses |= {status for status, _ in exchange(server, sent)}
    assert {200, 400, 401} <= statuses
    assert not {status for status in statuses if status >= 500}, statuses
    assert_goes_on(server)
