"""The body of a chat request is split and spliced, never rewritten."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.chat import ChatBody, MemoryMode, parse_mode
from eunoe_server.errors import InvalidInput, InvalidParameter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip
NOTE = {"role": "user", "content": "a note"}


def body(messages: list[object], **fields: object) -> bytes:
    return json.dumps({"model": "m", "messages": messages, **fields}).encode()


def test_without_insertions_the_bytes_are_the_same() -> None:
    raw = b' { "messages" :[ {"role":"user"} ] ,"model":"m","n":1E400 } '
    assert ChatBody.parse(raw).with_inserted([]) is raw
    assert ChatBody.parse(raw).with_inserted([(0, [])]) is raw


@given(
    messages=st.lists(st.dictionaries(st.text(max_size=5), JSON), min_size=1, max_size=5),
    extra=st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=4),
    data=st.data(),
)
def test_an_inserted_message_is_the_only_difference(
    messages: list[object], extra: dict[str, object], data: st.DataObject
) -> None:
    sent = {"model": "m", **extra, "messages": messages}
    sent["model"] = "m"
    sent.pop("stream", None)
    index = data.draw(st.integers(0, len(messages)))
    spliced = ChatBody.parse(json.dumps(sent).encode()).with_inserted(
        [(index, [json.dumps(NOTE).encode()])]
    )
    got = json.loads(spliced)
    assert got["messages"].pop(index) == NOTE
    assert got == sent
    assert list(got) == list(sent)


def test_numbers_and_order_survive_an_insertion() -> None:
    raw = b'{"z":1.50,"big":9007199254740993,"huge":1E400,"messages":[{"b":1,"a":2}],"model":"m"}'
    note = json.dumps(NOTE).encode()
    assert ChatBody.parse(raw).with_inserted([(0, [note])]) == raw.replace(
        b"[{", b"[" + note + b",{"
    )


def test_insertions_at_several_places_keep_their_order() -> None:
    parsed = ChatBody.parse(body([{"i": 0}, {"i": 1}]))
    got = json.loads(parsed.with_inserted([(0, [b'{"a":1}', b'{"a":2}']), (1, [b'{"b":1}'])]))
    assert got["messages"] == [{"a": 1}, {"a": 2}, {"i": 0}, {"b": 1}, {"i": 1}]


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"messages":[{}]}', "model"),
        (b'{"model":1,"messages":[{}]}', "model"),
        (b'{"model":"m","messages":[{}],"stream":1}', "stream"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, None),
        (b'{"model":"m","messages":' + b"[" * 5000 + b"]" * 5000 + b"}", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_chat_request_is_refused_by_field(raw: bytes, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        ChatBody.parse(raw)
    if field is not None:
        assert [violation.field for violation in caught.value.fields] == [field]


@pytest.mark.parametrize(
    ("value", "wanted"), [(b"true", True), (b"false", False), (b"null", False)]
)
def test_stream_is_read_from_the_body(value: bytes, wanted: bool) -> None:
    raw = b'{"model":"m","messages":[{}],"stream":%s}' % value
    assert ChatBody.parse(raw).is_stream is wanted


def test_modes() -> None:
    assert parse_mode(None) is parse_mode("") is MemoryMode.AUTO
    assert [mode.recalls for mode in MemoryMode] == [True, True, False, False]
    assert [mode.stores for mode in MemoryMode] == [True, False, True, False]
    with pytest.raises(InvalidParameter):
        parse_mode("maybe")
