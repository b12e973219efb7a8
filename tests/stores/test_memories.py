"""Memories: values kept exactly, ids unique in a project, facts closed and never overwritten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eunoe_server.domain.memory import FactRecord, Memory, MemoryFilter, NewMemory
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.memories import memory_of
from tests.fixtures.database import NewTenant

DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def new_memory(memory_id: str, **more: object) -> NewMemory:
    return NewMemory(id=memory_id, value='"v"', text="v", **more)  # type: ignore[arg-type]


def new_fact(memory_id: str, slot: str = "user.home", **more: object) -> NewMemory:
    fact: dict[str, object] = {
        "type": "fact",
        "confidence": 0.9,
        "subject": "user",
        "slot": slot,
        "extractor": "rules/1",
        "valid_from": START,
    }
    return new_memory(memory_id, fact=FactRecord(**{**fact, **more}))  # type: ignore[arg-type]


async def insert(database: Database, tenant: Tenant, *new: NewMemory) -> list[Memory]:
    return list(await database.run(tenant, lambda tx: tx.memories.insert_many(new)))


async def close(
    database: Database, tenant: Tenant, memory_id: str, moment: datetime, successor: str
) -> None:
    async def work(tx: Transaction) -> None:
        known = {fact.id: fact for fact in await tx.facts.known(["user.home"], [])}
        closed = replace(known[memory_id], valid_to=moment, superseded_by=successor)
        await tx.facts.change([closed])

    await database.run(tenant, work)


async def listed(
    database: Database, tenant: Tenant, wanted: MemoryFilter, *, newest_first: bool = False
) -> list[str]:
    async with database.transaction(tenant) as tx:
        page = await tx.memories.list_page(wanted, 100, newest_first=newest_first)
        assert page.next is None
        return [memory.id for memory in page.items]


async def test_a_value_comes_back_character_for_character(
    database: Database, tenant: Tenant
) -> None:
    new = NewMemory(
        id="user_789_theme",
        value='{"z": 1E400, "a": [9007199254740993, "\\u0000", null],  "deep": {"x": 1.0}}',
        text="theme",
        label="UI",
        description="Colours",
        tags=("a", 'b,"{}\\'),
        metadata='{"severity": "critical", "verified": true}',
        created_at=START,
    )
    stored = await database.run(tenant, lambda tx: tx.memories.insert(new))
    for name in NewMemory.__slots__:
        assert getattr(stored, name) == getattr(new, name), name
    assert stored.namespace == "alice"
    assert stored.fact is None
    async with database.transaction(tenant) as tx:
        assert await tx.memories.get_named(["user_789_theme", "nothing"]) == [stored]
    for whose in (tenant, Tenant(tenant.project_id)):
        read = [memory_of(whose, each, stored.namespace_key) for each in (stored.id, "nothing")]
        assert [await database.ask(whose, each) for each in read] == [[stored], []]


async def test_a_fact_comes_back_with_its_provenance(database: Database, tenant: Tenant) -> None:
    fact = FactRecord(
        type="preference",
        confidence=0.85,
        subject="user",
        slot="user.likes:typescript",
        extractor="rules/1",
        valid_from=START,
        source_dialogue_id="d1",
        source_message_id="m1",
        source_role="user",
        source_start=0,
        source_end=17,
    )
    stored = await database.run(tenant, lambda tx: tx.memories.insert(new_memory("f1", fact=fact)))
    assert stored.fact == replace(fact, last_said_at=START)


async def test_an_id_serves_once_in_a_project_whatever_the_namespace(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    await insert(database, tenant, new_memory("m1"))
    bob = await new_tenant("bob")
    for again in (tenant, bob):
        with pytest.raises(DuplicateId, match="A memory with this id already exists"):
            await insert(database, again, new_memory("m1"))
    async with database.transaction(bob) as tx:
        assert await tx.memories.get_named(["m1"]) == []
        assert await tx.memories.taken_ids(["m1"]) == frozenset()
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        assert await tx.memories.taken_ids(["m1", "m2"]) == {"m1"}
    await insert(database, await new_tenant("alice", "rival"), new_memory("m1"))


async def test_of_many_who_take_an_id_at_once_one_gets_it(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    bob = await new_tenant("bob")
    results = await asyncio.gather(
        *(insert(database, who, new_memory("m1")) for who in (tenant, bob) * 6),
        return_exceptions=True,
    )
    assert len([each for each in results if isinstance(each, list)]) == 1
    assert len([each for each in results if isinstance(each, DuplicateId)]) == 11


async def test_many_are_stored_in_order_or_not_at_all(database: Database, tenant: Tenant) -> None:
    many = [new_memory(f"m{number}", tags=("t",) * (number % 4)) for number in range(1000)]
    stored = await insert(database, tenant, *many)
    assert [memory.id for memory in stored] == [new.id for new in many]
    assert [memory.tags for memory in stored] == [new.tags for new in many]
    keys = [memory.memory_key for memory in stored]
    assert keys == sorted(keys)
    with pytest.raises(DuplicateId):
        await insert(database, tenant, new_memory("fresh"), new_memory("m7"))
    with pytest.raises(DuplicateId):
        await insert(database, tenant, new_memory("twice"), new_memory("twice"))
    async with database.transaction(tenant) as tx:
        assert await tx.memories.get_named(["fresh", "twice"]) == []
        assert await tx.memories.taken_ids(["fresh", "twice"]) == frozenset()
    assert await insert(database, tenant) == []


async def test_tags_are_all_that_changes(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    (stored,) = await insert(database, tenant, new_memory("m1", tags=("a",)))
    changed = await database.run(tenant, lambda tx: tx.memories.retag("m1", ["b", "c"]))
    assert changed is not None
    assert changed.tags == ("b", "c")
    for name in stored.__slots__:
        if name not in ("tags", "modified_at"):
            assert getattr(changed, name) == getattr(stored, name), name
    bob = await new_tenant("bob")
    assert await database.run(bob, lambda tx: tx.memories.retag("m1", [])) is None


async def test_a_deleted_memory_frees_its_id(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    stored = await insert(database, tenant, *(new_memory(f"m{number}") for number in range(3)))
    bob = await new_tenant("bob")
    ids = ["m0", "m1", "nothing"]
    assert await database.run(bob, lambda tx: tx.memories.delete_many(ids)) == []
    with pytest.raises(DuplicateId):  # nobody else has freed it
        await insert(database, bob, new_memory("m1"))
    keys = await database.run(tenant, lambda tx: tx.memories.delete_many(ids))
    assert set(keys) == {stored[0].memory_key, stored[1].memory_key}
    assert await database.run(tenant, lambda tx: tx.memories.delete_many(ids)) == []
    await insert(database, bob, new_memory("m1"))
    assert await listed(database, tenant, MemoryFilter()) == ["m2"]


async def test_memories_are_listed_page_by_page_and_by_date(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    # Two at a time were created at once.
    for number in range(7):
        await insert(
            database, tenant, new_memory(f"m{number}", created_at=START + number // 2 * DAY)
        )
    await insert(database, await new_tenant("bob"), new_memory("bobs", created_at=START))

    async with database.transaction(tenant) as tx:
        pages, after = [], None
        while True:
            page = await tx.memories.list_page(MemoryFilter(), 3, after)
            pages.append([each.id for each in page.items])
            if (after := page.next) is None:
                break
    assert pages == [["m6", "m5", "m4"], ["m3", "m2", "m1"], ["m0"]]
    days = MemoryFilter(created_from=START + DAY, created_before=START + 3 * DAY)
    assert await listed(database, tenant, days) == ["m2", "m3", "m4", "m5"]
    project = Tenant(tenant.project_id)
    assert await listed(database, project, MemoryFilter(created_before=START + DAY)) == [
        "m0", "m1", "bobs",
    ]  # fmt: skip


async def test_a_list_shows_what_holds_now_unless_asked_for_more(
    database: Database, tenant: Tenant
) -> None:
    await insert(
        database,
        tenant,
        new_memory("note", created_at=START + DAY),
        new_fact("paris"),
        new_fact("cat", "user.pet", confidence=0.4, type="relationship"),
    )
    moved_at = START + 10 * DAY
    await insert(database, tenant, new_fact("berlin", valid_from=moved_at))
    await close(database, tenant, "paris", moved_at, "berlin")

    async def ids(**wanted: object) -> set[str]:
        return set(await listed(database, tenant, MemoryFilter(**wanted)))  # type: ignore[arg-type]

    assert await ids() == {"note", "cat", "berlin"}
    assert await ids(as_of=START + 5 * DAY) == {"note", "paris", "cat"}
    assert await ids(as_of=START) == {"paris", "cat"}
    assert await ids(as_of=moved_at) == {"note", "cat", "berlin"}
    assert await ids(include_superseded=True) == {"note", "paris", "cat", "berlin"}
    assert await ids(is_fact=True) == {"cat", "berlin"}
    assert await ids(is_fact=False) == {"note"}
    assert await ids(fact_type="relationship") == {"cat"}
    assert await ids(min_confidence=0.5) == {"berlin"}
