"""ChatService in types: `model` and `messages` alone, typed deltas, usage, what was recalled."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from eunoe.v1 import chat_pb2, chat_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess, wait_until
from tests.fixtures.upstream import Reply, Stall, Upstream, error_reply, event, sse_reply


@pytest.fixture
def chat(server: ServerProcess) -> Iterator[chat_pb2_grpc.ChatServiceStub]:
    with server.channel() as channel:
        yield chat_pb2_grpc.ChatServiceStub(channel)


def user(text: str) -> chat_pb2.ChatMessage:
    return chat_pb2.ChatMessage(role="user", content=text)


def details(error: grpc.RpcError) -> status_pb2.Status:
    assert isinstance(error, grpc.Call)
    metadata = dict(error.trailing_metadata() or ())
    return status_pb2.Status.FromString(metadata["grpc-status-details-bin"])


def reason(error: grpc.RpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    assert details(error).details[0].Unpack(info)
    assert info.domain == "eunoe"
    return info.reason


def tell(chat: chat_pb2_grpc.ChatServiceStub, namespace: str) -> None:
    """Commits one statement and waits until it is recalled."""
    request = chat_pb2.CompleteChatRequest(
        namespace=namespace,
        commit_after_seconds=0,
        model="m",
        messages=[user("My name is Alice and I am allergic to peanuts.")],
    )
    chat.CompleteChat(request, metadata=METADATA)

    def is_recalled() -> bool:
        probe = chat_pb2.CompleteChatRequest(
            namespace=namespace, memory="read", model="m", messages=[user("What is my name?")]
        )
        return len(chat.CompleteChat(probe, metadata=METADATA).memory.notes) > 0

    wait_until(is_recalled, "the commit")


def test_a_typed_request_is_answered_in_types(
    chat: chat_pb2_grpc.ChatServiceStub, namespace: str
) -> None:
    tell(chat, namespace)
    answer = chat.CompleteChat(
        chat_pb2.CompleteChatRequest(
            namespace=namespace, model="m", messages=[user("What must I not eat?")]
        ),
        metadata=METADATA,
    )
    assert "peanuts" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0
    assert answer.memory.matched_by == "new"
    assert answer.memory.notes[0].text == "My name is Alice and I am allergic to peanuts."
    assert answer.memory.notes[0].role == "user"
    assert answer.memory.notes[0].create_time.seconds > 0
    assert answer.body.startswith(b"{")


def test_a_stream_is_started_then_chunks_then_finished(
    chat: chat_pb2_grpc.ChatServiceStub, namespace: str
) -> None:
    tell(chat, namespace)
    events = list(
        chat.StreamChat(
            chat_pb2.StreamChatRequest(
                namespace=namespace, model="m", messages=[user("What is my name?")]
            ),
            metadata=METADATA,
        )
    )
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert set(kinds[1:-1]) == {"chunk"}
    text = "".join(delta.content for event in events for delta in event.chunk.deltas)
    assert "Alice" in text
    assert events[-1].finished.is_stored
    assert events[-1].finished.chat_id == events[0].started.memory.chat_id
    assert [d.finish_reason for e in events for d in e.chunk.deltas if d.finish_reason] == ["stop"]
    assert any(event.chunk.usage.total_tokens for event in events)


def test_a_view_leaves_out_the_other_half(chat: chat_pb2_grpc.ChatServiceStub) -> None:
    request = chat_pb2.CompleteChatRequest(model="m", messages=[user("Hello")], memory="off")
    request.view = chat_pb2.CHAT_VIEW_TYPED
    assert chat.CompleteChat(request, metadata=METADATA).body == b""
    request.view = chat_pb2.CHAT_VIEW_RAW
    raw = chat.CompleteChat(request, metadata=METADATA)
    assert raw.body
    assert not raw.choices


@pytest.mark.parametrize(
    ("request_fields", "wanted"),
    [
        ({}, "INVALID_INPUT"),
        ({"messages": [], "model": "m"}, "INVALID_INPUT"),
        ({"messages": [chat_pb2.ChatMessage(content="x")]}, "MISSING_PARAMETER"),
        ({"messages": [chat_pb2.ChatMessage(role="king", content="x")]}, "INVALID_INPUT"),
        ({"messages": [user("x")], "body": b"{}"}, "INVALID_INPUT"),
        ({"body": b"not json"}, "INVALID_INPUT"),
        ({"body": b'{"model":"m","stream":true,"messages":[{"role":"user"}]}'}, "INVALID_INPUT"),
        ({"messages": [user("x")], "tools_json": "{"}, "INVALID_INPUT"),
        ({"messages": [user("x")], "namespace": "n" * 300}, "INVALID_PARAMETER"),
        ({"messages": [user("x")], "commit_after_seconds": -1}, "INVALID_PARAMETER"),
        ({"messages": [user("x")], "memory": "maybe"}, "INVALID_PARAMETER"),
        ({"messages": [user("x")], "chat_id": "a\nb"}, "INVALID_PARAMETER"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(
    chat: chat_pb2_grpc.ChatServiceStub, request_fields: dict[str, object], wanted: str
) -> None:
    request = chat_pb2.CompleteChatRequest(**request_fields)  # type: ignore[arg-type]
    with pytest.raises(grpc.RpcError) as caught:
        chat.CompleteChat(request, metadata=METADATA)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(caught.value) == wanted


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer wrong"),)])
def test_without_a_key_nothing_is_answered(
    chat: chat_pb2_grpc.ChatServiceStub, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        chat.ListModels(chat_pb2.ListModelsRequest(), metadata=metadata)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason(caught.value) == "INVALID_API_KEY"


@pytest.fixture
def chat_with_a_model(proxy: ServerProcess) -> Iterator[chat_pb2_grpc.ChatServiceStub]:
    """As `chat`, before a stand-in that can be slow."""
    with proxy.channel() as channel:
        yield chat_pb2_grpc.ChatServiceStub(channel)


@pytest.mark.parametrize(
    "reply",
    [Reply(before=(Stall(),)), sse_reply(event({"id": "c", "choices": []}), Stall())],
    ids=["before the first piece", "in the answer"],
)
def test_cancelling_a_call_stops_the_model(
    chat_with_a_model: chat_pb2_grpc.ChatServiceStub, behind: Upstream, reply: Reply
) -> None:
    before = len(behind.requests)
    behind.script(reply)
    call = chat_with_a_model.StreamChat(
        chat_pb2.StreamChatRequest(model="m", messages=[user("Hello")]), metadata=METADATA
    )
    request = behind.wait_for_requests(before + 1)[-1]
    call.cancel()
    assert request.was_abandoned.wait(1.0)


def test_a_deadline_that_passes_stops_the_model(
    chat_with_a_model: chat_pb2_grpc.ChatServiceStub, behind: Upstream
) -> None:
    before = len(behind.requests)
    behind.script(Reply(before=(Stall(),)))
    with pytest.raises(grpc.RpcError) as caught:
        chat_with_a_model.CompleteChat(
            chat_pb2.CompleteChatRequest(model="m", messages=[user("Hello")]),
            metadata=METADATA,
            timeout=0.5,
        )
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert behind.wait_for_requests(before + 1)[-1].was_abandoned.wait(1.0)


def test_the_model_s_error_is_a_detail_of_the_status(
    chat_with_a_model: chat_pb2_grpc.ChatServiceStub, behind: Upstream
) -> None:
    """Also one that comes in the middle of an answer: no chunk is an error."""
    error = {"error": {"message": "Slow down", "code": "rate"}}
    behind.script(
        error_reply(429, "Slow down", headers=[("retry-after", "7")]),
        sse_reply(event({"id": "c", "choices": []}), event(error)),
    )
    request = chat_pb2.StreamChatRequest(model="m", messages=[user("Hello")])
    seen: list[chat_pb2.StreamChatResponse] = []
    for code, status in (
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (grpc.StatusCode.UNAVAILABLE, 502),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            seen.extend(chat_with_a_model.StreamChat(request, metadata=METADATA))
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is code
        assert reason(caught.value) == "UPSTREAM_ERROR"
        upstream = chat_pb2.UpstreamError()
        assert any(detail.Unpack(upstream) for detail in details(caught.value).details)
        assert upstream.http_status == status
        assert json.loads(upstream.body)["error"]["message"] == "Slow down"
        if status == 429:
            assert ("retry-after", "7") in [(each.name, each.value) for each in upstream.headers]
    assert [each.WhichOneof("event") for each in seen] == ["started", "chunk"]


def test_an_unknown_model_is_not_found(chat: chat_pb2_grpc.ChatServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        chat.GetModel(chat_pb2.GetModelRequest(id="nothing"), metadata=METADATA)
    assert reason(caught.value) == "MODEL_NOT_FOUND"


def test_the_caller_s_request_id_comes_back(chat: chat_pb2_grpc.ChatServiceStub) -> None:
    _, call = chat.ListModels.with_call(
        chat_pb2.ListModelsRequest(), metadata=(*METADATA, ("x-request-id", "mine-1"))
    )
    assert dict(call.trailing_metadata() or ())["x-request-id"] == "mine-1"
