"""`EUNOE_SCREENING__SECRETS=block` on a whole server: nothing that is a secret is kept.

Direct writes are refused; chats go on, the model gets what was said, and what is kept of it is
redacted. What `redact` does with direct writes is in tests/unit/test_screening.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.server import ServerProcess, call, serving, wait_until
from tests.fixtures.upstream import Upstream

SECRET = "sk-" + "proj-Zx81kQ0pLm47Rt"
MARK = "[redacted: API key]"


@pytest.fixture(scope="module")
def screened(behind: Upstream) -> Iterator[ServerProcess]:
    settings = {
        "EUNOE_UPSTREAM_BASE_URL": behind.base_url,
        "EUNOE_UPSTREAM_API_KEY": "upstream-key",
        "EUNOE_SCREENING__SECRETS": "block",
    }
    with serving(settings) as server:
        yield server


def contents(upstream: Upstream) -> list[Any]:
    """What the model was last sent, message by message."""
    return [message["content"] for message in upstream.requests[-1].document["messages"]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/memory", {"value": f"my key is {SECRET}"}),
        ("POST", "/memory", {"value": "x", "tags": [SECRET]}),
        ("POST", "/memory", {"value": "x", "metadata": {"password": "hunter2"}}),
        ("POST", "/dialogue", {"message": {"role": "user", "content": "my password is hunter2"}}),
        ("POST", "/dialogue", {"label": SECRET, "message": {"role": "user", "content": "Hi"}}),
        ("PUT", "/dialogue/{id}/state", {"token": SECRET}),
        ("PATCH", "/dialogue/{id}/state", {"token": SECRET}),
        ("PUT", "/dialogue/{id}", {"label": f"about {SECRET}"}),
        ("POST", "/dialogue/{id}/messages", {"role": "user", "content": SECRET}),
        ("PUT", "/dialogue/{id}/messages/{message}", {"tags": [SECRET]}),
        ("PUT", "/memory/{memory}", {"tags": [SECRET]}),
        (
            "POST",
            "/api/v1/memories",
            {"user_id": "u", "messages": [{"role": "user", "content": f"I use {SECRET}."}]},
        ),
    ],
)
def test_a_write_that_holds_a_secret_is_refused_without_repeating_it(
    screened: ServerProcess, namespace: str, method: str, path: str, body: object
) -> None:
    at = f"?namespace={namespace}"
    first = {"message": {"role": "user", "content": "Hi"}}
    dialogue = call(screened, "POST", f"/dialogue{at}", first).done
    memory = call(screened, "POST", f"/memory{at}", {"value": "x"}).done
    message = dialogue["messages"][0]["id"]
    path = path.format(id=dialogue["id"], message=message, memory=memory["id"])
    if not path.startswith("/api"):
        path += at
    refusal = call(screened, method, path, body)
    answer = json.dumps(refusal.body)
    assert (refusal.status, "this server keeps no secrets" in answer) == (400, True), answer
    assert SECRET not in answer
    assert "hunter2" not in answer


def test_the_model_hears_the_secret_and_memory_does_not(
    screened: ServerProcess, behind: Upstream, namespace: str
) -> None:
    said = [{"role": "user", "content": f"My deployment key is {SECRET}, remember the deployment."}]
    with screened.openai(default_query={"namespace": namespace, "commit_after": 0}) as client:
        first = client.chat.completions.with_raw_response.create(model="m", messages=said)  # type: ignore[arg-type]
        assert contents(behind) == [said[0]["content"]]
        answer = first.parse().choices[0].message.content or ""
        assert SECRET in answer  # the stand-in echoes

        # The client resends what was really said: it is the same conversation, kept once.
        again = [*said, {"role": "assistant", "content": answer}]
        again.append({"role": "user", "content": "Go on."})
        second = client.chat.completions.with_raw_response.create(model="m", messages=again)  # type: ignore[arg-type]
        assert contents(behind)[0] == said[0]["content"]
        chat_id = first.headers["x-memory-chat-id"]
        assert second.headers["x-memory-chat-id"] == chat_id
        assert second.headers["x-memory-matched-by"] == "history"

    at = f"?namespace={namespace}"
    page = call(screened, "GET", f"/dialogue/{chat_id}/messages{at}").done
    kept = json.dumps(page)
    assert len(page["items"]) == 4
    assert SECRET not in kept
    assert kept.count(MARK) >= 2

    def recalled() -> bool:
        with screened.openai(default_query={"namespace": namespace, "memory": "read"}) as client:
            client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "What is my deployment key?"}],
            )
        return len(contents(behind)) > 1

    wait_until(recalled, "the conversation to be committed")
    assert MARK in contents(behind)[0]
    assert SECRET not in json.dumps(contents(behind))


def test_a_session_replays_what_was_kept(screened: ServerProcess, behind: Upstream) -> None:
    session = {"x-session-id": str(uuid4())}
    with screened.openai("/api/publicLLM", default_headers=session) as client:
        for content in (f"Use {SECRET}.", "Which one?"):
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": content}]
            )
    assert contents(behind)[0] == f"Use {MARK}."
    assert contents(behind)[-1] == "Which one?"


def test_a_stream_that_says_a_secret_goes_through_and_is_kept_without(
    screened: ServerProcess, namespace: str
) -> None:
    with screened.openai(default_query={"namespace": namespace}) as client:
        stream = client.chat.completions.create(
            model="m", stream=True, messages=[{"role": "user", "content": f"Say {SECRET}"}]
        )
        chat_id = stream.response.headers["x-memory-chat-id"]
        heard = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert SECRET in heard
    page = call(screened, "GET", f"/dialogue/{chat_id}/messages?namespace={namespace}").done
    assert len(page["items"]) == 2
    assert SECRET not in json.dumps(page)


def test_no_file_of_the_database_holds_the_secret(screened: ServerProcess, namespace: str) -> None:
    """Not even its log of writes does."""
    with screened.openai(default_query={"namespace": namespace}) as client:
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": f"My key is {SECRET}."}]
        )
    at = f"?namespace={namespace}"
    assert call(screened, "POST", f"/memory{at}", {"value": SECRET}).status == 400
    files = [path for path in screened.data_dir.rglob("*") if path.is_file()]
    written = [path.read_bytes() for path in files if not path.is_socket()]
    assert any(MARK.encode() in content for content in written)
    assert not any(SECRET.encode() in content for content in written)
