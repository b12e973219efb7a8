"""The stand-in upstream itself: OpenAI's own client finds nothing unusual about it."""

from __future__ import annotations

import threading

import httpx2
import openai
import pytest

from tests.fixtures.loop_thread import PATIENCE_SECONDS
from tests.fixtures.upstream import (
    DONE,
    MODEL,
    Cut,
    Reply,
    Stall,
    Upstream,
    embedding_of,
    error_reply,
    event,
    json_reply,
    redirect_reply,
    sse_reply,
)


@pytest.fixture
def client(upstream: Upstream) -> openai.OpenAI:
    return openai.OpenAI(base_url=upstream.base_url, api_key="sk-any", max_retries=0)


def say(client: openai.OpenAI, text: str = "one two three") -> str | None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": text}
    ]
    with client:
        answer = client.chat.completions.create(model="m", messages=messages)
    return answer.choices[0].message.content


def test_a_chat_is_answered_with_an_echo(client: openai.OpenAI, upstream: Upstream) -> None:
    assert say(client) == "You said: one two three"
    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.header("authorization") == "Bearer sk-any"
    assert request.document["messages"] == [{"role": "user", "content": "one two three"}]


def test_a_stream_is_answered_in_pieces(client: openai.OpenAI) -> None:
    with (
        client,
        client.chat.completions.stream(
            model="m",
            messages=[{"role": "user", "content": "one two"}],
            stream_options={"include_usage": True},
        ) as events,
    ):
        completion = events.get_final_completion()
    assert completion.choices[0].message.content == "You said: one two"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == len("You said: one two")


def test_models_and_embeddings_are_answered(client: openai.OpenAI) -> None:
    with client:
        assert [model.id for model in client.models.list()] == [MODEL]
        assert client.models.retrieve(MODEL).owned_by == "stand-in"
        answer = client.embeddings.create(model="e", input=["a", "b"], dimensions=4)
    assert [item.embedding for item in answer.data] == [embedding_of("a", 4), embedding_of("b", 4)]


def test_an_unknown_path_is_answered_as_openai_would(client: openai.OpenAI) -> None:
    with client, pytest.raises(openai.NotFoundError, match="Unknown request URL"):
        client.post("/nothing", cast_to=object, body={})


def test_scripted_replies_come_first_and_in_order(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    upstream.script(error_reply(429, "wait", headers=[("retry-after", "7")]), json_reply({"a": 1}))
    url, asked = upstream.base_url + "/chat/completions", {"messages": [{"content": "hi"}]}
    with httpx2.Client() as plain:
        refused, scripted, default = (plain.post(url, json=asked) for _ in range(3))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert scripted.json() == {"a": 1}
    assert default.json()["choices"][0]["message"]["content"] == "You said: hi"
    assert upstream.connections_made == 1


def test_requests_are_recorded_exactly(upstream: Upstream) -> None:
    body = b'{"messages" : [{"content":"\xff"}]}'
    url = upstream.base_url + "/nothing?a=1&b=&a=%C3%A9"
    httpx2.request("PUT", url, content=body, headers=[(b"X-Odd", b"\xe9")])
    (request,) = upstream.wait_for_requests(1)
    assert (request.method, request.path, request.body) == ("PUT", "/v1/nothing", body)
    assert request.query == (("a", "1"), ("b", ""), ("a", "\u00e9"))
    assert request.header("x-odd") == "\u00e9"


def test_a_redirect_names_its_place(upstream: Upstream) -> None:
    upstream.script(redirect_reply("http://elsewhere.example/", 308), path="/v1/models")
    answer = httpx2.get(upstream.base_url + "/models")
    assert (answer.status_code, answer.headers["location"]) == (308, "http://elsewhere.example/")


def test_a_cut_is_a_broken_body(upstream: Upstream) -> None:
    upstream.script(sse_reply(event(1), b"data: ", Cut()), path="/v1/models")
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(upstream.base_url + "/models")
    (request,) = upstream.requests
    assert not request.was_abandoned.is_set()


def test_a_client_that_leaves_is_noticed(upstream: Upstream) -> None:
    upstream.script(sse_reply(event(1), Stall()), path="/v1/models")
    with httpx2.stream("GET", upstream.base_url + "/models") as answer:
        parts = answer.iter_bytes()
        assert next(parts) == event(1)
        (request,) = upstream.requests
        assert not request.was_abandoned.is_set()
    assert request.was_abandoned.wait(PATIENCE_SECONDS)
    assert not request.was_answered.is_set()


def test_a_whole_answer_is_recorded_as_such(upstream: Upstream) -> None:
    upstream.script(sse_reply(event(1), DONE), path="/v1/models")
    assert httpx2.get(upstream.base_url + "/models").content == event(1) + DONE
    (request,) = upstream.requests
    assert request.was_answered.wait(PATIENCE_SECONDS)
    assert not request.was_abandoned.is_set()


def test_it_stops_while_a_client_waits() -> None:
    with Upstream() as upstream:
        upstream.script(Reply(before=(Stall(),)), path="/v1/models")
        url = upstream.base_url + "/models"

        def wait() -> None:
            with pytest.raises(httpx2.TransportError):
                httpx2.get(url, timeout=PATIENCE_SECONDS)

        waiting = threading.Thread(target=wait)
        waiting.start()
        upstream.wait_for_requests(1)
    waiting.join(PATIENCE_SECONDS)
    assert not waiting.is_alive()
