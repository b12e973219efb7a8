"""Requests that are easy to write and hard to serve: refused with a reason, or served (S7, S9)."""

from __future__ import annotations

import grpc
import pytest

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.errors import Reason
from tests.fixtures.server import METADATA, ServerProcess, call

MIB = 1024 * 1024
HELLO = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize("count", [10**9, 2**63, -1])
def test_so_many_choices_are_the_models_to_refuse_and_cost_us_nothing(
    server: ServerProcess, namespace: str, count: int
) -> None:
    body = {"model": "eunoe-local", "messages": [HELLO], "n": count, "top_logprobs": count}
    status, answer, _ = call(server, "POST", f"/v1/memory/ns/{namespace}/chat/completions", body)
    assert status in {200, 400}
    if status == 200:
        assert len(answer["choices"]) == 1


def test_a_chat_of_ever_so_many_messages_is_answered(server: ServerProcess, namespace: str) -> None:
    body = {"model": "eunoe-local", "messages": [HELLO] * 20_000, "memory": {"mode": "read"}}
    status, _, _ = call(server, "POST", f"/v1/memory/ns/{namespace}/chat/completions", body)
    assert status == 200


def test_ever_so_many_tags_are_refused_by_name(server: ServerProcess, namespace: str) -> None:
    tags = [f"t{number}" for number in range(10**6)]
    status, answer, _ = call(
        server, "POST", "/memory", {"namespace": namespace, "value": 1, "tags": tags}
    )
    assert (status, answer["error"]["code"]) == (400, Reason.INVALID_INPUT)
    assert answer["error"]["details"][0]["field"] == "tags"


def test_ever_so_many_messages_are_refused_by_name(server: ServerProcess, namespace: str) -> None:
    dialogue = call(server, "POST", "/dialogue", {"namespace": namespace}).done
    path = f"/dialogue/{dialogue['id']}/messages?namespace={namespace}"
    status, answer, _ = call(server, "POST", path, {"messages": [HELLO] * 10**5})
    assert (status, answer["error"]["code"]) == (400, Reason.INVALID_INPUT)


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: ServerProcess) -> None:
    status, answer, _ = call(server, "POST", "/memory", "x" * (16 * MIB))
    assert (status, answer["error"]["code"]) == (413, Reason.REQUEST_TOO_LARGE)


def test_headers_over_the_limit_are_refused(server: ServerProcess) -> None:
    status, _, _ = call(server, "POST", "/memory", {}, headers={"x-long": "x" * (256 * 1024)})
    assert status == 431


def test_a_message_over_the_limit_is_refused_over_grpc_too(server: ServerProcess) -> None:
    request = memory_pb2.CreateMemoryRequest(value_json="x" * (17 * MIB))
    with server.channel() as channel, pytest.raises(grpc.RpcError) as refusal:
        memory_pb2_grpc.MemoryServiceStub(channel).CreateMemory(request, metadata=METADATA)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_over_the_limit_is_refused_over_grpc(server: ServerProcess) -> None:
    metadata = (*METADATA, ("x-long", "x" * (256 * 1024)))
    with server.channel() as channel, pytest.raises(grpc.RpcError) as refusal:
        memory_pb2_grpc.MemoryServiceStub(channel).ListMemories(
            memory_pb2.ListMemoriesRequest(), metadata=metadata
        )
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
