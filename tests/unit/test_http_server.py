"""uvicorn as we run it: heads that drip or are too long, what is no HTTP, and a graceful end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from eunoe_server.transport.http import server as http_server
from eunoe_server.transport.http.server import serve_http
from tests.fixtures.shim import PATIENCE_SECONDS, read_answer

REQUEST = b"GET / HTTP/1.1\r\nhost: s\r\n\r\n"


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"{request.client is not None}")


HELLO = Starlette(routes=[Route("/", hello)])


async def test_port_0_is_any_free_port_and_it_is_said_which() -> None:
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        writer.close()
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        with pytest.raises(OSError, match="in use"):
            async with serve_http(HELLO, f"127.0.0.1:{port}"):
                pass


async def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = []

    class Watched(http_server.Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            accepted = transport.get_extra_info("socket")
            options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    monkeypatch.setattr(http_server, "Connection", Watched)
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        writer.close()
    assert options == [1]


async def test_the_processs_signal_handlers_stay_its_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serve_http(HELLO, "127.0.0.1:0"):
        await asyncio.sleep(0)
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: s\r\nauthorization: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: s\r\nx: " + b"x" * 200_000, 431),
    ],
)
async def test_what_is_no_http_is_answered_in_json_and_closed(sent: bytes, status: int) -> None:
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_SECONDS):
            reply = await read_answer(reader)
        assert reply.status == status
        assert set(json.loads(reply.body)["error"]) == {"message", "type", "param", "code"}
        assert reply.headers["x-request-id"].startswith("req_")
        writer.close()


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("head", [b"", b"GET / HTT"])
async def test_a_head_that_does_not_come_closes_the_connection(
    head: bytes, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.1)
    if before and not head:
        monkeypatch.setattr(http_server, "_KEEP_ALIVE_SECONDS", 0)
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(before):
                writer.write(REQUEST)
                assert (await read_answer(reader)).status == 200
            writer.write(head)
            assert await reader.read() == b""
        writer.close()


async def test_an_idle_connection_between_requests_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.1)
    async with serve_http(HELLO, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await read_answer(reader)).status == 200
            await asyncio.sleep(0.3)
        writer.close()


async def test_a_running_request_ends_before_the_server_does() -> None:
    is_asked = asyncio.Event()
    may_answer = asyncio.Event()

    async def slow(request: Request) -> Response:
        is_asked.set()
        await may_answer.wait()
        return PlainTextResponse("done")

    serving = serve_http(Starlette(routes=[Route("/", slow)]), "127.0.0.1:0")
    port = await serving.__aenter__()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await is_asked.wait()
    stopping = asyncio.create_task(serving.__aexit__(None, None, None))
    asyncio.get_running_loop().call_later(0.3, may_answer.set)
    assert (await read_answer(reader)).body == b"done"
    await stopping
    writer.close()


async def test_a_request_that_does_not_end_is_cut_when_the_time_is_up() -> None:
    is_asked = asyncio.Event()
    was_cancelled = False

    async def endless(request: Request) -> Response:
        nonlocal was_cancelled
        is_asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled = True
            raise
        return PlainTextResponse("never")

    app = Starlette(routes=[Route("/", endless)])
    async with serve_http(app, "127.0.0.1:0", drain_seconds=0) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await is_asked.wait()
    assert was_cancelled
    writer.close()


PIECE = b"x" * 65_536


@pytest.mark.parametrize("reads", [False, True])
async def test_who_reads_nothing_is_disconnected_and_who_reads_slowly_is_not(
    *, reads: bool
) -> None:
    made = 0
    has_ended = asyncio.Event()

    async def long(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            try:
                for _ in range(400):  # 25 MiB
                    await asyncio.sleep(0)  # as a model's answer, it comes from elsewhere
                    made += 1
                    yield PIECE
            finally:
                has_ended.set()

        return StreamingResponse(pieces())

    app = Starlette(routes=[Route("/", long)])
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        serve_http(app, "127.0.0.1:0", write_idle_seconds=0.5) as port,
    ):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
            client.connect(("127.0.0.1", port))
            client.setblocking(False)
            client.sendall(REQUEST)
            received = 0
            while not has_ended.is_set():
                if reads:
                    received += len(
                        await asyncio.get_running_loop().sock_recv(client, 4 * len(PIECE))
                    )
                await asyncio.sleep(0.001)
        if reads:
            assert made == 400
        else:
            # What the sockets took, and a piece that waits; the rest was never made.
            assert made < 200
    assert received > 0 or not reads
