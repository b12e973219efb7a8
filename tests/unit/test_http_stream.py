"""Streams over real sockets: framing to the byte, errors early and late, and clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from eunoe.v1 import chat_pb2
from eunoe_server.errors import EunoeError, StorageUnavailable, UpstreamAnsweredError
from eunoe_server.transport.grpc.status import to_status
from eunoe_server.transport.http import sse
from eunoe_server.transport.http.keep_alive import KeepAlive, KeepAliveMode
from tests.fixtures.shim import (
    KEY,
    PATIENCE_SECONDS,
    Shim,
    chunk,
    finished,
    read_answer,
    serve_shim,
    started,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/memory/chat/completions"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}'


def delta(text: str) -> bytes:
    return (
        b'{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}' % text.encode()
    )


def streams(shim: Shim, *events: chat_pb2.StreamChatResponse | EunoeError | asyncio.Event) -> None:
    """Scripts a stream: its events; an error ends it, an `asyncio.Event` is waited for."""

    async def script(request: Any, context: Any) -> AsyncIterator[chat_pb2.StreamChatResponse]:
        for event in events:
            if isinstance(event, EunoeError):
                await context.abort_with_status(to_status(event))
            elif isinstance(event, asyncio.Event):
                await event.wait()
            else:
                yield event

    shim.server.answers("StreamChat", script)


async def post(shim: Shim) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends the request, for tests that read the answer themselves."""
    reader, writer = await shim.connect()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: shim\r\nauthorization: Bearer {KEY}\r\n"
        f"content-length: {len(BODY)}\r\n\r\n"
    )
    writer.write(head.encode() + BODY)
    return reader, writer


# Framing


async def test_a_stream_is_its_chunks_verbatim_then_done(shim: Shim) -> None:
    odd = b'{ "choices" : [], "n":9007199254740993 }'
    streams(
        shim, started(chat_id="c1", matched_by="new"), chunk(delta("a")), chunk(odd), finished()
    )
    reply = await shim.request("POST", CHAT, BODY)
    assert reply.status == 200
    assert reply.body == b"data: " + delta("a") + b"\n\ndata: " + odd + b"\n\ndata: [DONE]\n\n"
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.headers["x-memory-chat-id"] == "c1"
    assert reply.headers["x-memory-matched-by"] == "new"
    assert reply.headers["x-request-id"].startswith("req_")
    assert "content-length" not in reply.headers


async def test_done_and_the_end_of_the_body_leave_together(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), finished())
    reader, writer = await post(shim)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reader.readuntil(b"[DONE]\n\n")
        assert await reader.readexactly(7) == b"\r\n0\r\n\r\n"
    writer.close()


async def test_the_connection_serves_another_request_after_a_stream(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), finished())
    reader, writer = await post(shim)
    assert (await read_answer(reader)).status == 200
    writer.write(b"GET /nowhere HTTP/1.1\r\nhost: shim\r\n\r\n")
    assert (await read_answer(reader)).status == 404
    writer.close()


async def test_the_body_reaches_the_server_verbatim_and_decides_alone(shim: Shim) -> None:
    streams(shim, started(), finished())
    reply = await shim.request("POST", CHAT, BODY, {"accept": "application/json"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert shim.server.last.body == BODY
    assert isinstance(shim.server.last, chat_pb2.StreamChatRequest)


async def test_a_stream_without_any_chunk_is_done_at_once(shim: Shim) -> None:
    streams(shim, started(), finished())
    assert (await shim.request("POST", CHAT, BODY)).body == sse.DONE


async def test_an_event_is_framed_whatever_line_breaks_it_holds(shim: Shim) -> None:
    streams(shim, started(), chunk(b"{}", "response.created"), chunk(b"{\n}\r\n\r"), finished())
    assert (await shim.request("POST", CHAT, BODY)).body == (
        b"event: response.created\ndata: {}\n\ndata: {\ndata: }\ndata: \ndata: \n\ndata: [DONE]\n\n"
    )


# Errors


async def test_an_error_before_the_first_chunk_is_a_real_status(shim: Shim) -> None:
    upstream = UpstreamAnsweredError(429, b'{"error":{"message":"slow"}}', {"retry-after": "9"})
    for events in ([upstream], [started(), upstream]):
        streams(shim, *events)
        reply = await shim.request("POST", CHAT, BODY)
        assert reply.status == 429
        assert reply.body == upstream.body
        assert reply.headers["retry-after"] == "9"


async def test_an_error_after_the_first_chunk_is_one_event_and_no_done(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), StorageUnavailable("No database."))
    reply = await shim.request("POST", CHAT, BODY)
    assert reply.status == 200
    first, second, rest = reply.body.split(b"\n\n")
    assert first == b"data: " + delta("a")
    assert json.loads(second.removeprefix(b"data: ")) == {
        "error": {
            "message": "No database.",
            "type": "server_error",
            "param": None,
            "code": "storage_unavailable",
        }
    }
    assert rest == b""


@pytest.mark.parametrize("events", [[], [started()]])
async def test_a_stream_that_ends_before_it_began_is_a_500(
    shim: Shim, events: list[chat_pb2.StreamChatResponse]
) -> None:
    streams(shim, *events)
    assert (await shim.request("POST", CHAT, BODY)).status == 500


async def test_done_is_not_said_before_the_call_has_ended_well(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), finished(), StorageUnavailable("No database."))
    reply = await shim.request("POST", CHAT, BODY)
    assert b"[DONE]" not in reply.body
    assert b"No database." in reply.body


async def test_a_stream_that_never_finishes_does_not_look_whole(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")))
    reply = await shim.request("POST", CHAT, BODY)
    assert b"[DONE]" not in reply.body
    assert b'"internal_error"' in reply.body


# Clients that leave


async def test_leaving_before_the_first_chunk_cancels_the_call(shim: Shim) -> None:
    streams(shim, asyncio.Event())
    _, writer = await post(shim)
    await shim.server.next_request()
    writer.transport.abort()
    assert await shim.server.next_cancelled() == "StreamChat"


async def test_leaving_in_the_middle_cancels_the_call(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), asyncio.Event())
    reader, writer = await post(shim)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reader.readuntil(b'"a"')
    writer.transport.abort()
    assert await shim.server.next_cancelled() == "StreamChat"


async def test_leaving_a_plain_request_cancels_the_call(shim: Shim) -> None:
    async def never(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    shim.server.answers("CompleteChat", never)
    _, writer = await shim.connect()
    writer.write(
        f"POST {CHAT} HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {KEY}\r\n"
        "content-length: 2\r\n\r\n{}".encode()
    )
    await shim.server.next_request()
    writer.transport.abort()
    assert await shim.server.next_cancelled() == "CompleteChat"


async def test_a_whole_stream_is_not_cancelled(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), finished())
    for _ in range(20):
        assert (await shim.request("POST", CHAT, BODY)).body.endswith(sse.DONE)
    assert shim.server.cancelled.empty()


async def test_a_client_that_does_not_read_holds_the_stream_back(shim: Shim) -> None:
    sent = 0
    piece = chunk(delta("x" * 100_000))

    async def endless(request: Any, context: Any) -> AsyncIterator[chat_pb2.StreamChatResponse]:
        nonlocal sent
        yield started()
        while sent < 2_000:
            yield piece
            sent += 1
        yield finished()

    shim.server.answers("StreamChat", endless)
    _, writer = await post(shim)
    before = -1
    while before != sent:  # until nothing moves any more
        before = sent
        await asyncio.sleep(0.5)
    assert 0 < sent < 1_000  # of 200 MB, what the buffers on the way hold
    writer.transport.abort()
    assert await shim.server.next_cancelled() == "StreamChat"


# Keep-alives


async def test_silence_is_filled_with_comments_of_one_newline(tmp_path: Path) -> None:
    async with serve_shim(tmp_path / "s", keep_alive=KeepAlive(seconds=0.05)) as shim:
        gate = asyncio.Event()
        streams(shim, started(), chunk(delta("a")), gate, chunk(delta("b")), finished())
        reader, writer = await post(shim)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.readuntil(b": ping\n\r\n")
            await reader.readuntil(b": ping\n\r\n")
            gate.set()
            rest = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        assert b"data: " + delta("b") + b"\n\n" in rest
        assert b"id:" not in rest


async def test_the_openai_package_reads_over_keep_alives(tmp_path: Path) -> None:
    async with serve_shim(tmp_path / "s", keep_alive=KeepAlive(seconds=0.02)) as shim:
        gate = asyncio.Event()
        streams(shim, started(), chunk(delta("a")), gate, chunk(delta("b")), finished())
        async with openai.AsyncOpenAI(base_url=f"{shim.url}/v1/memory", api_key=KEY) as client:
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "x"}], stream=True
            )
            texts = []
            async for event in stream:
                texts.append(event.choices[0].delta.content)
                asyncio.get_running_loop().call_later(0.2, gate.set)
        assert texts == ["a", "b"]


CHUNK_HEAD = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 9007199254740993,
    "model": "m",
}


async def silence_of(tmp_path: Path, first: bytes, keep_alive: KeepAlive) -> bytes:
    """What a client reads between the first piece of a stream and the last."""
    async with serve_shim(tmp_path / "s", keep_alive=keep_alive) as shim:
        gate = asyncio.Event()
        streams(shim, started(), chunk(first), gate, chunk(delta("b")), finished())
        asyncio.get_running_loop().call_later(0.3, gate.set)
        body = (await shim.request("POST", CHAT, BODY)).body
    before, _, rest = body.partition(sse.event(first))
    between, _, after = rest.partition(sse.event(delta("b")))
    assert before == b""
    assert after == sse.DONE
    return between


async def test_silence_may_be_filled_with_empty_chunks(tmp_path: Path) -> None:
    choices = [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]
    first = json.dumps({**CHUNK_HEAD, "choices": choices}).encode()
    filled = await silence_of(tmp_path, first, KeepAlive(KeepAliveMode.CHUNK, 0.05))
    events = filled.split(b"\n\n")[:-1]
    assert events
    for event in events:
        assert json.loads(event.removeprefix(b"data: ")) == {
            **CHUNK_HEAD,
            "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
        }


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        (KeepAliveMode.OFF, json.dumps({**CHUNK_HEAD, "choices": []}).encode()),
        (KeepAliveMode.CHUNK, b'{"type":"response.created"}'),
    ],
    ids=["off", "no chat completion"],
)
async def test_silence_may_stay_silent(tmp_path: Path, mode: KeepAliveMode, first: bytes) -> None:
    assert await silence_of(tmp_path, first, KeepAlive(mode, 0.05)) == b""


# The real package


async def test_the_openai_package_sees_a_late_error_as_an_error(shim: Shim) -> None:
    streams(shim, started(), chunk(delta("a")), StorageUnavailable("No database."))

    def read() -> list[str | None]:
        with openai.OpenAI(base_url=f"{shim.url}/v1/memory", api_key=KEY) as client:
            stream = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "x"}], stream=True
            )
            return [event.choices[0].delta.content for event in stream]

    with pytest.raises(openai.APIError, match="No database") as caught:
        await asyncio.to_thread(read)
    assert caught.value.code == "storage_unavailable"
