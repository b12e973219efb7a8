"""Every way in which clients name a namespace, a chat and a session, and what happens on conflict.

What a client can say depends on the client: the OpenAI packages add queries and headers, LlamaIndex
only headers, chat applications only a base URL, some only fields of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.fixtures.server import KEY, ServerProcess
from tests.fixtures.upstream import Upstream

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


def report(client: OpenAI, **options: Any) -> dict[str, str]:
    """What the reply says of memory."""
    answer = client.chat.completions.with_raw_response.create(model="m", messages=HELLO, **options)
    return {
        name.removeprefix("x-memory-"): value
        for name, value in answer.headers.items()
        if name.startswith("x-memory-")
    }


WAYS: dict[str, Callable[[ServerProcess, str], OpenAI]] = {
    "default query": lambda server, n: server.openai(default_query={"namespace": n}),
    "header": lambda server, n: server.openai(default_headers={"X-Memory-Namespace": n}),
    "path": lambda server, n: server.openai(f"/v1/memory/ns/{n}"),
    "plain route": lambda server, n: server.openai("/v1", default_query={"namespace": n}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_namespace_is_the_same_however_it_is_named(
    proxy: ServerProcess, namespace: str, way: str
) -> None:
    """A chat id is known in its own namespace only."""
    by_body = {"memory": {"namespace": namespace, "chat_id": "c-1"}}
    assert report(proxy.openai(), extra_body=by_body)["matched-by"] == "new"
    found = report(WAYS[way](proxy, namespace), extra_query={"chat_id": "c-1"})
    assert (found["chat-id"], found["matched-by"]) == ("c-1", "chat_id")


@pytest.mark.parametrize(
    "options",
    [
        {"extra_query": {"chat_id": "c-1"}},
        {"extra_headers": {"x-memory-chat-id": "c-1"}},
        {"extra_body": {"memory": {"chat_id": "c-1"}}},
    ],
    ids=["query", "header", "body"],
)
def test_a_chat_id_is_the_same_however_it_is_named(
    proxy: ServerProcess, namespace: str, options: dict[str, Any]
) -> None:
    client = proxy.openai(f"/v1/memory/ns/{namespace}")
    assert report(client, extra_query={"chat_id": "c-1"})["chat-id"] == "c-1"
    assert report(client, **options)["matched-by"] == "chat_id"


@pytest.mark.parametrize(
    "options",
    [
        {"extra_headers": {"sessionId": "s-1"}},
        {"extra_headers": {"session-id": "s-1"}},
        {"extra_headers": {"X-Session-Id": "s-1"}},
        {"extra_headers": {"session_id": "s-1"}},
        {"extra_headers": {"sessionId": "s-1", "session_id": "s-1"}},
        {"extra_body": {"memory": {"session_id": "s-1"}}},
    ],
)
def test_a_session_is_the_same_however_it_is_named(
    proxy: ServerProcess, behind: Upstream, namespace: str, options: dict[str, Any]
) -> None:
    client = proxy.openai(f"/v1/memory/ns/{namespace}")
    client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "Before"}],
        extra_headers={"sessionId": "s-1"},
    )
    assert report(client, **options)["matched-by"] == "session"
    assert len(behind.requests[-1].document["messages"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"extra_query": {"namespace": "other"}},
        {"extra_query": {"namespace": ["a", "b"]}},
        {"extra_headers": {"x-memory-namespace": "other"}},
        {"extra_body": {"memory": {"namespace": "other"}}},
        {"extra_query": {"chat_id": "a"}, "extra_headers": {"x-memory-chat-id": "b"}},
        {"extra_query": {"chat_id": "a"}, "extra_body": {"memory": {"chat_id": "b"}}},
        {"extra_headers": {"sessionId": "a", "x-session-id": "b"}},
        {"extra_headers": {"sessionId": "a"}, "extra_body": {"memory": {"session_id": "b"}}},
        {"extra_query": {"commit_after": 5}, "extra_body": {"memory": {"commit_after": 6}}},
        {"extra_query": {"memory": "off"}, "extra_body": {"memory": {"mode": "read"}}},
    ],
)
def test_two_different_words_for_one_thing_are_a_400(
    proxy: ServerProcess, behind: Upstream, namespace: str, options: dict[str, Any]
) -> None:
    before = len(behind.requests)
    with pytest.raises(openai.BadRequestError) as caught:
        report(proxy.openai(f"/v1/memory/ns/{namespace}"), **options)
    assert caught.value.code == "conflicting_parameters"
    assert len(behind.requests) == before


def test_a_query_in_the_base_url_is_answered_with_what_to_do(proxy: ServerProcess) -> None:
    with pytest.raises(openai.BadRequestError, match="default_query"):
        report(proxy.openai("/v1/memory?namespace=alice"))


@pytest.mark.parametrize("header", ["api-key", "x-api-key"])
def test_a_key_may_come_in_azure_s_header(proxy: ServerProcess, header: str) -> None:
    def status(key: str) -> int:
        url = f"{proxy.http}/v1/memory/chat/completions"
        return httpx2.post(
            url, headers={header: key}, json={"model": "m", "messages": HELLO}
        ).status_code

    assert status(KEY) == 200
    assert status("no-such-key") == 401
