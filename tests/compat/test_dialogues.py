"""Dialogues as applications use them: DialogueDB's requests, and one store with chats.

DialogueDB's pages on dialogues, messages and state are no seed; seed 002 refers to them. What each
call promises in detail is in `tests/contract/cases/dialogue*.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import quote

import grpc
import pytest

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess, wait_until
from tests.fixtures.server import call as call_server

#: Method, path, body; gives status and JSON.
Call: TypeAlias = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(server: ServerProcess, namespace: str) -> Call:
    """Calls the native dialect in a namespace of the test's own."""

    def do(method: str, path: str, body: object = None) -> tuple[int, Any]:
        separator = "&" if "?" in path else "?"
        answer = call_server(server, method, f"{path}{separator}namespace={namespace}", body)
        return answer.status, answer.body

    return do


def transcript(call: Call, dialogue_id: str) -> list[tuple[str, str]]:
    """Role and content of every message, in order."""
    status, page = call("GET", f"/dialogue/{dialogue_id}/messages?order=asc&limit=200")
    assert status == 200, page
    assert "next" not in page
    return [(message["role"], message["content"]) for message in page["items"]]


# DialogueDB's way through the life of a dialogue


def test_a_dialogue_lives_as_dialoguedb_documents_it(call: Call) -> None:
    status, dialogue = call(
        "POST",
        "/dialogue",
        {
            "label": "Support",
            "messages": [
                {"role": "user", "content": "My order has not arrived."},
                {"role": "assistant", "content": "Let me look into that."},
            ],
            "state": {"step": "triage"},
            "metadata": {"channel": "web", "priority": 2, "vip": True},
            "tags": ["support"],
        },
    )
    assert status == 200
    path = f"/dialogue/{dialogue['id']}"
    assert dialogue["status"] == "active"
    assert dialogue["totalMessages"] == 2

    status, message = call("POST", f"{path}/messages", {"role": "user", "content": "Thanks!"})
    assert status == 200
    assert (message["content"], message["position"]) == ("Thanks!", 2)

    status, thread = call("POST", "/dialogue", {"threadOf": dialogue["id"], "label": "Refund"})
    assert (status, thread["threadOf"]) == (200, dialogue["id"])
    status, threads = call("GET", f"/dialogue?threadOf={dialogue['id']}")
    assert [each["id"] for each in threads["items"]] == [thread["id"]]

    status, state = call("PUT", f"{path}/state", {"step": "refund", "amount": 12})
    assert (status, state) == (200, {"step": "refund", "amount": 12})
    status, state = call("PATCH", f"{path}/state", {"step": "done", "amount": None})
    assert (status, state) == (200, {"step": "done"})
    status, changed = call("PUT", path, {"label": "Refunded", "tags": ["support", "refund"]})
    assert (status, changed["label"], changed["tags"]) == (200, "Refunded", ["support", "refund"])

    status, tagged = call("PUT", f"{path}/messages/{message['id']}", {"tags": ["polite"]})
    assert (status, tagged["tags"], tagged["content"]) == (200, ["polite"], "Thanks!")

    status, ended = call("POST", f"{path}/end", {})
    assert (status, ended["status"]) == (200, "ended")
    status, refused = call("POST", f"{path}/messages", {"role": "user", "content": "One more"})
    assert (status, refused["error"]["code"]) == (400, "DIALOGUE_ENDED")
    status, state = call("PUT", f"{path}/state", {"step": "archived"})
    assert status == 200

    status, whole = call("GET", path)
    assert status == 200
    assert whole["state"] == {"step": "archived"}
    assert whole["metadata"] == {"channel": "web", "priority": 2, "vip": True}
    assert [each["content"] for each in whole["messages"]] == [
        "My order has not arrived.",
        "Let me look into that.",
        "Thanks!",
    ]
    assert whole["threadCount"] == 1
    assert {"endedAt", "lastMessageCreated", "created", "modified"} <= whole.keys()

    assert call("DELETE", path) == (200, {"success": True, "id": dialogue["id"]})
    status, gone = call("GET", path)
    assert (status, gone["error"]["code"]) == (404, "DIALOGUE_NOT_FOUND")


def test_an_unknown_parameter_of_a_list_is_refused(call: Call) -> None:
    status, refused = call("GET", "/dialogue?page=2")
    assert (status, refused["error"]["code"]) == (400, "INVALID_PARAMETER")
    assert refused["error"]["details"][0]["field"] == "page"


# One store with chats

HISTORY: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "My name is Alice and I live in Lisbon, near the river."},
    {"role": "assistant", "content": "Nice to meet you, Alice! Lisbon by the river is lovely."},
]
QUESTION: Any = {"role": "user", "content": "What is my name?"}


def test_a_chat_that_resends_a_created_dialogue_continues_it(
    server: ServerProcess, namespace: str, call: Call
) -> None:
    call("POST", "/dialogue", {"id": "d", "messages": HISTORY})
    client = server.openai(default_query={"namespace": namespace})
    answer = client.chat.completions.with_raw_response.create(
        model="m",
        messages=[*HISTORY, QUESTION],
    )
    assert answer.headers["x-memory-chat-id"] == "d"
    assert answer.headers["x-memory-matched-by"] == "history"
    assert transcript(call, "d") == [
        *((each["role"], each["content"]) for each in HISTORY),
        ("user", "What is my name?"),
        ("assistant", "Your name is Alice."),
    ]


def test_a_chat_continues_a_created_dialogue_by_its_id(
    server: ServerProcess, namespace: str, call: Call
) -> None:
    call("POST", "/dialogue", {"id": "d", "messages": HISTORY})
    client = server.openai(default_query={"namespace": namespace, "chat_id": "d"})
    client.chat.completions.create(
        model="m",
        messages=[QUESTION],
    )
    assert [role for role, _ in transcript(call, "d")] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]


def test_a_chat_is_a_dialogue_that_takes_messages_and_goes_on_with_them(
    server: ServerProcess, namespace: str, call: Call
) -> None:
    client = server.openai(default_query={"namespace": namespace})
    ask = client.chat.completions.with_raw_response.create
    first: Any = [{"role": "user", "content": "My name is Alice and I live in Lisbon."}]
    answer = ask(model="m", messages=first)
    chat_id = answer.headers["x-memory-chat-id"]
    first.append({"role": "assistant", "content": answer.parse().choices[0].message.content})
    added: Any = {"role": "user", "content": "I also keep bees on the roof."}
    status, message = call("POST", f"/dialogue/{chat_id}/messages", added)
    assert (status, message["position"]) == (200, 2)
    again = ask(model="m", messages=[*first, added, QUESTION])
    assert again.headers["x-memory-chat-id"] == chat_id
    said = transcript(call, chat_id)
    assert said[:3] == [(each["role"], each["content"]) for each in [*first, added]]
    assert [role for role, _ in said[3:]] == ["user", "assistant"]


def test_an_answer_shows_its_finish_reason_and_what_openai_put_beside_it(
    server: ServerProcess, namespace: str, call: Call
) -> None:
    client = server.openai(default_query={"namespace": namespace, "chat_id": "d"})
    answer = client.chat.completions.create(
        model="m",
        messages=[QUESTION],
    )
    _, page = call("GET", "/dialogue/d/messages?order=asc")
    asked, answered = page["items"]
    assert "finish_reason" not in asked
    assert "extra" not in asked
    assert answered["finish_reason"] == answer.choices[0].finish_reason == "stop"
    assert answered["content"] == answer.choices[0].message.content
    assert answered["isInterrupted"] is False


def test_other_conversations_recall_a_created_dialogue_once_it_is_committed(
    server: ServerProcess, namespace: str, call: Call
) -> None:
    client = server.openai(default_query={"namespace": namespace})

    def answer() -> str:
        completion = client.chat.completions.create(
            model="m",
            messages=[QUESTION],
        )
        return completion.choices[0].message.content or ""

    call("POST", "/dialogue", {"id": "d", "messages": HISTORY})
    assert "Alice" not in answer()
    call("POST", "/dialogue/d/end", {})
    wait_until(lambda: "Alice" in answer(), "the commit")
    _, dialogue = call("GET", "/dialogue/d")
    assert all(message["isCommitted"] for message in dialogue["messages"])


# Imports: long conversations between two people, in dated sessions


def two_friends() -> Iterator[dict[str, Any]]:
    """An invented conversation: 25 sessions within two years, 600 messages, ids like D3:7."""
    topics = [
        "the kiln",
        "my sister's café",
        "the night train",
        "Ólafur's violin",
        "“the” recipe 🥐",
    ]
    started = datetime(2022, 1, 5, 13, 56, tzinfo=UTC)
    for session in range(1, 26):
        began = started + timedelta(days=29 * session, hours=session % 5)
        for turn in range(1, 25):
            speaker = "Noor" if (session + turn) % 2 else "Bartek"
            yield {
                "id": f"D{session}:{turn}",
                "role": "user",
                "name": speaker,
                "content": f"{speaker}: {topics[(session * turn) % 5]}, {turn} of {session}.",
                "created": began.isoformat().replace("+00:00", "Z"),
                "metadata": {"session": session},
            }


SHOWN = ("id", "role", "name", "content", "created", "metadata")


def test_a_long_dated_conversation_comes_out_of_http_as_it_went_in(call: Call) -> None:
    messages = list(two_friends())
    call("POST", "/dialogue", {"id": "noor & bartek", "messages": messages[:100]})
    for start in range(100, len(messages), 250):
        batch = messages[start : start + 250]
        status, _ = call(
            "POST", f"/dialogue/{quote('noor & bartek')}/messages", {"messages": batch}
        )
        assert status == 200
    out: list[dict[str, Any]] = []
    token = ""
    while True:
        path = f"/dialogue/{quote('noor & bartek')}/messages?order=asc&limit=77&next={token}"
        _, page = call("GET", path)
        out += page["items"]
        if (token := page.get("next", "")) == "":
            break
    assert [{key: each[key] for key in SHOWN} for each in out] == messages
    _, dialogue = call("GET", f"/dialogue/{quote('noor & bartek')}?messageLimit=1")
    assert dialogue["created"] == messages[0]["created"]
    assert dialogue["lastMessageCreated"] == messages[-1]["created"]
    assert dialogue["totalMessages"] == 600


def test_a_long_dated_conversation_comes_out_of_grpc_as_it_went_in(
    server: ServerProcess, namespace: str
) -> None:
    channel: grpc.Channel
    with server.channel() as channel:
        stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
        new = [_new_message(each) for each in two_friends()]
        stub.CreateDialogue(
            dialogue_pb2.CreateDialogueRequest(id="d", namespace=namespace, messages=new),
            metadata=METADATA,
        )
        out: list[dialogue_pb2.NewMessage] = []
        token = ""
        while True:
            page = stub.ListMessages(
                dialogue_pb2.ListMessagesRequest(
                    dialogue_id="d",
                    namespace=namespace,
                    order="asc",
                    page_size=200,
                    page_token=token,
                ),
                metadata=METADATA,
            )
            out += [_as_new(message) for message in page.messages]
            if not page.HasField("next_page_token"):
                break
            token = page.next_page_token
    assert out == new


def _new_message(message: dict[str, Any]) -> dialogue_pb2.NewMessage:
    new = dialogue_pb2.NewMessage(
        id=message["id"],
        role=message["role"],
        name=message["name"],
        content_json=json.dumps(message["content"], ensure_ascii=False),
        metadata_json=json.dumps(message["metadata"]),
    )
    new.create_time.FromJsonString(message["created"])
    return new


def _as_new(message: dialogue_pb2.Message) -> dialogue_pb2.NewMessage:
    return dialogue_pb2.NewMessage(
        id=message.id,
        role=message.role,
        name=message.name,
        content_json=message.content_json,
        metadata_json=message.metadata_json,
        create_time=message.create_time,
    )
