"""The event splitter against the HTML standard's rules, however the stream is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.providers.sse import EventSplitter, EventTooLarge


def split(*chunks: bytes, max_event_bytes: int = 1_000_000) -> tuple[list[bytes], bool]:
    splitter = EventSplitter(max_event_bytes)
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    return events + splitter.finish(), splitter.was_completed


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b'data: {"a":1}\n\ndata: {"b":2}\n\n', [b'{"a":1}', b'{"b":2}'], id="LF"),
        pytest.param(b"data: 1\r\n\r\ndata: 2\r\n\r\n", [b"1", b"2"], id="CRLF"),
        pytest.param(b"data: 1\r\rdata: 2\r\r", [b"1", b"2"], id="CR"),
        pytest.param(b"data: 1\r\n\ndata: 2\n\r\n", [b"1", b"2"], id="mixed line ends"),
        pytest.param(b"data:1\n\ndata:  2\n\n", [b"1", b" 2"], id="only one space is framing"),
        pytest.param(b"data: {\ndata:  1}\n\n", [b"{\n 1}"], id="several data lines"),
        pytest.param(b"data: {\r\ndata: 1}\r\n\r\n", [b"{\n1}"], id="several lines in CRLF"),
        pytest.param(b": ping\n\n: ping\ndata: 1\n\n", [b"1"], id="comments"),
        pytest.param(b"id: 7\nevent: x\nretry: 1\ndata: 1\n\n", [b"1"], id="other fields"),
        pytest.param(b"event: x\n\ndata: 1\n\n", [b"1"], id="an event without data"),
        pytest.param(b"data\n\ndata:\n\ndata: 1\n\n", [b"1"], id="an event with empty data"),
        pytest.param(b"database: 1\n\ndata: 2\n\n", [b"2"], id="a field that begins with data"),
        pytest.param(b"data: 1\n\ndata: 2", [b"1", b"2"], id="no blank line at the end"),
        pytest.param(b"data: 1\n\ndata: 2\n", [b"1", b"2"], id="half a blank line at the end"),
        pytest.param(b"\xef\xbb\xbfdata: 1\n\n", [b"1"], id="a byte order mark"),
        pytest.param("data: \u2028é\x0b\n\n".encode(), ["\u2028é\x0b".encode()], id="odd spaces"),
        pytest.param(b'data: "\xff\xed\xa0\x80"\n\n', [b'"\xff\xed\xa0\x80"'], id="no UTF-8"),
        pytest.param(b'{"object": "chat.completion"}', [], id="no stream at all"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_the_data_of_each_event_is_handed_on_verbatim(stream: bytes, events: list[bytes]) -> None:
    assert split(stream)[0] == events
    one_by_one = [stream[i : i + 1] for i in range(len(stream))]
    assert split(*one_by_one)[0] == events


@given(
    st.lists(
        st.binary(min_size=1, max_size=40).filter(
            lambda data: not set(data) & {10, 13} and data.strip() != b"[DONE]"
        ),
        max_size=8,
    ),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(min_value=0, max_value=400), max_size=12),
)
def test_where_a_stream_is_cut_makes_no_difference(
    payloads: list[bytes], line_end: bytes, cuts: list[int]
) -> None:
    stream = b"".join(b"data: " + payload + line_end * 2 for payload in payloads)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in itertools.pairwise(at)]
    assert split(*chunks)[0] == payloads


def test_done_is_remembered_and_ends_the_stream() -> None:
    assert split(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n") == ([b"1"], True)
    assert split(b"data: 1\n\ndata: [DONE]") == ([b"1"], True)
    assert split(b"data: 1\n\n") == ([b"1"], False)
    assert split(b'data: "[DONE]"\n\n') == ([b'"[DONE]"'], False)


def test_an_event_is_complete_with_its_blank_line_and_not_before() -> None:
    splitter = EventSplitter(1_000)
    assert splitter.feed(b"data: 1\n") == []
    assert splitter.feed(b"\n") == [b"1"]
    assert splitter.feed(b"data: 2\r\n\r") == [b"2"]
    assert splitter.feed(b"\ndata: 3\r\n\r\n") == [b"3"]


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * 400, b"data: xxxx\n" * 40, b": " + b"x" * 400, b"x" * 400]
)
def test_an_endless_event_is_not_held(line: bytes) -> None:
    with pytest.raises(EventTooLarge):
        split(*(line[i : i + 7] for i in range(0, len(line), 7)), max_event_bytes=300)


def test_comments_may_go_on_for_ever() -> None:
    splitter = EventSplitter(300)
    assert [splitter.feed(b": keep-alive\n\n") for _ in range(100)] == [[]] * 100
    assert splitter.feed(b"data: 1\n\n") == [b"1"]
