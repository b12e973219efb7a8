"""`client.search` and `client.chat` against a real server with the offline model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eunoe import AsyncEunoe, Dialogue, Eunoe, InvalidRequest, NotFound


def test_a_memory_is_found_by_what_it_means(client: Eunoe, namespace: str) -> None:
    peanuts = client.memories.create(
        "User is allergic to peanuts", namespace=namespace, tags=["health"]
    )
    client.memories.create("The office is in Lisbon", namespace=namespace, tags=["work"])
    found = client.search("What food must be avoided?", namespace=namespace)
    assert found[0].item == peanuts
    assert 0 < found[0].relevance <= 1
    assert found.request.limit == 10
    narrowed = client.search("food", namespace=namespace, tags={"$nin": ["health"]})
    assert [each.item.value for each in narrowed] == ["The office is in Lisbon"]


def test_a_search_explains_itself(client: Eunoe, namespace: str) -> None:
    client.memories.create("User is allergic to peanuts", namespace=namespace)
    [found] = client.search("peanuts", namespace=namespace, explain=True)
    assert {signal.name for signal in found.signals} >= {"words", "meaning"}


def test_messages_and_dialogues_are_found(client: Eunoe, namespace: str) -> None:
    dialogue = client.dialogues.create(namespace=namespace)
    said = dialogue.save_message("user", "I moved to Berlin in May")
    assert client.search("Where did I move?", "message", namespace=namespace)[0].item == said
    [found] = client.search("Where did I move?", "dialogue", namespace=namespace)
    assert isinstance(found.item, Dialogue)
    assert found.matches[0].item.id == said.id
    assert [message.id for message in found.item.load_messages()] == [said.id]


def test_a_search_is_narrowed_by_instants_of_python(client: Eunoe, namespace: str) -> None:
    moment = datetime(2024, 3, 5, 12, tzinfo=UTC)
    client.memories.batch_create(
        [
            {"value": "met Ann", "created": moment},
            {"value": "met Bob", "created": moment + timedelta(days=40)},
        ],
        namespace=namespace,
    )
    found = client.search(
        "met", namespace=namespace, filter={"created": {"lt": moment + timedelta(days=1)}}
    )
    assert [each.item.value for each in found] == ["met Ann"]
    assert found.request.created is not None
    assert found.request.created.lt == moment + timedelta(days=1)


def test_a_refused_search_names_the_field(client: Eunoe, namespace: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.search("met", namespace=namespace, timezone="Atlantis/Capital")
    assert caught.value.reason == "INVALID_PARAMETER"
    assert [field.field for field in caught.value.fields] == ["timezone"]


def test_the_session_of_seed_003_remembers(client: Eunoe, namespace: str) -> None:
    session = {"session_id": namespace, "namespace": namespace}
    first = client.chat.complete("My name is Alice", model="gpt-4", **session)  # type: ignore[arg-type]
    second = client.chat.complete(
        [{"role": "user", "content": "What's my name?"}],
        model="gpt-4",
        session_id=namespace,
        namespace=namespace,
    )
    assert "Alice" in second.text
    assert second.memory.matched_by == "session"
    assert second.memory.chat_id == first.memory.chat_id
    assert second.finish_reason == "stop"


def test_an_answer_can_be_sent_back_as_it_is(client: Eunoe, namespace: str) -> None:
    first = client.chat.complete("My name is Alice", namespace=namespace)
    second = client.chat.complete(
        [
            {"role": "user", "content": "My name is Alice"},
            first.message,
            {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
        ],
        namespace=namespace,
    )
    assert "Alice" in second.text


def test_a_streamed_answer_is_stored_when_it_ends(client: Eunoe, namespace: str) -> None:
    with client.chat.stream("Hello", namespace=namespace) as stream:
        pieces = list(stream)
    assert len(pieces) > 1
    assert stream.memory is not None
    assert stream.stored is not None
    assert stream.stored.is_stored
    dialogue = client.dialogues.get(stream.stored.chat_id, namespace=namespace)
    assert dialogue.messages[-1].content == "".join(piece.text for piece in pieces)


async def test_a_stream_can_be_left_early(async_client: AsyncEunoe, namespace: str) -> None:
    async with async_client.chat.stream("Tell me something long", namespace=namespace) as stream:
        async for piece in stream:
            if piece.text:
                break
    assert stream.stored is None
    assert stream.memory is not None


async def test_whole_answers_with_asyncio(async_client: AsyncEunoe, namespace: str) -> None:
    answer = await async_client.chat.complete("My name is Alice", namespace=namespace)
    assert "Alice" in answer.text
    assert [model.id for model in await async_client.chat.models()] == ["eunoe-local"]
    with pytest.raises(NotFound):
        await async_client.memories.get("nowhere")
