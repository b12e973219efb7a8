"""Memories against a real Postgres and the real embedder: found at once, gone at once, never half.

What a caller sees of them is in `tests/contract/cases/memories_*.yaml`; here is what the contract
cannot look at: search entries, repeats at the same moment, an embedder that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.memory import FactRecord, Memory, MemoryFilter, NewMemory
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.open_transaction import assert_no_transaction
from eunoe_server.domain.question import read_question
from eunoe_server.domain.ranking import Ranked, rank
from eunoe_server.domain.search_entry import SearchObject, SearchScope
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId, MemoryNotFound
from eunoe_server.providers import Embedder, Vectors
from eunoe_server.providers.openai import OpenAIEmbedder
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.memories import Memories
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database

SPACE = "alice"
DIET = MemoryDraft(value='"Vegetarian"', label="Diet", tags=("kitchen",))


class Watching(WordLlamaEmbedder):
    """The real embedder, failing where a database connection is held while it works."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        assert_no_transaction()
        return await super().embed(texts)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Watching()


@pytest.fixture
async def caller(database: Database) -> Caller:
    project_id = await database.open_project("test", create=True)
    assert project_id is not None
    return Caller("key", project_id, frozenset(Scope))


@pytest.fixture
def memories(database: Database, embedder: Embedder) -> Memories:
    return Memories(database, Namespaces(database), embedder)


@pytest.fixture
async def unreachable() -> AsyncIterator[Embedder]:
    """A remote embedder at an address where nobody listens."""
    remote = OpenAIEmbedder("http://127.0.0.1:9/v1", "key", "any", 256)
    yield remote
    await remote.aclose()


async def tenant_of(database: Database, caller: Caller, name: str = SPACE) -> Tenant:
    tenant = await Namespaces(database).find(caller.project_id, name)
    assert tenant is not None
    return tenant


async def search(
    database: Database, tenant: Tenant, embedder: Embedder | None, text: str
) -> list[Ranked]:
    """What holds a word of `text`, best first."""
    question = read_question(text, datetime.now(UTC))
    vector = (await embedder.embed([question.topic]))[0] if embedder else None
    async with database.transaction(tenant) as tx:
        scope = SearchScope(objects=frozenset({SearchObject.MEMORY}))
        name = embedder.name if embedder else "none"
        candidates = await tx.search.candidates(question, vector, name, scope)
    return [found for found in rank(candidates, question, 10) if found.explanation.words > 0]


async def all_of(memories: Memories, caller: Caller) -> Sequence[Memory]:
    page = await memories.list_page(
        caller, SPACE, MemoryFilter(), limit=200, token="", newest_first=False
    )
    return page.items


async def test_a_memory_is_found_by_value_label_description_and_tags_in_the_next_call(
    database: Database, memories: Memories, caller: Caller, embedder: Embedder
) -> None:
    memory = await memories.create(
        caller,
        SPACE,
        MemoryDraft(
            value='{"favouriteMeal": ["lasagne"]}',
            label="Dinner",
            description="What to cook on Sundays",
            tags=("guests",),
        ),
    )
    tenant = await tenant_of(database, caller)
    for words in ("lasagne", "favourite meal", "dinner", "cook", "guests"):
        (found,) = await search(database, tenant, embedder, words)
        assert found.object_key == memory.memory_key
        assert found.explanation.meaning != 0
    assert await search(database, tenant, embedder, "violin") == []


async def test_after_new_tags_a_memory_is_found_by_them_and_no_longer_by_the_old(
    database: Database, memories: Memories, caller: Caller, embedder: Embedder
) -> None:
    memory = await memories.create(caller, SPACE, DIET)
    await memories.retag(caller, SPACE, memory.id, ["restaurant"])
    tenant = await tenant_of(database, caller)
    assert await search(database, tenant, embedder, "kitchen") == []
    assert [each.object_key for each in await search(database, tenant, embedder, "restaurant")] == [
        memory.memory_key
    ]
    assert len(await search(database, tenant, embedder, "vegetarian diet")) == 1


async def test_a_deleted_memory_is_found_no_more(
    database: Database, memories: Memories, caller: Caller, embedder: Embedder
) -> None:
    memory = await memories.create(caller, SPACE, DIET)
    await memories.delete(caller, SPACE, memory.id)
    tenant = await tenant_of(database, caller)
    assert await search(database, tenant, embedder, "vegetarian") == []


async def test_a_batch_is_found_whole_and_a_refused_one_not_at_all(
    database: Database, memories: Memories, caller: Caller, embedder: Embedder
) -> None:
    drafts = [MemoryDraft(value=f'"vegetarian dish {n}"', id=f"dish-{n}") for n in range(5)]
    await memories.create_batch(caller, SPACE, drafts)
    more = MemoryDraft(value='"vegetarian dessert"')
    with pytest.raises(DuplicateId) as refusal:
        await memories.create_batch(caller, SPACE, [more, *drafts[3:]])
    assert refusal.value.fields[0].field == "memories[1].id"
    tenant = await tenant_of(database, caller)
    assert len(await search(database, tenant, embedder, "vegetarian")) == 5
    assert len(await all_of(memories, caller)) == 5


async def test_without_its_embedder_a_memory_is_kept_and_found_by_its_words(
    database: Database, caller: Caller, unreachable: Embedder
) -> None:
    memories = Memories(database, Namespaces(database), unreachable)
    memory = await memories.create(caller, SPACE, DIET)
    await memories.retag(caller, None, memory.id, ["restaurant"])
    tenant = await tenant_of(database, caller)
    for words in ("vegetarian", "restaurant"):
        (found,) = await search(database, tenant, None, words)
        assert (found.object_key, found.explanation.meaning) == (memory.memory_key, 0)


async def test_of_many_creates_of_one_id_at_once_one_wins(
    memories: Memories, caller: Caller
) -> None:
    spaces = ["alice", "bob", "carol"] * 5
    outcomes = await asyncio.gather(
        *(
            memories.create(caller, space, MemoryDraft(value=str(n), id="one"))
            for n, space in enumerate(spaces)
        ),
        return_exceptions=True,
    )
    (winner,) = [each for each in outcomes if isinstance(each, Memory)]
    assert all(isinstance(each, Memory | DuplicateId) for each in outcomes)
    assert await memories.get(caller, None, "one") == winner


async def test_of_many_deletes_at_once_one_succeeds(memories: Memories, caller: Caller) -> None:
    memory = await memories.create(caller, SPACE, DIET)
    outcomes = await asyncio.gather(
        *(memories.delete(caller, None, memory.id) for _ in range(10)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert all(isinstance(each, MemoryNotFound) for each in outcomes if each is not None)


async def test_new_tags_at_once_leave_row_and_search_agreeing(
    database: Database, memories: Memories, caller: Caller, embedder: Embedder
) -> None:
    memory = await memories.create(caller, SPACE, DIET)
    words = ["apple", "pear", "plum", "cherry", "grape", "lemon"]
    await asyncio.gather(*(memories.retag(caller, None, memory.id, [word]) for word in words))
    (kept,) = (await memories.get(caller, None, memory.id)).tags
    tenant = await tenant_of(database, caller)
    found_by = [word for word in words if await search(database, tenant, embedder, word)]
    assert found_by == [kept]


async def test_ids_of_another_project_do_not_exist_here(
    database: Database, memories: Memories, caller: Caller
) -> None:
    other_id = await database.open_project("other", create=True)
    assert other_id is not None
    other = Caller("other", other_id, frozenset(Scope))
    await memories.create(other, SPACE, MemoryDraft(value="1", id="shared"))
    with pytest.raises(MemoryNotFound):
        await memories.get(caller, None, "shared")
    with pytest.raises(MemoryNotFound):
        await memories.delete(caller, SPACE, "shared")
    assert (await memories.create(caller, SPACE, MemoryDraft(value="2", id="shared"))).value == "2"
    assert (await memories.get(other, None, "shared")).value == "1"


def fact(fact_id: str, fact_type: str, confidence: float, since: int, until: int = 0) -> NewMemory:
    start = datetime(since, 1, 1, tzinfo=UTC)
    end = datetime(until, 1, 1, tzinfo=UTC) if until else None
    return NewMemory(
        id=fact_id,
        value='"said"',
        text="said",
        fact=FactRecord(
            type=fact_type,
            confidence=confidence,
            subject="user",
            slot=f"user.{fact_id}",
            extractor="rules/1",
            valid_from=start,
            valid_to=end,
            superseded_at=end,
        ),
    )


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (MemoryFilter(), ["plain", "goal", "berlin"]),
        (MemoryFilter(is_fact=True), ["goal", "berlin"]),
        (MemoryFilter(fact_type="goal"), ["goal"]),
        (MemoryFilter(min_confidence=0.8), ["berlin"]),
        (MemoryFilter(include_superseded=True), ["plain", "paris", "goal", "berlin"]),
        (MemoryFilter(is_fact=True, as_of=datetime(2021, 1, 1, tzinfo=UTC)), ["paris"]),
    ],
    ids=["now", "facts", "type", "confidence", "history", "as of"],
)
async def test_a_list_is_filtered_by_what_is_known_of_facts(
    database: Database,
    memories: Memories,
    caller: Caller,
    wanted: MemoryFilter,
    ids: list[str],
) -> None:
    await memories.create(caller, SPACE, MemoryDraft(value="1", id="plain"))
    tenant = await tenant_of(database, caller)
    facts = [
        fact("paris", "fact", 0.9, since=2020, until=2024),
        fact("goal", "goal", 0.5, since=2022),
        fact("berlin", "fact", 0.9, since=2024),
    ]
    await database.run(tenant, lambda tx: tx.memories.insert_many(facts))
    page = await memories.list_page(caller, SPACE, wanted, limit=50, token="", newest_first=False)
    assert [memory.id for memory in page.items] == ids
