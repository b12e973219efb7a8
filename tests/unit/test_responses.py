"""A Responses request and answer as memory sees them: the same turns as in a chat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eunoe_server.domain.chat import ChatBody
from eunoe_server.domain.response_answer import ResponseAssembler, read_response
from eunoe_server.domain.response_items import as_items, as_messages
from eunoe_server.domain.responses import ResponsesBody
from eunoe_server.domain.turn import read_turn
from tests.fixtures.upstream import response_events, response_of

NOTE = b'{"role":"user","content":"a note"}'
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}',
        "status": "completed"}  # fmt: skip
CUSTOM = {"type": "custom_tool_call", "id": "x", "call_id": "c2", "name": "g", "input": "free"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
CITED = {"type": "output_text", "text": "Yes.", "annotations": [{"type": "url_citation"}]}
SAID = {"type": "message", "role": "assistant", "id": "m", "status": "completed",
        "content": [CITED]}  # fmt: skip


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def body(said: Any, **fields: Any) -> ResponsesBody:
    return ResponsesBody.parse(json.dumps({"model": "m", "input": said, **fields}).encode())


def messages(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return [each.message for each in as_messages(items)]


def test_what_the_model_did_between_two_user_turns_is_one_message() -> None:
    results: list[dict[str, Any]] = [
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [
            {"type": "input_text", "text": "2"}]},
    ]  # fmt: skip
    assert messages(user("Hi"), REASONING, SAID, CALL, CUSTOM, *results, user("So?")) == [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Yes.",
            "annotations": [{"type": "url_citation"}],
            "tool_calls": [
                {"id": "c1", "type": "function",
                 "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "So?"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Hi"},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}},
            {"type": "file", "file": {"file_id": "f-1"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]},
        {"role": "assistant", "content": "Yes."},
        {"role": "assistant", "content": "Yes.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ],
)  # fmt: skip
def test_a_chat_message_is_the_same_turn_after_it_was_items(message: dict[str, Any]) -> None:
    (back,) = messages(*as_items(message))
    assert (
        read_turn(json.dumps(back).encode()).digest
        == read_turn(json.dumps(message).encode()).digest
    )
    assert back == message


def test_the_same_conversation_has_the_same_digests_in_both_forms() -> None:
    chat = ChatBody.parse(
        json.dumps(
            {
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    user([{"type": "text", "text": "Hi"}]),
                    {"role": "assistant", "content": "Yes."},
                    user("So?"),
                ],
            }
        ).encode()
    )
    items = body(
        [user([{"type": "input_text", "text": "Hi"}]), SAID, user("So?")], instructions="Be brief."
    )
    assert [turn.digest for turn in items.turns] == [turn.digest for turn in chat.turns]


def test_messages_are_put_before_the_items_of_their_turn() -> None:
    raw = b'{"model":"m","input":[{"role":"user","content":"a"},{"type":"reasoning"},' + (
        json.dumps(CALL).encode() + b',{"role":"user", "content": "b"}],"n":1E400}'
    )
    asked = ResponsesBody.parse(raw)
    assert [turn.role for turn in asked.turns] == ["user", "assistant", "user"]
    assert asked.with_inserted([]) is raw
    put = asked.with_inserted([(2, [NOTE]), (1, [b'{"role":"assistant","content":"x"}'])])
    assert put == raw.replace(
        b'{"type":"reasoning"}', b'{"role":"assistant","content":"x"},{"type":"reasoning"}'
    ).replace(b'{"role":"user", "content": "b"}', NOTE + b',{"role":"user", "content": "b"}')


def test_a_text_stays_a_text_until_something_is_put_before_it() -> None:
    asked = ResponsesBody.parse(b'{"model":"m","input":"b \\u00e9","instructions":"Be"}')
    assert asked.with_inserted([(1, [])]) == asked.raw
    assert asked.with_inserted([(1, [NOTE])]) == (
        b'{"model":"m","input":[%b,{"role":"user","content":"b \\u00e9"}],"instructions":"Be"}'
        % NOTE
    )
    assert not asked.holds(0), "instructions are no place to put anything before"


def test_what_the_upstream_knows_is_a_turn_and_no_item() -> None:
    earlier = (
        read_turn(b'{"role":"user","content":"a"}'),
        read_turn(b'{"role":"assistant","content":"A"}'),
    )
    asked = body("b", previous_response_id="resp_1").following(earlier, is_known=True)
    assert [turn.text for turn in asked.turns] == ["a", "A", "b"]
    assert [asked.holds(index) for index in range(3)] == [False, False, True]
    assert json.loads(asked.with_inserted([(2, [NOTE])])) == {
        "model": "m", "previous_response_id": "resp_1", "input": [json.loads(NOTE), user("b")]
    }  # fmt: skip


def test_what_nobody_else_knows_is_put_into_the_body() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    spoken = {"role": "assistant", "content": "A", "tool_calls": [call]}
    earlier = (read_turn(b'{"role":"user","content":"a"}'), read_turn(json.dumps(spoken).encode()))
    asked = body("b", previous_response_id="resp_1").following(earlier, is_known=False)
    assert asked.previous_response_id is None
    assert json.loads(asked.with_inserted([(2, [NOTE])])) == {
        "model": "m",
        "input": [
            user("a"),
            {"role": "assistant", "content": "A"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            json.loads(NOTE),
            user("b"),
        ],
    }


@pytest.mark.parametrize("said", [None, [], [{"type": "item_reference", "id": "x"}]])
def test_a_request_may_hold_no_turn_at_all(said: Any) -> None:
    assert body(said).turns == ()


# Answers


def test_a_whole_response_is_one_assistant_turn() -> None:
    answer = read_response(json.dumps(response_of("Yes.", calls=[CALL])).encode())
    assert answer is not None
    assert json.loads(answer.turn.body) == {
        "role": "assistant",
        "content": "Yes.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
        ],
    }
    assert (answer.finish_reason, answer.is_interrupted) == ("tool_calls", False)
    assert answer.response_id == "resp_1"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 18


@pytest.mark.parametrize(
    ("reason", "wanted"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_why_a_response_is_incomplete_is_its_finish_reason(reason: str, wanted: str) -> None:
    response = {
        **response_of("Ye"),
        "status": "incomplete",
        "incomplete_details": {"reason": reason},
    }
    answer = read_response(json.dumps(response).encode())
    assert answer is not None
    assert answer.finish_reason == wanted


@pytest.mark.parametrize(
    "response",
    [
        b"", b"[]", b"{}", b'{"output": 5}', b'{"output": [5]}', b'{"output": [{"role": {}}]}',
        json.dumps({**response_of("x"), "status": "queued"}).encode(),
        json.dumps({**response_of(""), "output": [REASONING]}).encode(),
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_says_nothing_is_not_remembered(response: bytes) -> None:
    assert read_response(response) is None


def feed(events: list[dict[str, Any]]) -> ResponseAssembler:
    assembler = ResponseAssembler()
    for each in events:
        assembler.feed(json.dumps(each).encode())
    return assembler


def test_a_whole_stream_is_the_response_that_it_ends_with() -> None:
    events = response_events(response_of("A c\ud83c\udfbbllo", calls=[CALL]))
    assembler = feed(events)
    whole = read_response(json.dumps(events[-1]["response"]).encode())
    assert assembler.has_ended
    assert assembler.is_complete
    assert assembler.event_name == "response.completed"
    assert assembler.answer() == whole


@pytest.mark.parametrize("count", range(20))
def test_a_cut_stream_is_what_had_come(count: int) -> None:
    """Half a call is none: its arguments would not be what the model meant."""
    events = response_events(response_of("A cello, said Ada.", calls=[CALL]))[:count]
    kinds = [each["type"] for each in events]
    text = "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta")
    has_call = any(each.get("item") == CALL for each in events)
    assembler = feed(events)
    answer = assembler.answer()
    if kinds[-1:] == ["response.completed"]:
        return
    assert not assembler.has_ended
    if not text:
        assert answer is None
        return
    assert answer is not None
    assert answer.is_interrupted
    assert answer.turn.text == text
    assert bool(answer.turn.tool_call_ids) == has_call


def test_half_a_character_does_not_lose_an_events_name() -> None:
    assembler = ResponseAssembler()
    assembler.feed(b'{"type":"response.output_text.delta","delta":"\\ud83c","output_index":0}')
    assert assembler.event_name == "response.output_text.delta"


@pytest.mark.parametrize("event", [b"", b"{", b"[]", b'{"type":5}', b"[" * 100_000])
def test_an_event_that_cannot_be_read_has_no_name_and_does_no_harm(event: bytes) -> None:
    assembler = ResponseAssembler()
    assembler.feed(event)
    assert assembler.event_name == ""
    assert not assembler.failed
    assert assembler.answer() is None


def test_an_error_object_fails_and_an_error_event_ends() -> None:
    assert feed([{"error": {"message": "No"}}]).failed
    event = feed([{"type": "error", "message": "No", "error": {"message": "No"}}])
    assert not event.failed
    assert event.has_ended
