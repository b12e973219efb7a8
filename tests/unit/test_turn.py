"""What a turn is, and when two messages are the same turn."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.turn import Turn, read_turn, read_turns, storable_text
from eunoe_server.errors import InvalidInput


def turn(**message: Any) -> Turn:
    return read_turn(json.dumps(message).encode())


def call(arguments: str, *, call_id: str = "call_1", name: str = "look_up") -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def test_the_body_is_kept_verbatim() -> None:
    raw = (
        b'{ "content":"caf\xc3\xa9 \\u00e9", "role" : "user", "x":1E400,"n":123456789012345678901}'
    )
    assert read_turn(raw).body.encode() == raw


def test_text_is_the_content_or_its_text_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://images.example/1.png"}}
    parts = [{"type": "text", "text": "Look:"}, image, {"type": "text", "text": "a cat"}]
    assert turn(role="user", content="Hello").text == "Hello"
    assert turn(role="user", content=parts).text == "Look:\na cat"
    assert turn(role="assistant", content=None).text == ""
    assert turn(role="assistant", content=None, refusal="I can't.").text == "I can't."


def test_text_has_nothing_that_postgres_refuses() -> None:
    raw = rb'{"role":"user","name":"a\u0000","content":"x\u0000y\ud800z\ud83d\ude00"}'
    read = read_turn(raw)
    assert read.text == "x\ufffdy\ufffdz\U0001f600"
    assert read.name == "a\ufffd"
    assert read.body.encode() == raw


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_storable(text: str) -> None:
    stored = storable_text(text)
    assert "\x00" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored


def test_tool_calls_and_results_name_their_call() -> None:
    calls = turn(
        role="assistant",
        content=None,
        tool_calls=[call("{}", call_id="a"), call("{}", call_id="b")],
    )
    result = turn(role="tool", tool_call_id="b", content="done")
    assert calls.tool_call_ids == ("a", "b")
    assert calls.tool_call_id == ""
    assert result.tool_call_ids == ("b",)
    assert result.tool_call_id == "b"


def test_legacy_function_calls_and_results_name_the_function() -> None:
    calling = turn(
        role="assistant", content=None, function_call={"name": "look_up", "arguments": "{}"}
    )
    result = turn(role="function", name="look_up", content="done")
    assert calling.tool_call_ids == result.tool_call_ids != ()


def test_system_and_developer_messages_are_instructions() -> None:
    roles = ("system", "developer", "user", "assistant", "tool", "function")
    assert [turn(role=role, content="x").is_instruction for role in roles] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


SAME_TURN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "white space": (
        {"role": "user", "content": "Hello,  world\n"},
        {"role": "user", "content": " Hello,\u00a0world"},
    ),
    "Unicode form": (
        {"role": "user", "content": "caf\u00e9"},
        {"role": "user", "content": "cafe\u0301"},
    ),
    "text as one part": (
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
    ),
    "text in several parts": (
        {"role": "user", "content": "Hello\nworld"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "world"}],
        },
    ),
    "caching mark": (
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
        {
            "role": "user",
            "content": [
                {
                    "cache_control": {"type": "ephemeral"},
                    "file": {"file_id": "f"},
                    "type": "file",
                }
            ],
        },
    ),
    "fields of an answer that clients drop": (
        {
            "role": "assistant",
            "content": "Hi",
            "refusal": None,
            "annotations": [],
            "reasoning_content": "Greeting.",
        },
        {"role": "assistant", "content": "Hi"},
    ),
    "reasoning element": (
        {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nHi"},
        {"role": "assistant", "content": "Hi"},
    ),
    "the agent's name": (
        {"role": "assistant", "content": "Hi", "name": "helper"},
        {"role": "assistant", "content": "Hi"},
    ),
    "no content in three ways": (
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""},
    ),
    "refusal as part": (
        {"role": "assistant", "content": None, "refusal": "I can't."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]},
    ),
    "text beside tool calls": (
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call("{}")]},
        {"role": "assistant", "content": None, "tool_calls": [call("{}")]},
    ),
    "how arguments are written": (
        {"role": "assistant", "tool_calls": [call('{"a": 1.0, "b": "x"}')]},
        {"role": "assistant", "tool_calls": [call('{"b":"x","a":1}')]},
    ),
    "system and developer": (
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Be kind."},
    ),
    "resent audio": (
        {
            "role": "assistant",
            "content": None,
            "audio": {"id": "audio_1", "data": "UklGRg==", "transcript": "Hi"},
        },
        {"role": "assistant", "audio": {"id": "audio_1"}},
    ),
}


@pytest.mark.parametrize("case", SAME_TURN)
def test_a_resent_message_is_the_same_turn_in_spite_of(case: str) -> None:
    one, other = (turn(**message) for message in SAME_TURN[case])
    assert one.digest == other.digest
    assert len(one.digest) == 16


def _image(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


DIFFERENT_TURNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "role": ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}),
    "text": ({"role": "user", "content": "Hi"}, {"role": "user", "content": "Hi!"}),
    "letter case": ({"role": "user", "content": "us"}, {"role": "user", "content": "US"}),
    "image": (_image("https://images.example/1.png"), _image("https://images.example/2.png")),
    "image and text with the same words": (
        _image("x"),
        {"role": "user", "content": '[{"type":"image_url","image_url":{"url":"x"}}]'},
    ),
    "order of text and image": (
        {"role": "user", "content": [{"type": "text", "text": "x"}, *_image("i")["content"]]},
        {"role": "user", "content": [*_image("i")["content"], {"type": "text", "text": "x"}]},
    ),
    "who of several users": (
        {"role": "user", "content": "yes", "name": "Ann"},
        {"role": "user", "content": "yes", "name": "Ben"},
    ),
    "call id": (
        {"role": "assistant", "tool_calls": [call("{}", call_id="a")]},
        {"role": "assistant", "tool_calls": [call("{}", call_id="b")]},
    ),
    "called function": (
        {"role": "assistant", "tool_calls": [call("{}", name="a")]},
        {"role": "assistant", "tool_calls": [call("{}", name="b")]},
    ),
    "arguments": (
        {"role": "assistant", "tool_calls": [call('{"a": 1}')]},
        {"role": "assistant", "tool_calls": [call('{"a": 2}')]},
    ),
    "arguments that are no JSON": (
        {"role": "assistant", "tool_calls": [call("{a: 1")]},
        {"role": "assistant", "tool_calls": [call("{a: 2")]},
    ),
    "answered call": (
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
        {"role": "tool", "tool_call_id": "b", "content": "ok"},
    ),
    "answering function": (
        {"role": "function", "name": "a", "content": "ok"},
        {"role": "function", "name": "b", "content": "ok"},
    ),
    "audio": (
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "assistant", "audio": {"id": "audio_2"}},
    ),
    "a custom tool's input": (
        {"role": "assistant", "tool_calls": [{"id": "a", "custom": {"name": "x", "input": "1"}}]},
        {"role": "assistant", "tool_calls": [{"id": "a", "custom": {"name": "x", "input": "2"}}]},
    ),
}


@pytest.mark.parametrize("case", DIFFERENT_TURNS)
def test_messages_are_different_turns_that_differ_in(case: str) -> None:
    one, other = (turn(**message) for message in DIFFERENT_TURNS[case])
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"content": "x"}', "messages[1].role"),
        (b'{"role": "robot", "content": "x"}', "messages[1].role"),
        (b'{"role": 7, "content": "x"}', "messages[1].role"),
        (b'{"role": "user", "content": 7}', "messages[1].content"),
        (b'{"role": "user", "content": {"type": "text"}}', "messages[1].content"),
        (b'{"role": "user", "content": ["x"]}', "messages[1].content[0]"),
        (b'{"role": "user", "content": "\\ud800", "name": 7}', "messages[1].name"),
        (b'{"role": "assistant", "tool_calls": {}}', "messages[1].tool_calls"),
        (b'{"role": "assistant", "tool_calls": [1]}', "messages[1].tool_calls[0]"),
        (b'{"role": "tool", "tool_call_id": 1}', "messages[1].tool_call_id"),
        (b"[]", "messages[1]"),
        (b'"user"', "messages[1]"),
        (b"null", "messages[1]"),
        (b"", "messages[1]"),
        (b'{"role": "user"', "messages[1]"),
        (b'{"role": "user", "content": "\xff"}', "messages[1]"),
        (b'{"role": "user", "x": NaN}', "messages[1]"),
        (b'{"role": "user", "content": [{"x": ' + b"9" * 10_000 + b"}]}", "messages[1]"),
        (
            b'{"role": "user", "content": [{"x": ' + b"[" * 9_000 + b"]" * 9_000 + b"}]}",
            "messages[1]",
        ),
        (b'{"role": "user", "x": ' + b'{"a":' * 90_000 + b"1" + b"}" * 90_001, "messages[1]"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_what_cannot_be_read_is_refused_by_its_field(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_turns([b'{"role": "user", "content": "fine"}', raw])
    assert refusal.value.fields[0].field == field


@pytest.mark.parametrize(
    "raw",
    [
        b'{"role": "user", "content": "x", "unknown": {"deep": [1, null, "x"]}}',
        b'{"role": "user", "content": []}',
        b'{"role": "user"}',
        b'{"role": "user", "content": [{}, {"type": "text"}, {"type": "text", "text": 7}]}',
        b'{"role": "user", "content": [{"type": "input_audio", "size": 1e400}]}',
        b'{"role": "assistant", "tool_calls": [{}, {"function": null}, {"function": 7}]}',
        b'{"role": "assistant", "tool_calls": [{"id": 7, "function": {"arguments": {"a": 1}}}]}',
        b'{"role": "assistant", "function_call": {}}',
        b'{"role": "tool"}',
        b'{"role": "function"}',
        b'{"role": "assistant", "audio": {}, "refusal": ""}',
        b'{"role": "assistant", "tool_calls": [{"function": {"name": "\\ud800"}}]}',
        b'{"role": "user", "content": "x", "content": "y"}',
    ],
    ids=lambda value: repr(value[:50]),
)
def test_what_endpoints_may_refuse_is_read_all_the_same(raw: bytes) -> None:
    assert len(read_turn(raw).digest) == 16


def test_arguments_nested_without_end_are_compared_as_text() -> None:
    deep = "[" * 90_000 + "]" * 90_000
    assert turn(role="assistant", tool_calls=[call(deep)]).tool_call_ids == ("call_1",)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "other"]
        ),
        _json,
    ),
    st.sampled_from(["user", "assistant", "tool", "system", "function"]),
)
def test_any_json_object_is_read_or_refused(message: dict[str, Any], role: str) -> None:
    message.setdefault("role", role)
    with contextlib.suppress(InvalidInput):
        turn(**message)


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        read_turn(raw)


def test_an_estimate_grows_with_the_text_and_not_with_an_image_file() -> None:
    short = turn(role="user", content="x" * 40)
    long = turn(role="user", content="x" * 4000)
    picture = turn(**_image("data:image/png;base64," + "A" * 1_000_000))
    assert short.token_estimate == 4 + 10
    assert long.token_estimate == 4 + 1000
    assert 100 < picture.token_estimate < 2000
