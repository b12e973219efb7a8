"""Messages by themselves: what may be one, and that it is stored as a chat would store it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.alignment import CHAIN_START, extend_chain
from eunoe_server.domain.message_body import MessageFields, read_body
from eunoe_server.domain.message_draft import MessageDraft, chained
from eunoe_server.domain.turn import read_turn
from eunoe_server.errors import InvalidInput, InvalidRequest, MissingParameter

CALLS = '[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}", "n": 1.0}}]'


def test_a_draft_is_the_turn_that_a_chat_makes_of_the_same_message() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "Let me see."}, {"type": "refusal", "refusal": "No."}],
        "name": "Ann",
        "tool_calls": json.loads(CALLS),
        "audio": {"id": "a1"},
    }
    turn = read_turn(json.dumps(message).encode())
    new = MessageDraft(
        role="assistant",
        content=json.dumps(message["content"]),
        name="Ann",
        tool_calls=CALLS,
        extra='{"audio": {"id": "a1"}}',
    ).accepted("m1", "message")
    assert json.loads(new.body) == message
    assert (new.digest, new.text, new.tool_call_ids, new.token_estimate) == (
        turn.digest,
        turn.text,
        turn.tool_call_ids,
        turn.token_estimate,
    )


@pytest.mark.parametrize(
    "content",
    [
        '"9007199254740993"',
        '  "☕ \\u00e9\\/\\u0000 \\ud800"',
        '[ {"type":"text", "text":"a"}, {"type":"image_url","image_url":{"url":"data:,"}} ]',
        '{"n": [1E400, 9007199254740993], "b": -0.0}',
        "null",
    ],
)
def test_documents_come_out_of_the_body_word_for_word(content: str) -> None:
    extra = '{"reasoning":{"n": 1.0},"\\u00e9":null}'
    call_id = "c\u2028\U0001f980"
    new = MessageDraft(
        role="tool",
        content=content,
        tool_calls=CALLS,
        tool_call_id=call_id,
        extra=extra,
    ).accepted("m1", "message")
    assert read_body(new.body) == MessageFields(
        content=content.strip(),
        tool_calls=CALLS,
        tool_call_id=call_id,
        extra='{"reasoning":{"n": 1.0},"é":null}',
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('"Hello"', "Hello"),
        ('[{"type":"text","text":"a"},{"type":"text","text":"b"}]', "a\nb"),
        ('{"type":"text","text":"a"}', "a"),
        ('{"question":"where?","near":{"city":"Paris"}}', "question: where?\nnear city: Paris"),
        ('[{"type":"text","text":"a"},{"note":"b"}]', "a\nnote: b"),
        ('{"type":"image","source":{"data":"AAAA"}}', ""),
        ('"\\u0000\\ud800"', "\ufffd\ufffd"),
    ],
)
def test_what_can_be_read_of_a_message_is_what_it_is_searched_by(content: str, text: str) -> None:
    assert MessageDraft(role="user", content=content).accepted("m", "message").text == text


@pytest.mark.parametrize(
    ("draft", "field", "kind"),
    [
        (MessageDraft("wizard", '"x"'), "role", InvalidInput),
        (MessageDraft("", '"x"'), "role", InvalidInput),
        (MessageDraft("user"), "content", MissingParameter),
        (MessageDraft("user", "null"), "content", MissingParameter),
        (MessageDraft("assistant", tool_calls="[]"), "content", MissingParameter),
        (MessageDraft("assistant", extra="{}"), "content", MissingParameter),
        (MessageDraft("user", "7"), "content", InvalidInput),
        (MessageDraft("user", '["x"]'), "content[0]", InvalidInput),
        (MessageDraft("user", "{"), "content", InvalidInput),
        (MessageDraft("user", '{"a":1,"a":2}'), "content", InvalidInput),
        (MessageDraft("user", '"x"', name="a\x00"), "name", InvalidInput),
        (MessageDraft("tool", '"x"', tool_call_id="\x00"), "tool_call_id", InvalidInput),
        (MessageDraft("assistant", tool_calls='{"id": 1}'), "tool_calls", InvalidInput),
        (MessageDraft("assistant", tool_calls="[1]"), "tool_calls[0]", InvalidInput),
        (MessageDraft("user", '"x"', extra='{"role":"system"}'), "extra", InvalidInput),
        (MessageDraft("user", '"x"', extra="[]"), "extra", InvalidInput),
        (MessageDraft("user", '"x"', id=""), "id", InvalidInput),
        (MessageDraft("user", '"x"', tags=["a", ""]), "tags[1]", InvalidInput),
        (MessageDraft("user", '"x"', metadata="[]"), "metadata", InvalidInput),
    ],
)
def test_what_cannot_be_a_message_is_refused_by_its_field(
    draft: MessageDraft, field: str, kind: type[InvalidRequest]
) -> None:
    with pytest.raises(kind) as refused:
        draft.accepted("m", "messages[3]")
    assert refused.value.fields[0].field == f"messages[3].{field}"


def test_content_may_be_missing_where_something_else_is_said() -> None:
    assert MessageDraft("assistant", tool_calls=CALLS).accepted("m", "message").tool_call_ids
    refusal = MessageDraft("assistant", "null", extra='{"refusal":"No."}').accepted("m", "message")
    assert refusal.text == "No."


def test_chains_are_those_of_the_transcript_without_its_instructions() -> None:
    drafts = [
        MessageDraft("system", '"Be brief."'),
        MessageDraft("user", '"Hello"'),
        MessageDraft("developer", '"Be kind."'),
        MessageDraft("assistant", '"Hi"'),
    ]
    messages = chained([each.accepted("m", "message") for each in drafts], b"before")
    first = extend_chain(b"before", messages[1].digest)
    assert [message.chain for message in messages] == [
        CHAIN_START,
        first,
        CHAIN_START,
        extend_chain(first, messages[3].digest),
    ]


json_texts = st.recursive(
    st.sampled_from(['"a"', '"\\ud800"', "1E400", "null", "true", "-0.0", '"☕,}:"', '"\\""']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ " + " ,".join(items) + "\n]"),
        st.dictionaries(st.sampled_from(["a", "b\\u0000", "☕"]), inner, max_size=3).map(
            lambda found: "{" + ", ".join(f'"{key}" :\t{found[key]}' for key in found) + " }"
        ),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c d"]), json_texts, max_size=3))
def test_members_that_have_no_field_stay_word_for_word(found: dict[str, str]) -> None:
    extra = "{" + ",".join(f'"{name}":{found[name]}' for name in found) + "}"
    new = MessageDraft("user", '"x"', extra=f" {extra} ").accepted("m", "message")
    assert read_body(new.body).extra == (extra if found else "")
