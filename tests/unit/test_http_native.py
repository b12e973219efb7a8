"""The native dialect over real sockets: seed 002's shapes, and every way a request can be wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import timestamp_pb2

from eunoe.v1 import admin_pb2, dialogue_pb2, memory_pb2, search_pb2
from eunoe_server.errors import DuplicateId, MemoryNotFound
from eunoe_server.transport.grpc.status import to_status
from eunoe_server.transport.http import calls
from eunoe_server.transport.http.app import build_app
from eunoe_server.transport.http.channel import open_channel
from eunoe_server.transport.http.server import serve_http
from tests.fixtures.shim import (
    KEY,
    PATIENCE_SECONDS,
    ScriptedServer,
    Shim,
    read_answer,
    serve_shim,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMORY = memory_pb2.Memory(
    id="user_789_theme",
    namespace="user_789",
    value_json='{"theme": "dark", "fontSize": 9007199254740993}',
    tags=["preferences"],
    metadata_json="{}",
    create_time=timestamp_pb2.Timestamp(seconds=1_731_666_600),
    update_time=timestamp_pb2.Timestamp(seconds=1_731_666_600),
)
MEMORY_JSON = (
    b'{"id":"user_789_theme","namespace":"user_789",'
    b'"value":{"theme": "dark", "fontSize": 9007199254740993},'
    b'"tags":["preferences"],"metadata":{},'
    b'"created":"2024-11-15T10:30:00Z","modified":"2024-11-15T10:30:00Z"}'
)


async def test_a_memory_goes_in_and_out_as_in_seed_002(shim: Shim) -> None:
    shim.server.answers("CreateMemory", memory_pb2.CreateMemoryResponse(memory=MEMORY))
    body = (
        '{"id": "user_789_theme", "value": {"theme": "dark", "fontSize": 9007199254740993},'
        '"label": "UI Preferences", "namespace": "user_789", "tags": ["preferences"]}'
    )
    reply = await shim.request("POST", "/memory", body)
    assert (reply.status, reply.body) == (200, MEMORY_JSON)
    assert reply.headers["content-type"] == "application/json"
    assert shim.server.last == memory_pb2.CreateMemoryRequest(
        id="user_789_theme",
        value_json='{"theme": "dark", "fontSize": 9007199254740993}',
        label="UI Preferences",
        namespace="user_789",
        tags=["preferences"],
    )


async def test_an_id_in_the_path_may_hold_a_slash(shim: Shim) -> None:
    shim.server.answers("GetMemory", memory_pb2.GetMemoryResponse(memory=MEMORY))
    assert (await shim.request("GET", "/memory/a%2Fb%3F%C3%A9")).body == MEMORY_JSON
    assert shim.server.last.id == "a/b?é"


async def test_a_page_has_items_and_next(shim: Shim) -> None:
    shim.server.answers(
        "ListMemories", memory_pb2.ListMemoriesResponse(memories=[MEMORY], next_page_token="t")
    )
    reply = await shim.request(
        "GET", "/memory?namespace=user_789&limit=1&startDate=2024-11-15&order=asc"
    )
    assert reply.json == {"items": [json.loads(MEMORY_JSON)], "next": "t"}
    assert shim.server.last.page_size == 1
    assert shim.server.last.start_time.seconds == 1_731_628_800


async def test_a_delete_says_success_and_id(shim: Shim) -> None:
    shim.server.answers("DeleteMemory", memory_pb2.DeleteMemoryResponse(success=True, id="m"))
    reply = await shim.request("DELETE", "/memory/m", headers={"idempotency-key": "k"})
    assert reply.json == {"success": True, "id": "m"}
    assert shim.server.last.request_id == "k"


async def test_a_word_that_is_a_route_is_still_an_id_under_another_method(shim: Shim) -> None:
    shim.server.answers("GetMemory", memory_pb2.GetMemoryResponse(memory=MEMORY))
    await shim.request("GET", "/memory/batch")
    assert shim.server.last == memory_pb2.GetMemoryRequest(id="batch")


async def test_a_query_fills_what_a_body_leaves_open(shim: Shim) -> None:
    shim.server.answers("EndDialogue", dialogue_pb2.EndDialogueResponse())
    reply = await shim.request("POST", "/dialogue/d1/end?namespace=alice")
    assert reply.status == 200
    assert shim.server.last == dialogue_pb2.EndDialogueRequest(id="d1", namespace="alice")


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/dialogue/d1?namespace=alice", {"namespace": "bob"}),
        ("/dialogue/d1", {"id": "d2"}),
        ("/dialogue/d1?id=d2", {}),
    ],
)
async def test_the_same_field_in_two_places_must_agree(
    shim: Shim, target: str, body: dict[str, Any]
) -> None:
    reply = await shim.request("PUT", target, body)
    assert reply.status == 400
    assert reply.json["error"]["code"] == "CONFLICTING_PARAMETERS"


async def test_an_update_names_what_the_body_holds(shim: Shim) -> None:
    shim.server.answers("UpdateDialogue", dialogue_pb2.UpdateDialogueResponse())
    body: dict[str, Any] = {"id": "d1", "namespace": "a", "tags": [], "state": {}, "label": None}
    assert (await shim.request("PUT", "/dialogue/d1", body)).status == 200
    assert list(shim.server.last.update_mask.paths) == ["tags", "state_json"]


async def test_one_bare_message_stands_for_a_list_of_one(shim: Shim) -> None:
    stored = dialogue_pb2.Message(id="m1", role="user", content_json='"hi"')
    shim.server.answers("CreateMessages", dialogue_pb2.CreateMessagesResponse(messages=[stored]))
    path = "/dialogue/d1/messages"
    message = '{"role": "user", "content": "hi", "created": "2023-05-08T13:56:00Z"}'
    bare = await shim.request("POST", f"{path}?commitAfter=0", message)
    asked = shim.server.last
    assert bare.json["id"] == "m1"
    listed = await shim.request("POST", path, f'{{"messages": [{message}], "commitAfter": 0}}')
    assert listed.json["items"] == [bare.json]
    assert shim.server.last == asked
    mixed = message.replace("{", '{"namespace": "alice", ', 1)
    await shim.request("POST", path, mixed)
    assert shim.server.last.namespace == "alice"
    assert shim.server.last.messages[0].content_json == '"hi"'


async def test_no_message_at_all_is_a_missing_list(shim: Shim) -> None:
    reply = await shim.request("POST", "/dialogue/d1/messages", "{}")
    assert reply.status == 400
    assert reply.json["error"]["details"] == [{"field": "messages", "message": "Required"}]


async def test_state_is_its_own_body_in_both_directions(shim: Shim) -> None:
    state = '{"b": 1, "a": 1E400}'
    shim.server.answers(
        "PutDialogueState", dialogue_pb2.PutDialogueStateResponse(state_json=state, version=2)
    )
    reply = await shim.request("PUT", "/dialogue/d1/state?namespace=n&ifVersion=1", state)
    assert reply.body == state.encode()
    assert shim.server.last == dialogue_pb2.PutDialogueStateRequest(
        dialogue_id="d1", namespace="n", if_version=1, state_json=state
    )
    reply = await shim.request("PUT", "/dialogue/d1/state", '{"a": 1, "a": 2}')
    assert reply.status == 400


async def test_search_shows_what_was_found_as_item(shim: Shim) -> None:
    shim.server.answers(
        "Search",
        search_pb2.SearchResponse(
            results=[search_pb2.SearchResult(object="memory", relevance=0.5, memory=MEMORY)]
        ),
    )
    reply = await shim.request(
        "POST", "/search", '{"query": "q", "object": "memory", "tags": {"$in": ["a"]}}'
    )
    assert reply.json["results"] == [
        {"object": "memory", "relevance": 0.5, "item": json.loads(MEMORY_JSON)}
    ]
    assert shim.server.last.tags_json == '{"$in": ["a"]}'


async def test_administration_speaks_the_native_dialect(shim: Shim) -> None:
    shim.server.answers(
        "DeleteNamespace",
        admin_pb2.DeleteNamespaceResponse(receipt=admin_pb2.ErasureReceipt(namespace="a/b")),
    )
    reply = await shim.request("DELETE", "/v1/admin/namespaces/a%2Fb?dryRun=true")
    assert reply.json == {"namespace": "a/b", "isDryRun": False, "counts": []}
    assert shim.server.last.dry_run
    assert (await shim.request("GET", "/v1/admin/nowhere")).json["error"]["code"] == "UNKNOWN_ROUTE"


# Errors


async def test_an_error_of_the_server_is_told_as_seed_002_tells_it(shim: Shim) -> None:
    async def missing(request: Any, context: Any) -> Any:
        await context.abort_with_status(to_status(MemoryNotFound()))

    async def twice(request: Any, context: Any) -> Any:
        await context.abort_with_status(to_status(DuplicateId()))

    shim.server.answers("GetMemory", missing)
    shim.server.answers("CreateMemory", twice)
    reply = await shim.request("GET", "/memory/m", headers={"x-request-id": "mine-1"})
    assert reply.status == 404
    assert reply.json["error"] == {
        "code": "MEMORY_NOT_FOUND",
        "message": "Memory does not exist.",
        "type": "not_found",
        "details": [],
        "requestId": "mine-1",
        "timestamp": "2026-01-02T03:04:05.678Z",
    }
    assert reply.headers["x-request-id"] == "mine-1"
    reply = await shim.request("POST", "/memory", {"value": 1})
    assert (reply.status, reply.json["error"]["code"]) == (400, "DUPLICATE_ID")


@pytest.mark.parametrize("offered", ["a b", "x" * 129, "é", "a;b", ""])
async def test_a_request_id_that_is_no_plain_word_is_replaced(shim: Shim, offered: str) -> None:
    reply = await shim.request("GET", "/nowhere", headers={"x-request-id": offered})
    assert reply.headers["x-request-id"] != offered
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/nowhere", "UNKNOWN_ROUTE"),
        ("/", "UNKNOWN_ROUTE"),
        ("//memory", "UNKNOWN_ROUTE"),
        ("/memory/", "UNKNOWN_ROUTE"),
        ("/memory%2Fx", "UNKNOWN_ROUTE"),
        ("/memory/a/b", "UNKNOWN_ROUTE"),
        ("/v1/nowhere", "unknown_url"),
        ("/api/publicLLM/nowhere", "unknown_url"),
        ("/openapi.yaml", "UNKNOWN_ROUTE"),
    ],
)
async def test_an_unknown_path_is_a_json_404_in_its_dialect(
    shim: Shim, target: str, code: str
) -> None:
    reply = await shim.request("GET", target, key=None)
    assert reply.status == 404
    assert reply.json["error"]["code"] == code
    assert reply.headers["x-request-id"]
    assert shim.server.requests == []


async def test_an_unknown_path_of_the_memories_dialect_has_its_body(shim: Shim) -> None:
    reply = await shim.request("GET", "/api/v1/nowhere")
    assert (reply.status, set(reply.json)) == (404, {"error"})


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "BREW"])
async def test_a_wrong_method_is_a_405_that_names_the_right_ones(shim: Shim, method: str) -> None:
    reply = await shim.request(method, "/memory")
    assert reply.status == 405
    assert {each.strip() for each in reply.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert reply.json["error"]["code"] == "METHOD_NOT_ALLOWED"


async def test_head_and_options_are_answered_without_a_body(shim: Shim) -> None:
    shim.server.answers("GetMemory", memory_pb2.GetMemoryResponse(memory=MEMORY))
    reply = await shim.request("HEAD", "/memory/m")
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(MEMORY_JSON)))
    reply = await shim.request("OPTIONS", "/memory/m", key=None)
    assert (reply.status, reply.body) == (204, b"")
    assert "access-control-allow-origin" not in reply.headers
    assert (await shim.request("HEAD", "/v1/chat/completions")).status == 405


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/memory"),
        ("GET", "/memory/m"),
        ("POST", "/search"),
        ("PUT", "/dialogue/d/state"),
        ("GET", "/v1/admin/usage"),
        ("POST", "/api/v1/memories"),
        ("GET", "/api/v1/memories"),
        ("GET", "/v1/models"),
    ],
)
async def test_no_route_answers_without_a_key(shim: Shim, method: str, target: str) -> None:
    assert (await shim.request(method, target, key=None)).status == 401
    assert shim.server.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b'{"value": 1, "colour": 2}', b'{"value": NaN}', b"[" * 10_000],
)
async def test_a_bad_body_never_reaches_the_server(shim: Shim, body: bytes) -> None:
    shim.server.answers("CreateMemory", memory_pb2.CreateMemoryResponse(memory=MEMORY))
    reply = await shim.request("POST", "/memory", body or b" ")
    assert reply.status == 400
    assert reply.json["error"]["code"] == "INVALID_INPUT"


async def test_a_compressed_body_is_refused_in_words(shim: Shim) -> None:
    reply = await shim.request("POST", "/memory", b"\x1f\x8b", {"content-encoding": "gzip"})
    assert reply.status == 400
    assert "Content-Encoding" in reply.json["error"]["message"]


# Size


@pytest.mark.parametrize(
    ("path", "code"),
    [("/memory", "REQUEST_TOO_LARGE"), ("/v1/chat/completions", "request_too_large")],
)
async def test_fifty_megabytes_are_a_413_and_the_connection_goes_on(
    shim: Shim, path: str, code: str
) -> None:
    size = 50 * 1024 * 1024
    reader, writer = await shim.connect()
    head = f"POST {path} HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {KEY}\r\n"
    async with asyncio.timeout(PATIENCE_SECONDS):
        writer.write(f"{head}content-length: {size}\r\n\r\n".encode())
        for _ in range(50):
            writer.write(b"x" * (1024 * 1024))
            await writer.drain()
        reply = await read_answer(reader)
        assert reply.status == 413
        assert reply.json["error"]["code"] == code
        writer.write(b"GET /nowhere HTTP/1.1\r\nhost: s\r\n\r\n")
        assert (await read_answer(reader)).status == 404
    writer.close()


async def test_a_chunked_body_is_counted_as_it_comes(tmp_path: Path) -> None:
    async with serve_shim(tmp_path / "s", max_body_bytes=1_000) as shim:
        shim.server.answers("CreateMemory", memory_pb2.CreateMemoryResponse(memory=MEMORY))
        for size, status in ((980, 200), (2_000, 413)):
            reader, writer = await shim.connect()
            body = b'{"value": "%b"}' % (b"x" * (size - 13))
            writer.write(
                b"POST /memory HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            for start in range(0, len(body), 100):
                part = body[start : start + 100]
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            writer.write(b"0\r\n\r\n")
            assert (await read_answer(reader)).status == status
            writer.close()


async def test_a_body_of_just_the_limit_passes(tmp_path: Path) -> None:
    async with serve_shim(tmp_path / "s", max_body_bytes=1_000) as shim:
        shim.server.answers("CreateMemory", memory_pb2.CreateMemoryResponse(memory=MEMORY))
        body = '{"value": "%s"}' % ("x" * (1_000 - 13))
        assert (await shim.request("POST", "/memory", body)).status == 200
        assert (await shim.request("POST", "/memory", body + " ")).status == 413


async def test_a_body_that_drips_is_given_up(shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_BODY_SECONDS", 0.1)
    reader, writer = await shim.connect()
    writer.write(
        b"POST /memory HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\ncontent-length: 9\r\n\r\n{"
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await read_answer(reader)).status == 408
        assert await reader.read() == b""
    writer.close()


# The server behind


async def test_health_answers_without_a_key_and_tells_the_servers_word(shim: Shim) -> None:
    reply = await shim.request("GET", "/healthz", key=None)
    assert (reply.status, reply.json) == (200, {"status": "SERVING"})


async def test_a_server_out_of_reach_is_a_503_with_a_time_to_come_back(tmp_path: Path) -> None:
    async with (
        open_channel(f"unix:{tmp_path}/nobody.sock") as channel,
        serve_http(build_app(channel), "127.0.0.1:0", drain_seconds=1) as port,
    ):
        lonely = Shim(port, ScriptedServer())
        for target, key in (("/memory/m", KEY), ("/v1/models", KEY), ("/healthz", None)):
            reply = await lonely.request("GET", target, key=key)
            assert reply.status == 503
            assert reply.headers["retry-after"] == "1"
            assert "nobody.sock" not in reply.body.decode()


async def test_a_bug_of_ours_is_a_500_that_tells_nothing(
    shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("password=hunter2")

    monkeypatch.setattr("eunoe_server.transport.http.transcode.query_of", broken)
    reply = await shim.request("GET", "/memory/m")
    assert reply.status == 500
    assert "hunter2" not in reply.body.decode()
    assert reply.headers["x-request-id"] in reply.json["error"]["message"]
