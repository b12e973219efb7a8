"""Seed 004's dialect: `POST` and `GET /api/v1/memories` over ExtractMemories and ListMemories.

Another API's names and envelope around our contract, and nothing else. Its `user_id` is our
namespace: `self` is the owner's own, which is the global one, and `all` is every namespace.
"""

from __future__ import annotations

from typing import Any

import grpc.aio
import msgspec
from google.protobuf import timestamp_pb2
from starlette.requests import Request
from starlette.responses import Response

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.errors import InvalidInput, InvalidParameter
from eunoe_server.transport.http import codec
from eunoe_server.transport.http.calls import (
    answered,
    metadata_of,
    read_apart,
    read_body,
    until_client_leaves,
)
from eunoe_server.transport.http.queries import agreed, query_of
from eunoe_server.transport.http.routing import Route, Wiring
from eunoe_server.transport.http.transcode import idempotency_key

PATH = "/api/v1/memories"
_JSON = {"content-type": "application/json"}

#: The server says in its trailing metadata whose key it was (`owner_id` in this dialect).
_PROJECT_METADATA = "x-eunoe-project"

#: This dialect's names of what ExtractMemories takes, and of ListMemories' filters.
_BODY_FIELDS = {"messages": "messages", "user_id": "namespace", "metadata": "metadata"}
_FILTERS = {
    "limit": "limit",
    "cursor": "next",
    "order": "order",
    "memory_type": "memoryType",
    "min_confidence": "minConfidence",
}
_DEFAULT_LIMIT = "20"
MAX_LIMIT = 100


class Memories:
    """Both routes."""

    def __init__(self, wiring: Wiring) -> None:
        self._stub = memory_pb2_grpc.MemoryServiceStub(wiring.channel)
        self._max_body_bytes = wiring.max_body_bytes

    async def extract(self, request: Request) -> Response:
        """Facts out of messages."""
        metadata = metadata_of(request)
        body = await read_body(request, self._max_body_bytes)
        asked = await read_apart(len(body), lambda: _extraction(body))
        asked.request_id = idempotency_key(request)
        call = self._stub.ExtractMemories(asked, metadata=metadata)
        answer, owner, told = await until_client_leaves(request.receive, call, _owned(call))
        created = [each.memory.id for each in answer.memories if each.outcome == "created"]
        return _reply(
            {
                "success": True,
                "memories_created": len(created),
                "memory_ids": created,
                "owner_id": owner,
                "user_id": asked.namespace or None,
            },
            told,
        )

    async def list(self, request: Request) -> Response:
        """Facts, page by page."""
        metadata = metadata_of(request)
        call = self._stub.ListMemories(_listing(request), metadata=metadata)
        answer, owner, told = await until_client_leaves(request.receive, call, _owned(call))
        return _reply(
            {
                "success": True,
                "count": len(answer.memories),
                "next_cursor": answer.next_page_token or None,
                "results": [_result(memory, owner) for memory in answer.memories],
            },
            told,
        )


async def _owned(call: grpc.aio.UnaryUnaryCall[Any, Any]) -> tuple[Any, str, dict[str, str]]:
    """The answer, whose key asked, and what is to be said with it."""
    answer, told = await answered(call)
    trailing = dict(await call.trailing_metadata() or ())
    return answer, str(trailing.get(_PROJECT_METADATA, "")), told


def _extraction(body: bytes) -> memory_pb2.ExtractMemoriesRequest:
    """The body in our names. Raises InvalidInput, MissingParameter."""
    parts = codec.split_object(body)
    for name in parts:
        if name not in _BODY_FIELDS:
            raise InvalidInput.of(name[:200], "Unknown field.")
    renamed = {_BODY_FIELDS[name]: part for name, part in parts.items()}
    call = memory_pb2.ExtractMemoriesRequest()
    codec.read_object(msgspec.json.encode(renamed), call)
    if call.namespace == "all":
        raise InvalidInput.of("user_id", "`all` means every user and cannot be one.")
    if call.namespace == "self":
        call.namespace = ""
    return call


def _listing(request: Request) -> memory_pb2.ListMemoriesRequest:
    """The query in our names. Raises InvalidParameter, ConflictingParameters."""
    query = query_of(request)
    user = agreed("user_id", query.pop("user_id", []))
    for name in query:
        if name not in _FILTERS:
            raise InvalidParameter.of(name[:200], "Unknown parameter.")
    query.setdefault("limit", [_DEFAULT_LIMIT])
    call = memory_pb2.ListMemoriesRequest(facts_only=True)
    codec.read_query({_FILTERS[name]: values for name, values in query.items()}, call)
    if not 1 <= call.page_size <= MAX_LIMIT:
        raise InvalidParameter.of("limit", f"Must be 1 to {MAX_LIMIT}.")
    if user not in {None, "all"}:
        call.namespace = "" if user == "self" else str(user)
    return call


def _result(memory: memory_pb2.Memory, owner: str) -> dict[str, Any]:
    return {
        "id": memory.id,
        "owner_clerk_id": owner,
        "end_user_id": memory.namespace or None,
        "content": msgspec.Raw(memory.value_json.encode()),
        "memory_type": memory.fact.type,
        "confidence": memory.fact.confidence,
        "metadata": msgspec.Raw(memory.metadata_json.encode() or b"{}"),
        "source_type": "text",
        "created_at": _time(memory.create_time),
        "updated_at": _time(memory.update_time),
    }


def _time(stamp: timestamp_pb2.Timestamp) -> str:
    return stamp.ToJsonString()


def _reply(body: dict[str, Any], told: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(body), headers=told | _JSON)


def routes() -> list[Route]:
    """Both routes."""
    return [
        Route("POST", PATH, "MemoryService.ExtractMemories", lambda each: Memories(each).extract),
        Route("GET", PATH, "MemoryService.ListMemories", lambda each: Memories(each).list),
    ]
