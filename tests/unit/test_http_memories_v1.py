"""Seed 004's routes over real sockets: its names and envelopes around our contract."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from grpc import StatusCode

from eunoe.v1 import memory_pb2
from eunoe_server.errors import MissingParameter
from eunoe_server.transport.grpc.status import to_status
from tests.fixtures.shim import Shim

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/memories"

FACT = memory_pb2.Memory(
    id="69e0deb6-88d8-49a7-9da7-26a9c8f08d4b",
    namespace="user_123",
    value_json='"The user loves TypeScript."',
    metadata_json='{"source": "chat"}',
    create_time=timestamp_pb2.Timestamp(seconds=1_731_666_600),
    update_time=timestamp_pb2.Timestamp(seconds=1_731_666_600),
    fact=memory_pb2.Fact(type="preference", confidence=0.9),
)


def extracts(shim: Shim, *outcomes: str) -> None:
    answer = memory_pb2.ExtractMemoriesResponse(
        memories=[
            memory_pb2.ExtractedMemory(memory=memory_pb2.Memory(id=f"m{n}"), outcome=outcome)
            for n, outcome in enumerate(outcomes)
        ]
    )

    async def script(request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-eunoe-project", "default"),))
        return answer

    shim.server.answers("ExtractMemories", script)


def lists(shim: Shim, *memories: memory_pb2.Memory, next_token: str = "") -> None:
    answer = memory_pb2.ListMemoriesResponse(memories=memories)
    if next_token:
        answer.next_page_token = next_token
    shim.server.answers("ListMemories", answer)


async def test_the_example_of_the_seed_is_answered_as_printed(shim: Shim) -> None:
    extracts(shim, "created", "created", "strengthened")
    body = {
        "messages": [
            {"role": "user", "content": "I love TypeScript"},
            {"role": "assistant", "content": "TypeScript is great!"},
        ],
        "user_id": "user_123",
        "metadata": {"source": "chat", "session_id": "sess_xyz"},
    }
    reply = await shim.request("POST", PATH, body)
    assert reply.status == 200
    assert reply.json == {
        "success": True,
        "memories_created": 2,
        "memory_ids": ["m0", "m1"],
        "owner_id": "default",
        "user_id": "user_123",
    }
    assert shim.server.last == memory_pb2.ExtractMemoriesRequest(
        messages=[
            memory_pb2.ExtractionMessage(role="user", content_json='"I love TypeScript"'),
            memory_pb2.ExtractionMessage(role="assistant", content_json='"TypeScript is great!"'),
        ],
        namespace="user_123",
        metadata_json='{"source": "chat", "session_id": "sess_xyz"}',
    )


@pytest.mark.parametrize("user", [None, "self"])
async def test_without_a_user_it_is_the_owners_own(shim: Shim, user: str | None) -> None:
    extracts(shim)
    body = {"messages": [{"role": "user", "content": "x"}]} | ({"user_id": user} if user else {})
    assert (await shim.request("POST", PATH, body)).json["user_id"] is None
    assert shim.server.last.namespace == ""


async def test_a_list_has_the_seeds_names(shim: Shim) -> None:
    lists(shim, FACT, next_token="eyJpZCI6IjEyMyJ9")
    reply = await shim.request("GET", f"{PATH}?user_id=user_123&limit=20")
    assert reply.json == {
        "success": True,
        "count": 1,
        "next_cursor": "eyJpZCI6IjEyMyJ9",
        "results": [
            {
                "id": "69e0deb6-88d8-49a7-9da7-26a9c8f08d4b",
                "owner_clerk_id": "",
                "end_user_id": "user_123",
                "content": "The user loves TypeScript.",
                "memory_type": "preference",
                "confidence": 0.9,
                "metadata": {"source": "chat"},
                "source_type": "text",
                "created_at": "2024-11-15T10:30:00Z",
                "updated_at": "2024-11-15T10:30:00Z",
            }
        ],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"page_size": 20}),
        ("?user_id=all", {"page_size": 20}),
        ("?user_id=self", {"page_size": 20, "namespace": ""}),
        ("?user_id=u", {"page_size": 20, "namespace": "u"}),
        (
            "?limit=100&cursor=c&order=asc&memory_type=goal&min_confidence=0.5",
            {
                "page_size": 100,
                "page_token": "c",
                "order": "asc",
                "memory_type": "goal",
                "min_confidence": 0.5,
            },
        ),
    ],
)
async def test_its_filters_become_ours(shim: Shim, query: str, expected: dict[str, Any]) -> None:
    lists(shim)
    reply = await shim.request("GET", PATH + query)
    assert reply.json == {"success": True, "count": 0, "next_cursor": None, "results": []}
    assert shim.server.last == memory_pb2.ListMemoriesRequest(facts_only=True, **expected)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?min_confidence=high", "min_confidence"),
        ("?colour=red", "colour"),
        ("?user_id=a&user_id=b", "user_id"),
        ("?namespace=a", "namespace"),
    ],
)
async def test_a_bad_filter_is_named_in_the_seeds_error_body(
    shim: Shim, query: str, field: str
) -> None:
    reply = await shim.request("GET", PATH + query)
    assert reply.status == 400
    assert list(reply.json) == ["error", "details"]
    if field == "namespace":  # ours is not theirs; it is named as they would
        assert list(reply.json["details"]["fieldErrors"]) == ["user_id"]
    else:
        assert list(reply.json["details"]["fieldErrors"]) == [field]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"messages": ["Required"]}),
        ({"user_id": "u"}, {"messages": ["Required"]}),
        ({"messages": [], "colour": 1}, {"colour": ["Unknown field."]}),
        ({"messages": "x"}, {"messages": ["Expected `array`, got `str`."]}),
        ({"messages": [], "user_id": 7}, {"user_id": ["Expected `str | null`, got `int`."]}),
        (
            {"messages": [], "user_id": "all"},
            {"user_id": ["`all` means every user and cannot be one."]},
        ),
    ],
)
async def test_a_bad_payload_is_named_field_by_field(
    shim: Shim, body: dict[str, Any], fields: dict[str, list[str]]
) -> None:
    reply = await shim.request("POST", PATH, body)
    assert reply.status == 400
    assert reply.json == {"error": "Invalid request payload", "details": {"fieldErrors": fields}}


async def test_the_servers_own_refusal_is_told_in_the_same_body(shim: Shim) -> None:
    async def refuse(request: Any, context: Any) -> Any:
        await context.abort_with_status(
            to_status(MissingParameter.of("messages[0].role", "Required"))
        )

    shim.server.answers("ExtractMemories", refuse)
    reply = await shim.request("POST", PATH, {"messages": [{"content": "x"}]})
    assert reply.json["details"]["fieldErrors"] == {"messages[0].role": ["Required"]}


async def test_without_a_key_it_says_so_in_the_seeds_words(shim: Shim) -> None:
    reply = await shim.request("POST", PATH, {"messages": []}, key=None)
    assert (reply.status, reply.json) == (401, {"error": "Invalid API key"})


async def test_what_is_not_built_is_a_501(shim: Shim) -> None:
    async def unbuilt(request: Any, context: Any) -> Any:
        await context.abort(StatusCode.UNIMPLEMENTED, "later")

    shim.server.answers("ListMemories", unbuilt)
    reply = await shim.request("GET", PATH)
    assert (reply.status, list(reply.json)) == (501, ["error"])
