"""Seeds 000 and 001: OpenAI's chat completions at `/v1/memory`, which remember.

Driven by the official client, against a whole server with its offline model.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from openai import OpenAI

from tests.fixtures.server import ServerProcess, call, wait_until

STATEMENT = "My name is Alice and I am allergic to peanuts."


def say(client: OpenAI, text: str) -> str:
    """One new conversation: nothing of an earlier one is sent."""
    answer = client.chat.completions.create(
        model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}]
    )
    return answer.choices[0].message.content or ""


def streamed(client: OpenAI, text: str) -> str:
    chunks = client.chat.completions.create(
        model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}], stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def remembering(server: ServerProcess, namespace: str) -> OpenAI:
    return server.openai(default_query={"namespace": namespace, "commit_after": 0})


def told(client: OpenAI) -> OpenAI:
    """A client whose namespace has committed the statement."""
    say(client, STATEMENT)
    wait_until(lambda: "Alice" in say(client, "What is my name?"), "the commit")
    return client


def test_a_later_conversation_knows_what_an_earlier_one_said(
    server: ServerProcess, namespace: str
) -> None:
    client = told(remembering(server, namespace))
    assert "Alice" in say(client, "What is my name?")
    assert "peanuts" in say(client, "What must I not eat?")


def test_a_streamed_answer_remembers_the_same(server: ServerProcess, namespace: str) -> None:
    client = told(remembering(server, namespace))
    assert "Alice" in streamed(client, "What is my name?")
    assert "peanuts" in streamed(client, "What must I not eat?")


def test_what_was_said_while_streaming_is_remembered_too(
    server: ServerProcess, namespace: str
) -> None:
    client = remembering(server, namespace)
    streamed(client, STATEMENT)
    wait_until(lambda: "Alice" in say(client, "What is my name?"), "the commit")


def test_another_namespace_knows_nothing(server: ServerProcess, namespace: str) -> None:
    told(remembering(server, namespace))
    other = remembering(server, f"{namespace}-other")
    assert "Alice" not in say(other, "What is my name?")
    assert "peanuts" not in say(other, "What must I not eat?")


def test_a_namespace_in_the_path_or_a_header_is_the_one_in_the_query(
    server: ServerProcess, namespace: str
) -> None:
    told(remembering(server, namespace))
    in_path = server.openai(f"/v1/memory/ns/{namespace}")
    in_header = server.openai(default_headers={"x-memory-namespace": namespace})
    assert "Alice" in say(in_path, "What is my name?")
    assert "Alice" in say(in_header, "What is my name?")


def test_before_it_is_committed_no_other_conversation_recalls_it(
    server: ServerProcess, namespace: str
) -> None:
    client = server.openai(default_query={"namespace": namespace, "commit_after": 86_400})
    say(client, STATEMENT)
    assert "Alice" not in say(client, "What is my name?")


def test_what_is_remembered_survives_a_restart_and_a_kill(
    new_server: Callable[..., ServerProcess],
) -> None:
    server = new_server()
    told(remembering(server, "alice"))
    assert server.stop() == 0
    assert "Alice" in say(remembering(server.start(), "alice"), "What is my name?")
    server.kill()
    assert "Alice" in say(remembering(server.start(), "alice"), "What is my name?")


def test_the_request_of_seed_001_is_answered_in_openai_s_shape(server: ServerProcess) -> None:
    body = {
        "model": "gpt-3.5-turbo",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Hello!"},
        ],
    }
    answer = call(server, "POST", "/v1/memory/chat/completions?namespace=user123", body).done
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_follow_up_that_resends_its_history_stays_one_conversation(
    server: ServerProcess, namespace: str
) -> None:
    client = server.openai(default_query={"namespace": namespace})
    first = client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": STATEMENT}]
    )
    answer = first.parse().choices[0].message.content
    second = client.chat.completions.with_raw_response.create(
        model="m",
        messages=[
            {"role": "user", "content": STATEMENT},
            {"role": "assistant", "content": answer},
            {"role": "user", "content": "What is my name?"},
        ],
    )
    assert first.headers["x-memory-matched-by"] == "new"
    assert second.headers["x-memory-matched-by"] == "history"
    assert second.headers["x-memory-chat-id"] == first.headers["x-memory-chat-id"]


def test_a_chat_id_names_the_conversation(server: ServerProcess, namespace: str) -> None:
    client = server.openai(default_query={"namespace": namespace, "chat_id": "c-1"})
    create = client.chat.completions.with_raw_response.create
    first = create(model="m", messages=[{"role": "user", "content": STATEMENT}])
    second = create(model="m", messages=[{"role": "user", "content": "Anything else?"}])
    assert first.headers["x-memory-chat-id"] == second.headers["x-memory-chat-id"] == "c-1"
    assert first.headers["x-memory-matched-by"] == "new"
    assert second.headers["x-memory-matched-by"] == "chat_id"


@pytest.mark.parametrize("path", ["/v1/memory", "/v1", "/api/publicLLM"])
def test_the_offline_model_says_that_it_answers_by_rules(server: ServerProcess, path: str) -> None:
    models = server.openai(path).models.list()
    assert [model.id for model in models] == ["eunoe-local"]
    assert "rules" in json.dumps(models.data[0].model_extra)
    assert server.openai(path).models.retrieve("eunoe-local").id == "eunoe-local"


def test_the_server_says_at_start_that_the_offline_model_answers(server: ServerProcess) -> None:
    assert "no language model" in server.announced
