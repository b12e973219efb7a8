"""Messages: stored once, in order, character for character."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eunoe_server.domain.dialogue import (
    Dialogue,
    FoundMessage,
    Message,
    MessageFilter,
    NewDialogue,
    NewMessage,
)
from eunoe_server.domain.page import Place
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId, InvalidInput, Overloaded
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.driver_errors import LostRace
from eunoe_server.stores.store import Fitting


def turn(text: str, role: str = "user", message_id: str | None = None) -> NewMessage:
    """A message whose fingerprints depend on its text alone."""
    return NewMessage(
        id=message_id or f"m-{text}",
        role=role,
        body=f'{{"role": "{role}", "content": "{text}"}}',
        text=text,
        digest=hashlib.sha256(text.encode()).digest()[:16],
        chain=hashlib.sha256(b"chain " + text.encode()).digest()[:16],
        token_estimate=len(text),
    )


async def append(
    database: Database, tenant: Tenant, dialogue: Dialogue, *messages: NewMessage
) -> list[Message]:
    return list(await database.run(tenant, lambda tx: tx.messages.append(dialogue, messages)))


async def reread(database: Database, tenant: Tenant, dialogue: Dialogue) -> Dialogue:
    async with database.transaction(tenant) as tx:
        found = await tx.dialogues.get_by_key(dialogue.dialogue_key)
        assert found is not None
        return found


@pytest.fixture
async def dialogue(database: Database, tenant: Tenant) -> Dialogue:
    return await database.run(tenant, lambda tx: tx.dialogues.insert(NewDialogue(id="d1")))


async def test_a_message_comes_back_character_for_character(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    spoken_at = datetime(2023, 5, 8, 13, 56, 0, 123456, tzinfo=UTC)
    body = (
        '{ "content":[{"type":"text","text":"a\\u0000b \\ud800"}], "role":"assistant",'
        '"n":9007199254740993,"e":1E400,"a":null,"tool_calls":[] }'
    )
    new = NewMessage(
        id="m1",
        role="assistant",
        name="Caroline",
        body=body,
        text="a\ufffdb é 𝄞 ' \" \\ {} , %s",
        digest=b"\x00" * 16,
        chain=b"\xff" * 16,
        token_estimate=7,
        tool_call_ids=("call_1", 'call,"{2}'),
        finish_reason="tool_calls",
        is_interrupted=True,
        tags=("x", "y z", ""),
        metadata='{"k":1.0}',
        created_at=spoken_at,
    )
    (stored,) = await append(database, tenant, dialogue, new)
    for name in NewMessage.__slots__:
        assert getattr(stored, name) == getattr(new, name), name
    assert (stored.position, stored.dialogue_key) == (0, dialogue.dialogue_key)
    async with database.transaction(tenant) as tx:
        assert await tx.messages.transcript(dialogue.dialogue_key) == [stored]
        assert await tx.messages.get(dialogue.dialogue_key, "m1") == stored
        found = await tx.messages.found([stored.message_key])
        assert found == Fitting([FoundMessage(stored, "d1")], left_out=0)
        assert await tx.messages.at_positions(dialogue.dialogue_key, [0, 5]) == [stored]
    assert (await reread(database, tenant, dialogue)).last_message_at == spoken_at


async def test_an_outline_has_a_text_only_where_the_end_may_not_have_been_seen(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    cut = replace(turn("half an ans", "assistant"), is_interrupted=True)
    whole, part = await append(database, tenant, dialogue, turn("hi"), cut)
    async with database.transaction(tenant) as tx:
        outline = await tx.messages.outline(dialogue.dialogue_key)
    assert [each.text for each in outline] == ["", "half an ans"]
    for seen, stored in zip(outline, (whole, part), strict=True):
        for name in seen.__slots__:
            if name != "text":
                assert getattr(seen, name) == getattr(stored, name), name


async def test_the_same_append_again_stores_nothing(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    messages = [turn("hi"), turn("hello", "assistant")]
    first = await append(database, tenant, dialogue, *messages)
    assert await append(database, tenant, dialogue, *messages) == first
    now = await reread(database, tenant, dialogue)
    assert (now.next_position, now.total_messages) == (2, 2)


async def test_an_append_to_a_dialogue_that_has_moved_on_is_refused(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await append(database, tenant, dialogue, turn("hi"))
    tries = 0

    async def work(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        await tx.messages.append(dialogue, [turn("something else")])

    with pytest.raises(LostRace):
        await database.run(tenant, work)
    assert tries > 1
    now = await reread(database, tenant, dialogue)
    assert (now.next_position, now.total_messages) == (1, 1)


async def test_appends_at_once_without_a_lock_store_each_message_once(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    async def add(number: int) -> None:
        async def work(tx: Transaction) -> None:
            seen = await tx.dialogues.get_by_key(dialogue.dialogue_key)
            assert seen is not None
            await tx.messages.append(seen, [turn(f"a{number}"), turn(f"b{number}")])

        while True:
            try:
                return await database.run(tenant, work)
            except Overloaded:
                continue

    await asyncio.gather(*(add(number) for number in range(8)))
    async with database.transaction(tenant) as tx:
        transcript = await tx.messages.transcript(dialogue.dialogue_key)
    assert [message.position for message in transcript] == list(range(16))
    pairs = [(a.text, b.text) for a, b in zip(transcript[::2], transcript[1::2], strict=True)]
    assert sorted(pairs) == [(f"a{number}", f"b{number}") for number in range(8)]


async def test_a_message_id_serves_once_in_a_dialogue(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await append(database, tenant, dialogue, turn("hi", message_id="m1"))
    now = await reread(database, tenant, dialogue)
    with pytest.raises(DuplicateId):
        await append(database, tenant, now, turn("new"), turn("ho", message_id="m1"))
    assert await reread(database, tenant, dialogue) == now


async def test_superseded_messages_stay_and_hold_no_more(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await append(database, tenant, dialogue, *(turn(text) for text in "abcd"))

    async def fork(tx: Transaction) -> None:
        locked = await tx.dialogues.lock(dialogue.dialogue_key)
        assert locked is not None
        await tx.messages.supersede(dialogue.dialogue_key, [1, 3])
        await tx.messages.supersede(dialogue.dialogue_key, [3])
        await tx.messages.append(locked, [turn("e")])

    await database.run(tenant, fork)
    now = await reread(database, tenant, dialogue)
    assert (now.next_position, now.total_messages) == (5, 3)
    async with database.transaction(tenant) as tx:
        key = dialogue.dialogue_key
        assert [each.text for each in await tx.messages.transcript(key)] == ["a", "c", "e"]
        assert [each.position for each in await tx.messages.outline(key)] == [0, 2, 4]
        old = await tx.messages.get(key, "m-b")
        assert old is not None
        assert old.superseded_at is not None
        every = await tx.messages.list_page(
            key, MessageFilter(include_superseded=True), 10, newest_first=False
        )
        assert [each.text for each in every.items] == list("abcde")


async def test_a_deleted_message_leaves_its_place_empty(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    a, b = await append(database, tenant, dialogue, turn("a"), turn("b"))
    key = dialogue.dialogue_key
    assert await database.run(tenant, lambda tx: tx.messages.delete(key, "m-b")) == b.message_key
    assert await database.run(tenant, lambda tx: tx.messages.delete(key, "m-b")) is None
    now = await reread(database, tenant, dialogue)
    assert (now.next_position, now.total_messages) == (2, 1)
    async with database.transaction(tenant) as tx:
        assert await tx.messages.transcript(key) == [a]


async def test_tags_are_all_that_changes(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    (stored,) = await append(database, tenant, dialogue, turn("a"))
    changed = await database.run(
        tenant, lambda tx: tx.messages.retag(dialogue.dialogue_key, "m-a", ["x", "y"])
    )
    assert changed is not None
    assert changed.tags == ("x", "y")
    for name in stored.__slots__:
        if name not in ("tags", "modified_at"):
            assert getattr(changed, name) == getattr(stored, name), name
    gone = await database.run(
        tenant, lambda tx: tx.messages.retag(dialogue.dialogue_key, "m-b", [])
    )
    assert gone is None


async def test_ten_thousand_messages_are_paged_without_a_gap_while_others_are_added(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    key = dialogue.dialogue_key
    for first in range(0, 10_000, 1000):
        now = await reread(database, tenant, dialogue)
        await append(database, tenant, now, *(turn(str(first + n)) for n in range(1000)))
    seen: list[str] = []
    after: Place | None = None
    while True:
        async with database.transaction(tenant) as tx:
            page = await tx.messages.list_page(key, MessageFilter(), 200, after, newest_first=False)
        seen += [message.text for message in page.items]
        if (after := page.next) is None:
            break
        if len(seen) % 1000 == 0 and len(seen) <= 5000:
            now = await reread(database, tenant, dialogue)
            await append(database, tenant, now, turn(f"late {len(seen)}"))
    assert seen == [str(n) for n in range(10_000)] + [f"late {n}000" for n in range(1, 6)]


async def test_a_list_goes_from_the_end_and_by_date(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    # Dates are the caller's own and need not be in order.
    dated = [
        replace(turn(str(n)), created_at=start + timedelta(days=day))
        for n, day in enumerate((0, 3, 1, 2))
    ]
    await append(database, tenant, dialogue, *dated)
    async with database.transaction(tenant) as tx:
        page = await tx.messages.list_page(dialogue.dialogue_key, MessageFilter(), 3)
        assert [each.text for each in page.items] == ["3", "2", "1"]
        rest = await tx.messages.list_page(dialogue.dialogue_key, MessageFilter(), 3, page.next)
        assert [each.text for each in rest.items] == ["0"]
        days = MessageFilter(
            created_from=start + timedelta(days=1), created_before=start + timedelta(days=3)
        )
        page = await tx.messages.list_page(dialogue.dialogue_key, days, 3, newest_first=False)
        assert [each.text for each in page.items] == ["2", "3"]


async def test_what_was_committed_is_not_committed_again(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    key = dialogue.dialogue_key
    await append(database, tenant, dialogue, *(turn(text) for text in "abc"))
    await database.run(tenant, lambda tx: tx.messages.supersede(key, [1]))

    async def commit(tx: Transaction) -> frozenset[int]:
        waiting = await tx.messages.uncommitted(key)
        return await tx.messages.mark_committed(key, [each.position for each in waiting])

    assert await database.run(tenant, commit) == {0, 2}
    assert await database.run(tenant, commit) == frozenset()
    now = await reread(database, tenant, dialogue)
    await append(database, tenant, now, turn("d"))
    async with database.transaction(tenant) as tx:
        assert [each.text for each in await tx.messages.uncommitted(key)] == ["d"]


async def test_a_message_that_cannot_be_stored_stores_nothing(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    for bad in ("a\0", "a\ud800"):
        broken = replace(turn("x"), text=bad)
        tagged = replace(turn("x"), tags=(bad,))
        for message in (broken, tagged):
            with pytest.raises(InvalidInput):
                await append(database, tenant, dialogue, turn("fine"), message)
    assert await reread(database, tenant, dialogue) == dialogue
