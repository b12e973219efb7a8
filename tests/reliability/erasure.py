"""Canaries: what was erased is nowhere (S16).

    python -m tests.reliability.erasure [--seed 1]

Words that occur nowhere else are planted in every place that content can get to, over HTTP, in a
namespace whose name is one of them; commits run, one fails for good, statistics are taken. Then the
namespace is erased over the API, and the words are looked for: in a dump, in every row of every
table and catalogue, in the files of Postgres, in logs, metrics and an export. In a second namespace
a dialogue, a message and a memory are deleted one by one beside others that must stay.

Out of scope: the write-ahead log, which Postgres keeps until it is recycled, and backups.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from psycopg.sql import SQL, Identifier

from eunoe_server.stores.cluster import find_programs
from tests.fixtures.server import KEY, PATIENCE_SECONDS, ServerProcess, serving
from tests.fixtures.upstream import (
    ReceivedRequest,
    Reply,
    Upstream,
    default_reply,
    error_reply,
    json_reply,
)
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import OutsidePostgres, outside_postgres

#: So often that ANALYZE would keep it among the most common values.
OFTEN = 30
POISON = "poisonous"


class Canaries:
    """Words that occur nowhere else, by the place they are planted in."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable run
        self.words: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        if place not in self.words:
            self.words[place] = f"qz{self._chance.randbytes(6).hex()}"
        return self.words[place]

    def in_(self, text: bytes) -> set[str]:
        """The places whose word is there, in whatever case."""
        lower = text.lower()
        return {place for place, word in self.words.items() if word.encode() in lower}


@dataclass(slots=True)
class Outcome:
    """What a run showed: the places whose words were found, by where."""

    planted: frozenset[str] = frozenset()
    #: Places that were in a dump before anything was erased.
    stored: set[str] = field(default_factory=set)
    receipt: dict[str, int] = field(default_factory=dict)
    left: dict[str, set[str]] = field(default_factory=dict)
    #: Of what was deleted one by one.
    left_of_deleted: set[str] = field(default_factory=set)
    #: Of its neighbours, which should be there.
    lost: set[str] = field(default_factory=set)
    sent_upstream: set[str] = field(default_factory=set)
    audit: tuple[str, ...] = ()


#: Words of questions, errors and keys, and what was replaced or deleted before: in no row.
NOT_KEPT = frozenset(
    {
        "deleted value", "dialogue label", "idempotency", "missing id", "path", "question",
        "torn body", "upstream error", "user field", "wrong key",
    }
)  # fmt: skip


class Model:
    """Says back what it was told, calls a function, and finds a fact in every message."""

    def __init__(self, canary: Canaries) -> None:
        self._canary = canary

    def __call__(self, request: ReceivedRequest) -> Reply:
        if b"json_schema" in request.body:
            return self._facts(request)
        if b"please fail" in request.body:
            return error_reply(400, self._canary("upstream error"))
        if b"please call" in request.body:
            return self._call(request)
        return _renamed(default_reply(request), self._canary("completion id"))

    def _facts(self, request: ReceivedRequest) -> Reply:
        text = request.document["messages"][1]["content"]
        if POISON in text:
            return error_reply(500, "It is poisonous.")
        said = [each for each in json.loads(text) if each["role"] == "user" and each["text"]]
        found = [
            {
                "message": each["message"], "quote": each["text"],
                "text": f"The user said {each['text']}", "type": "fact", "confidence": 0.9,
                "attribute": "owns", "object": each["text"].rstrip(".").rpartition(" ")[2],
                "is_negated": False, "operation": "assert",
            }
            for each in said
        ]  # fmt: skip
        message = {"role": "assistant", "content": json.dumps({"facts": found})}
        return _completion(request, message)

    def _call(self, request: ReceivedRequest) -> Reply:
        canary = self._canary
        function = {
            "name": canary("called function"),
            "arguments": json.dumps({"q": canary("arguments")}),
        }
        call = {"id": canary("call id"), "type": "function", "function": function}
        return _completion(request, {"role": "assistant", "content": None, "tool_calls": [call]})


def _completion(request: ReceivedRequest, message: Mapping[str, object]) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json_reply(
        {"id": "c", "object": "chat.completion", "model": request.document["model"],
         "choices": [choice]}
    )  # fmt: skip


def _renamed(reply: Reply, new_id: str) -> Reply:
    def rename(step: Any) -> Any:
        pattern = rb'"id": "(chatcmpl-|resp_)[0-9a-f]+"'
        return re.sub(pattern, f'"id": "{new_id}"'.encode(), step)

    return Reply(reply.status, reply.headers, tuple(map(rename, reply.body)), reply.before)


class Client:
    """HTTP with the server's key."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        wanted: Sequence[int] = (200,),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self._client.request(
            method, path, content=b"" if body is None else content,
            headers={
                "authorization": f"Bearer {KEY}", "content-type": "application/json",
                **(headers or {}),
            },
        )  # fmt: skip
        assert answer.status_code in wanted, (method, path, answer.status_code, answer.text[:500])
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if is_json else answer.text


async def plant(call: Client, canary: Canaries) -> None:
    """Everywhere."""
    namespace = canary("namespace")
    await _plant_memories(call, canary, namespace)
    await _plant_dialogues(call, canary, namespace)
    await _plant_chats(call, canary, namespace)
    await _plant_errors(call, canary, namespace)
    created = await call(
        "POST", "/v1/admin/keys", {"name": "bound", "scopes": ["read"], "namespace": namespace}
    )
    await call("POST", f"/v1/admin/keys/{created['apiKey']['id']}/revoke", {})


async def _plant_memories(call: Client, canary: Canaries, namespace: str) -> None:
    memory = {
        "namespace": namespace, "id": canary("memory id"), "label": canary("memory label"),
        "description": canary("description"), "tags": [canary("memory tag")],
        "metadata": {canary("metadata name"): canary("metadata value")},
        "value": {canary("value name"): [canary("value"), {"deep": canary("deep value")}]},
    }  # fmt: skip
    await call("POST", "/memory", memory)
    often = [
        {"value": canary("common value"), "tags": [canary("common tag")],
         "metadata": {"m": canary("common metadata")}}
    ] * OFTEN  # fmt: skip
    await call("POST", "/memory/batch", {"namespace": namespace, "memories": often})
    gone = await call("POST", "/memory", {"namespace": namespace, "value": canary("deleted value")})
    await call("DELETE", f"/memory/{gone['id']}")
    said = {"role": "user", "content": f"I live in {canary('fact')}."}
    await call(
        "POST",
        "/memory/extract",
        {
            "namespace": namespace,
            "messages": [said],
            "tags": [canary("fact tag")],
            "metadata": {"from": canary("fact metadata")},
        },
    )


async def _plant_dialogues(call: Client, canary: Canaries, namespace: str) -> None:
    dialogue_id = canary("dialogue id")
    function = {"name": canary("function"), "arguments": json.dumps({"a": canary("argument")})}
    messages: list[dict[str, object]] = [
        {
            "id": canary("message id"), "role": "user", "content": canary("content"),
            "name": canary("speaker"), "tags": [canary("message tag")],
            "metadata": {"m": canary("message metadata")},
        },
        {
            "role": "assistant",
            "tool_calls": [
                {"id": canary("tool call id"), "type": "function", "function": function}
            ],
        },
        {
            "role": "tool", "tool_call_id": canary("tool call id"),
            "content": canary("tool result"),
        },
    ]  # fmt: skip
    messages += [{"role": "user", "content": canary("common content")}] * OFTEN
    dialogue = {
        "namespace": namespace, "id": dialogue_id, "label": canary("dialogue label"),
        "tags": [canary("dialogue tag")], "metadata": {"m": canary("dialogue metadata")},
        "state": {"first": canary("first state")}, "messages": messages,
    }  # fmt: skip
    await call("POST", "/dialogue", dialogue)
    path = f"/dialogue/{dialogue_id}"
    query = f"?namespace={namespace}"
    await call("PATCH", f"{path}/state{query}", {canary("state name"): canary("state")})
    await call("PUT", f"{path}{query}", {"label": canary("new label")})
    thread = {"namespace": namespace, "threadOf": dialogue_id, "message": messages[0]}
    await call("POST", "/dialogue", thread)
    await call("POST", f"{path}/end{query}", {})


async def _plant_chats(call: Client, canary: Canaries, namespace: str) -> None:
    path = f"/v1/memory/chat/completions?namespace={namespace}&commit_after=0"
    session = {"x-session-id": canary("session id")}
    picture = {"type": "image_url", "image_url": {"url": f"data:{canary('picture')}"}}
    first = {
        "model": "m", "user": canary("user field"),
        "messages": [
            {"role": "system", "content": canary("system prompt")},
            {"role": "user", "content": [
                {"type": "text", "text": f"Hello from {canary('part')}."}, picture,
            ]},
        ],
    }  # fmt: skip
    await call("POST", path, first, headers=session)
    chat = {"x-memory-chat-id": canary("chat id"), "idempotency-key": canary("idempotency")}
    again = {"model": "m", "messages": [{"role": "user", "content": canary("kept question")}]}
    for _ in range(2):
        await call("POST", path, again, headers=chat)
    streamed = {"model": "m", "stream": True, "messages": [_user(canary("streamed question"))]}
    await call("POST", path, streamed)
    calling = {"model": "m", "messages": [_user(f"please call {canary('asking')}")]}
    await call("POST", path, calling)
    edited = {"model": "m", "messages": [_user(f"Hello from {canary('edited')}.")]}
    await call("POST", path, edited, headers={"x-memory-chat-id": canary("chat id")})
    response = {"model": "m", "input": f"Reply to {canary('response input')}"}
    await call("POST", f"/v1/memory/ns/{namespace}/responses", response)
    poisoned = {"model": "m", "messages": [_user(f"{POISON} {canary('poisoned')}")]}
    await call("POST", path, poisoned)


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def _plant_errors(call: Client, canary: Canaries, namespace: str) -> None:
    memory = {"namespace": namespace, "id": canary("memory id"), "value": 1}
    await call("POST", "/memory", memory, wanted=[400])
    dialogue = {"namespace": namespace, "id": canary("dialogue id")}
    await call("POST", "/dialogue", dialogue, wanted=[400])
    await call("GET", f"/memory/{canary('missing id')}", wanted=[404])
    await call("GET", f"/{canary('path')}", wanted=[404])
    await call("POST", "/memory", f'{{"value": "{canary("torn body")}'.encode(), wanted=[400])
    wrong = {"authorization": f"Bearer {canary('wrong key')}-and-some-more"}
    await call("GET", "/memory", headers=wrong, wanted=[401])
    chat = {"model": "m", "messages": [_user("please fail")]}
    path = f"/v1/memory/chat/completions?namespace={namespace}"
    await call("POST", path, chat, wanted=[400])
    question = {"query": canary("question"), "object": "message", "namespace": namespace}
    await call("POST", "/search", question)


@dataclass(frozen=True, slots=True)
class Kept:
    """Neighbours in a namespace that stays: of each two things one goes."""

    namespace: str
    gone: Canaries
    stays: Canaries


async def plant_neighbours(call: Client, seed: int) -> Kept:
    """A dialogue, a message and a memory to be deleted, and one of each to stay."""
    kept = Kept("neighbours", Canaries(seed + 1), Canaries(seed + 2))
    for canary in (kept.gone, kept.stays):
        await call(
            "POST",
            "/memory",
            {"namespace": kept.namespace, "id": canary("memory"), "value": canary("value"),
             "tags": [canary("tag")]},
        )  # fmt: skip
        message = {**_user(canary("content")), "name": canary("speaker"), "id": canary("message")}
        await call(
            "POST",
            "/dialogue",
            {"namespace": kept.namespace, "id": canary("dialogue"), "messages": [message],
             "state": {"s": canary("state")}},
        )  # fmt: skip
        path = f"/dialogue/{kept.stays('dialogue')}/messages?namespace={kept.namespace}"
        if canary is kept.stays:
            for each in (kept.gone, kept.stays):
                named = {"id": each("one id"), "name": each("one speaker")}
                await call("POST", path, {**_user(each("one content")), **named})
    return kept


async def delete_neighbours(call: Client, kept: Kept) -> None:
    """One by one, over the API."""
    query = f"?namespace={kept.namespace}"
    await call("DELETE", f"/memory/{kept.gone('memory')}{query}")
    await call("DELETE", f"/dialogue/{kept.gone('dialogue')}{query}")
    path = f"/dialogue/{kept.stays('dialogue')}/messages/{kept.gone('one id')}{query}"
    await call("DELETE", path)


def rows_of_everything(dsn: str) -> bytes:
    """Every row of every table, catalogues and their samples included, and what runs now."""
    found: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        relations = connection.execute(
            "select n.nspname, c.relname from pg_class as c"
            " inner join pg_namespace as n on c.relnamespace = n.oid"
            " where c.relkind in ('r', 'm') or c.relname in ('pg_stats', 'pg_stat_activity')"
        ).fetchall()
        for schema, relation in relations:
            cursor = connection.execute(
                SQL("select t::text from {}.{} as t").format(
                    Identifier(schema), Identifier(relation)
                )
            )
            found += [str(row) for (row,) in cursor]
    return "\n".join(found).encode()


def dump(dsn: str) -> bytes:
    """What `pg_dump` writes."""
    done = subprocess.run(  # noqa: S603 - of the wheel
        [str(find_programs() / "pg_dump"), "--dbname", dsn], check=True, capture_output=True
    )
    return done.stdout


def files_of(folder: Path) -> Iterator[bytes]:
    """What lies on the disk: tables, indexes, Postgres's own log; not the write-ahead log."""
    for path in folder.rglob("*"):
        if "pg_wal" not in path.parts and path.is_file():
            yield path.read_bytes()


def exported(server: ServerProcess) -> bytes:
    """All namespaces, as `eunoe export` writes them."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EUNOE_")
    }
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "eunoe_server", "export", "--target", server.grpc,
         "--include-superseded"],
        env=environment | {"EUNOE_API_KEY": KEY}, check=True, capture_output=True,
    )  # fmt: skip
    return done.stdout + done.stderr


async def settled(postgres: OutsidePostgres) -> None:
    """Every commit was made or given up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = "select count(*) from commit_queue where state = 'waiting'"
    while await asyncio.to_thread(postgres.execute, waiting) != [(0,)]:
        assert time.monotonic() < deadline, "commits are still waiting"
        await asyncio.sleep(0.1)


async def run(seed: int) -> Outcome:
    """Plants, erases, looks."""
    outcome, canary = Outcome(), Canaries(seed)
    with (
        outside_postgres() as postgres,
        Upstream(Model(canary)) as upstream,
        serving(
            {
                "EUNOE_DATABASE_URL": postgres.dsn,
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
                "EUNOE_EXTRACTOR__PROVIDER": "llm",
                "EUNOE_CHAT__COMMIT_AFTER_SECONDS": "0",
                "EUNOE_WORKER__MAX_ATTEMPTS": "1",
            }
        ) as server,
    ):
        async with httpx2.AsyncClient(base_url=server.http, timeout=60, trust_env=False) as http:
            call = Client(http)
            await plant(call, canary)
            kept = await plant_neighbours(call, seed)
            await settled(postgres)
            await asyncio.to_thread(postgres.execute, "analyze")
            outcome.planted = frozenset(canary.words)
            outcome.stored = canary.in_(await asyncio.to_thread(rows_of_everything, postgres.dsn))

            answer = await call("DELETE", f"/v1/admin/namespaces/{canary('namespace')}")
            outcome.receipt = {each["kind"]: each["count"] for each in answer["counts"]}
            await delete_neighbours(call, kept)
            await asyncio.to_thread(postgres.execute, "vacuum")
            await asyncio.to_thread(look, outcome, canary, kept, postgres, server)
            metrics = await http.get(f"{server.ops}/metrics")
            outcome.left["metrics"] = canary.in_(metrics.content)
            trail = await call("GET", "/v1/admin/audit?limit=200")
            outcome.left["audit trail"] = canary.in_(json.dumps(trail).encode())
            outcome.audit = tuple(each["kind"] for each in trail["items"])

            # Last, because it makes the namespace again: does anybody remember?
            before = len(upstream.requests)
            chat = {"model": "m", "messages": [_user("What do you know of me? Where do I live?")]}
            path = f"/v1/memory/chat/completions?namespace={canary('namespace')}"
            await call("POST", path, chat)
            outcome.sent_upstream = canary.in_(
                b"".join(each.body for each in upstream.requests[before:])
            )
    return outcome


def look(
    outcome: Outcome,
    canary: Canaries,
    kept: Kept,
    postgres: OutsidePostgres,
    server: ServerProcess,
) -> None:
    """Wherever something could be left."""
    rows = rows_of_everything(postgres.dsn)
    outcome.left["rows"] = canary.in_(rows)
    outcome.left_of_deleted = kept.gone.in_(rows)
    outcome.lost = set(kept.stays.words) - kept.stays.in_(rows)
    outcome.left["pg_dump"] = canary.in_(dump(postgres.dsn))
    outcome.left["export"] = canary.in_(exported(server))
    outcome.left["server's log"] = canary.in_(server.log_path.read_bytes())
    # Freed places of a page keep their bytes until they are written again.
    postgres.execute("vacuum full")
    postgres.execute("checkpoint")
    outcome.left["files"] = set().union(*map(canary.in_, files_of(postgres.folder)))
    outcome.left_of_deleted |= set().union(*map(kept.gone.in_, files_of(postgres.folder)))


async def measure(seed: int = 1) -> Rows:
    """For the table."""
    outcome = await run(seed)
    what = f"{len(outcome.planted)} canaries, namespace erased"
    to_be_kept = str(len(outcome.planted - NOT_KEPT))
    rows = [(f"{what}: found in a table before", to_be_kept, str(len(outcome.stored)))]
    rows += [
        (f"{what}: left in {where}", "0", str(len(found))) for where, found in outcome.left.items()
    ]
    rows += [
        (f"{what}: sent to the model afterwards", "0", str(len(outcome.sent_upstream))),
        ("dialogue, message, memory deleted: left", "0", str(len(outcome.left_of_deleted))),
        ("dialogue, message, memory deleted: neighbours lost", "0", str(len(outcome.lost))),
    ]
    return rows


if __name__ == "__main__":
    main(measure, __doc__, seed=1)
