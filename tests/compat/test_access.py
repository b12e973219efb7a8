"""Every RPC and every route, called by whoever should not: refused, and never with a 5xx.

What there is to call is read from the contract's descriptors and the shim's table, so that a new
method is in these tests the day it is written. Nothing is open but health, reflection and what
`OPEN` names.
"""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf import timestamp_pb2

from eunoe.v1 import admin_pb2, admin_pb2_grpc
from eunoe_server.transport.http.app import route_table
from eunoe_server.transport.http.transcode import services
from tests.compat.test_command_line import eunoe
from tests.fixtures.server import KEY, METADATA, ServerProcess, call, exchange, wait_until
from tests.fixtures.upstream import Upstream, redirect_reply

#: Routes that answer without a key. They hold nobody's memories.
OPEN = {"/healthz"}

CANARY = f"canary-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> Iterator[admin_pb2_grpc.AdminServiceStub]:
    with server.channel() as channel:
        yield admin_pb2_grpc.AdminServiceStub(channel)


def new_key(
    admin: admin_pb2_grpc.AdminServiceStub, **fields: Any
) -> admin_pb2.CreateApiKeyResponse:
    request = admin_pb2.CreateApiKeyRequest(
        **{"name": "t", "scopes": ["read", "write", "admin"], **fields}
    )
    return admin.CreateApiKey(request, metadata=METADATA)


@pytest.fixture(scope="module")
def refused_keys(server: ServerProcess, admin: admin_pb2_grpc.AdminServiceStub) -> dict[str, str]:
    """Keys that were good once, or look as if they were."""
    good = new_key(admin)
    revoked = new_key(admin)
    soon = timestamp_pb2.Timestamp(seconds=int(time.time()) + 2)
    expired = new_key(admin, expire_time=soon)
    assert call(server, "GET", "/memory", key=revoked.key)[0] == 200  # it is cached now
    admin.RevokeApiKey(admin_pb2.RevokeApiKeyRequest(id=revoked.api_key.id), metadata=METADATA)
    wait_until(lambda: call(server, "GET", "/memory", key=revoked.key)[0] == 401, "the revocation")
    wait_until(lambda: call(server, "GET", "/memory", key=expired.key)[0] == 401, "the expiry")
    last = "0" if good.key[-1] != "0" else "1"
    return {
        "revoked": revoked.key,
        "expired": expired.key,
        "changed": good.key[:-1] + last,
        "another's id": good.key.replace(good.api_key.id, revoked.api_key.id),
        "unknown": "some-other-key-of-twenty-characters",
    }


@pytest.fixture(scope="module")
def foreign_key(server: ServerProcess) -> str:
    """A key with every right, in another project."""
    scopes = ("--scope", "read", "--scope", "write", "--scope", "admin")
    status, key = eunoe("keys", "create", "--project", "other", *scopes, data_dir=server.data_dir)
    assert status == 0, key
    return key.strip()


def raw_rpcs() -> list[tuple[str, bool]]:
    """Path and whether it streams, of every method of the contract."""
    return [
        (f"/{service.full_name}/{method.name}", method.server_streaming)
        for service in services()
        for method in service.methods
    ]


def rpc(channel: grpc.Channel, path: str, streams: bool, metadata: Any) -> grpc.StatusCode:
    """The status of a call with an empty request."""
    make: Callable[..., Any] = channel.unary_stream if streams else channel.unary_unary
    method = make(path, request_serializer=bytes, response_deserializer=bytes)
    try:
        answer = method(b"", metadata=metadata, timeout=20)
        if streams:
            list(answer)
    except grpc.RpcError as error:
        status: grpc.StatusCode = error.code()
        return status
    return grpc.StatusCode.OK


def test_every_rpc_refuses_whoever_has_no_good_key(
    server: ServerProcess, refused_keys: dict[str, str]
) -> None:
    told: list[Any] = [
        (),
        (("authorization", ""),),
        (("authorization", f"Basic {KEY}"),),
        (("authorization", KEY),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer ' or '1'='1"),),
        (("authorization", f"Bearer {KEY}"), ("authorization", "Bearer x")),
        (("x-api-key", "x"),),
        (("authorization-bin", KEY.encode()),),
        *((("authorization", f"Bearer {key}"),) for key in refused_keys.values()),
    ]
    paths = raw_rpcs()
    assert len(paths) > 35
    with server.channel() as channel:
        for path, streams in paths:
            for metadata in told:
                assert rpc(channel, path, streams, metadata) is grpc.StatusCode.UNAUTHENTICATED, (
                    path, metadata,
                )  # fmt: skip
        for path in ("/eunoe.v1.MemoryService/Nothing", "/eunoe.v1.Nothing/GetMemory", "/", "/x/y"):
            assert rpc(channel, path, False, ()) is grpc.StatusCode.UNIMPLEMENTED


#: Without its list a body is not even an RPC, and the shim says so.
LISTS: dict[str, object] = {
    "BatchCreateMemories": {"memories": []},
    "UpdateMemory": {"tags": []},
    "UpdateMessage": {"tags": []},
    "ExtractMemories": {"messages": []},
    "CreateMessages": {"messages": []},
    "CreateApiKey": {"scopes": []},
}


def requests_of_all_routes(names: dict[str, str]) -> list[tuple[str, str, bytes | None]]:
    """One request a route, about things that are there."""
    filled = []
    for method, path, name in route_table():
        if path in OPEN:
            continue
        path = re.sub(r"\{(\w+)(?::path|=\*\*)?\}", lambda found: names[found[1]], path)
        body = json.dumps(LISTS.get(name.partition(".")[2], {})).encode()
        filled.append((method, path, body if method in {"POST", "PUT", "PATCH"} else None))
    assert len(filled) > 50
    return filled


@pytest.fixture(scope="module")
def planted(server: ServerProcess) -> dict[str, str]:
    """What there is in project `default`, by the name that routes have for it."""
    namespace = f"ns-{CANARY}"
    at = f"?namespace={namespace}"
    memory = {"id": f"m-{CANARY}", "value": CANARY}
    assert call(server, "POST", f"/memory{at}", memory)[0] == 200
    dialogue = {
        "id": f"d-{CANARY}",
        "messages": [{"id": f"x-{CANARY}", "role": "user", "content": f"I like {CANARY}."}],
        "state": {"x": CANARY},
    }
    assert call(server, "POST", f"/dialogue{at}", dialogue)[0] == 200
    return {"namespace": namespace, "id": f"m-{CANARY}", "dialogue_id": f"d-{CANARY}"}


@pytest.mark.parametrize("kind", ["revoked", "expired", "changed", "another's id", "unknown", ""])
def test_every_route_refuses_whoever_has_no_good_key(
    server: ServerProcess, refused_keys: dict[str, str], planted: dict[str, str], kind: str
) -> None:
    answered = []
    for method, path, body in requests_of_all_routes(planted):
        status, answer, headers = call(server, method, path, body, key=refused_keys.get(kind))
        assert headers["x-request-id"]
        assert CANARY not in json.dumps(answer)
        if status != 401:
            answered.append((method, path, status, answer))
    assert answered == []


def test_a_key_of_another_project_sees_and_changes_nothing(
    server: ServerProcess, planted: dict[str, str], foreign_key: str
) -> None:
    for item in (planted["id"], planted["dialogue_id"], f"x-{CANARY}"):
        for method, path, body in requests_of_all_routes({**planted, "id": item}):
            for query in ("", f"?namespace={planted['namespace']}"):
                if "namespace" in path and "ns/" not in path and method == "DELETE":
                    continue  # a namespace of that name in the other project; see below
                status, answer, _ = call(server, method, path + query, body, key=foreign_key)
                assert status < 500 or status == 501, (method, path, status, answer)
                text = json.dumps(answer).replace(path, "")
                for secret in (f'"{CANARY}"', f"like {CANARY}"):
                    assert secret not in text, (method, path, answer)
    path = f"/v1/admin/namespaces/{planted['namespace']}"
    assert call(server, "DELETE", path, key=foreign_key)[0] < 500
    at = f"?namespace={planted['namespace']}"
    assert call(server, "GET", f"/memory/{planted['id']}{at}")[1]["value"] == CANARY
    dialogue = call(server, "GET", f"/dialogue/{planted['dialogue_id']}{at}")[1]
    assert dialogue["state"] == {"x": CANARY}
    assert [message["content"] for message in dialogue["messages"]] == [f"I like {CANARY}."]


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer[:200]
    return int(found[1])


#: The rest of a head, after which the server ends the connection.
CLOSE = b"\r\nconnection: close\r\n\r\n"
HOSTS = (
    b"localhost", b"evil.example", b"127.0.0.1:1@evil", b"", b"[::1]", b"a" * 5_000, b"x/../y",
    b"\xff\xfe",
)  # fmt: skip
TARGETS = (
    "/{0}", "//{0}", "/./{0}", "/x/../{0}", "/%2f{0}", "/{0}%2f", "/{0}/", "/{0}//", "/{0};a=b",
    "/{0}%00", "/{0}%20", "/{0}?key=" + KEY, "/{0}#", "http://evil.example/{0}", "/\\{0}",
    "/%2e%2e/{0}", "{0}", "*",
)  # fmt: skip
METHODS = (
    "GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "POST", "PUT", "PATCH", "DELETE", "BREW", "get",
)  # fmt: skip


@pytest.mark.parametrize("path", ["memory", "v1/admin/keys", "v1/memory/chat/completions"])
def test_no_odd_host_path_or_method_opens_a_route(server: ServerProcess, path: str) -> None:
    odd = [(b"s", target, method) for target in TARGETS for method in METHODS]
    odd += [(host, "/{0}", method) for host in HOSTS for method in ("GET", "POST")]
    for host, target, method in odd:
        head = f"{method} {target.format(path)} HTTP/1.1\r\ncontent-length: 0\r\n".encode()
        answer = exchange(server, head + b"host: " + host + CLOSE)
        status = status_of(answer)
        # 204: what OPTIONS says to a method list; there is nothing in it.
        assert 400 <= status < 500 or (status, method) == (204, "OPTIONS"), (target, answer[:300])
        assert b"access-control" not in answer.lower()
        if method == "TRACE":
            assert status in {400, 404, 405}
            assert b"evil" not in answer.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "header",
    [
        b"authorization: Bearer ' or '1'='1' --",
        b'authorization: Bearer ";drop table api_keys;--',
        b"authorization: Bearer \x00" + KEY.encode(),
        b"authorization: Bearer " + KEY.encode() + b"\x00",
        b"authorization: Bearer " + b"k" * 65_536,
        b"authorization: Bearer " + b"k" * 200_000,
        b"authorization: " + b"Bearer " * 500,
        b"authorization: Basic " + KEY.encode(),
        b"authorization: Digest " + KEY.encode(),
        b"authorization: " + KEY.encode(),
        b"authorization:",
        b"authorization: Bearer",
        b"authorization: Bearer \xc3\xa9",
        b"authorization: Bearer x\r\nauthorization: Bearer " + KEY.encode(),
        b"authorization: Bearer " + KEY.encode() + b"\r\nauthorization: Bearer x",
        b"authorization: Bearer " + KEY.encode() + b", Bearer x",
        b"x-api-key: x",
        b"api-key: %00",
        b"cookie: authorization=Bearer " + KEY.encode(),
        b"x-authorization: Bearer " + KEY.encode(),
        b"x-forwarded-authorization: Bearer " + KEY.encode(),
        b"x-eunoe-project: 1",
    ],
    ids=lambda header: repr(header[:48]),
)
def test_no_odd_authorization_is_taken_for_a_key(server: ServerProcess, header: bytes) -> None:
    answer = exchange(server, b"GET /memory HTTP/1.1\r\nhost: s\r\n" + header + CLOSE)
    assert status_of(answer) in {400, 401, 431}
    assert b'"error"' in answer
    assert KEY.encode() not in answer


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_s_name_has_no_case(server: ServerProcess, scheme: str) -> None:
    head = f"GET /memory HTTP/1.1\r\nhost: s\r\nauthorization: {scheme} {KEY}"
    assert status_of(exchange(server, head.encode() + CLOSE)) == 200


def test_a_body_with_two_lengths_is_refused_and_nothing_after_it_is_read(
    server: ServerProcess,
) -> None:
    smuggled = f"GET /memory HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {KEY}\r\n\r\n"
    for body in ("0\r\n\r\n", "2\r\n{}\r\n0\r\n\r\n"):
        for lengths in (
            f"content-length: {len(body)}\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 3",
        ):
            head = f"POST /search HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {KEY}\r\n{lengths}"
            answer = exchange(server, f"{head}\r\n\r\n{body}{smuggled}".encode())
            assert status_of(answer) == 400
            assert answer.count(b"HTTP/1.1 ") == 1, answer


def test_browsers_of_other_origins_are_let_in_nowhere(server: ServerProcess) -> None:
    for method, path in (("OPTIONS", "/memory"), ("GET", "/memory"), ("GET", "/healthz")):
        _, _, headers = call(
            server, method, path, headers={
                "Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
            },
        )  # fmt: skip
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A port that nobody has a reason to call."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def test_no_address_in_a_request_is_ever_called(
    server: ServerProcess,
    proxy: ServerProcess,
    behind: Upstream,
    trap: socket.socket,
    namespace: str,
) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}"
    names = ("api_base", "base_url", "endpoint", "webhook", "callback_url")
    parts = [
        {"type": "text", "text": f"Look at {url}/text and remember my picture {url}/x.png"},
        {"type": "image_url", "image_url": {"url": f"{url}/image"}},
        {"type": "file", "file": {"file_data": f"{url}/file", "file_id": url}},
        {"type": "input_audio", "input_audio": {"data": f"{url}/audio", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": f"{url}/video"}},
    ]
    chat = {
        "model": url,
        "messages": [{"role": "user", "content": parts}],
        **dict.fromkeys(names, url),
        "user_config": {"api_base": url, "model_list": [{"litellm_params": {"api_base": url}}]},
        "tools": [{"type": "mcp", "server_url": url, "function": {"name": "f"}}],
    }
    headers = {
        "x-base-url": url, "x-upstream-url": url, "x-forwarded-host": url[7:], "referer": url,
        "openai-base-url": url, "forwarded": f"host={url[7:]}",
    }  # fmt: skip
    at = f"?namespace={namespace}&commit_after=0&base_url={url}"
    for each in (server, proxy):
        paths = ("/v1/memory/chat/completions", "/v1/memory/responses", "/api/publicLLM")
        for path in paths:
            body = {**chat, "input": chat["messages"]} if path.endswith("responses") else chat
            for is_stream in (False, True):
                place = path + (at if "public" not in path else "")
                call(each, "POST", place, {**body, "stream": is_stream}, headers=headers)
        for path, document in (
            ("/memory", {"value": {"url": url}, "description": url}),
            ("/search", {"query": url, "object": "message"}),
            ("/memory/extract", {"messages": chat["messages"]}),
            ("/api/v1/memories", {"user_id": url, "messages": chat["messages"]}),
            ("/v1/memory/embeddings", {"model": url, "input": url}),
        ):
            call(each, "POST", path + f"?namespace={namespace}", document)
        call(each, "GET", f"/v1/models/{url}")
        exchange(each, f"GET {url}/ HTTP/1.1\r\nhost: {url[7:]}".encode() + CLOSE)

    behind.script(*[redirect_reply(f"{url}/elsewhere", status) for status in (301, 302, 307, 308)])
    for _ in range(4):
        plain = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        status, _, answered = call(proxy, "POST", "/v1/memory/chat/completions", plain)
        assert status == 502
        assert "location" not in answered

    def committed() -> bool:
        """The worker has read the conversations, addresses and all."""
        metrics = urllib.request.urlopen(f"{proxy.ops}/metrics").read().decode()  # noqa: S310
        return re.search(r'eunoe_commits_total\{outcome="committed"\} [1-9]', metrics) is not None

    wait_until(committed, "a commit")
    with pytest.raises(BlockingIOError):
        trap.accept()
