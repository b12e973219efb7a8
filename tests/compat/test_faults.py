"""Faults around a chat: what is kept when the client leaves, retries, or the database is away.

What an upstream's own faults become is in `test_upstream_faults.py`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from eunoe_server.stores.cluster import Cluster
from tests.fixtures.server import ServerProcess, serving, wait_until
from tests.fixtures.upstream import (
    Stall,
    Upstream,
    error_reply,
    event,
    json_reply,
    sse_reply,
)

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client: OpenAI, text: str = "Hello") -> str:
    answer = client.chat.completions.create(
        model="stand-in-1", messages=[{"role": "user", "content": text}]
    )
    return answer.choices[0].message.content or ""


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    return event(
        {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
    )


def test_a_client_that_leaves_in_a_stream_cancels_it_and_the_cut_answer_is_kept(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    client = proxy.openai(
        "/api/publicLLM",
        default_query={"namespace": namespace},
        default_headers={"sessionId": namespace},
    )
    behind.script(sse_reply(chunk("Once upon a time"), Stall()))
    before = len(behind.requests)
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Tell me"}], stream=True
    )
    next(iter(stream))
    stream.close()
    assert behind.wait_for_requests(before + 1)[-1].was_abandoned.wait(1.5)

    def is_kept() -> bool:
        client.post(
            "/chat/completions",
            cast_to=object,
            body={"model": "m", "messages": [{"role": "user", "content": "And then?"}]},
            options={"params": {"memory": "read"}},
        )
        sent = behind.requests[-1].document["messages"]
        return [message["content"] for message in sent] == [
            "Tell me", "Once upon a time", "And then?"
        ]  # fmt: skip

    wait_until(is_kept, "the cut answer")


def test_a_blind_retry_is_stored_once(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    """What an SDK does when our answer was lost: the same request, counted in a header."""
    client = proxy.openai(
        "/api/publicLLM",
        default_query={"namespace": namespace},
        default_headers={"sessionId": namespace},
    )
    for count in ("0", "1", "2"):
        client.post(
            "/chat/completions",
            cast_to=object,
            body={"model": "m", "messages": HELLO},
            options={"headers": {"x-stainless-retry-count": count}},
        )
    ask(client, "Next")
    sent = [message["content"] for message in behind.requests[-1].document["messages"]]
    assert sent == ["Hello", "You said: Hello", "Next"]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A Postgres of its own, to be stopped under a server."""
    with tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder:
        place = Path(folder) / "postgres"
        place.mkdir(mode=0o700)
        own = Cluster(place)
        own.create_if_absent()
        own.start()
        own.ensure_database("eunoe")
        yield own
        own.stop()


def test_without_its_database_a_chat_goes_on_says_so_and_recovers_by_itself(
    behind: Upstream, cluster: Cluster
) -> None:
    settings = {
        "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
        "EUNOE_DATABASE_URL": cluster.conninfo("eunoe"),
    }
    with serving(settings) as server:
        create = server.openai(
            default_query={"namespace": "n"}
        ).chat.completions.with_raw_response.create
        hello: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
        assert "x-memory-degraded" not in create(model="m", messages=hello).headers

        cluster.stop()
        answer = create(model="m", messages=hello)
        assert "identity" in answer.headers["x-memory-degraded"]
        assert answer.parse().choices[0].message.content == "You said: Hello"
        with pytest.raises(openai.InternalServerError) as caught:
            create(model="m", messages=hello, extra_query={"memory": "write"})
        assert caught.value.status_code == 503

        cluster.start()
        wait_until(
            lambda: "x-memory-degraded" not in create(model="m", messages=hello).headers,
            "memory to work again",
        )


def test_errors_of_the_upstream_are_no_reason_to_store_anything(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    client = proxy.openai(
        "/api/publicLLM",
        default_query={"namespace": namespace},
        default_headers={"sessionId": namespace},
    )
    behind.script(error_reply(500, "broken"))
    with pytest.raises(openai.InternalServerError):
        ask(client)
    ask(client)
    assert json.dumps(behind.requests[-1].document["messages"]) == json.dumps(HELLO)


def test_only_the_first_of_several_choices_is_kept(
    proxy: ServerProcess, behind: Upstream, namespace: str
) -> None:
    client = proxy.openai(
        "/api/publicLLM",
        default_query={"namespace": namespace},
        default_headers={"sessionId": namespace},
    )
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for i, text in enumerate(["first", "second"])
    ]
    behind.script(json_reply({"id": "1", "object": "chat.completion", "choices": choices}))
    client.post("/chat/completions", cast_to=object, body={"model": "m", "messages": HELLO, "n": 2})
    ask(client, "Next")
    sent = [message["content"] for message in behind.requests[-1].document["messages"]]
    assert sent == ["Hello", "first", "Next"]
