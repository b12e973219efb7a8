"""What reads what others wrote refuses it with a reason or reads it, whatever it is (S8, S11).

How the bytes are made says `fixtures/odd_json.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import message_factory
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.answer import AnswerAssembler, read_answer
from eunoe_server.domain.caller import is_mistyped, key_id_of
from eunoe_server.domain.chat import ChatBody
from eunoe_server.domain.dialogue_state import patched_state
from eunoe_server.domain.json_document import parse, readable_text
from eunoe_server.domain.json_text import members, object_of, text_of
from eunoe_server.domain.listing import Listing
from eunoe_server.domain.message_body import read_body
from eunoe_server.domain.metadata_filter import read_metadata
from eunoe_server.domain.page_token import read_token
from eunoe_server.domain.replay import request_message
from eunoe_server.domain.response_answer import ResponseAssembler, read_response
from eunoe_server.domain.responses import ResponsesBody
from eunoe_server.domain.search_filter import read_filter, read_tags
from eunoe_server.errors import InvalidInput, InvalidParameter, InvalidRequest
from eunoe_server.providers.sse import EventSplitter, EventTooLarge
from eunoe_server.transport.http import codec, sse
from eunoe_server.transport.http.transcode import rules
from tests.fixtures.odd_json import mutated, shaped, texts

NOW = datetime(2025, 6, 15, 12, 0, tzinfo=UTC)


def refused(read: Callable[[], object]) -> str:
    """What is said when this is refused; nothing when it is read. It can always be sent."""
    try:
        read()
    except InvalidRequest as refusal:
        str(refusal).encode()
        return str(refusal)
    return ""


messages = st.lists(shaped("role", "content") | texts, max_size=3).map(
    lambda items: "[" + ",".join(items) + "]"
)
chats = st.builds(
    lambda listed, rest: f'{{"model":"m","messages":{listed},{rest[1:]}', messages, shaped("stream")
)
bodies = mutated(chats | shaped("model", "messages") | texts) | st.binary(max_size=60)


@given(bodies)
def test_a_chat_s_body_is_read_or_refused(raw: bytes) -> None:
    try:
        body = ChatBody.parse(raw)
        turns = body.turns
    except InvalidInput:
        return
    assert len(turns) == len(body.messages) > 0
    for turn in turns:
        turn.text.encode()
        # What was kept is shown and replayed without a second look.
        assert request_message(turn.body)
        read_body(turn.body)


@given(mutated(shaped("model", "input") | texts) | st.binary(max_size=60))
def test_a_response_s_body_is_read_or_refused(raw: bytes) -> None:
    try:
        turns = ResponsesBody.parse(raw).turns
    except InvalidInput:
        return
    for turn in turns:
        turn.text.encode()


@given(st.lists(mutated(shaped("choices") | shaped("type", "item", "output_index") | texts)))
def test_whatever_a_model_answers_is_remembered_or_not(events: list[bytes]) -> None:
    assemblers: tuple[Any, ...] = (AnswerAssembler(), ResponseAssembler())
    for assembler in assemblers:
        for event in events:
            assembler.feed(event)
        assembler.answer()
    for event in events:
        read_answer(event)
        read_response(event)


@given(texts | st.text(max_size=40))
def test_a_document_stays_what_it_is_or_is_refused(document: str) -> None:
    try:
        found = parse(document, "value")
    except InvalidInput:
        return
    again = text_of(found)
    assert parse(again, "value") == found
    readable_text(found, 1_000).encode()
    if isinstance(found, dict):
        assert object_of(members(again)) == again
        assert parse(patched_state("{}", again), "value") is not None


@given(texts | st.text(max_size=40))
def test_a_filter_is_understood_or_refused(document: str) -> None:
    refused(lambda: read_tags(document))
    refused(lambda: read_filter(document, NOW))
    try:
        found = read_metadata(document)
    except InvalidParameter:
        return
    if found is not None:
        found.values.encode()
        json.loads(found.values)


@given(st.text(max_size=60) | st.text(alphabet="AZaz09-_=+/", min_size=38, max_size=42))
def test_a_page_token_that_nobody_gave_is_refused(token: str) -> None:
    listing = Listing("memories", 1, ("alice",), newest_first=True)
    with pytest.raises(InvalidParameter):
        read_token(token, listing)


@given(st.text(max_size=80) | st.from_regex(r"eu_[0-9A-Za-z]{0,30}_[0-9A-Za-z]{0,60}"))
def test_a_key_is_looked_at_without_stumbling(token: str) -> None:
    is_mistyped(token)
    key_id_of(token)


#: The requests that are read from JSON bodies; OpenAI's own pass as bytes.
requests = [
    rule.rpc.input_type
    for rule in rules()
    if rule.body == "*" and rule.rpc.containing_service.name != "ChatService"
]


@given(st.data())
def test_a_body_of_any_method_is_read_or_refused(data: st.DataObject) -> None:
    descriptor = data.draw(st.sampled_from(requests))
    names = [field.json_name for field in codec.fields_of(descriptor)]
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    raw = data.draw(mutated(shaped(*chosen) | texts))
    said = refused(lambda: codec.read_object(raw, message_factory.GetMessageClass(descriptor)()))
    assert "truncated" not in said
    assert "malformed" not in said


pieces = st.lists(st.binary(max_size=20) | st.sampled_from([b"data: ", b"\r", b"\n", b"\r\n"]))


@given(pieces)
def test_a_stream_is_cut_into_the_same_events_however_it_arrives(chunks: list[bytes]) -> None:
    in_pieces, at_once = EventSplitter(10_000), EventSplitter(10_000)
    found = [event for chunk in chunks for event in in_pieces.feed(chunk)] + in_pieces.finish()
    assert found == at_once.feed(b"".join(chunks)) + at_once.finish()


@given(st.binary(min_size=1, max_size=200).filter(lambda data: data.strip() != b"[DONE]"))
def test_an_event_that_is_framed_anew_says_the_same(data: bytes) -> None:
    (found,) = EventSplitter(10_000).feed(sse.event(data))
    assert found == b"\n".join(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))


def test_an_event_that_never_ends_is_given_up() -> None:
    splitter = EventSplitter(1_000)
    lines = [b"data: " + b"x" * 20 + b"\n"] * 100
    with pytest.raises(EventTooLarge):
        list(map(splitter.feed, lines))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "The request body is empty."),
        (b" \n", "The request body is empty."),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
            "The request body is not valid JSON: a text escapes half of a surrogate pair",
        ),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": "x", "n": '
            + b"9" * 5_000
            + b"}]}",
            "messages[0]: holds a number of too many digits",
        ),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": [{"n": '
            + b"9" * 5_000
            + b"}]}]}",
            "messages[0]: holds a number of too many digits",
        ),
    ],
)
def test_what_is_odd_is_refused_by_its_name(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _ = ChatBody.parse(raw).turns
    assert str(refusal.value) == message


def test_digits_in_a_text_are_no_number() -> None:
    content = "9" * 5_000
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    (turn,) = ChatBody.parse(json.dumps(body).encode()).turns
    assert turn.text == content
