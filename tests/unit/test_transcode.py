"""JSON to messages and back, over the real contract: every value exact, every fault named."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from google.protobuf import message as protobuf
from google.protobuf import timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from eunoe.v1 import admin_pb2, chat_pb2, dialogue_pb2, memory_pb2, search_pb2
from eunoe_server.domain import idempotency
from eunoe_server.errors import (
    ConflictingParameters,
    InvalidInput,
    InvalidParameter,
    InvalidRequest,
    MissingParameter,
)
from eunoe_server.transport.http import codec, transcode
from eunoe_server.transport.http.app import route_table
from eunoe_server.transport.http.transcode import rules, services


def read(body: str | bytes, kind: type[protobuf.Message] = memory_pb2.CreateMemoryRequest) -> Any:
    message = kind()
    codec.read_object(body.encode() if isinstance(body, str) else body, message)
    return message


def query(text: dict[str, list[str]], kind: type[protobuf.Message]) -> Any:
    message = kind()
    codec.read_query(text, message)
    return message


# The contract is the source of routes


def test_every_unary_rpc_has_a_route_and_no_two_routes_collide() -> None:
    table = route_table()
    for method, path, _ in table:
        words = re.compile(re.sub(r"\{\w+:path\}", ".*", re.sub(r"\{\w+\}", "[^/]+", path)))
        same = [each for verb, each, _ in table if verb == method and words.fullmatch(each)]
        assert same == [path]
    routed = {rpc for _, _, rpc in table}
    unary = {
        f"{service.name}.{method.name}"
        for service in services()
        for method in service.methods
        if not method.server_streaming
    }
    assert unary <= routed


def test_every_rule_is_in_the_table() -> None:
    table = set(route_table())
    for rule in rules():
        assert (rule.verb.upper(), rule.path, rule.name) in table


@pytest.mark.parametrize(
    "route",
    [
        ("POST", "/v1/memory/ns/{namespace}/chat/completions", "ChatService.CompleteChat"),
        ("GET", "/v1/models/{id:path}", "ChatService.GetModel"),
        ("PATCH", "/dialogue/{dialogue_id}/state", "DialogueService.PatchDialogueState"),
        ("PUT", "/memory/{id}", "MemoryService.UpdateMemory"),
        ("POST", "/api/v1/memories", "MemoryService.ExtractMemories"),
    ],
)
def test_the_table_has_the_routes_of_the_design(route: tuple[str, str, str]) -> None:
    assert route in route_table()


def test_an_idempotency_key_may_be_as_long_as_the_server_takes() -> None:
    assert transcode.MAX_KEY_CHARACTERS == idempotency.MAX_KEY_CHARACTERS


def test_what_has_no_json_form_is_refused_at_start_up() -> None:
    enum_inside: Any = chat_pb2.CompleteChatRequest.DESCRIPTOR
    with pytest.raises(codec.Unsupported, match="view"):
        codec.check_request(enum_inside)
    with pytest.raises(codec.Unsupported, match="view"):
        codec.check_answer(enum_inside)


# Documents pass as the bytes they are

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(documents, st.sampled_from([None, 1]), st.booleans())
def test_a_document_goes_in_and_out_byte_for_byte(
    value: Any, indent: int | None, is_ascii: bool
) -> None:
    try:
        written = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    except UnicodeEncodeError:  # a lone surrogate in a key
        return
    request = read(b'{"value": %b, "tags": ["a"]}' % written)
    assert request.value_json == written.decode()
    memory = memory_pb2.Memory(id="m", value_json=request.value_json)
    assert b'"value":' + written in codec.print_message(memory)


@pytest.mark.parametrize(
    "document",
    [
        "9007199254740993",
        "1E400",
        "-0.0",
        "1.50",
        "123456789012345678901234567890",
        '{"b":1,"a":2,"10":3,"9":4}',
        '"\\u0000"',
        '"\\ud83d\\ude00"',
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        " [ 1 , 2 ] ".strip(),
    ],
)
def test_what_other_json_paths_change_stays(document: str) -> None:
    request = read(f'{{"value": {document}}}')
    assert request.value_json == document
    printed = codec.print_message(memory_pb2.Memory(value_json=document))
    assert f'"value":{document}'.encode() in printed


def test_a_null_document_reaches_the_server_which_knows_what_it_means() -> None:
    assert read('{"value": null}').value_json == "null"
    assert read("{}").value_json == ""


# Bodies


def test_a_whole_body_is_read_into_its_typed_fields() -> None:
    request = read(
        """{"id": "d1", "threadOf": "d0", "label": null, "commitAfter": 5, "tags": ["a", "b"],
            "created": "2024-11-15T10:30:00.25Z", "state": {"k": 1.0},
            "messages": [{"role": "tool", "content": [{"type": "text"}], "tool_call_id": "c1"}]}""",
        dialogue_pb2.CreateDialogueRequest,
    )
    assert request == dialogue_pb2.CreateDialogueRequest(
        id="d1",
        thread_of="d0",
        commit_after_seconds=5,
        tags=["a", "b"],
        create_time=timestamp_pb2.Timestamp(seconds=1_731_666_600, nanos=250_000_000),
        state_json='{"k": 1.0}',
        messages=[
            dialogue_pb2.NewMessage(
                role="tool", content_json='[{"type": "text"}]', tool_call_id="c1"
            )
        ],
    )
    assert not request.HasField("label")


def test_zero_and_empty_are_given_where_a_field_has_presence() -> None:
    request = read('{"id": "", "commitAfter": 0}', dialogue_pb2.CreateDialogueRequest)
    assert request.HasField("id")
    assert request.HasField("commit_after_seconds")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"value": 1, "colour": "red"}', "colour"),
        ('{"value": 1, "value_json": "1"}', "value_json"),
        ('{"value": 1, "requestId": "x"}', "requestId"),
        ('{"value": 1, "tags": "a"}', "tags"),
        ('{"value": 1, "tags": [1]}', "tags[0]"),
        ('{"value": 1, "id": 7}', "id"),
        ('{"value": 1, "label": "\\ud800"}', None),
        ("[]", None),
        ("1", None),
        ("null", None),
        ("{", None),
        ("{} {}", None),
        ('{"value": NaN}', None),
        ('{"value": -Infinity}', None),
        ('\ufeff{"value": 1}', None),
        ('{"value": 1, "value": 2}', "value"),
        ('{"value": {"a": {"b": 1, "b": 1}}}', "b"),
        ('{"value": ' + "[" * 10_000 + "]" * 10_000 + "}", None),
        ("[" * 100_000, None),
        ("1" * 100_000, None),
        ('{"value": 01}', None),
        ('{"value": "\n"}', None),
        ("{'value': 1}", None),
    ],
)
def test_a_bad_body_is_an_input_error_that_names_the_field(body: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(body)
    assert [each.field for each in caught.value.fields] == ([field] if field else [])


def test_a_long_made_up_name_is_not_repeated_whole() -> None:
    for body in (
        f'{{"value": 1, "{"k" * 10_000}": 1}}',
        f'{{"{"k" * 10_000}": 1, "{"k" * 10_000}": 1}}',
    ):
        with pytest.raises(InvalidInput) as caught:
            read(body)
        assert len(caught.value.message) < 300


def test_bytes_that_are_not_utf_8_are_an_input_error() -> None:
    with pytest.raises(InvalidInput):
        read(b'{"value": "\xff"}')


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"messages": [{"role": "user"}, {"role": 1}]}', "messages[1].role"),
        ('{"messages": [{"role": "user"}, {"who": 1}]}', "messages[1].who"),
        ('{"messages": [{"role": "user", "created": "yesterday"}]}', "messages[0].created"),
        ('{"messages": [{"role": "user", "created": "2024-02-30"}]}', "messages[0].created"),
        ('{"messages": [null]}', "messages[0]"),
        ('{"messages": [], "commitAfter": 2147483648}', "commitAfter"),
        ('{"messages": [], "commitAfter": 1.5}', "commitAfter"),
        ('{"messages": [], "commitAfter": true}', "commitAfter"),
        ('{"messages": [], "commitAfter": %s}' % ("9" * 100_000), "commitAfter"),
    ],
)
def test_a_fault_deep_in_a_body_is_named_by_its_path(body: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(body, dialogue_pb2.CreateMessagesRequest)
    assert [each.field for each in caught.value.fields] == [field]


@pytest.mark.parametrize("garbage", [st.text(), st.binary(max_size=200)])
def test_garbage_is_an_input_error_and_nothing_else(garbage: Any) -> None:
    @given(garbage)
    def check(body: Any) -> None:
        try:
            read(body)
        except InvalidRequest:
            pass
        except UnicodeEncodeError:
            assert isinstance(body, str)  # not sendable at all

    check()


def test_a_list_that_must_be_there_may_be_empty_but_not_missing() -> None:
    assert list(read('{"tags": []}', memory_pb2.UpdateMemoryRequest).tags) == []
    with pytest.raises(MissingParameter) as caught:
        read("{}", memory_pb2.UpdateMemoryRequest)
    assert [(each.field, each.description) for each in caught.value.fields] == [
        ("tags", "Required")
    ]


def test_two_of_a_choice_are_refused_rather_than_one_picked() -> None:
    body = '{"name": "k", "scopes": [], "namespace": "a", "namespacePrefix": "b"}'
    with pytest.raises(ConflictingParameters):
        read(body, admin_pb2.CreateApiKeyRequest)


def test_a_message_inside_a_message_is_read() -> None:
    request = read(
        '{"query": "q", "object": "memory", "tagFilter": {"anyOf": ["a"], "noneOf": ["b"]}}',
        search_pb2.SearchRequest,
    )
    assert list(request.tag_filter.any_of) == ["a"]
    assert list(request.tag_filter.none_of) == ["b"]


# Times

UTC_10_30 = 1_731_666_600  # 2024-11-15T10:30:00Z


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("2024-11-15T10:30:00Z", UTC_10_30, 0),
        ("2024-11-15t10:30:00z", UTC_10_30, 0),
        ("2024-11-15T10:30:00.000001Z", UTC_10_30, 1_000),
        ("2024-11-15T10:30:00.123456789Z", UTC_10_30, 123_456_789),
        ("2024-11-15T12:30:00+02:00", UTC_10_30, 0),
        ("2024-11-15T12:30:00 02:00", UTC_10_30, 0),
        ("2024-11-15T05:00:00-05:30", UTC_10_30, 0),
        ("2024-11-15", UTC_10_30 - 10 * 3600 - 30 * 60, 0),
        ("1969-12-31T23:59:59Z", -1, 0),
    ],
)
def test_times_are_rfc_3339_or_a_date_at_midnight_utc(text: str, seconds: int, nanos: int) -> None:
    request = query({"startDate": [text]}, memory_pb2.ListMemoriesRequest)
    assert request.start_time == timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-11-15T10:30:00",  # whose clock?
        "2024-13-01",
        "2024-11-15T25:00:00Z",
        "2024-11-15T10:30:60Z",
        "20241115",
        "2024-W46-5",
        "0000-01-01",
        "1731666600",
        "2024-11-15T10:30:00.Z",
        "2024-11-15T10:30:00+99:99",
        "\u0662024-11-15",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        query({"startDate": [text]}, memory_pb2.ListMemoriesRequest)


@pytest.mark.parametrize(
    ("stamp", "printed"),
    [
        (timestamp_pb2.Timestamp(seconds=UTC_10_30), "2024-11-15T10:30:00Z"),
        (timestamp_pb2.Timestamp(seconds=UTC_10_30, nanos=250_000_000), "2024-11-15T10:30:00.250Z"),
        (timestamp_pb2.Timestamp(seconds=UTC_10_30, nanos=1_000), "2024-11-15T10:30:00.000001Z"),
    ],
)
def test_times_are_printed_with_the_fraction_they_have(
    stamp: timestamp_pb2.Timestamp, printed: str
) -> None:
    assert (
        json.loads(codec.print_message(memory_pb2.Memory(create_time=stamp)))["created"] == printed
    )


# Queries


def test_a_query_fills_the_plain_fields() -> None:
    request = query(
        {
            "namespace": ["a b"],
            "limit": ["20"],
            "includeSuperseded": ["true"],
            "minConfidence": ["0.5"],
            "next": ["t"],
        },
        memory_pb2.ListMemoriesRequest,
    )
    assert request == memory_pb2.ListMemoriesRequest(
        namespace="a b",
        page_size=20,
        include_superseded=True,
        min_confidence=0.5,
        page_token="t",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("page_size", "1"),
        ("requestId", "x"),
        ("limit", "many"),
        ("limit", "1.0"),
        ("limit", " 1"),
        ("limit", ""),
        ("limit", "2147483648"),
        ("limit", "9" * 5_000),
        ("includeSuperseded", "yes"),
        ("minConfidence", "NaN"),
        ("minConfidence", "1e999x"),
        ("minConfidence", "[]"),
    ],
)
def test_a_bad_query_is_a_parameter_error_that_names_the_parameter(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        query({name: [value]}, memory_pb2.ListMemoriesRequest)
    assert [each.field for each in caught.value.fields] == [name]


def test_the_same_parameter_twice_is_fine_only_with_one_value() -> None:
    assert query({"limit": ["5", "05".strip("0")]}, memory_pb2.ListMemoriesRequest).page_size == 5
    with pytest.raises(ConflictingParameters):
        query({"limit": ["5", "6"]}, memory_pb2.ListMemoriesRequest)


# Answers


def test_an_answer_has_what_has_no_presence_and_omits_what_is_not_set() -> None:
    printed = json.loads(codec.print_message(memory_pb2.Memory(id="m", metadata_json="{}")))
    assert printed == {"id": "m", "tags": [], "metadata": {}}


def test_a_page_always_has_its_items() -> None:
    assert json.loads(codec.print_message(memory_pb2.ListMemoriesResponse())) == {"items": []}


def test_things_in_a_list_leave_out_their_empty_lists_of_things() -> None:
    page = dialogue_pb2.ListDialoguesResponse(dialogues=[dialogue_pb2.Dialogue(id="d")])
    inner = json.loads(codec.print_message(page))["items"][0]
    assert "messages" not in inner
    assert inner["tags"] == []
    own = json.loads(codec.print_message(dialogue_pb2.Dialogue(id="d")))
    assert own["messages"] == []


def test_an_untagged_choice_stands_under_the_choices_name() -> None:
    answer = search_pb2.SearchResponse(
        results=[
            search_pb2.SearchResult(
                object="dialogue",
                relevance=0.5,
                dialogue=dialogue_pb2.Dialogue(id="d"),
                matches=[
                    search_pb2.SearchResult(
                        object="message", message=dialogue_pb2.Message(id="m", content_json='"hi"')
                    )
                ],
            )
        ]
    )
    result = json.loads(codec.print_message(answer))["results"][0]
    assert result["item"]["id"] == "d"
    assert result["matches"][0]["item"]["content"] == "hi"
    assert "dialogue" not in result


def test_counts_beyond_32_bits_are_texts_as_in_protobufs_own_json() -> None:
    usage = admin_pb2.Usage(prompt_tokens=9_007_199_254_740_993)
    assert json.loads(codec.print_message(usage))["promptTokens"] == "9007199254740993"


def test_text_beyond_ascii_is_printed_as_utf_8() -> None:
    assert "é😀".encode() in codec.print_message(memory_pb2.Memory(label="é😀"))
