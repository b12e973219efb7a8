"""What users reported of other servers that speak OpenAI's protocol, each as a test here.

A test is named after what must hold, and its docstring names the reports. Where the fault was in a
client, the test says what a server must do so that this client works.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import grpc
import openai
import pytest
from openai import OpenAI
from starlette.middleware.base import BaseHTTPMiddleware

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from eunoe_server.transport.http.app import build_app
from tests.fixtures.server import KEY, METADATA, ServerProcess, serving
from tests.fixtures.upstream import (
    DONE,
    Pause,
    Reply,
    Stall,
    Step,
    Upstream,
    error_reply,
    event,
    json_reply,
    sse_reply,
)

CHAT = "/v1/memory/chat/completions"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
    return event(
        {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}
    )


def completion(message: dict[str, Any], finish_reason: str = "stop") -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json_reply({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})


FIRST = chunk({"role": "assistant", "content": ""})
LAST = chunk({}, "stop")


def body(*, is_stream: bool = False, **more: Any) -> bytes:
    asked = {"model": "m", "messages": HELLO, **more}
    return json.dumps({**asked, "stream": True} if is_stream else asked).encode()


class Answer:
    """An HTTP answer, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """Of a stream: the documents before `[DONE]`."""
        data = [line[6:] for line in self.body.splitlines() if line.startswith(b"data: ")]
        return [json.loads(each) for each in data if each != b"[DONE]"]


def post(
    server: ServerProcess,
    content: bytes,
    path: str = CHAT,
    headers: dict[str, str] | None = None,
    key: str | None = KEY,
) -> Answer:
    """What a client without any package would get."""
    address = urlsplit(server.http)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    sent = {"authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request("POST", path, content, {**sent, **(headers or {})})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def streamed(server: ServerProcess, behind: Upstream, *steps: Step, **more: Any) -> Answer:
    """What becomes of a stream of these steps."""
    behind.script(sse_reply(*steps))
    return post(server, body(is_stream=True, **more))


@pytest.fixture
def stub(proxy: ServerProcess) -> Iterator[chat_pb2_grpc.ChatServiceStub]:
    with proxy.channel() as channel:
        yield chat_pb2_grpc.ChatServiceStub(channel)


def stream_typed(
    stub: chat_pb2_grpc.ChatServiceStub, namespace: str
) -> list[chat_pb2.StreamChatResponse]:
    request = chat_pb2.StreamChatRequest(
        namespace=namespace,
        model="m",
        messages=[chat_pb2.ChatMessage(role="user", content="Hello")],
    )
    return list(stub.StreamChat(request, metadata=METADATA))


def test_01_include_usage_adds_no_odd_chunks(proxy: ServerProcess, behind: Upstream) -> None:
    """anomalyco/opencode#42918"""
    steps = [FIRST, LAST, event({**HEAD, "choices": [], "usage": USAGE}), DONE]
    answer = streamed(proxy, behind, *steps, stream_options={"include_usage": True})
    assert answer.body == b"".join(steps)


def test_02_the_usage_chunk_has_choices(server: ServerProcess) -> None:
    """ROCm/ATOM#1711; of the built-in model, which is the one that we write chunks for."""
    answer = post(server, body(is_stream=True, stream_options={"include_usage": True}))
    assert answer.events[-1]["choices"] == []
    assert answer.events[-1]["usage"]["total_tokens"] > 0
    assert all(each["usage"] is None for each in answer.events[:-1])


def test_03_the_usage_chunk_is_not_lost_in_types(
    stub: chat_pb2_grpc.ChatServiceStub, behind: Upstream, namespace: str
) -> None:
    """ogx-ai/ogx#6541"""
    behind.script(sse_reply(FIRST, LAST, event({**HEAD, "choices": [], "usage": USAGE}), DONE))
    chunks = [each.chunk for each in stream_typed(stub, namespace) if each.HasField("chunk")]
    assert chunks[-1].usage.total_tokens == 3
    assert not chunks[-1].deltas


def test_04_usage_comes_only_when_it_is_asked_for(server: ServerProcess) -> None:
    """XSpoonAi/spoon-core#179"""
    answer = post(server, body(is_stream=True))
    assert all(each["choices"] for each in answer.events)
    assert all("usage" not in each for each in answer.events)


def test_05_a_null_usage_passes_and_a_late_error_has_openai_s_shape(
    proxy: ServerProcess, behind: Upstream
) -> None:
    """huggingface/text-generation-inference#3003, #2668"""
    with_null = chunk({"content": "a"}, usage=None)
    assert streamed(proxy, behind, with_null, LAST, DONE).body == with_null + LAST + DONE
    answer = streamed(proxy, behind, FIRST, event({"error": "out of memory"}))
    assert answer.events[-1] == {
        "error": {
            "message": "out of memory", "type": "upstream_error", "param": None,
            "code": "upstream_error",
        }
    }  # fmt: skip
    assert b"[DONE]" not in answer.body


def test_06_error_fields_are_inside_an_error_object(proxy: ServerProcess) -> None:
    """vllm-project/vllm#12886"""
    refused = [
        post(proxy, b"{"),
        post(proxy, b'{"model": "m", "messages": []}'),
        post(proxy, body(), path=f"{CHAT}?commit_after=soon"),
        post(proxy, body(), path="/v1/nothing"),
        post(proxy, body(), key="no-such-key"),
        post(proxy, body(), key=None),
    ]
    assert [answer.status for answer in refused] == [400, 400, 400, 404, 401, 401]
    for answer in refused:
        assert set(answer.json) == {"error"}
        assert set(answer.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (error_reply(400, "no such parameter"), 400),
        (sse_reply(event({"error": {"message": "no such parameter"}})), 502),
    ],
    ids=["a status", "a first event"],
)
def test_07_an_invalid_request_for_a_stream_is_no_200(
    proxy: ServerProcess, behind: Upstream, reply: Reply, status: int
) -> None:
    """ggml-org/llama.cpp#14566"""
    behind.script(reply)
    answer = post(proxy, body(is_stream=True))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["message"] == "no such parameter"


def test_08_what_went_wrong_in_a_stream_reaches_the_application(
    client: OpenAI, behind: Upstream
) -> None:
    """openai/openai-python#1160"""
    error = {"message": "Slow down", "type": "rate", "param": "p", "code": "c-1"}
    behind.script(sse_reply(FIRST, event({"error": error})))
    with pytest.raises(openai.APIError, match="Slow down") as caught:
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert caught.value.code == "c-1"
    assert caught.value.body == error


def test_09_no_event_has_an_id_and_no_comment_a_blank_line(
    proxy: ServerProcess, client: OpenAI, behind: Upstream
) -> None:
    """openai/openai-python#2722, theopenco/llmgateway#2334"""
    steps = [b"id: 1\n" + FIRST, b": ping\n\n", b"id: 2\nretry: 10\n" + LAST, DONE]
    answer = streamed(proxy, behind, *steps)
    assert answer.body == FIRST + LAST + DONE
    behind.script(sse_reply(*steps))
    assert len(list(client.chat.completions.create(model="m", messages=HELLO, stream=True))) == 2


def test_10_an_upstream_s_comment_is_never_made_an_event(
    proxy: ServerProcess, behind: Upstream
) -> None:
    """mnfst/llm-gateway#2053, anomalyco/opencode#50871"""
    steps = [b": OPENROUTER PROCESSING\n\n", FIRST, b":\n\n", LAST, DONE]
    assert streamed(proxy, behind, *steps).body == FIRST + LAST + DONE


def test_11_an_empty_event_is_not_passed_on(proxy: ServerProcess, behind: Upstream) -> None:
    """caozhiyuan/copilot-api#88"""
    steps = [FIRST, b"data:\n\n", b"data: \n\n", b"event: ping\n\n", LAST, DONE]
    assert streamed(proxy, behind, *steps).body == FIRST + LAST + DONE


@pytest.mark.parametrize("mode", ["off", "chunk"])
def test_12_keep_alives_can_be_other_than_comments(behind: Upstream, mode: str) -> None:
    """coder/coder#28185, jundot/omlx#1011"""
    settings = {
        "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
        "EUNOE_HTTP__KEEP_ALIVE": mode,
        "EUNOE_HTTP__KEEP_ALIVE_SECONDS": "0.1",
    }
    with serving(settings) as server:
        answer = streamed(server, behind, FIRST, Pause(0.5), LAST, DONE)
    assert b": " not in answer.body.replace(b"data: ", b"").replace(b'": ', b"")
    filled = [each for each in answer.events if each["choices"][0]["delta"] == {}]
    assert len(filled) > 1 if mode == "chunk" else len(filled) == 1
    assert answer.body.endswith(LAST + DONE)


CALL_PIECES = [
    chunk({"tool_calls": [{"index": 0, "id": "c0", "type": "function",
                           "function": {"name": "f", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
    chunk({"tool_calls": [{"index": 1, "id": "c1", "type": "function",
                           "function": {"name": "g", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 1, "function": {"arguments": '{"a":1}'}}]}),
    chunk({}, "tool_calls"),
]  # fmt: skip


def test_13_pieces_of_tool_calls_keep_their_index(
    proxy: ServerProcess,
    stub: chat_pb2_grpc.ChatServiceStub,
    behind: Upstream,
    namespace: str,
) -> None:
    """ollama/ollama#7881"""
    assert streamed(proxy, behind, *CALL_PIECES, DONE).body == b"".join(CALL_PIECES) + DONE
    behind.script(sse_reply(*CALL_PIECES, DONE))
    pieces = [
        (call.index, call.id, call.name, call.arguments)
        for each in stream_typed(stub, namespace)
        for delta in each.chunk.deltas
        for call in delta.tool_calls
    ]
    assert pieces == [
        (0, "c0", "f", ""),
        (0, "", "", "{}"),
        (1, "c1", "g", ""),
        (1, "", "", '{"a":1}'),
    ]


def test_14_tool_calls_arrive_while_they_are_made(client: OpenAI, behind: Upstream) -> None:
    """ollama/ollama#9632, #12557"""
    behind.script(sse_reply(*CALL_PIECES[:2], Stall()))
    chunks = client.chat.completions.create(model="m", messages=HELLO, stream=True)
    first, second = (next(chunks).choices[0].delta.tool_calls for _ in range(2))
    chunks.close()
    assert first is not None
    assert first[0].id == "c0"
    assert second is not None
    assert second[0].function is not None
    assert second[0].function.arguments == "{}"


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "length", "content_filter", "eos"])
def test_15_the_finish_reason_is_the_model_s(client: OpenAI, behind: Upstream, reason: str) -> None:
    """BerriAI/litellm#12481, #3469"""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    behind.script(completion({"role": "assistant", "content": None, "tool_calls": [call]}, reason))
    answer = client.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].finish_reason == reason


def test_16_user_reaches_the_model(client: OpenAI, behind: Upstream) -> None:
    """BerriAI/litellm#25753, #6854"""
    client.chat.completions.create(model="nobody-knows-it", messages=HELLO, user="u-1")
    assert behind.requests[-1].document["user"] == "u-1"


def test_17_extra_parameters_need_no_nesting_and_are_not_refused(
    client: OpenAI, behind: Upstream
) -> None:
    """BerriAI/litellm#18039, #31697"""
    extra = {
        "guided_json": {"type": "object"},
        "top_k": 5,
        "chat_template_kwargs": {"think": False},
    }
    client.chat.completions.create(model="m", messages=HELLO, extra_body=extra)
    received = behind.requests[-1].document
    assert {name: received[name] for name in extra} == extra


def test_18_no_metadata_is_added_and_none_is_lost(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    """BerriAI/litellm#35780, #34926"""
    for more in ({}, {"metadata": {"a": "b"}}, {"client_metadata": {"c": 1}}, {"metadata": None}):
        sent = body(**more)
        post(proxy, sent, path=f"{CHAT}?namespace={namespace}&chat_id=c")
        assert behind.requests[-1].body == sent


def test_19_headers_for_the_model_reach_it(client: OpenAI, behind: Upstream) -> None:
    """BerriAI/litellm#20373; those that an operator may trust, and never a credential."""
    headers = {"OpenAI-Beta": "assistants=v2", "X-Client-Request-Id": "r-1", "X-Other": "no"}
    client.chat.completions.create(model="m", messages=HELLO, extra_headers=headers)
    request = behind.requests[-1]
    assert request.header("openai-beta") == "assistants=v2"
    assert request.header("x-client-request-id") == "r-1"
    assert request.header("x-other") is None
    assert request.header("authorization") == "Bearer upstream-key"


@pytest.mark.parametrize(
    ("reply", "is_stream"),
    [
        (Reply(before=(Stall(),)), False),
        (Reply(before=(Stall(),)), True),
        (sse_reply(FIRST, Stall()), True),
    ],
    ids=["whole", "before the first token", "in the stream"],
)
def test_20_a_client_that_leaves_stops_the_model(
    proxy: ServerProcess, behind: Upstream, reply: Reply, is_stream: bool
) -> None:
    """BerriAI/litellm#13774, #14295, #14304, #25776, #30223, #30245, #31499, #37140"""
    before = len(behind.requests)
    behind.script(reply)

    def ask() -> None:
        with proxy.openai(timeout=0.5) as client:
            list(client.chat.completions.create(model="m", messages=HELLO, stream=is_stream))

    with pytest.raises(openai.APITimeoutError):
        ask()
    assert behind.wait_for_requests(before + 1)[-1].was_abandoned.wait(1.0)


async def test_21_no_middleware_hides_that_the_client_left() -> None:
    """1rgs/claude-code-proxy#114"""
    async with grpc.aio.insecure_channel("unix:/nowhere") as channel:
        middleware = build_app(channel).user_middleware
    assert middleware
    assert not any(issubclass(each.cls, BaseHTTPMiddleware) for each in middleware)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_tokens": 5, "max_completion_tokens": 6},
    ],
    ids=["none", "old", "new", "both"],
)
def test_22_limits_of_tokens_are_not_translated(
    proxy: ServerProcess, behind: Upstream, limits: dict[str, Any]
) -> None:
    """vllm-project/vllm#24504, #21841, #19861"""
    post(proxy, body(**limits), path=f"{CHAT}?memory=off")
    assert behind.requests[-1].body == body(**limits)


def test_23_what_a_delta_leaves_out_is_not_made_null(
    proxy: ServerProcess, server: ServerProcess, behind: Upstream
) -> None:
    """vercel/ai#6041, #7238, #1865, #5350, #19178"""
    assert b"null" not in streamed(proxy, behind, *CALL_PIECES[:4], DONE).body.replace(
        b'"finish_reason": null', b""
    )
    for each in post(server, body(is_stream=True)).events:
        delta = each["choices"][0]["delta"]
        assert not {"tool_calls", "function_call", "audio"} & set(delta)


def test_24_a_late_or_null_function_name_passes_and_is_remembered_whole(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    """anomalyco/opencode#24137, #26412"""
    late = [
        chunk({"tool_calls": [{"index": 0, "id": "c0", "type": "function",
                               "function": {"name": None, "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
        chunk({}, "tool_calls"),
        DONE,
    ]  # fmt: skip
    session = {"sessionId": namespace}
    behind.script(sse_reply(*late))
    answer = post(proxy, body(is_stream=True), headers=session)
    assert answer.body == b"".join(late)
    result = {"role": "tool", "tool_call_id": "c0", "content": "1"}
    post(proxy, json.dumps({"model": "m", "messages": [result]}).encode(), headers=session)
    called = behind.requests[-1].document["messages"][1]
    assert called["tool_calls"] == [
        {"id": "c0", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]


def test_25_a_tool_call_without_arguments_is_no_fault(
    stub: chat_pb2_grpc.ChatServiceStub, client: OpenAI, behind: Upstream, namespace: str
) -> None:
    """OpenRouterTeam/ai-sdk-provider#287"""
    call = {"id": "c", "type": "function", "function": {"name": "now"}}
    reply = completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")
    behind.script(reply, reply)
    whole = client.chat.completions.create(model="m", messages=HELLO).model_dump()
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "now"
    request = chat_pb2.CompleteChatRequest(
        namespace=namespace,
        model="m",
        messages=[chat_pb2.ChatMessage(role="user", content="Hello")],
    )
    typed = stub.CompleteChat(request, metadata=METADATA).choices[0].message.tool_calls
    assert [(each.name, each.arguments) for each in typed] == [("now", "")]


def test_26_what_is_said_to_memory_does_not_leak_to_the_model(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    """NVIDIA-NeMo/Guardrails#1633"""
    said = {"x-memory-namespace": namespace, "x-memory-chat-id": "c", "sessionid": "s",
            "x-memory-commit-after": "5", "x-memory-mode": "auto"}  # fmt: skip
    sent = body(memory={"commit_after": 5, "mode": "auto"})
    post(proxy, sent, path=f"{CHAT}?chat_id=c", headers=said)
    request = behind.requests[-1]
    assert request.document == json.loads(body())
    assert request.query == ()
    assert not set(said) & {name for name, _ in request.headers}


def test_27_a_stream_says_that_it_is_one_and_is_not_held_back(
    proxy: ServerProcess, client: OpenAI, behind: Upstream
) -> None:
    """open-webui/open-webui#7726"""
    headers = streamed(proxy, behind, FIRST, LAST, DONE).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers
    behind.script(sse_reply(FIRST, Stall()))
    chunks = client.chat.completions.create(model="m", messages=HELLO, stream=True)
    assert next(chunks).choices[0].delta.role == "assistant"
    chunks.close()


@pytest.mark.parametrize("base", ["/v1/memory", "/v1", "/api/publicLLM"])
def test_28_an_endpoint_that_is_not_here_says_what_to_do(proxy: ServerProcess, base: str) -> None:
    """vercel/ai#18226"""
    answer = post(proxy, body(), path=f"{base}/completions")
    assert answer.status == 404
    assert answer.json["error"]["code"] == "unknown_url"
    assert "chat completions" in answer.json["error"]["message"]
