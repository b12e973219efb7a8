"""Seed 003: a session header, and the server holds the history."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import openai
import pytest

from tests.fixtures.server import ServerProcess, call, wait_until


def ask(server: ServerProcess, headers: dict[str, str], content: str) -> str:
    """What is answered to a request of a session."""
    return chat(server, headers, content)[0]


def chat(server: ServerProcess, headers: dict[str, str], content: str) -> tuple[str, str]:
    """The seed's `requests` example: POST to the base URL itself, only the new message.

    The answer, and the id of the dialogue that it is kept in.
    """
    body = {"model": "gpt-4", "messages": [{"role": "user", "content": content}]}
    answer = call(server, "POST", "/api/publicLLM", body, headers=headers)
    return answer.done["choices"][0]["message"]["content"], answer.headers["x-memory-chat-id"]


@pytest.mark.parametrize("header", ["sessionId", "session-id", "x-session-id", "session_id"])
def test_the_second_request_of_a_session_knows_the_first(
    server: ServerProcess, header: str
) -> None:
    session = {header: str(uuid4())}
    ask(server, session, "My name is Alice")
    assert "Alice" in ask(server, session, "What's my name?")


def test_without_a_session_nothing_is_known(server: ServerProcess) -> None:
    ask(server, {}, "My name is Alice")
    assert "Alice" not in ask(server, {}, "What's my name?")


def test_another_session_starts_empty(server: ServerProcess) -> None:
    ask(server, {"sessionId": str(uuid4())}, "My name is Alice")
    assert "Alice" not in ask(server, {"sessionId": str(uuid4())}, "What's my name?")


def test_the_seed_s_openai_example_runs_as_printed(server: ServerProcess) -> None:
    client = server.openai("/api/publicLLM", default_headers={"sessionId": str(uuid4())})
    client.chat.completions.create(
        model="gpt-4", messages=[{"role": "user", "content": "My name is Alice"}]
    )
    response = client.chat.completions.create(
        model="gpt-4", messages=[{"role": "user", "content": "What's my name?"}]
    )
    assert "Your name is Alice" in (response.choices[0].message.content or "")


def test_an_idle_session_starts_empty_again(new_server: Callable[..., ServerProcess]) -> None:
    server = new_server(EUNOE_CHAT__SESSION_IDLE_SECONDS="1")
    session = {"sessionId": str(uuid4())}
    ask(server, session, "My name is Alice")
    assert "Alice" in ask(server, session, "What's my name?")
    time.sleep(1.5)  # the database's clock decides; there is no other way to let it pass
    assert "Alice" not in ask(server, session, "What's my name?")


def test_a_session_that_is_never_used_again_is_erased_if_the_settings_say_so(
    new_server: Callable[..., ServerProcess],
) -> None:
    server = new_server(
        EUNOE_CHAT__SESSION_IDLE_SECONDS="1", EUNOE_CHAT__ERASE_EXPIRED_SESSIONS="true"
    )
    _, chat_id = chat(server, {"sessionId": str(uuid4())}, "My name is Alice")
    status, _, _ = call(server, "GET", f"/dialogue/{chat_id}")
    assert status == 200
    wait_until(
        lambda: call(server, "GET", f"/dialogue/{chat_id}").status == 404,
        "the dialogue to be erased",
    )


def test_the_session_of_an_ended_dialogue_starts_afresh(server: ServerProcess) -> None:
    session = {"sessionId": str(uuid4())}
    _, chat_id = chat(server, session, "My name is Alice")
    status, ended, _ = call(server, "POST", f"/dialogue/{chat_id}/end")
    assert (status, ended["status"]) == (200, "ended")
    answer, new_chat_id = chat(server, session, "What's my name?")
    assert "Alice" not in answer
    assert new_chat_id != chat_id
    assert chat(server, session, "And now?")[1] == new_chat_id


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_with_the_id_of_an_ended_dialogue_is_refused(
    server: ServerProcess, stream: bool
) -> None:
    _, chat_id = chat(server, {"sessionId": str(uuid4())}, "My name is Alice")
    call(server, "POST", f"/dialogue/{chat_id}/end")
    with pytest.raises(openai.BadRequestError) as refused:
        server.openai("/v1/memory", default_query={"chat_id": chat_id}).chat.completions.create(
            model="gpt-4",
            messages=[{"role": "user", "content": "What's my name?"}],
            stream=stream,
        )
    assert refused.value.code == "dialogue_ended"
    dialogue = call(server, "GET", f"/dialogue/{chat_id}").done
    assert dialogue["totalMessages"] == 2
