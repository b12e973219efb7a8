"""Facts in Postgres: looked up by slot or words, changed, and withdrawn with what says them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eunoe_server.domain.dialogue import NewDialogue, NewMessage
from eunoe_server.domain.fact import FactType, KnownFact
from eunoe_server.domain.memory import FactMention, FactRecord, Memory, NewMemory
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.facts import Withdrawn
from tests.fixtures.database import NewTenant

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def new_fact(
    fact_id: str, text: str = "", slot: str = "user.home", *, observations: int = 1
) -> NewMemory:
    return NewMemory(
        id=fact_id,
        value='"…"',
        text=text or f"The user lives in {fact_id}.",
        fact=FactRecord(
            type="fact",
            confidence=0.75,
            subject="user",
            slot=slot,
            slot_value=fact_id,
            extractor="rules/1",
            valid_from=START,
            observations=observations,
            source_dialogue_id="d1",
            source_message_id="m1",
            source_role="user",
            source_start=0,
            source_end=5,
        ),
    )


async def insert(database: Database, tenant: Tenant, *new: NewMemory) -> Sequence[Memory]:
    return await database.run(tenant, lambda tx: tx.memories.insert_many(new))


async def known(
    database: Database, tenant: Tenant, slots: Sequence[str] = ("user.home",)
) -> dict[str, KnownFact]:
    async with database.transaction(tenant) as tx:
        return {fact.id: fact for fact in await tx.facts.known(slots, [])}


async def mention(database: Database, tenant: Tenant, *mentions: FactMention) -> None:
    await database.run(tenant, lambda tx: tx.facts.mention(mentions))


async def change(database: Database, tenant: Tenant, *facts: KnownFact) -> None:
    await database.run(tenant, lambda tx: tx.facts.change(facts))


async def forget(
    database: Database, tenant: Tenant, dialogue_id: str, message_id: str | None = None
) -> Withdrawn:
    return await database.run(tenant, lambda tx: tx.facts.forget(dialogue_id, message_id))


async def memory(database: Database, tenant: Tenant, memory_id: str) -> Memory | None:
    async with database.transaction(tenant) as tx:
        return next(iter(await tx.memories.get_named([memory_id])), None)


async def test_a_fact_is_known_by_its_slot_or_its_words_also_when_it_is_closed(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    await insert(
        database,
        tenant,
        new_fact("paris"),
        new_fact("cat", "The user has a cat.", "user.pets:cat"),
        new_fact("tea", "The user likes tea.", "user.likes:tea"),
        NewMemory(id="note", value='"x"', text="The user has a cat."),
    )
    await insert(database, await new_tenant("bob"), new_fact("rome"))
    paris = (await known(database, tenant))["paris"]
    assert paris == KnownFact(
        id="paris",
        text="The user lives in paris.",
        type=FactType.FACT,
        confidence=0.75,
        slot="user.home",
        value="paris",
        is_negated=False,
        valid_from=START,
        last_said_at=START,
    )
    await change(database, tenant, replace(paris, valid_to=START + DAY))
    async with database.transaction(tenant) as tx:
        found = await tx.facts.known(["user.home"], ["the user  has a CAT"])
        assert [fact.id for fact in found] == ["paris", "cat"]
        assert found[0].valid_to == START + DAY
        assert await tx.facts.known([], []) == []


async def test_a_change_writes_what_a_merge_may_change_and_nothing_else(
    database: Database, tenant: Tenant
) -> None:
    (stored,) = await insert(database, tenant, new_fact("paris"))
    fact = (await known(database, tenant))["paris"]
    stronger = replace(
        fact,
        confidence=0.9,
        observations=3,
        valid_from=START - DAY,
        last_said_at=START + DAY,
        text="Something else.",
    )

    async def work(tx: Transaction) -> list[bool]:
        return [each.is_current for each in await tx.facts.change([stronger])]

    assert await database.run(tenant, work) == [True]
    changed = await memory(database, tenant, "paris")
    assert changed is not None
    assert stored.fact is not None
    assert changed == replace(
        stored,
        modified_at=changed.modified_at,
        fact=replace(
            stored.fact,
            confidence=0.9,
            observations=3,
            valid_from=START - DAY,
            last_said_at=START + DAY,
        ),
    )


async def test_what_is_closed_is_superseded_from_then_on(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, new_fact("paris"))
    fact = (await known(database, tenant))["paris"]
    await change(database, tenant, replace(fact, valid_to=START + DAY))
    first = await memory(database, tenant, "paris")
    await change(database, tenant, replace(fact, valid_to=START + DAY, superseded_by="berlin"))
    second = await memory(database, tenant, "paris")
    assert first is not None
    assert second is not None
    assert first.fact is not None
    assert second.fact is not None
    assert first.fact.superseded_at is not None
    # Learnt once, however often it is written.
    assert second.fact.superseded_at == first.fact.superseded_at


async def test_a_fact_goes_with_the_last_message_that_says_it(
    database: Database, tenant: Tenant
) -> None:
    (stored,) = await insert(database, tenant, new_fact("paris", observations=2))
    await mention(
        database,
        tenant,
        FactMention("paris", "d1", "m1", 0, 5),
        FactMention("paris", "d2", "m1", 0, 5),
        FactMention("paris", "d2", "m1", 9, 14),  # the same message again counts for nothing
        FactMention("paris", "d3", "m9", 0, 5, is_retraction=True),
    )
    assert await forget(database, tenant, "d1", "m2") == Withdrawn()
    assert await forget(database, tenant, "d3") == Withdrawn()
    assert (await forget(database, tenant, "d1")).gone == ()
    kept = await memory(database, tenant, "paris")
    assert kept is not None
    assert kept.fact is not None
    assert (kept.fact.observations, kept.fact.source_dialogue_id) == (1, None)
    assert (await forget(database, tenant, "d2", "m1")).gone == [stored.memory_key]
    assert await memory(database, tenant, "paris") is None
    await insert(database, tenant, new_fact("paris"))  # its id is free


async def test_what_was_said_outside_of_dialogues_keeps_a_fact(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, new_fact("paris", observations=2))
    await mention(database, tenant, FactMention("paris", "d1", "m1", 0, 5))
    assert (await forget(database, tenant, "d1")).gone == ()
    assert await memory(database, tenant, "paris") is not None


async def test_a_detached_fact_stays_without_saying_where_it_is_from(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, new_fact("paris"))
    await mention(database, tenant, FactMention("paris", "d1", "m1", 0, 5))
    await database.run(tenant, lambda tx: tx.facts.detach("d1"))
    kept = await memory(database, tenant, "paris")
    assert kept is not None
    assert kept.fact is not None
    assert (kept.fact.observations, kept.fact.source_message_id) == (1, None)
    assert await forget(database, tenant, "d1") == Withdrawn()


@pytest.mark.parametrize(
    ("gone", "reopened_until"),
    [
        (["d2"], "rome"),  # Paris, then Rome
        (["d2", "d3"], None),  # Paris holds again
        (["d3", "d2"], None),
    ],
)
async def test_what_a_forgotten_fact_closed_holds_until_the_next(
    database: Database, tenant: Tenant, gone: list[str], reopened_until: str | None
) -> None:
    paris, _, _ = await insert(
        database, tenant, new_fact("paris"), new_fact("berlin"), new_fact("rome")
    )
    facts = await known(database, tenant)
    await change(
        database,
        tenant,
        replace(facts["paris"], valid_to=START + DAY, superseded_by="berlin"),
        replace(facts["berlin"], valid_to=START + 2 * DAY, superseded_by="rome"),
    )
    await mention(
        database,
        tenant,
        FactMention("berlin", "d2", "m1", 0, 5),
        FactMention("rome", "d3", "m1", 0, 5),
    )
    for dialogue_id in gone:
        withdrawn = await forget(database, tenant, dialogue_id)
    if gone != ["d3", "d2"]:
        assert [each.memory_key for each in withdrawn.reopened] == [paris.memory_key]
    again = (await known(database, tenant))["paris"]
    assert again.superseded_by == reopened_until
    assert again.valid_to == (START + 2 * DAY if reopened_until else None)


async def test_facts_of_one_message_that_closed_each_other_go_together(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, new_fact("paris"), new_fact("berlin"), new_fact("rome"))
    facts = await known(database, tenant)
    await change(
        database,
        tenant,
        replace(facts["paris"], valid_to=START + DAY, superseded_by="berlin"),
        replace(facts["berlin"], valid_to=START + DAY, superseded_by="rome"),
    )
    await mention(
        database,
        tenant,
        FactMention("berlin", "d2", "m1", 0, 5),
        FactMention("rome", "d2", "m1", 6, 9),
    )
    assert len((await forget(database, tenant, "d2")).gone) == 2
    assert (await known(database, tenant))["paris"].valid_to is None


async def test_a_fact_of_a_superseded_branch_is_closed_as_if_it_had_never_held(
    database: Database, tenant: Tenant
) -> None:
    dialogue = await database.run(tenant, lambda tx: tx.dialogues.insert(NewDialogue(id="d1")))
    messages = [
        NewMessage(
            id=name, role="user", body="{}", text=name, digest=name.encode().ljust(16),
            chain=name.encode().ljust(16), token_estimate=1,
        )
        for name in ("m1", "m2")
    ]  # fmt: skip
    await database.run(tenant, lambda tx: tx.messages.append(dialogue, messages))
    _, berlin = await insert(database, tenant, new_fact("paris"), new_fact("berlin"))
    facts = await known(database, tenant)
    await change(
        database, tenant, replace(facts["paris"], valid_to=START + DAY, superseded_by="berlin")
    )
    await mention(
        database,
        tenant,
        FactMention("paris", "d1", "m1", 0, 5),
        FactMention("berlin", "d1", "m2", 0, 5),
    )
    key = dialogue.dialogue_key

    async def withdraw() -> Withdrawn:
        return await database.run(tenant, lambda tx: tx.facts.withdraw_superseded(key, "d1"))

    assert await withdraw() == Withdrawn()
    await database.run(tenant, lambda tx: tx.messages.supersede(key, [1]))
    assert (await withdraw()).gone == [berlin.memory_key]
    assert await withdraw() == Withdrawn()
    facts = await known(database, tenant)
    assert facts["berlin"].valid_to == facts["berlin"].valid_from
    assert facts["paris"].valid_to is None
