"""Nothing private leaves by a side door: not in a log line, an error's text or a metric's label.

A canary is planted in each place that holds something private: keys, passwords, what people say,
what things are called. Then everything is called, rightly and wrongly, with the upstream there,
faulty and gone, with the database there and gone, by a server that logs at its most talkative.
What may hold a canary is the answer to whoever sent it, and at level `debug` the text of an
exception that nobody foresaw.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import grpc
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from eunoe.v1 import chat_pb2, chat_pb2_grpc, memory_pb2, memory_pb2_grpc
from tests.fixtures.server import ServerProcess, serving
from tests.fixtures.upstream import CHAT_PATH, Cut, Reply, Upstream, error_reply, json_reply


def canary(place: str) -> str:
    return f"canary-{place}-7f3a9d"


#: What only the server's operator knows; no client may ever see it.
OPERATOR = ("upstream-key", "dsn-password", "bootstrap-key")
#: What clients send; it may come back to them, and is in no log and no metric.
CLIENT = (
    "wrong-key", "key-in-query", "prompt", "answer", "memory", "label", "description", "tag",
    "metadata", "namespace", "chat-id", "session", "state", "search", "header", "agent", "path",
    "model", "user", "tool", "upstream-error", "malformed", "message-id", "cursor", "metadata-key",
)  # fmt: skip


class Walk:
    """Everything a client can do to one server, and every error it is told."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.errors: list[tuple[int, str]] = []
        self.count = 0

    def call(
        self, method: str, path: str, body: object = None, *, key: str = canary("bootstrap-key")
    ) -> None:
        """One request; an error's body is kept."""
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection(urlsplit(self._server.http).netloc, timeout=30)
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": canary("agent"),
            "X-Whatever": canary("header"),
            "Cookie": f"a={canary('header')}",
        }
        try:
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        self.count += 1
        if answer.status >= 400:
            self.errors.append((answer.status, text))

    def everything(self) -> None:
        """Each dialect's routes, rightly and wrongly."""
        at = f"?namespace={canary('namespace')}&api_key={canary('key-in-query')}"
        chat = {
            "model": canary("model"),
            "user": canary("user"),
            "messages": [{"role": "user", "content": f"My name is {canary('prompt')}"}],
            "tools": [{"type": "function", "function": {"name": canary("tool")}}],
        }
        for path in (
            f"/v1/memory/chat/completions{at}&commit_after=0",
            f"/v1/memory/chat/completions{at}&chat_id={canary('chat-id')}&memory=write",
            f"/v1/memory/ns/{canary('namespace')}/chat/completions",
            f"/v1/chat/completions{at}",
            f"/api/publicLLM{at}&session_id={canary('session')}",
            f"/v1/responses{at}",
            f"/v1/nowhere/{canary('path')}{at}",
            f"/v1/memory/chat/completions{at}&commit_after={canary('chat-id')}",
        ):
            self.call("POST", path, chat)
            self.call("POST", path, {**chat, "stream": True})
            self.call("POST", path, f'{{"messages": "{canary("malformed")}'.encode())
            self.call("POST", path, chat, key=canary("wrong-key"))
            self.call("POST", path, {**chat, "messages": [{"role": canary("malformed")}]})
        memory = {
            "value": {"said": canary("memory")},
            "id": f"m-{canary('memory')}",
            "label": canary("label"),
            "description": canary("description"),
            "tags": [canary("tag")],
            "metadata": {canary("metadata-key"): canary("metadata")},
        }
        dialogue = {
            "id": canary("chat-id") + "-d",
            "label": canary("label"),
            "state": {"x": canary("state")},
            "messages": [{"id": canary("message-id"), "role": "user", "content": canary("prompt")}],
        }
        for _ in range(2):  # the second time it is a duplicate
            self.call("POST", f"/memory{at}", memory)
            self.call("POST", f"/dialogue{at}", dialogue)
        self.call("POST", f"/memory{at}", {**memory, "value": None})
        self.call("POST", f"/memory{at}", {**memory, "metadata": canary("malformed")})
        self.call("POST", f"/memory{at}", b"\xff" + canary("malformed").encode())
        self.call("POST", f"/memory{at}", {"value": canary("memory") * 80_000})
        for item in (f"/memory/m-{canary('memory')}", f"/dialogue/{canary('chat-id')}-d"):
            self.call("GET", item + at)
            self.call("PUT", item + at, {"tags": [canary("tag")]})
            self.call("PUT", item + at, {"tags": canary("malformed")})
            self.call("GET", f"{item}{quote(canary('path'))}{at}")
            self.call("PATCH", item + at, {})
        state = f"/dialogue/{canary('chat-id')}-d/state{at}"
        self.call("PUT", state, {"x": canary("state")})
        self.call("PATCH", state, {"x": canary("state")})
        self.call("PUT", state, canary("malformed"))
        self.call("GET", f"/memory{at}&next={canary('cursor')}")
        self.call("GET", f"/memory{at}&created_from={canary('malformed')}")
        self.call("POST", f"/search{at}", {"query": canary("search"), "object": "message"})
        self.call(
            "POST", f"/search{at}", {"query": canary("search"), "object": canary("malformed")}
        )
        turns = [{"role": "user", "content": f"I love {canary('prompt')}."}]
        self.call("POST", "/api/v1/memories", {"user_id": canary("user"), "messages": turns})
        self.call("GET", f"/api/v1/memories?user_id={canary('user')}&cursor={canary('cursor')}")
        with self._server.channel() as channel:
            bearer = (("authorization", f"Bearer {canary('bootstrap-key')}"),)
            calls: list[tuple[Any, Any]] = [
                (
                    chat_pb2_grpc.ChatServiceStub(channel).CompleteChat,
                    chat_pb2.CompleteChatRequest(
                        namespace=canary("namespace"),
                        model=canary("model"),
                        messages=[chat_pb2.ChatMessage(role="user", content=canary("prompt"))],
                    ),
                ),
                (
                    memory_pb2_grpc.MemoryServiceStub(channel).CreateMemory,
                    memory_pb2.CreateMemoryRequest(
                        namespace=canary("namespace"), value_json=canary("malformed")
                    ),
                ),
            ]
            for call, request in calls:
                try:
                    call(request, metadata=bearer)
                except grpc.RpcError as error:
                    self.errors.append((500, f"{error.details()} {error.trailing_metadata()}"))


@pytest.fixture(scope="module")
def own_upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def test_no_canary_is_in_a_log_line_an_error_or_a_metric(
    dsn: str, postgres: str, own_upstream: Upstream
) -> None:
    settings = {
        "EUNOE_DATABASE_URL": make_conninfo(dsn, password=canary("dsn-password")),
        "EUNOE_UPSTREAM_BASE_URL": own_upstream.base_url,
        "EUNOE_UPSTREAM_API_KEY": canary("upstream-key"),
        "EUNOE_BOOTSTRAP_API_KEY": canary("bootstrap-key"),
        "EUNOE_SERVER__LOG_LEVEL": "debug",
        "EUNOE_SERVER__LOG_FORMAT": "json",
        "EUNOE_DATABASE__POOL_WAIT_SECONDS": "0.2",
    }
    faults = [
        error_reply(500, canary("upstream-error")),
        error_reply(401, canary("upstream-error")),
        Reply(status=200, body=(canary("answer").encode(),)),
        Reply(status=302, headers=(("location", f"http://127.0.0.1:9/{canary('answer')}"),)),
        Reply(body=(b'{"id": "' + canary("answer").encode(), Cut())),
        json_reply({"choices": canary("answer")}),
    ]
    with serving(settings) as server:
        walk = Walk(server)
        own_upstream.script(*faults, path=CHAT_PATH)
        walk.everything()
        walk.everything()
        metrics = urllib.request.urlopen(f"{server.ops}/metrics").read().decode()  # noqa: S310
        name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(
                SQL("alter database {} with allow_connections false").format(Identifier(name))
            )
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
            )
            walk.everything()
            connection.execute(
                SQL("alter database {} with allow_connections true").format(Identifier(name))
            )
        assert server.stop() == 0
        written = server.announced
    assert walk.count > 150
    assert '"event":"rpc"' in written
    statuses = {status for status, _ in walk.errors}
    assert {400, 401, 404, 405, 502, 503} <= statuses, statuses
    for place in (*OPERATOR, *CLIENT):
        lines = [line for line in written.splitlines() if canary(place) in line]
        assert not lines, f"{place} is in the log: {lines[:3]}"
        assert canary(place) not in metrics
    for status, text in walk.errors:
        for place in OPERATOR:
            assert canary(place) not in text, f"{place} is in an answer {status}: {text}"
        for internal in ("Traceback", "psycopg", "select ", "insert ", ".py", "eunoe_server"):
            assert internal not in text, text
        assert "key-in-query" not in text
