"""The OpenAI dialect over real sockets: what reaches the chat service, and what comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from grpc import StatusCode

from eunoe.v1 import chat_pb2
from eunoe_server.errors import (
    EunoeError,
    NotAuthenticated,
    Overloaded,
    UpstreamAnsweredError,
)
from eunoe_server.transport.grpc.status import to_status
from tests.fixtures.shim import KEY, Shim

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/memory/chat/completions"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
#: Odd on purpose: key order, white space and numbers that a parser would change.
ANSWER = (
    b'{ "id":"c1", "object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"x":9007199254740993 }'
)


def completion(**memory: Any) -> chat_pb2.CompleteChatResponse:
    return chat_pb2.CompleteChatResponse(
        body=ANSWER,
        memory=chat_pb2.MemoryReport(**memory),
        upstream=chat_pb2.Upstream(
            status=200,
            request_id="req_upstream",
            headers=[
                chat_pb2.Header(name="x-ratelimit-remaining-requests", value="59"),
                chat_pb2.Header(name="openai-processing-ms", value="12"),
                chat_pb2.Header(name="server", value="nginx"),
                chat_pb2.Header(name="content-type", value="text/html"),
            ],
        ),
    )


def fail(shim: Shim, name: str, error: EunoeError, **options: Any) -> None:
    async def script(request: Any, context: Any) -> Any:
        await context.abort_with_status(to_status(error, **options))

    shim.server.answers(name, script)


# What reaches the server


@pytest.mark.parametrize(
    "path",
    [
        "/v1/memory/chat/completions",
        "/v1/chat/completions",
        "/api/publicLLM/chat/completions",
        "/api/publicLLM",
        "/api/publicLLM/",
    ],
)
async def test_the_body_reaches_the_server_byte_for_byte_on_every_path(
    shim: Shim, path: str
) -> None:
    shim.server.answers("CompleteChat", completion())
    body = b' {"model" : "m", "messages":[], "seed":9007199254740993, "t":1E400, "stream":false}\n'
    reply = await shim.request("POST", path, body)
    assert reply.status == 200
    assert shim.server.last.body == body
    assert shim.server.last.view == chat_pb2.CHAT_VIEW_RAW
    assert not shim.server.last.HasField("namespace")


async def test_the_answer_is_the_upstreams_bytes_with_what_memory_did_in_headers(
    shim: Shim,
) -> None:
    shim.server.answers(
        "CompleteChat",
        completion(
            chat_id="chät",
            matched_by="history",
            notes=[chat_pb2.RecalledNote(id="1"), chat_pb2.RecalledNote(id="2")],
        ),
    )
    reply = await shim.request("POST", CHAT, BODY)
    assert reply.body == ANSWER
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-memory-chat-id"] == "chät"
    assert reply.headers["x-memory-matched-by"] == "history"
    assert reply.headers["x-memory-hits"] == "2"
    assert "x-memory-degraded" not in reply.headers
    assert reply.headers["x-upstream-request-id"] == "req_upstream"
    assert reply.headers["x-ratelimit-remaining-requests"] == "59"
    assert reply.headers["openai-processing-ms"] == "12"
    assert "nginx" not in reply.headers.values()
    assert reply.headers["x-request-id"].startswith("req_")
    assert shim.server.last_metadata["x-request-id"] == reply.headers["x-request-id"]


async def test_memory_that_was_skipped_is_said(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion(degraded="recall"))
    reply = await shim.request("POST", CHAT, BODY)
    assert reply.headers["x-memory-degraded"] == "recall"


SAYS_EVERYTHING = {
    "namespace": "alice",
    "chat_id": "c1",
    "session_id": "s1",
    "commit_after_seconds": 5,
    "memory": "read",
}


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (
            f"{CHAT}?namespace=alice&chat_id=c1&commit_after=5&memory=read",
            {"SessionId": "s1"},
        ),
        (
            CHAT,
            {
                "X-Memory-Namespace": "alice",
                "X-Memory-Chat-Id": "c1",
                "X-Memory-Commit-After": "5",
                "X-Memory-Mode": "read",
                "session_id": "s1",
            },
        ),
        (
            "/v1/memory/ns/alice/chat/completions?chat_id=c1&commit_after=5&memory=read",
            {"x-memory-namespace": "alice", "session-id": "s1", "X-Session-Id": "s1"},
        ),
    ],
)
async def test_path_headers_and_query_say_the_same_things(
    shim: Shim, target: str, headers: dict[str, str]
) -> None:
    shim.server.answers("CompleteChat", completion())
    assert (await shim.request("POST", target, BODY, headers)).status == 200
    asked = shim.server.last
    assert {name: getattr(asked, name) for name in SAYS_EVERYTHING} == SAYS_EVERYTHING


async def test_unknown_query_parameters_are_ignored_as_openai_ignores_them(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion())
    assert (await shim.request("POST", f"{CHAT}?api-version=1&x=%F0", BODY)).status == 400
    assert (await shim.request("POST", f"{CHAT}?api-version=1&foo=", BODY)).status == 200


@pytest.mark.parametrize(
    ("target", "namespace"),
    [
        ("/v1/memory/ns/a%2Fb%20c/chat/completions", "a/b c"),
        ("/v1/memory/ns/%C3%A9%F0%9F%98%80/chat/completions", "é😀"),
        ("/v1/memory/ns/100%25/chat/completions", "100%"),
        ("/v1/memory/ns/a+b/chat/completions", "a+b"),
        ("/v1/memory/ns/../chat/completions", ".."),
        (f"{CHAT}?namespace=a%2Fb+c", "a/b c"),
        (f"{CHAT}?namespace=", ""),
        (f"{CHAT}?namespace=a&namespace=a", "a"),
        (f"{CHAT}?namespace={'n' * 10_240}", "n" * 10_240),
    ],
)
async def test_a_namespace_arrives_decoded_and_exact(
    shim: Shim, target: str, namespace: str
) -> None:
    shim.server.answers("CompleteChat", completion())
    assert (await shim.request("POST", target, BODY)).status == 200
    assert shim.server.last.HasField("namespace")
    assert shim.server.last.namespace == namespace


async def test_a_header_in_utf_8_is_read_as_such(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion())
    await shim.request("POST", CHAT, BODY, {"x-memory-namespace": "é"})
    assert shim.server.last.namespace == "é"


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"{CHAT}?namespace=a&namespace=b", []),
        (f"{CHAT}?namespace[]=a&namespace[]=b", []),
        (f"{CHAT}?namespace%5B%5D=a", []),
        (f"{CHAT}?namespace=a", [("x-memory-namespace", "b")]),
        ("/v1/memory/ns/a/chat/completions?namespace=b", []),
        ("/v1/memory/ns/a/chat/completions?namespace=", []),
        (CHAT, [("x-memory-namespace", "a"), ("x-memory-namespace", "b")]),
        (CHAT, [("sessionid", "a"), ("session_id", "b")]),
        (f"{CHAT}?commit_after=1", [("x-memory-commit-after", "2")]),
        (f"{CHAT}?memory=off", [("x-memory-mode", "read")]),
    ],
)
async def test_the_same_thing_said_twice_with_different_values_is_refused(
    shim: Shim, target: str, headers: list[tuple[str, str]]
) -> None:
    reply = await shim.request("POST", target, BODY, headers)
    assert reply.status == 400
    assert reply.json["error"]["code"] == "conflicting_parameters"
    assert shim.server.requests == []


@pytest.mark.parametrize(
    "target",
    [
        f"{CHAT}?commit_after=soon",
        f"{CHAT}?commit_after=1.5",
        f"{CHAT}?commit_after=99999999999",
        f"{CHAT}?commit_after=%D9%A1",  # an Arabic digit
        f"{CHAT}?namespace=%FF",
        "/v1/memory/ns/%FF/chat/completions",
        f"{CHAT}?{'&'.join(f'a{n}=1' for n in range(200))}",
    ],
)
async def test_what_cannot_be_read_is_a_400_in_openais_dialect(shim: Shim, target: str) -> None:
    reply = await shim.request("POST", target, BODY)
    assert reply.status == 400
    assert set(reply.json["error"]) == {"message", "type", "param", "code"}


async def test_a_blind_retry_and_an_idempotency_key_reach_the_server(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion())
    await shim.request(
        "POST", CHAT, BODY, {"x-stainless-retry-count": "2", "Idempotency-Key": "k-1"}
    )
    assert shim.server.last.retry_count == 2
    assert shim.server.last.request_id == "k-1"


async def test_only_listed_headers_are_offered_to_the_upstream(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion())
    await shim.request(
        "POST", CHAT, BODY, {"OpenAI-Beta": "x=v1", "OpenAI-Organization": "org", "Cookie": "c=1"}
    )
    assert dict(shim.server.last.forward_headers) == {
        "openai-beta": "x=v1",
        "openai-organization": "org",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"stream": "true"}',
        b'{"stream": 1}',
        b'{"stream": null}',
        b'{"stream": "\xff"}',
        b"[" * 100_000,
        b'{"a": ' + b"[" * 100_000,
    ],
)
async def test_a_body_that_does_not_ask_for_a_stream_is_the_servers_to_refuse(
    shim: Shim, body: bytes
) -> None:
    shim.server.answers("CompleteChat", completion())
    assert (await shim.request("POST", CHAT, body)).status == 200
    assert shim.server.last.body == body


# Errors


async def test_without_a_key_nothing_is_asked_of_the_server(shim: Shim) -> None:
    reply = await shim.request("POST", CHAT, BODY, key=None)
    assert reply.status == 401
    assert reply.json["error"]["code"] == "invalid_api_key"
    assert reply.headers["www-authenticate"] == "Bearer"
    assert shim.server.requests == []


@pytest.mark.parametrize("value", ["x" * 65_536, "Bearer \x00", "Bearer é", "Bearer a\tb"])
async def test_a_key_that_cannot_travel_is_a_401_or_a_400(shim: Shim, value: str) -> None:
    reply = await shim.request("POST", CHAT, BODY, {"Authorization": value}, key=None)
    assert reply.status in {400, 401}
    assert "error" in reply.json


async def test_every_form_of_key_reaches_the_server_as_it_was_sent(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion())
    await shim.request("POST", CHAT, BODY, {"api-key": "azure"}, key=None)
    assert shim.server.last_metadata["api-key"] == "azure"
    await shim.request("POST", CHAT, BODY, [("authorization", "Bearer b")], key="a")
    sent = [value for name, value in shim.server.requests[-1][2] if name == "authorization"]
    assert sent == ["Bearer a", "Bearer b"]


async def test_what_the_server_says_is_said_in_openais_words(shim: Shim) -> None:
    fail(shim, "CompleteChat", NotAuthenticated())
    reply = await shim.request("POST", CHAT, BODY)
    assert (reply.status, reply.json["error"]["code"]) == (401, "invalid_api_key")
    fail(shim, "CompleteChat", Overloaded(retry_after_seconds=3))
    reply = await shim.request("POST", CHAT, BODY)
    assert (reply.status, reply.headers["retry-after"]) == (503, "3")


async def test_an_upstream_error_of_a_mebibyte_passes_whole(shim: Shim) -> None:
    body = json.dumps({"error": {"message": "x" * 700_000}}).encode()
    fail(
        shim,
        "CompleteChat",
        UpstreamAnsweredError(422, body, {"content-type": "application/json"}),
        max_upstream_error_bytes=1024 * 1024,
    )
    reply = await shim.request("POST", CHAT, BODY)
    assert shim.server.last.max_upstream_error_bytes == 1024 * 1024
    assert (reply.status, reply.body) == (422, body)


async def test_an_rpc_that_is_not_built_is_a_501_that_no_sdk_repeats(shim: Shim) -> None:
    async def unbuilt(request: Any, context: Any) -> Any:
        await context.abort(StatusCode.UNIMPLEMENTED, "later")

    shim.server.answers("CompleteChat", unbuilt)
    reply = await shim.request("POST", CHAT, BODY)
    assert reply.status == 501
    assert reply.headers["x-should-retry"] == "false"


# Models and signposts


async def test_models_are_the_servers_bytes(shim: Shim) -> None:
    shim.server.answers("ListModels", chat_pb2.ListModelsResponse(body=b'{"data": []}'))
    for path in ("/v1/memory/models", "/v1/models", "/api/publicLLM/models"):
        assert (await shim.request("GET", path)).body == b'{"data": []}'
    await shim.request("GET", "/v1/memory/ns/alice/models")
    assert shim.server.last.namespace == "alice"


@pytest.mark.parametrize("spelling", ["org/model-7b", "org%2Fmodel-7b"])
async def test_a_models_id_may_hold_slashes(shim: Shim, spelling: str) -> None:
    shim.server.answers("GetModel", chat_pb2.GetModelResponse(body=b"{}"))
    assert (await shim.request("GET", f"/v1/memory/models/{spelling}")).status == 200
    assert shim.server.last.id == "org/model-7b"


@pytest.mark.parametrize(
    "path", ["/v1/memory", "/v1/memory/", "/v1/memory?namespace=a", "/v1", "/v1/memory/ns/alice/"]
)
async def test_a_query_in_base_url_is_answered_with_what_to_do(shim: Shim, path: str) -> None:
    reply = await shim.request("POST", path, BODY)
    assert reply.status == 400
    assert "default_query" in reply.json["error"]["message"]
    assert "/v1/memory/ns/" in reply.json["error"]["message"]


@pytest.mark.parametrize("base", ["/v1/memory", "/v1/memory/ns/a", "/v1", "/api/publicLLM"])
async def test_legacy_completions_name_the_fix(shim: Shim, base: str) -> None:
    reply = await shim.request("POST", f"{base}/completions", BODY)
    assert reply.status == 404
    assert reply.json["error"]["code"] == "unknown_url"
    assert "is_chat_model=True" in reply.json["error"]["message"]


# The real package


async def test_the_openai_package_talks_to_it(shim: Shim) -> None:
    shim.server.answers("CompleteChat", completion(chat_id="c1"))
    async with openai.AsyncOpenAI(
        base_url=f"{shim.url}/v1/memory",
        api_key=KEY,
        default_query={"namespace": "alice", "commit_after": 1},
        default_headers={"sessionId": "s1"},
    ) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )
    assert raw.headers["x-memory-chat-id"] == "c1"
    parsed = raw.parse()
    assert parsed.choices[0].message.content == "hello"
    assert parsed._request_id == raw.headers["x-request-id"]
    assert shim.server.last.namespace == "alice"
    assert shim.server.last.commit_after_seconds == 1
    assert shim.server.last.session_id == "s1"


async def test_the_synchronous_package_raises_its_own_errors(shim: Shim) -> None:
    fail(shim, "CompleteChat", NotAuthenticated())

    def ask() -> None:
        with openai.OpenAI(base_url=f"{shim.url}/api/publicLLM", api_key=KEY) as client:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

    with pytest.raises(openai.AuthenticationError) as caught:
        await asyncio.to_thread(ask)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id is not None


async def test_the_package_repeats_an_overload_and_says_so(shim: Shim) -> None:
    async def once_busy(request: Any, context: Any) -> Any:
        if request.retry_count == 0:
            await context.abort_with_status(to_status(Overloaded(retry_after_seconds=0.1)))
        return completion()

    shim.server.answers("CompleteChat", once_busy)
    async with openai.AsyncOpenAI(base_url=f"{shim.url}/v1", api_key=KEY) as client:
        answer = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}]
        )
    assert answer.choices[0].message.content == "hello"
    assert [request.retry_count for _, request, _ in shim.server.requests] == [0, 1]
