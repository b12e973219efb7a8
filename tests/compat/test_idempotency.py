"""Chats under an idempotency key: the model is asked once, and a repeat gets what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import grpc
import httpx2
import pytest

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from tests.fixtures.server import KEY, METADATA, ServerProcess, wait_until
from tests.fixtures.upstream import (
    DONE,
    Pause,
    Reply,
    Stall,
    Upstream,
    error_reply,
    event,
    json_reply,
    sse_reply,
)

#: What is asked, and how: the path, and whether the answer is a stream.
FORMS = [
    pytest.param("chat/completions", False, id="chat"),
    pytest.param("chat/completions", True, id="streamed chat"),
    pytest.param("responses", False, id="response"),
    pytest.param("responses", True, id="streamed response"),
]


def completion(text: str) -> dict[str, Any]:
    """A whole answer of the stand-in's."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c-1", "object": "chat.completion", "model": "m", "choices": [choice]}


Post = Callable[..., httpx2.Response]


@pytest.fixture
def key() -> str:
    """An idempotency key nobody else uses."""
    return f"key-{uuid4().hex}"


@pytest.fixture
def post(proxy: ServerProcess, namespace: str) -> Post:
    """Sends one request to the namespace of this test."""

    def send(
        path: str,
        key: str | None,
        text: str = "What now?",
        *,
        stream: bool = False,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> httpx2.Response:
        said: Any = text if path == "responses" else [{"role": "user", "content": text}]
        name = "input" if path == "responses" else "messages"
        asked = {"model": "m", name: said, "stream": stream, **body}
        return httpx2.post(
            f"{proxy.http}/v1/memory/ns/{namespace}/{path}",
            content=json.dumps(asked).encode(),
            headers={
                "authorization": f"Bearer {KEY}",
                **({} if key is None else {"idempotency-key": key}),
                **(headers or {}),
            },
            timeout=30,
        )

    return send


def stored(proxy: ServerProcess, namespace: str, chat_id: str) -> list[str]:
    """The roles of what a conversation holds."""
    answer = httpx2.get(
        f"{proxy.http}/dialogue/{chat_id}/messages",
        params={"namespace": namespace, "order": "asc"},
        headers={"authorization": f"Bearer {KEY}"},
    )
    assert answer.status_code == 200, answer.text
    return [message["role"] for message in answer.json()["items"]]


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(("path", "stream"), FORMS)
def test_the_model_is_asked_once_and_the_repeat_gets_its_words(
    post: Post,
    behind: Upstream,
    proxy: ServerProcess,
    namespace: str,
    key: str,
    path: str,
    stream: bool,
) -> None:
    before = len(behind.requests)
    first, again = (post(path, key, stream=stream) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert len(behind.requests) == before + 1
    chat_id = first.headers["x-memory-chat-id"]
    for name in ("x-memory-chat-id", "x-memory-matched-by", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert stored(proxy, namespace, chat_id) == ["user", "assistant"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_of_many_at_once_one_asks_the_model_and_all_get_its_answer(
    post: Post, behind: Upstream, namespace: str, key: str, proxy: ServerProcess, stream: bool
) -> None:
    before = len(behind.requests)
    words = completion("Only once.")
    reply = json_reply(words)
    if stream:
        choice = {"index": 0, "delta": {"content": "Only once."}, "finish_reason": "stop"}
        reply = sse_reply(event({**words, "choices": [choice]}), DONE)
    behind.script(Reply(reply.status, reply.headers, reply.body, before=(Pause(0.3),)))
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post("chat/completions", key, stream=stream), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["x-memory-chat-id"] for answer in answers}) == 1
    assert len(behind.requests) == before + 1
    chat_id = answers[0].headers["x-memory-chat-id"]
    assert stored(proxy, namespace, chat_id) == ["user", "assistant"]


def test_another_question_under_the_same_key_is_refused(post: Post, key: str) -> None:
    assert post("chat/completions", key, "One?").status_code == 200
    refused = post("chat/completions", key, "Two?")
    assert error_of(refused) == (400, "idempotency_key_reused")


def test_an_sdk_that_counts_its_attempts_repeats_the_same_request(
    post: Post, behind: Upstream, key: str
) -> None:
    before = len(behind.requests)
    first = post("chat/completions", key, headers={"x-stainless-retry-count": "0"})
    again = post(
        "chat/completions",
        key,
        headers={"x-stainless-retry-count": "1", "x-client-request-id": "another"},
    )
    assert again.content == first.content
    assert len(behind.requests) == before + 1


def test_what_failed_may_be_sent_again(post: Post, behind: Upstream, key: str) -> None:
    behind.script(error_reply(500, "no luck"))
    assert post("chat/completions", key).status_code == 500
    assert post("chat/completions", key).status_code == 200


def test_what_is_not_stored_cannot_be_told_again_and_is_asked_again(
    post: Post, behind: Upstream, key: str
) -> None:
    before = len(behind.requests)
    for _ in range(2):
        answer = post("chat/completions", key, memory={"mode": "off"})
        assert answer.status_code == 200
    assert len(behind.requests) == before + 2


@pytest.mark.parametrize("what", ["message", "dialogue", "namespace"])
def test_an_answer_that_was_erased_is_told_nobody_and_asked_for_no_more(
    post: Post, behind: Upstream, proxy: ServerProcess, namespace: str, key: str, what: str
) -> None:
    first = post("chat/completions", key)
    chat_id = first.headers["x-memory-chat-id"]
    authorization = {"authorization": f"Bearer {KEY}"}
    url = f"{proxy.http}/dialogue/{chat_id}"
    if what == "message":
        listed = httpx2.get(
            f"{url}/messages", params={"namespace": namespace}, headers=authorization
        ).json()
        url += f"/messages/{listed['items'][0]['id']}"
        assert listed["items"][0]["role"] == "assistant"
    elif what == "namespace":
        url = f"{proxy.http}/v1/admin/namespaces/{namespace}"
    gone = httpx2.delete(url, params={"namespace": namespace}, headers=authorization)
    assert gone.status_code == 200, gone.text
    before = len(behind.requests)
    assert error_of(post("chat/completions", key)) == (404, "message_not_found")
    assert len(behind.requests) == before


def test_a_stream_that_its_client_left_frees_the_key(
    post: Post, behind: Upstream, proxy: ServerProcess, namespace: str, key: str
) -> None:
    choice = {"index": 0, "delta": {"role": "assistant", "content": "Half"}, "finish_reason": None}
    behind.script(sse_reply(event({**completion(""), "choices": [choice]}), Stall()))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "What now?"}]}
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
    url = f"{proxy.http}/v1/memory/ns/{namespace}/chat/completions"
    with httpx2.stream("POST", url, json=body, headers=headers, timeout=30) as answer:
        assert b"Half" in next(answer.iter_bytes())

    def is_free() -> bool:
        return post("chat/completions", key, stream=True).status_code == 200

    wait_until(is_free, "the key")


def test_over_grpc_the_key_is_a_field_and_the_typed_half_is_told_again_too(
    proxy: ServerProcess, behind: Upstream, namespace: str, key: str
) -> None:
    before = len(behind.requests)
    messages = [chat_pb2.ChatMessage(role="user", content="What now?")]
    with proxy.channel() as channel:
        chats = chat_pb2_grpc.ChatServiceStub(channel)
        whole = chat_pb2.CompleteChatRequest(namespace=namespace, messages=messages, request_id=key)
        first, again = (chats.CompleteChat(whole, metadata=METADATA) for _ in range(2))
        assert (again.body, again.choices, again.usage) == (first.body, first.choices, first.usage)
        streamed = chat_pb2.StreamChatRequest(
            namespace=namespace, messages=messages, request_id=key
        )
        one, two = (list(chats.StreamChat(streamed, metadata=METADATA)) for _ in range(2))
        assert [each.chunk for each in two] == [each.chunk for each in one]
        assert two[-1].finished == one[-1].finished
        whole.messages[0].content = "Something else"
        with pytest.raises(grpc.RpcError) as refused:
            chats.CompleteChat(whole, metadata=METADATA)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(behind.requests) == before + 2


def test_memory_is_told_of_once_when_facts_are_asked_for_over_http(
    proxy: ServerProcess, namespace: str, key: str
) -> None:
    body = {
        "messages": [{"role": "user", "content": "I live in Lisbon."}],
        "user_id": namespace,
    }
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
    url = f"{proxy.http}/api/v1/memories"
    first, again = (httpx2.post(url, json=body, headers=headers) for _ in range(2))
    assert first.status_code < 300, first.text
    assert again.json() == first.json()
