"""Sessions: closed once they were not used for too long, by one, and by nobody while in use."""

from __future__ import annotations

import asyncio

from psycopg import AsyncConnection

from eunoe_server.domain.dialogue import Dialogue, NewDialogue
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.sessions import IdleSession
from tests.fixtures.database import NewTenant, at_once

DAY = 86_400
RETRY_SECONDS = 60


async def open_session(database: Database, tenant: Tenant, session_id: str) -> Dialogue:
    """A dialogue that bears the id of its session."""

    async def work(tx: Transaction) -> Dialogue:
        dialogue = await tx.dialogues.insert(NewDialogue(id=session_id, session_id=session_id))
        await at_once(tx, tx.sessions.touching(dialogue.dialogue_key))
        return dialogue

    return await database.run(tenant, work)


async def let_pass(dsn: str, seconds: int) -> None:
    """Everything that was noted was noted so much earlier."""
    async with await AsyncConnection.connect(dsn) as outside:
        for column in ("used_at", "retry_at"):
            await outside.execute(
                f"update session_expiries set {column} = {column} - make_interval(secs => %s)"  # noqa: S608
                .encode(),
                [seconds],
            )  # fmt: skip
        await outside.execute(
            "update dialogues set session_used_at = session_used_at - make_interval(secs => %s)",
            [seconds],
        )


async def claim(database: Database) -> IdleSession | None:
    return await database.run(None, lambda tx: tx.sessions.claim_idle(DAY, RETRY_SECONDS))


async def close(database: Database, tenant: Tenant, dialogue: Dialogue) -> bool:
    return await database.run(tenant, lambda tx: tx.sessions.close_idle(dialogue.dialogue_key, DAY))


async def is_open(database: Database, tenant: Tenant, dialogue: Dialogue) -> bool:
    async with database.transaction(tenant) as tx:
        found = await tx.dialogues.get_by_key(dialogue.dialogue_key)
    assert found is not None
    return found.is_session_open


async def test_a_session_is_idle_so_long_after_its_last_use(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    dialogue = await open_session(database, tenant, "s")
    await let_pass(dsn, DAY - 60)
    assert await claim(database) is None
    await database.run(tenant, lambda tx: at_once(tx, tx.sessions.touching(dialogue.dialogue_key)))
    await let_pass(dsn, DAY - 60)
    assert await claim(database) is None
    await let_pass(dsn, 61)
    assert tenant.namespace_key is not None
    assert await claim(database) == IdleSession(
        dialogue.dialogue_key, tenant.namespace_key, tenant.project_id
    )


async def test_an_idle_session_is_closed_once_and_its_dialogue_stays(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    dialogue = await open_session(database, tenant, "s")
    await let_pass(dsn, DAY)
    assert await close(database, tenant, dialogue)
    assert not await is_open(database, tenant, dialogue)
    assert not await close(database, tenant, dialogue)
    assert await claim(database) is None
    async with database.transaction(tenant) as tx:
        assert await tx.dialogues.get_by_session("s", DAY) is None


async def test_a_session_that_is_used_after_the_claim_stays_open(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    dialogue = await open_session(database, tenant, "s")
    await let_pass(dsn, DAY)
    assert await claim(database) is not None
    await database.run(tenant, lambda tx: at_once(tx, tx.sessions.touching(dialogue.dialogue_key)))
    assert not await close(database, tenant, dialogue)
    assert await is_open(database, tenant, dialogue)
    await let_pass(dsn, DAY)
    assert await claim(database) is not None  # and expires later


async def test_of_many_workers_each_claims_other_sessions(
    database: Database, tenant: Tenant, new_tenant: NewTenant, dsn: str
) -> None:
    tenants = [tenant, await new_tenant("bob"), await new_tenant("alice", "rival")]
    opened = {
        (await open_session(database, each, f"s{number}")).dialogue_key
        for each in tenants
        for number in range(5)
    }
    await let_pass(dsn, DAY)
    claimed = [await asyncio.gather(*(claim(database) for _ in range(8))) for _ in range(3)]
    keys = [each.dialogue_key for some in claimed for each in some if each is not None]
    assert sorted(keys) == sorted(opened)


async def test_a_claim_that_came_to_nothing_is_made_again_and_holds_up_no_other(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    first = await open_session(database, tenant, "first")
    await let_pass(dsn, DAY)
    second = await open_session(database, tenant, "second")
    await let_pass(dsn, DAY)
    for dialogue in (first, second):
        claimed = await claim(database)
        assert claimed is not None
        assert claimed.dialogue_key == dialogue.dialogue_key
    assert await claim(database) is None
    await let_pass(dsn, RETRY_SECONDS)
    claimed = await claim(database)
    assert claimed is not None
    assert claimed.dialogue_key == first.dialogue_key


async def test_a_session_of_a_deleted_dialogue_or_namespace_is_forgotten(
    database: Database, tenant: Tenant, new_tenant: NewTenant, dsn: str
) -> None:
    bob = await new_tenant("bob")
    dialogue = await open_session(database, tenant, "s")
    await open_session(database, bob, "s")
    await let_pass(dsn, DAY)
    await database.run(tenant, lambda tx: tx.sessions.forget(dialogue.dialogue_key))
    async with database.transaction(bob) as tx:
        assert (await tx.namespaces.census())["session_expiries"] == 1
    await database.run(bob, lambda tx: tx.namespaces.erase())
    assert await claim(database) is None
