"""Dialogues: found again by id, session or resent history, and changed safely by two at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection

from eunoe_server.domain.dialogue import (
    Dialogue,
    DialogueFilter,
    DialogueStatus,
    NewDialogue,
)
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import DuplicateId, NamespaceNotFound
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.database import NewTenant, at_once
from tests.stores.test_messages import append, turn

DAY = 86_400


async def insert(database: Database, tenant: Tenant, new: NewDialogue) -> Dialogue:
    return await database.run(tenant, lambda tx: tx.dialogues.insert(new))


async def test_a_dialogue_is_found_as_it_was_stored(database: Database, tenant: Tenant) -> None:
    created_at = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    new = NewDialogue(
        id="d1",
        label="Trip",
        thread_of="d0",
        tags=("a", 'b"{},\\'),
        metadata='{"n": 9007199254740993, "z": 1, "a": "\\u0000"}',
        state='{"step":1}',
        created_at=created_at,
    )
    stored = await insert(database, tenant, new)
    for name in ("id", "label", "thread_of", "tags", "metadata", "state", "created_at"):
        assert getattr(stored, name) == getattr(new, name)
    assert (stored.namespace, stored.status) == ("alice", DialogueStatus.ACTIVE)
    assert (stored.next_position, stored.total_messages, stored.state_version) == (0, 0, 0)
    assert (stored.session_id, stored.is_session_open) == (None, False)
    async with database.transaction(tenant) as tx:
        assert await tx.dialogues.get("d1") == stored
        assert await tx.dialogues.get_by_key(stored.dialogue_key) == stored
        assert await tx.dialogues.get_many([stored.dialogue_key, 99]) == [stored]
        assert await tx.dialogues.get("d2") is None


async def test_an_id_serves_once_in_a_namespace_and_is_hidden_from_others(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    bob = await new_tenant("bob")
    await insert(database, tenant, NewDialogue(id="d1"))
    with pytest.raises(DuplicateId):
        await insert(database, tenant, NewDialogue(id="d1"))
    async with database.transaction(bob) as tx:
        assert await tx.dialogues.get("d1") is None
    await insert(database, bob, NewDialogue(id="d1"))
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        assert [each.namespace for each in await tx.dialogues.find("d1")] == ["alice", "bob"]


async def test_a_namespace_that_is_gone_is_not_found(database: Database, tenant: Tenant) -> None:
    async def forget_namespace(tx: Transaction) -> None:
        await tx.keys._connection.execute("delete from namespaces")

    await database.run(tenant, forget_namespace)
    with pytest.raises(NamespaceNotFound):
        await insert(database, tenant, NewDialogue(id="d1"))


async def test_of_two_first_uses_of_a_session_one_makes_the_dialogue(
    database: Database, tenant: Tenant
) -> None:
    async def open_session(number: int) -> Dialogue:
        async def work(tx: Transaction) -> Dialogue:
            dialogue = await tx.dialogues.get_by_session("s", DAY)
            if dialogue is None:
                dialogue = await tx.dialogues.insert_if_absent(
                    NewDialogue(id=f"d{number}", session_id="s")
                ) or await tx.dialogues.get_by_session("s", DAY)
            assert dialogue is not None
            return dialogue

        return await database.run(tenant, work)

    dialogues = await asyncio.gather(*(open_session(number) for number in range(12)))
    assert len({dialogue.id for dialogue in dialogues}) == 1


async def test_a_session_that_idled_too_long_starts_empty(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    old = await insert(database, tenant, NewDialogue(id="d1", session_id="s"))
    assert old.is_session_open
    await age_session(dsn, DAY - 60)
    async with database.transaction(tenant) as tx:
        found = await tx.dialogues.get_by_session("s", DAY)
    assert found is not None
    assert found.id == "d1"
    await database.run(tenant, lambda tx: at_once(tx, tx.sessions.touching(old.dialogue_key)))
    await age_session(dsn, DAY - 60)
    async with database.transaction(tenant) as tx:
        assert await tx.dialogues.get_by_session("s", DAY) is not None
    await age_session(dsn, 61)

    async def use_again(tx: Transaction) -> Dialogue:
        assert await tx.dialogues.get_by_session("s", DAY) is None
        return await tx.dialogues.insert(NewDialogue(id="d2", session_id="s"))

    await database.run(tenant, use_again)
    async with database.transaction(tenant) as tx:
        closed, reopened = await tx.dialogues.get("d1"), await tx.dialogues.get("d2")
        assert closed is not None
        assert reopened is not None
        assert (closed.is_session_open, closed.session_id) == (False, "s")
        assert await tx.dialogues.get_by_session("s", DAY) == reopened


async def age_session(dsn: str, seconds: int) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute(
            "update dialogues set session_used_at = session_used_at - make_interval(secs => %s)",
            [seconds],
        )


async def test_a_session_belongs_to_its_namespace(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    await insert(database, tenant, NewDialogue(id="d1", session_id="s"))
    bob = await new_tenant("bob")
    async with database.transaction(bob) as tx:
        assert await tx.dialogues.get_by_session("s", DAY) is None
    await insert(database, bob, NewDialogue(id="d1", session_id="s"))


async def test_an_ended_dialogue_is_no_sessions_any_more(
    database: Database, tenant: Tenant
) -> None:
    dialogue = await insert(database, tenant, NewDialogue(id="d1", session_id="s"))
    ended = await database.run(tenant, lambda tx: tx.dialogues.end(dialogue.dialogue_key))
    again = await database.run(tenant, lambda tx: tx.dialogues.end(dialogue.dialogue_key))
    assert ended is not None
    assert again is not None
    assert ended.status is DialogueStatus.ENDED
    assert ended.ended_at == again.ended_at is not None
    async with database.transaction(tenant) as tx:
        assert await tx.dialogues.get_by_session("s", DAY) is None


async def test_who_locks_a_dialogue_sees_what_the_one_before_did(
    database: Database, tenant: Tenant
) -> None:
    dialogue = await insert(database, tenant, NewDialogue(id="d1"))
    positions: list[int] = []

    async def work(tx: Transaction) -> None:
        locked = await tx.dialogues.lock(dialogue.dialogue_key)
        assert locked is not None
        positions.append(locked.next_position)
        await asyncio.sleep(0.005)
        await tx.messages.append(locked, [turn(f"m{locked.next_position}")])

    await asyncio.gather(*(database.run(tenant, work) for _ in range(10)))
    assert positions == list(range(10))


async def test_state_is_replaced_by_who_has_seen_the_last_one(
    database: Database, tenant: Tenant
) -> None:
    key = (await insert(database, tenant, NewDialogue(id="d1"))).dialogue_key

    async def put(state: str, if_version: int | None) -> Dialogue | None:
        return await database.run(tenant, lambda tx: tx.dialogues.put_state(key, state, if_version))

    written = await asyncio.gather(*(put(f'{{"by":{n}}}', 0) for n in range(6)))
    (winner,) = [each for each in written if each is not None]
    assert winner.state_version == 1
    last = await put('{"by":9007199254740993}', None)
    assert last is not None
    assert (last.state, last.state_version) == ('{"by":9007199254740993}', 2)
    assert await put("{}", 1) is None


async def test_label_and_tags_are_replaced(database: Database, tenant: Tenant) -> None:
    key = (await insert(database, tenant, NewDialogue(id="d1", tags=("a",)))).dialogue_key
    tagged = await database.run(tenant, lambda tx: tx.dialogues.retag(key, ["b", "c"]))
    named = await database.run(tenant, lambda tx: tx.dialogues.rename(key, "New"))
    assert tagged is not None
    assert named is not None
    assert (named.label, named.tags) == ("New", ("b", "c"))
    assert named.modified_at >= tagged.modified_at > tagged.created_at
    assert await database.run(tenant, lambda tx: tx.dialogues.retag(key + 1, [])) is None


async def test_a_deleted_dialogue_takes_its_messages_along(
    database: Database, tenant: Tenant
) -> None:
    dialogue = await insert(database, tenant, NewDialogue(id="d1"))
    await append(database, tenant, dialogue, turn("hello"))
    assert await database.run(tenant, lambda tx: tx.dialogues.delete(dialogue.dialogue_key))
    assert not await database.run(tenant, lambda tx: tx.dialogues.delete(dialogue.dialogue_key))
    async with database.transaction(tenant) as tx:
        assert await tx.dialogues.get("d1") is None
        assert await tx.messages.transcript(dialogue.dialogue_key) == []


async def test_dialogues_are_listed_by_date_and_parent(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(6):
        await insert(
            database,
            tenant,
            NewDialogue(
                id=f"d{number}",
                thread_of="d0" if number in (2, 4) else None,
                # Two at a time were created at once.
                created_at=start + timedelta(days=number // 2),
            ),
        )
    await insert(database, await new_tenant("bob"), NewDialogue(id="other"))

    async with database.transaction(tenant) as tx:
        pages, after = [], None
        while True:
            page = await tx.dialogues.list_page(DialogueFilter(), 4, after)
            pages.append([each.id for each in page.items])
            if (after := page.next) is None:
                break
        assert pages == [["d5", "d4", "d3", "d2"], ["d1", "d0"]]
        day = DialogueFilter(
            created_from=start + timedelta(days=1), created_before=start + timedelta(days=2)
        )
        page = await tx.dialogues.list_page(day, 10, newest_first=False)
        assert [each.id for each in page.items] == ["d2", "d3"]
        page = await tx.dialogues.list_page(DialogueFilter(thread_of="d0"), 10)
        assert [each.id for each in page.items] == ["d4", "d2"]
        assert await tx.dialogues.count_threads(["d0", "d1"]) == {"d0": 2}
    async with database.transaction(Tenant(tenant.project_id)) as tx:
        page = await tx.dialogues.list_page(DialogueFilter(), 10)
        assert [each.namespace for each in page.items] == ["bob", *["alice"] * 6]


async def test_a_resent_history_finds_the_longest_and_of_equals_the_one_that_ends_with_it(
    database: Database, tenant: Tenant
) -> None:
    # Two begin alike; the second goes on for longer, the third was forked away from the turn.
    for number, turns in enumerate((["hi", "hello"], ["hi", "hello", "weather"], ["hi", "hello"])):
        dialogue = await insert(database, tenant, NewDialogue(id=f"d{number}"))
        await append(database, tenant, dialogue, *(turn(text) for text in turns))
    await database.run(tenant, lambda tx: tx.messages.supersede(dialogue.dialogue_key, [1]))

    async with database.transaction(tenant) as tx:
        keys = {(await known(tx, f"d{n}")).dialogue_key: f"d{n}" for n in range(3)}
        hello, hi = turn("hello").chain, turn("hi").chain
        found = await tx.dialogues.find_by_chains([hello, hi])
        seen = [(keys[each.dialogue_key], each.position, each.last_position) for each in found]
        # "hello" was asked for first; d0 and d2 end where their match is.
        assert seen == [("d0", 1, 1), ("d1", 1, 2), ("d2", 0, 0), ("d1", 0, 2), ("d0", 0, 1)]
        assert found[0].fingerprint == hello
        # d0 was last used before d1, and d1 before d2.
        idle = {keys[each.dialogue_key]: each.idle for each in found}
        assert idle["d0"] > idle["d1"] > idle["d2"] > timedelta(0)

        near = await tx.dialogues.find_by_digests([turn("hi").digest])
        assert [keys[each.dialogue_key] for each in near] == ["d2", "d0", "d1"]
        assert len(await tx.dialogues.find_by_digests([turn("hi").digest], limit=2)) == 2
        assert await tx.dialogues.find_by_chains([]) == []
        assert await tx.dialogues.find_by_chains([b"unheard of"]) == []


async def known(tx: Transaction, dialogue_id: str) -> Dialogue:
    dialogue = await tx.dialogues.get(dialogue_id)
    assert dialogue is not None
    return dialogue


async def test_no_fingerprint_is_found_in_another_namespace(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    dialogue = await insert(database, tenant, NewDialogue(id="d1"))
    await append(database, tenant, dialogue, turn("hi"))
    for other in (await new_tenant("bob"), await new_tenant("alice", "rival")):
        async with database.transaction(other) as tx:
            assert await tx.dialogues.find_by_chains([turn("hi").chain]) == []
            assert await tx.dialogues.find_by_digests([turn("hi").digest]) == []


async def test_instructions_take_no_part_in_finding_a_dialogue(
    database: Database, tenant: Tenant
) -> None:
    dialogue = await insert(database, tenant, NewDialogue(id="d1"))
    await append(
        database,
        tenant,
        dialogue,
        turn("be brief", role="system"),
        turn("hi"),
        turn("be long", role="developer"),
    )
    async with database.transaction(tenant) as tx:
        for text in ("be brief", "be long"):
            assert await tx.dialogues.find_by_chains([turn(text).chain]) == []
            assert await tx.dialogues.find_by_digests([turn(text).digest]) == []
        (match,) = await tx.dialogues.find_by_digests([turn("hi").digest])
        assert (match.position, match.last_position) == (1, 1)
