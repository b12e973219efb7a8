"""Pages of long things end before they are too long, and none is left out or shown twice."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import pytest

from eunoe_server.domain.dialogue import (
    Dialogue,
    DialogueFilter,
    MessageFilter,
    NewDialogue,
    NewMessage,
)
from eunoe_server.domain.memory import Memory, MemoryFilter, NewMemory
from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction

MIB = 1024 * 1024
#: Written out, not read from the table of limits: two mebibytes are the promise.
PAGE_BYTES = 2 * MIB

Ask: TypeAlias = Callable[[Place | None], Awaitable[tuple[Sequence[str], Place | None]]]


async def pages(ask: Ask) -> list[list[str]]:
    """The names on each page, from the first to the last."""
    found, after = [], None
    while True:
        names, after = await ask(after)
        found.append(list(names))
        if after is None:
            return found


def message(name: str, size: int) -> NewMessage:
    """Of so many bytes as JSON."""
    wrapping = '{"role": "user", "content": ""}'
    fingerprint = hashlib.sha256(name.encode()).digest()[:16]
    return NewMessage(
        id=name,
        role="user",
        body=wrapping.replace('""', '"' + "x" * (size - len(wrapping) - len("{}")) + '"'),
        text=name,
        digest=fingerprint,
        chain=fingerprint,
        token_estimate=1,
    )


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_page_of_messages_ends_before_it_is_too_long(
    database: Database, tenant: Tenant, newest_first: bool
) -> None:
    # Two of 1 MiB are a page exactly; what is longer than a page is one by itself.
    sizes = [MIB, MIB, MIB, 100, 3 * MIB, 100, 100, PAGE_BYTES - 100, 101, 100]
    messages = [message(f"m{number}", size) for number, size in enumerate(sizes)]

    async def work(tx: Transaction) -> Dialogue:
        dialogue = await tx.dialogues.insert(NewDialogue(id="d"))
        await tx.messages.append(dialogue, messages)
        return dialogue

    key = (await database.run(tenant, work)).dialogue_key

    async def ask(after: Place | None) -> tuple[Sequence[str], Place | None]:
        async with database.transaction(tenant) as tx:
            page = await tx.messages.list_page(
                key, MessageFilter(), 4, after, newest_first=newest_first
            )
        return [each.id for each in page.items], page.next

    assert await pages(ask) == (
        [["m9", "m8"], ["m7", "m6"], ["m5"], ["m4"], ["m3", "m2"], ["m1", "m0"]]
        if newest_first
        else [["m0", "m1"], ["m2", "m3"], ["m4"], ["m5", "m6"], ["m7"], ["m8", "m9"]]
    )


async def test_a_page_of_memories_ends_before_it_is_too_long(
    database: Database, tenant: Tenant
) -> None:
    value = '"' + "x" * (MIB - 100) + '"'
    new = [NewMemory(id=f"m{number}", value=value, text="x") for number in range(5)]
    await database.run(tenant, lambda tx: tx.memories.insert_many(new))

    for asker in (tenant, Tenant(tenant.project_id)):

        async def ask(
            after: Place | None, asker: Tenant = asker
        ) -> tuple[Sequence[str], Place | None]:
            async with database.transaction(asker) as tx:
                page: Page[Memory] = await tx.memories.list_page(
                    MemoryFilter(), 200, after, newest_first=False
                )
            return [each.id for each in page.items], page.next

        assert await pages(ask) == [["m0", "m1"], ["m2", "m3"], ["m4"]]


async def test_what_is_found_ends_in_the_order_of_its_keys_before_it_is_too_long(
    database: Database, tenant: Tenant
) -> None:
    value = '"' + "x" * (MIB - 100) + '"'
    new = [NewMemory(id=f"m{number}", value=value, text="x") for number in range(5)]

    async def work(tx: Transaction) -> tuple[Sequence[Memory], Sequence[int]]:
        dialogue = await tx.dialogues.insert(NewDialogue(id="d"))
        sizes = [100, 3 * MIB, MIB, MIB, 1]
        turns = [message(f"m{number}", size) for number, size in enumerate(sizes)]
        appended = await tx.messages.append(dialogue, turns)
        return await tx.memories.insert_many(new), [each.message_key for each in appended]

    memories, messages = await database.run(tenant, work)
    keys = {memory.id: memory.memory_key for memory in memories}
    async with database.transaction(tenant) as tx:
        for asked in (["m3", "m0", "m4"], ["m1", "m2"]):
            found = await tx.memories.found([keys[name] for name in asked])
            assert {memory.id for memory in found.rows} == set(asked[:2])
            assert found.left_out == len(asked) - 2
        for order, expected in (
            ([0, 2, 3, 4], {"m0", "m2"}),
            ([3, 2, 0], {"m3", "m2"}),
            ([1, 0], {"m1"}),
            ([0, 1, 2], {"m0"}),
        ):
            shown = await tx.messages.found([messages[number] for number in order])
            assert {each.message.id for each in shown.rows} == expected
            assert shown.left_out == len(order) - len(expected)
        # What is no longer there takes no room, and is left out of nothing.
        shown = await tx.messages.found([0, messages[1]])
        assert ([each.message.id for each in shown.rows], shown.left_out) == (["m1"], 0)


async def test_a_page_of_dialogues_ends_before_it_is_too_long(
    database: Database, tenant: Tenant
) -> None:
    metadata = '{"x": "' + "y" * 16_000 + '"}'

    async def work(tx: Transaction) -> None:
        for number in range(140):
            await tx.dialogues.insert(NewDialogue(id=f"d{number:03}", metadata=metadata))

    await database.run(tenant, work)

    async def ask(after: Place | None) -> tuple[Sequence[str], Place | None]:
        async with database.transaction(tenant) as tx:
            page = await tx.dialogues.list_page(DialogueFilter(), 200, after)
        return [each.id for each in page.items], page.next

    found = await pages(ask)
    assert [len(each) for each in found] == [130, 10]
    assert {name for each in found for name in each} == {f"d{n:03}" for n in range(140)}
