"""The chat model behind an OpenAI-compatible endpoint, against the stand-in over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from eunoe_server.errors import (
    UpstreamAnsweredError,
    UpstreamFailed,
    UpstreamRefusedUs,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from eunoe_server.providers.openai import OpenAIChatModel
from tests.fixtures.loop_thread import PATIENCE_SECONDS
from tests.fixtures.upstream import (
    DONE,
    MODELS_PATH,
    Cut,
    Pause,
    Raw,
    ReceivedRequest,
    Reply,
    Stall,
    Step,
    Upstream,
    error_reply,
    event,
    gzip_reply,
    json_reply,
    redirect_reply,
    sse_reply,
)

# Nothing that a JSON library would write back: spaces, key order, a number no float holds, an
# escaped lone surrogate, a repeated key, a field that OpenAI does not know.
ODD_BODY = (
    b'{ "zeta":1.0,"messages" : [{"role":"user","content":"\\ud83d h\\u00e9"}],'
    b'"model":"m","seed":90071992547409930000001,"x":null, "x":1E400,"vendor":{"b":1,"a":2} }'
)
ASKING = b'{"model":"m","messages":[{"role":"user","content":"one two three"}]}'
STREAMING = ASKING[:-1] + b',"stream":true}'


@pytest.fixture
async def model(upstream: Upstream) -> AsyncIterator[OpenAIChatModel]:
    model = OpenAIChatModel(upstream.base_url, "sk-ours")
    yield model
    await model.aclose()


@pytest.fixture
async def impatient(upstream: Upstream) -> AsyncIterator[OpenAIChatModel]:
    model = OpenAIChatModel(upstream.base_url, first_byte_seconds=0.2, idle_seconds=0.2)
    yield model
    await model.aclose()


async def events_of(model: OpenAIChatModel, body: bytes = STREAMING) -> list[bytes]:
    async with model.stream(body, {}) as stream:
        return [event async for event in stream]


async def collect(model: OpenAIChatModel, arrived: list[bytes]) -> None:
    """As `events_of`, keeping what arrived before a failure."""
    async with model.stream(STREAMING, {}) as stream:
        async for one in stream:
            arrived.append(one)  # noqa: PERF401 - a comprehension would lose it


async def was_abandoned(upstream: Upstream) -> bool:
    (request,) = await asyncio.to_thread(upstream.wait_for_requests)
    return await asyncio.to_thread(request.was_abandoned.wait, PATIENCE_SECONDS)


# What goes up.


async def test_a_body_reaches_the_upstream_byte_for_byte(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(json_reply({"ok": True}), sse_reply(event({}), DONE))
    await model.complete(ODD_BODY, {})
    await events_of(model, ODD_BODY)
    assert [request.body for request in upstream.requests] == [ODD_BODY, ODD_BODY]
    assert {(request.method, request.path) for request in upstream.requests} == {
        ("POST", "/v1/chat/completions")
    }


async def test_a_request_says_nothing_of_this_server(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    await model.complete(ASKING, {})
    (request,) = upstream.requests
    assert dict(request.headers) == {
        "host": upstream.base_url.split("/")[2],
        "authorization": "Bearer sk-ours",
        "accept": "application/json",
        "content-type": "application/json",
        "content-length": str(len(ASKING)),
    }


async def test_the_callers_headers_are_sent_and_never_instead_of_our_key(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    await model.complete(
        ASKING, {"openai-beta": "assistants=v2", "authorization": "Bearer the-client's"}
    )
    (request,) = upstream.requests
    assert request.header("openai-beta") == "assistants=v2"
    assert request.header("authorization") == "Bearer sk-ours"


async def test_nothing_in_the_environment_changes_a_request(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "BASE_URL"):
        monkeypatch.setenv(f"OPENAI_{name}", "https://elsewhere.example")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-spy: 1")
    model = OpenAIChatModel(upstream.base_url)
    await model.complete(ASKING, {})
    await model.aclose()
    (request,) = upstream.requests
    assert {name for name, _ in request.headers} == {
        "host",
        "accept",
        "content-type",
        "content-length",
    }


async def test_one_callers_cookies_are_not_sent_for_another(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(json_reply({}, headers=[("set-cookie", "session=alice; Path=/")]))
    await model.complete(ASKING, {})
    await model.complete(ASKING, {})
    assert upstream.requests[1].header("cookie") is None


async def test_connections_are_used_again(model: OpenAIChatModel, upstream: Upstream) -> None:
    for _ in range(3):
        await model.complete(ASKING, {})
        await events_of(model)
    assert {request.connection for request in upstream.requests} == {0}


async def test_calls_at_the_same_time_do_not_wait_for_each_other(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(Reply(before=(Stall(),)))
    stuck = asyncio.create_task(model.complete(ASKING, {}))
    await asyncio.to_thread(upstream.wait_for_requests)
    await asyncio.gather(*(model.complete(ASKING, {}) for _ in range(20)))
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


# What comes back.


async def test_an_answer_comes_back_byte_for_byte(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    body = b' {"z":1.0, "a":18446744073709551616,"s":"\\ud800","a":null}\n'
    headers = (("content-type", "application/json"), ("X-RateLimit-Remaining-Requests", "7"))
    upstream.script(Reply(headers=headers, body=(body,)))
    answer = await model.complete(ASKING, {})
    assert answer.body == body
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "x-ratelimit-remaining-requests": "7",
    }


async def test_a_compressed_answer_is_handed_on_uncompressed(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(gzip_reply({"text": "é" * 1000}))
    answer = await model.complete(ASKING, {})
    assert json.loads(answer.body) == {"text": "é" * 1000}
    assert dict(answer.headers) == {"content-type": "application/json"}


async def test_a_stream_hands_on_each_events_data_byte_for_byte(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    chunks = [
        b'{"b":1, "a":9007199254740993}',
        b'{"error":{"message":"overheated"}}',
        b'{"c": [] }',
    ]
    steps: list[Step] = [
        b": OPENROUTER PROCESSING\n\n",
        b"id: 1\nevent: chunk\ndata: " + chunks[0][:7],
        Pause(0.01),
        chunks[0][7:] + b"\r",
        b"\n\r\n",
        b"data:" + chunks[1] + b"\n\ndata: " + chunks[2] + b"\n\n" + DONE[:9],
        DONE[9:],
    ]
    upstream.script(sse_reply(*steps, headers=[("x-request-id", "up-1")]))
    async with model.stream(STREAMING, {}) as stream:
        assert dict(stream.headers) == {
            "content-type": "text/event-stream; charset=utf-8",
            "x-request-id": "up-1",
        }
        assert not stream.was_completed
        assert [event async for event in stream] == chunks
        assert stream.was_completed


async def test_events_arrive_as_they_are_sent(model: OpenAIChatModel, upstream: Upstream) -> None:
    upstream.script(sse_reply(event(1), event(2), Stall()))
    async with model.stream(STREAMING, {}) as stream:
        events = aiter(stream)
        assert [await anext(events), await anext(events)] == [b"1", b"2"]


async def test_a_stream_that_ends_without_done_is_no_error_and_not_complete(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(sse_reply(event(1), b"data: 2"))
    async with model.stream(STREAMING, {}) as stream:
        assert [event async for event in stream] == [b"1", b"2"]
        assert not stream.was_completed


async def test_what_an_upstream_does_after_done_is_not_waited_for(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(sse_reply(event(1), DONE, Stall()))
    assert await events_of(model) == [b"1"]
    assert await was_abandoned(upstream)


async def test_the_model_list_comes_back_byte_for_byte(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    listed = b'{"object": "list","data":[ {"id":"m","x_vendor":1.0} ]}'
    upstream.script(Reply(body=(listed,)), path=MODELS_PATH)
    assert await model.list_models() == listed
    assert upstream.requests[0].method == "GET"


# What goes wrong. The same must be true of a plain call and of entering a stream.


async def call(model: OpenAIChatModel, *, streaming: bool) -> None:
    if streaming:
        async with model.stream(STREAMING, {}):
            raise AssertionError("the failure was not known before the first event")
    await model.complete(ASKING, {})


both = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])


@both
@pytest.mark.parametrize("status", [400, 404, 408, 409, 413, 422, 429, 500, 503, 529])
async def test_an_upstreams_error_is_handed_on_after_one_attempt(
    model: OpenAIChatModel, upstream: Upstream, status: int, streaming: bool
) -> None:
    headers = [("Retry-After", "7"), ("x-should-retry", "true"), ("x-request-id", "up-9")]
    upstream.script(error_reply(status, "not now", code="busy", headers=headers))
    with pytest.raises(UpstreamAnsweredError) as raised:
        await call(model, streaming=streaming)
    assert raised.value.status == status
    assert json.loads(raised.value.body) == {
        "error": {"message": "not now", "type": "stand_in_error", "param": None, "code": "busy"}
    }
    assert raised.value.headers == {
        "content-type": "application/json",
        "retry-after": "7",
        "x-should-retry": "true",
        "x-request-id": "up-9",
    }
    assert len(upstream.requests) == 1


async def test_an_error_that_is_no_json_is_handed_on_too(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    page = b"<html>Bad gateway \xff</html>"
    upstream.script(Reply(status=502, headers=(("content-type", "text/html"),), body=(page,)))
    with pytest.raises(UpstreamAnsweredError) as raised:
        await model.complete(ASKING, {})
    assert (raised.value.status, raised.value.body) == (502, page)


@both
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_of_our_key_is_told_apart(
    model: OpenAIChatModel, upstream: Upstream, status: int, streaming: bool
) -> None:
    upstream.script(error_reply(status, "Incorrect API key provided: sk-ours"))
    with pytest.raises(UpstreamRefusedUs) as raised:
        await call(model, streaming=streaming)
    assert "sk-ours" not in str(raised.value)


@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_neither_followed_nor_handed_on(
    model: OpenAIChatModel, upstream: Upstream, status: int, streaming: bool
) -> None:
    upstream.script(redirect_reply(upstream.base_url + "/models", status))
    with pytest.raises(UpstreamFailed, match="EUNOE_UPSTREAM_BASE_URL") as raised:
        await call(model, streaming=streaming)
    assert not isinstance(raised.value, UpstreamAnsweredError)
    assert "/models" not in str(raised.value)
    assert len(upstream.requests) == 1


@both
async def test_an_upstream_that_is_not_there_is_unreachable(streaming: bool) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    model = OpenAIChatModel(f"http://127.0.0.1:{port}/v1")
    with pytest.raises(UpstreamUnreachable):
        await call(model, streaming=streaming)
    await model.aclose()


async def test_an_upstream_without_a_name_is_unreachable() -> None:
    model = OpenAIChatModel("http://upstream.invalid/v1")
    with pytest.raises(UpstreamUnreachable):
        await model.complete(ASKING, {})
    await model.aclose()


@both
async def test_an_upstream_that_does_not_accept_is_given_up(streaming: bool) -> None:
    with closing(socket.socket()) as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        waiting = [socket.socket() for _ in range(3)]  # fills the queue of connections to accept
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(busy.getsockname())
        port = busy.getsockname()[1]
        model = OpenAIChatModel(f"http://127.0.0.1:{port}/v1", connect_seconds=0.2)
        with pytest.raises(UpstreamTimeout):
            await call(model, streaming=streaming)
        await model.aclose()
        for one in waiting:
            one.close()


@both
async def test_silence_before_the_answer_is_a_timeout(
    impatient: OpenAIChatModel, upstream: Upstream, streaming: bool
) -> None:
    upstream.script(Reply(before=(Stall(),)))
    with pytest.raises(UpstreamTimeout):
        await call(impatient, streaming=streaming)
    assert await was_abandoned(upstream)


@both
async def test_silence_after_the_headers_is_a_timeout(
    impatient: OpenAIChatModel, upstream: Upstream, streaming: bool
) -> None:
    upstream.script(sse_reply(b": still here\n\n", Stall()))
    with pytest.raises(UpstreamTimeout):
        await call(impatient, streaming=streaming)
    assert await was_abandoned(upstream)


async def test_silence_in_the_middle_of_a_stream_is_a_timeout_after_what_arrived(
    impatient: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(sse_reply(event(1), Stall()))
    arrived: list[bytes] = []
    with pytest.raises(UpstreamTimeout):
        await collect(impatient, arrived)
    assert arrived == [b"1"]
    assert await was_abandoned(upstream)


async def test_comments_keep_a_stream_alive(impatient: OpenAIChatModel, upstream: Upstream) -> None:
    beats = [step for _ in range(8) for step in (Pause(0.05), b": thinking\n\n")]
    upstream.script(sse_reply(*beats, event(1), DONE))
    assert await events_of(impatient) == [b"1"]


@both
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(before=(Cut(),)), id="before the status line"),
        pytest.param(Reply(body=(b'{"id": "x', Cut())), id="in the body"),
        pytest.param(Reply(status=500, body=(b'{"error":', Cut())), id="in the body of an error"),
        pytest.param(sse_reply(b'data: {"i', Cut()), id="in the first event"),
        pytest.param(
            Reply(before=(), body=(b"data: ", Raw(b"zz\r\nnot a chunk\r\n"), Cut())),
            id="with broken framing",
        ),
    ],
)
async def test_a_connection_cut_before_the_first_event_is_a_failure_after_one_attempt(
    model: OpenAIChatModel, upstream: Upstream, reply: Reply, streaming: bool
) -> None:
    upstream.script(reply)
    with pytest.raises(UpstreamFailed) as raised:
        await call(model, streaming=streaming)
    assert type(raised.value) is UpstreamFailed
    assert len(upstream.requests) == 1


async def test_a_stream_cut_in_the_middle_fails_after_what_arrived(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(sse_reply(event(1), event(2), b'data: {"half', Cut()))
    arrived: list[bytes] = []
    with pytest.raises(UpstreamFailed, match="broke off"):
        await collect(model, arrived)
    assert arrived == [b"1", b"2"]


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"<html></html>", b"[1]", b'"text"', b'{"cut": ', b"\xff{}", b"[" * 9999]
)
async def test_an_answer_that_is_no_json_object_is_a_failure(
    model: OpenAIChatModel, upstream: Upstream, body: bytes
) -> None:
    upstream.script(Reply(body=(body,)))
    with pytest.raises(UpstreamFailed, match="not JSON"):
        await model.complete(ASKING, {})


@pytest.mark.parametrize("body", [b"", b"OK\n\n", b'{"object":"chat.completion"}', b": ping\n\n"])
async def test_an_answer_that_is_no_stream_is_a_failure(
    model: OpenAIChatModel, upstream: Upstream, body: bytes
) -> None:
    upstream.script(Reply(body=(body,)))
    with pytest.raises(UpstreamFailed, match="without any event"):
        await call(model, streaming=True)


@both
async def test_a_compressed_answer_that_is_broken_is_a_failure(
    model: OpenAIChatModel, upstream: Upstream, streaming: bool
) -> None:
    headers = (("content-encoding", "gzip"), ("content-type", "application/json"))
    upstream.script(Reply(headers=headers, body=(b'{"plain": "text"}',)))
    with pytest.raises(UpstreamFailed):
        await call(model, streaming=streaming)


async def test_an_event_without_end_is_a_failure(
    model: OpenAIChatModel, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eunoe_server.providers.openai.MAX_EVENT_BYTES", 100_000)
    upstream.script(sse_reply(b"data: ", *[b"x" * 10_000] * 20, Stall()))
    with pytest.raises(UpstreamFailed, match="too large"):
        await call(model, streaming=True)


async def test_an_answer_without_end_is_a_failure(
    model: OpenAIChatModel, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eunoe_server.providers.endpoint.MAX_ANSWER_BYTES", 100_000)
    upstream.script(Reply(body=(*[b"x" * 10_000] * 20, Stall())))
    with pytest.raises(UpstreamFailed, match="too large"):
        await call(model, streaming=False)


# Who leaves, leaves at once.


async def test_leaving_a_stream_closes_the_upstreams_connection(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(sse_reply(event(1), Stall()))
    async with model.stream(STREAMING, {}) as stream:
        assert await anext(aiter(stream)) == b"1"
    assert await was_abandoned(upstream)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(before=(Stall(),)), id="before the answer"),
        pytest.param(sse_reply(b": wait\n\n", Stall()), id="before the first event"),
        pytest.param(sse_reply(event(1), Stall()), id="in the stream"),
    ],
)
async def test_cancelling_a_stream_closes_the_upstreams_connection(
    model: OpenAIChatModel, upstream: Upstream, reply: Reply
) -> None:
    upstream.script(reply)
    await _cancel_when_received(asyncio.create_task(collect(model, [])), upstream)


async def test_cancelling_a_plain_call_closes_the_upstreams_connection(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    upstream.script(Reply(before=(Stall(),)))
    await _cancel_when_received(asyncio.create_task(_complete(model)), upstream)


async def _complete(model: OpenAIChatModel) -> None:
    await model.complete(ASKING, {})


async def _cancel_when_received(task: asyncio.Task[None], upstream: Upstream) -> None:
    (request,) = await asyncio.to_thread(upstream.wait_for_requests)
    await asyncio.sleep(0.05)  # lets what was scripted arrive; an earlier cancel must do as well
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _left(request)


async def _left(request: ReceivedRequest) -> bool:
    return await asyncio.to_thread(request.was_abandoned.wait, PATIENCE_SECONDS)


async def test_after_every_failure_the_next_call_works(
    model: OpenAIChatModel, upstream: Upstream
) -> None:
    failures = [
        error_reply(500, "no"),
        Reply(before=(Cut(),)),
        Reply(body=(b"{", Cut())),
        redirect_reply("/"),
        Reply(body=(b"no json",)),
    ]
    for failure in failures:
        upstream.script(failure)
        with pytest.raises(UpstreamFailed):
            await model.complete(ASKING, {})
        assert (await model.complete(ASKING, {})).body
