"""Answers by their model's ids: the conversation as it was when the answer came."""

from __future__ import annotations

import pytest

from eunoe_server.domain.dialogue import Dialogue, Message, NewDialogue, NewMessage
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction


def said(text: str, role: str) -> NewMessage:
    return NewMessage(
        id=f"m-{text}",
        role=role,
        body=text,
        text=text,
        digest=text.encode().ljust(16),
        chain=text.encode().ljust(16),
        token_estimate=1,
    )


@pytest.fixture
async def dialogue(database: Database, tenant: Tenant) -> Dialogue:
    return await database.run(tenant, lambda tx: tx.dialogues.insert(NewDialogue(id="d1")))


async def exchange(
    database: Database, tenant: Tenant, dialogue: Dialogue, name: str, *replaced: int
) -> Message:
    """A question and its answer, which is called `name`, stored as a chat stores them."""

    async def work(tx: Transaction) -> Message:
        current = await tx.dialogues.lock(dialogue.dialogue_key)
        assert current is not None
        await tx.messages.supersede(dialogue.dialogue_key, list(replaced))
        stored = await tx.messages.append(
            current, [said(f"{name}?", "user"), said(f"{name}!", "assistant")]
        )
        await tx.responses.record(name, stored[-1].message_key)
        return stored[-1]

    return await database.run(tenant, work)


async def until(database: Database, tenant: Tenant, name: str) -> list[str]:
    async with database.transaction(tenant) as tx:
        return list(await tx.responses.conversation_until(name))


async def test_an_answer_names_what_was_said_up_to_it(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    instruction = [said("Be brief.", "system")]
    await database.run(tenant, lambda tx: tx.messages.append(dialogue, instruction))
    for name in ("a", "b", "c"):
        await exchange(database, tenant, dialogue, name)
    assert await until(database, tenant, "b") == ["a?", "a!", "b?", "b!"]
    assert await until(database, tenant, "unknown") == []


async def test_what_was_replaced_later_was_said_then(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await exchange(database, tenant, dialogue, "a")
    await exchange(database, tenant, dialogue, "b")
    await exchange(database, tenant, dialogue, "c", 2, 3)  # goes another way after `a`
    assert await until(database, tenant, "b") == ["a?", "a!", "b?", "b!"]
    assert await until(database, tenant, "c") == ["a?", "a!", "c?", "c!"]


async def test_the_newest_answer_has_an_id_that_was_given_twice(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await exchange(database, tenant, dialogue, "a")
    again = await exchange(database, tenant, dialogue, "b")
    await database.run(tenant, lambda tx: tx.responses.record("a", again.message_key))
    assert await until(database, tenant, "a") == ["a?", "a!", "b?", "b!"]


async def test_an_answer_that_is_deleted_has_no_id_any_more(
    database: Database, tenant: Tenant, dialogue: Dialogue
) -> None:
    await exchange(database, tenant, dialogue, "a")
    await database.run(tenant, lambda tx: tx.dialogues.delete(dialogue.dialogue_key))
    assert await until(database, tenant, "a") == []
