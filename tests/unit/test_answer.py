"""Answers are stored as clients would resend them, whether they came whole or in pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from eunoe_server.domain.answer import Answer, AnswerAssembler, Usage, read_answer
from eunoe_server.domain.turn import read_turn


def completion(message: dict[str, Any], **fields: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [choice]} | fields).encode()


def chunk(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "m",
            "choices": [choice],
            "usage": None,
        }
    ).encode()


def assembled(chunks: Sequence[bytes]) -> Answer:
    assembler = AnswerAssembler()
    for piece in chunks:
        assembler.feed(piece)
    answer = assembler.answer()
    assert answer is not None
    return answer


def body_of(answer: Answer) -> Any:
    return json.loads(answer.turn.body)


def test_a_whole_answer_is_kept_verbatim() -> None:
    message = '{ "content":"Hi \\u00e9", "role":"assistant" , "refusal": null}'
    raw = f'{{"id":"c1","model":"m","choices":[{{"index":0,"message":{message},'
    raw += '"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
    answer = read_answer(raw.encode())
    assert answer is not None
    assert answer.turn.body == message
    assert answer.turn.text == "Hi \u00e9"
    assert (answer.finish_reason, answer.model, answer.completion_id) == ("length", "m", "c1")
    assert answer.usage == Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
    assert not answer.is_interrupted


def test_of_several_choices_the_first_is_remembered() -> None:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in ((1, "second"), (0, "first"))
    ]
    answer = read_answer(json.dumps({"choices": choices}).encode())
    assert answer is not None
    assert answer.turn.text == "first"


def test_a_lone_surrogate_does_not_make_an_answer_forgotten() -> None:
    answer = read_answer(completion({"role": "assistant", "content": "a\ud800b"}))
    assert answer is not None
    assert answer.turn.text == "a\ufffdb"
    assert json.loads(answer.turn.body)["content"] == "a\ud800b"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"index": 0}]}',
        b'{"choices": [{"index": 0, "message": null}]}',
        b'{"choices": [{"index": "0", "message": {"role": "assistant"}}]}',
        b'{"choices": [{"index": 0, "message": {"role": "user", "content": "x"}}]}',
        b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": 7}}]}',
        b'{"error": {"message": "overloaded"}}',
        b"[" * 90_000,
        b'["\\ud800"]',
        b'{"a": "\\ud800"}',
        b'{"choices": ["\\ud800"]}',
    ],
    ids=lambda value: repr(value[:60]),
)
def test_what_is_no_answer_is_not_remembered(raw: bytes) -> None:
    assert read_answer(raw) is None


def test_a_streamed_text_is_what_a_client_would_resend() -> None:
    answer = assembled(
        [
            chunk({"role": "assistant", "content": "", "refusal": None}),
            chunk({"content": "Hello"}),
            chunk({"content": ", world"}),
            chunk({}, "stop"),
            json.dumps(
                {
                    "choices": [],
                    "usage": {
                        "prompt_tokens": 5,
                        "completion_tokens": 3,
                        "total_tokens": 8,
                        "prompt_tokens_details": {"cached_tokens": 0},
                    },
                }
            ).encode(),
        ]
    )
    assert body_of(answer) == {"role": "assistant", "content": "Hello, world"}
    assert (answer.finish_reason, answer.is_interrupted) == ("stop", False)
    assert answer.usage == Usage(5, 3, 8)
    assert (answer.model, answer.completion_id) == ("m", "chatcmpl-1")


def test_streamed_calls_are_put_together_by_their_index() -> None:
    def piece(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": function}]}

    def start(index: int, call_id: str, name: str) -> dict[str, Any]:
        call = {"index": index, "id": call_id, "type": "function"}
        return {"tool_calls": [call | {"function": {"name": name, "arguments": ""}}]}

    answer = assembled(
        [
            chunk({"role": "assistant", "content": None}),
            chunk(start(0, "call_a", "weather")),
            chunk(piece(0, arguments='{"city":')),
            chunk(start(1, "call_b", "time")),
            chunk(piece(1, arguments='{"zone":"CET"}')),
            chunk(piece(0, arguments='"Rome"}')),
            chunk({}, "tool_calls"),
        ]
    )
    assert body_of(answer) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_a",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
            },
            {
                "id": "call_b",
                "type": "function",
                "function": {"name": "time", "arguments": '{"zone":"CET"}'},
            },
        ],
    }


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["one index", "no index"])
def test_calls_with_ids_of_their_own_are_several_calls(index: dict[str, int]) -> None:
    calls = [
        {**index, "id": f"call_{name}", "function": {"name": name, "arguments": "{}"}}
        for name in ("a", "b")
    ]
    answer = assembled([chunk({"tool_calls": [call]}) for call in calls])
    assert [call["function"] for call in body_of(answer)["tool_calls"]] == [
        {"name": "a", "arguments": "{}"},
        {"name": "b", "arguments": "{}"},
    ]


def test_a_repeated_name_and_id_are_not_doubled() -> None:
    call = {"index": 0, "id": "call_a", "type": "function"}
    answer = assembled(
        [
            chunk({"tool_calls": [call | {"function": {"name": "time", "arguments": "{"}}]}),
            chunk({"tool_calls": [call | {"function": {"name": "time", "arguments": "}"}}]}),
        ]
    )
    assert body_of(answer)["tool_calls"] == [
        {"id": "call_a", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    ]


def test_fields_that_we_do_not_know_are_put_together_too() -> None:
    answer = assembled(
        [
            chunk({"role": "assistant", "reasoning_content": "Let me "}),
            chunk({"reasoning_content": "think."}),
            chunk({"reasoning_details": [{"index": 0, "type": "text", "text": "Let me "}]}),
            chunk({"reasoning_details": [{"index": 0, "text": "think."}]}),
            chunk({"audio": {"id": "audio_1", "transcript": "He"}}),
            chunk({"audio": {"transcript": "llo", "expires_at": 5}}),
            chunk({"content": "Hello"}, "stop"),
        ]
    )
    assert body_of(answer) == {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "Let me think.",
        "reasoning_details": [{"index": 0, "type": "text", "text": "Let me think."}],
        "audio": {"id": "audio_1", "transcript": "Hello", "expires_at": 5},
    }


def test_refusals_and_legacy_function_calls_are_put_together() -> None:
    refused = assembled([chunk({"refusal": "I "}), chunk({"refusal": "can't."}, "stop")])
    assert body_of(refused) == {"role": "assistant", "content": None, "refusal": "I can't."}
    calling = assembled(
        [
            chunk({"function_call": {"name": "time", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{}"}}, "function_call"),
        ]
    )
    assert body_of(calling)["function_call"] == {"name": "time", "arguments": "{}"}


def test_of_several_streamed_choices_the_first_is_remembered() -> None:
    answer = assembled(
        [
            chunk({"content": "second"}, index=1),
            chunk({"content": "first"}),
            chunk({}, "length", index=1),
            chunk({}, "stop"),
        ]
    )
    assert answer.turn.text == "first"
    assert answer.finish_reason == "stop"


def test_a_character_may_arrive_in_two_halves() -> None:
    answer = assembled([chunk({"content": "a\ud83d"}), chunk({"content": "\ude00b"}, "stop")])
    assert answer.turn.text == "a\U0001f600b"
    assert body_of(answer)["content"] == "a\U0001f600b"


@pytest.mark.parametrize(
    "end",
    [
        [],
        [b'{"error": {"message": "overloaded"}}', chunk({}, "stop")],
        [b'{"cho', chunk({}, "stop")],
        [b"[1]", chunk({}, "stop")],
        [b'{"choices": 7}', chunk({}, "stop")],
        [b'{"choices": [{"delta": "x"}]}', chunk({}, "stop")],
    ],
    ids=["cut", "error", "no JSON", "no object", "no choices", "no delta"],
)
def test_an_answer_that_broke_off_is_kept_and_marked(end: list[bytes]) -> None:
    answer = assembled([chunk({"content": "Hel"}), *end])
    assert answer.turn.text == "Hel"
    assert answer.is_interrupted


def test_nothing_is_kept_of_a_stream_that_said_nothing() -> None:
    assembler = AnswerAssembler()
    assert assembler.answer() is None
    assembler.feed(chunk({"role": "assistant", "content": ""}))
    assert assembler.answer() is None
    assert not assembler.is_complete


def test_an_empty_answer_that_is_complete_is_an_answer() -> None:
    answer = assembled([chunk({"role": "assistant", "content": ""}), chunk({}, "stop")])
    assert body_of(answer) == {"role": "assistant", "content": ""}


@given(st.binary())
def test_no_chunk_ever_raises(raw: bytes) -> None:
    assembler = AnswerAssembler()
    assembler.feed(raw)
    assembler.answer()


_delta = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | st.text(max_size=8),
        "refusal": st.none() | st.text(max_size=3),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "index": st.integers(0, 2),
                    "function": st.fixed_dictionaries({"arguments": st.text(max_size=4)}),
                }
            ),
            max_size=2,
        ),
    },
)


@given(st.lists(_delta, max_size=8))
def test_a_stream_gives_the_message_that_the_openai_sdk_puts_together(
    deltas: list[dict[str, Any]],
) -> None:
    calls = [
        {
            "index": i,
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": "f", "arguments": ""},
        }
        for i in range(3)
    ]
    opening = chunk({"role": "assistant", "content": None, "tool_calls": calls})
    chunks = [opening, *map(chunk, deltas), chunk({}, "stop")]
    sdk = ChatCompletionStreamState()
    for raw in chunks:
        sdk.handle_chunk(ChatCompletionChunk.model_validate_json(raw))
    message = sdk.get_final_completion().choices[0].message.model_dump(exclude_none=True)
    resent = read_turn(json.dumps(message).encode())
    answer = assembled(chunks)
    assert answer.turn.digest == resent.digest
    assert answer.turn.tool_call_ids == resent.tool_call_ids
