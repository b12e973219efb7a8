"""The built-in model speaks OpenAI's protocol: judged by OpenAI's own types and client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from eunoe_server.errors import UpstreamAnsweredError
from eunoe_server.providers import ChatModel, Embedder
from eunoe_server.providers.local import LocalModel
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from tests.fixtures.upstream import DONE, Reply, Upstream, sse_reply

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return WordLlamaEmbedder()


@pytest.fixture
def model(embedder: Embedder) -> ChatModel:
    return LocalModel(embedder, clock=lambda: NOW, new_id=lambda: "0001")


def request(*said: str, **fields: Any) -> bytes:
    messages = [
        {"role": ("user", "assistant")[index % 2], "content": text}
        for index, text in enumerate(said)
    ]
    return json.dumps({"model": "gpt-4", "messages": messages, **fields}).encode()


ASKING = ("My name is Alice.", "Nice to meet you, Alice!", "What is my name?")


async def whole(model: ChatModel, body: bytes) -> dict[str, Any]:
    answer = await model.complete(body, {})
    ChatCompletion.model_validate_json(answer.body, strict=True)
    document: dict[str, Any] = json.loads(answer.body)
    return document


async def chunks(model: ChatModel, body: bytes) -> list[dict[str, Any]]:
    async with model.stream(body, {}) as stream:
        assert not stream.was_completed
        found = [chunk async for chunk in stream]
        assert stream.was_completed
    for chunk in found:
        ChatCompletionChunk.model_validate_json(chunk, strict=True)
    return [json.loads(chunk) for chunk in found]


async def test_a_whole_answer_has_openais_form(model: ChatModel) -> None:
    assert await whole(model, request(*ASKING)) == {
        "id": "chatcmpl-0001",
        "object": "chat.completion",
        "created": 1_795_176_000,
        "model": "eunoe-local",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Your name is Alice.",
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        # Four characters a token, rounded up: 17, 24, 16 and 19 characters.
        "usage": {"prompt_tokens": 15, "completion_tokens": 5, "total_tokens": 20},
    }


async def test_a_stream_has_openais_form(model: ChatModel) -> None:
    role, *words, end = await chunks(model, request(*ASKING, stream=True))
    assert {(chunk["id"], chunk["object"], chunk["model"]) for chunk in (role, *words, end)} == {
        ("chatcmpl-0001", "chat.completion.chunk", "eunoe-local")
    }
    assert role["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert [chunk["choices"][0]["delta"] for chunk in words] == [
        {"content": "Your "},
        {"content": "name "},
        {"content": "is "},
        {"content": "Alice."},
    ]
    assert end["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert all("usage" not in chunk for chunk in (role, *words, end))


async def test_usage_is_streamed_only_when_it_is_asked_for(model: ChatModel) -> None:
    body = request(*ASKING, stream=True, stream_options={"include_usage": True})
    *others, last = await chunks(model, body)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 15, "completion_tokens": 5, "total_tokens": 20}
    assert {chunk["usage"] for chunk in others} == {None}
    for options in ({"include_usage": False}, {}, None):
        body = request(*ASKING, stream=True, stream_options=options)
        assert all("usage" not in chunk for chunk in await chunks(model, body))


async def test_several_choices_are_given_when_they_are_asked_for(model: ChatModel) -> None:
    answer = await whole(model, request(*ASKING, n=3))
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 15
    streamed = await chunks(model, request(*ASKING, n=2))
    assert streamed[0]["choices"][0]["index"] == 0
    text = {0: "", 1: ""}
    for chunk in streamed:
        choice = chunk["choices"][0]
        text[choice["index"]] += choice["delta"].get("content") or ""
    assert text == {0: "Your name is Alice.", 1: "Your name is Alice."}


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_is_cut_where_it_must_be(model: ChatModel, limit: str) -> None:
    (choice,) = (await whole(model, request(*ASKING, **{limit: 2})))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Your nam", "length")
    (choice,) = (await whole(model, request(*ASKING, **{limit: 5})))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (
        "Your name is Alice.",
        "stop",
    )


async def test_fields_it_has_no_use_for_change_nothing(model: ChatModel) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
    fields = {
        "tools": [tool],
        "temperature": 2,
        "seed": 1 << 70,
        "stop": None,
        "response_format": {"type": "text"},
        "vendor": {"x": []},
        "n": None,
    }
    answer = await whole(model, request(*ASKING, **fields))
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == "Your name is Alice."
    assert "tool_calls" not in choice["message"]


async def test_text_is_found_in_parts_and_after_tool_calls(model: ChatModel) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "My name is Alice."}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "My name is Tool."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:,"}},
                {"type": "text", "text": "What is my name?"},
            ],
        },
    ]
    body = json.dumps({"model": "m", "messages": messages}).encode()
    (choice,) = (await whole(model, body))["choices"]
    assert choice["message"]["content"] == "Your name is Alice."


async def test_what_is_not_unicode_comes_back_as_it_came(model: ChatModel) -> None:
    body = request("My cat is called \ud83d\0.", "Noted.", "What is my cat called?")
    answer = await model.complete(body, {})
    assert "\ud83d\0" in json.loads(answer.body)["choices"][0]["message"]["content"]


async def test_a_long_conversation_is_read_to_its_end(model: ChatModel) -> None:
    chatter = ["The weather was grey and the train was late again."] * 400
    (choice,) = (await whole(model, request(*chatter, *ASKING)))["choices"]
    assert choice["message"]["content"] == "Your name is Alice."


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b"{}", "messages"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": "hi"}', "messages"),
        (b'{"messages": [{"role": "user"}, 1]}', "messages[1]"),
        (b'{"messages": [{"content": "hi"}]}', "messages[0]"),
        (request("hi", n=0), "n"),
        (request("hi", n=10**9), "n"),
        (request("hi", n="2"), "n"),
        (request("hi", n=True), "n"),
        (request("hi", max_completion_tokens=0), "max_completion_tokens"),
        (request("hi", max_tokens="9"), "max_completion_tokens"),
        (request("hi", response_format={"type": "json_object"}), "response_format"),
        (request("hi", response_format={"type": "json_schema"}), "response_format"),
        (request("hi", response_format="json"), "response_format"),
    ],
    ids=lambda value: repr(value)[:60],
)
@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
async def test_what_it_cannot_answer_is_refused_as_openai_would(
    model: ChatModel, body: bytes, param: str | None, streaming: bool
) -> None:
    with pytest.raises(UpstreamAnsweredError) as raised:
        await (chunks if streaming else whole)(model, body)
    error = json.loads(raised.value.body)["error"]
    assert raised.value.status == 400
    assert raised.value.headers == {"content-type": "application/json"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert isinstance(error["message"], str)
    if param == "response_format":
        assert "EUNOE_UPSTREAM_BASE_URL" in error["message"]


async def test_the_model_list_says_what_it_is_and_how_to_get_another(model: ChatModel) -> None:
    listed = json.loads(await model.list_models())
    assert listed["object"] == "list"
    (card,) = listed["data"]
    openai.types.Model.model_validate(card, strict=True)
    assert card["id"] == "eunoe-local"
    assert "no language model" in card["description"]
    assert "EUNOE_UPSTREAM_BASE_URL" in card["description"]


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=upstream.base_url, api_key="sk-any") as client:
        yield client


async def test_openais_own_stream_helper_reads_the_stream(
    model: ChatModel, upstream: Upstream, client: openai.AsyncOpenAI
) -> None:
    body = request(*ASKING, n=2, stream_options={"include_usage": True})
    async with model.stream(body, {}) as stream:
        sent = [b"data: " + chunk + b"\n\n" async for chunk in stream]
    upstream.script(sse_reply(*sent, DONE))
    async with client.chat.completions.stream(
        model="eunoe-local", messages=[{"role": "user", "content": "?"}], n=2
    ) as events:
        completion = await events.get_final_completion()
    assert [choice.message.content for choice in completion.choices] == ["Your name is Alice."] * 2
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 10


async def test_openais_own_client_reads_the_model_list(
    model: ChatModel, upstream: Upstream, client: openai.AsyncOpenAI
) -> None:
    upstream.script(Reply(body=(await model.list_models(),)), path="/v1/models")
    assert [card.id async for card in client.models.list()] == ["eunoe-local"]
