"""`client.memories` against a real server: what seed 002 shows, with our names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eunoe import AsyncEunoe, DuplicateId, Eunoe, NotFound


def test_a_memory_is_what_was_given(client: Eunoe, namespace: str) -> None:
    memory = client.memories.create(
        "User is allergic to peanuts",
        id=f"{namespace}-diet",
        namespace=namespace,
        label="Dietary Restriction",
        description="Critical health information",
        tags=["health", "dietary"],
        metadata={"severity": "critical", "verified": True},
    )
    assert client.memories.get(f"{namespace}-diet") == memory
    assert memory.value == "User is allergic to peanuts"
    assert (memory.label, memory.description) == (
        "Dietary Restriction",
        "Critical health information",
    )
    assert memory.tags == ("health", "dietary")
    assert memory.metadata == {"severity": "critical", "verified": True}
    assert memory.namespace == namespace
    assert memory.created.tzinfo is UTC
    assert memory.fact is None


def test_the_theme_of_seed_002_is_found_by_its_key(client: Eunoe, namespace: str) -> None:
    key = f"{namespace}_theme"
    client.memories.create(
        {"theme": "dark", "fontSize": 16},
        id=key,
        label="UI Preferences",
        namespace=namespace,
        tags=["preferences", "notifications"],
    )
    memory = client.memories.get(key)
    assert memory.value == {"theme": "dark", "fontSize": 16}
    client.memories.delete(key)
    with pytest.raises(NotFound) as caught:
        client.memories.get(key)
    assert caught.value.reason == "MEMORY_NOT_FOUND"


def test_tags_are_replaced_and_nothing_else_changes(client: Eunoe, namespace: str) -> None:
    memory = client.memories.create({"a": 1}, namespace=namespace, tags=["old"])
    retagged = client.memories.save_tags(memory.id, ["preferences", "ui-settings", "active"])
    assert retagged.tags == ("preferences", "ui-settings", "active")
    assert (retagged.value, retagged.created) == (memory.value, memory.created)
    assert client.memories.save_tags(memory.id, []).tags == ()


def test_an_id_that_exists_is_refused(client: Eunoe, namespace: str) -> None:
    memory = client.memories.create(1, namespace=namespace)
    with pytest.raises(DuplicateId) as caught:
        client.memories.create(1, id=memory.id, namespace=namespace)
    assert caught.value.reason == "DUPLICATE_ID"
    assert caught.value.request_id in str(caught.value)


def test_a_list_pages_by_itself(client: Eunoe, namespace: str) -> None:
    made = client.memories.batch_create(
        [{"value": number} for number in range(7)], namespace=namespace
    )
    assert [memory.value for memory in made] == list(range(7))
    listed = [memory.id for memory in client.memories.list(namespace=namespace, limit=3)]
    assert sorted(listed) == sorted(memory.id for memory in made)
    pages = list(client.memories.list(namespace=namespace, limit=3, order="asc").pages())
    assert [len(page.items) for page in pages] == [3, 3, 1]


def test_a_page_says_where_the_list_goes_on(client: Eunoe, namespace: str) -> None:
    client.memories.batch_create([{"value": number} for number in range(5)], namespace=namespace)
    first = client.memories.list(namespace=namespace, limit=2).page()
    rest = client.memories.list(namespace=namespace, limit=2, next=first.next)
    assert len(first.items) == 2
    assert len({memory.id for memory in [*first.items, *rest]}) == 5


def test_a_list_is_narrowed_by_time(client: Eunoe, namespace: str) -> None:
    moment = datetime(2024, 3, 5, 12, tzinfo=UTC)
    client.memories.batch_create(
        [
            {"value": "before", "created": moment - timedelta(days=1)},
            {"value": "that day", "created": moment},
            {"value": "after", "created": moment + timedelta(days=1)},
        ],
        namespace=namespace,
    )

    def values(**options: object) -> list[object]:
        listed = client.memories.list(namespace=namespace, order="asc", **options)  # type: ignore[arg-type]
        return [memory.value for memory in listed]

    assert values(created=moment.date()) == ["that day"]
    assert values(created=moment) == ["that day"]
    assert values(start=moment) == ["that day", "after"]
    assert values(end=moment) == ["before"]


def test_facts_are_found_in_messages(client: Eunoe, namespace: str) -> None:
    extraction = client.memories.extract(
        [{"role": "user", "content": "I love TypeScript."}], namespace=namespace, tags=["seen"]
    )
    [found] = extraction.memories
    assert found.outcome == "created"
    assert found.memory.fact is not None
    assert found.memory.fact.type == "preference"
    assert [memory.id for memory in client.memories.list(namespace=namespace, facts_only=True)] == [
        found.memory.id
    ]


async def test_the_same_works_with_asyncio(async_client: AsyncEunoe, namespace: str) -> None:
    memories = async_client.memories
    await memories.batch_create([{"value": number} for number in range(5)], namespace=namespace)
    listed = [memory.value async for memory in memories.list(namespace=namespace, limit=2)]
    assert sorted(listed) == [0, 1, 2, 3, 4]
    page = await memories.list(namespace=namespace, limit=2).page()
    await memories.delete(page.items[0].id)
    assert len([memory async for memory in memories.list(namespace=namespace)]) == 4
