"""Retention against a real Postgres: what is too old goes whole, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest
from psycopg import AsyncConnection

from eunoe_server.domain.audit import AuditEvent
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.dialogue import DialogueFilter
from eunoe_server.domain.dialogue_draft import DialogueChange, DialogueDraft
from eunoe_server.domain.memory import ALL_MEMORIES, FactMention, NewMemory
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import InvalidInput, NamespaceNotFound
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.audit import AuditTrail
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.facts import Facts
from eunoe_server.services.indexing import memory_entry
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.retention import (
    DIALOGUES_AT_ONCE,
    RETRY_SECONDS,
    SWEEP_SECONDS,
    Retention,
)
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import Metrics
from tests.stores.test_isolation import FACT

DAY = 86_400


class Shelf:
    """Namespaces of one project, with things in them that grow old."""

    def __init__(
        self, database: Database, project_id: int, dsn: str, embedder: WordLlamaEmbedder
    ) -> None:
        self.database = database
        self.dsn = dsn
        self.caller = Caller("key", project_id, frozenset(Scope))
        self.namespaces = Namespaces(database)
        self.memories = Memories(database, self.namespaces, embedder)
        self.messages = Messages(database, self.namespaces, embedder)
        self.dialogues = Dialogues(database, self.namespaces, self.messages)
        self.facts = Facts(database, self.namespaces, embedder, RulesExtractor(), Metrics())

    async def remember(self, memory_id: str, namespace: str = "alice") -> None:
        await self.memories.create(self.caller, namespace, MemoryDraft('"tea"', id=memory_id))

    async def talk(self, dialogue_id: str, namespace: str = "alice") -> None:
        await self.dialogues.create(
            self.caller, namespace, DialogueDraft(id=dialogue_id),
            [MessageDraft("user", '"I drink tea."', id="m", name="Ana")], ["messages[0]"], 0,
        )  # fmt: skip

    async def learn(self, fact_id: str, dialogue_id: str) -> None:
        async def work(tx: Transaction) -> None:
            fact = replace(FACT, subject="ben")
            memory = await tx.memories.insert(
                NewMemory(id=fact_id, value='"v"', text="v", fact=fact)
            )
            await tx.search.insert_entries([memory_entry(memory, "v", "{}", None, "")])
            await tx.facts.mention([FactMention(fact_id, dialogue_id, "m", 0, 5)])

        await self.database.run(await self.tenant(), work)

    async def hear(self, text: str) -> str:
        """The id of the one fact in it."""
        found = await self.facts.extract(self.caller, "alice", [MessageDraft("user", f'"{text}"')])
        (learnt,) = found.learnt
        return learnt.memory.id

    async def tenant(self, namespace: str = "alice") -> Tenant:
        tenant = await self.namespaces.find(self.caller.project_id, namespace)
        assert tenant is not None
        return tenant

    async def retain(self, days: int | None, namespace: str = "alice") -> None:
        await self.namespaces.retain(self.caller, namespace, days)

    async def let_pass(self, seconds: float) -> None:
        """Everything that was noted was noted so much earlier."""
        columns = {
            "dialogues": ("created_at", "modified_at", "last_message_at"),
            "memories": ("created_at", "modified_at"),
            "namespaces": ("retention_due_at",),
        }
        async with await AsyncConnection.connect(self.dsn) as outside:
            for table, names in columns.items():
                changes = ", ".join(
                    f"{name} = {name} - make_interval(secs => %s)" for name in names
                )
                statement = f"update {table} set {changes}"  # noqa: S608 - our own names
                await outside.execute(statement.encode(), [seconds] * len(names))

    async def sweep(self, default_days: int = 0) -> int:
        """How many batches there were."""
        retention, count = Retention(self.database, default_days=default_days), 0
        while await retention.sweep_next():
            count += 1
        return count

    async def kept(self, namespace: str = "alice") -> set[str]:
        async with self.database.transaction(await self.tenant(namespace)) as tx:
            memories = await tx.memories.list_page(ALL_MEMORIES, 200)
            dialogues = await tx.dialogues.list_page(DialogueFilter(), 200)
        return {each.id for each in memories.items} | {each.id for each in dialogues.items}

    async def events(self) -> Sequence[AuditEvent]:
        page = await AuditTrail(self.database).list_page(
            self.caller.project_id, subject_id="", limit=100, token=""
        )
        return page.items


@pytest.fixture
def shelf(database: Database, tenant: Tenant, dsn: str, embedder: WordLlamaEmbedder) -> Shelf:
    return Shelf(database, tenant.project_id, dsn, embedder)


async def test_what_is_older_than_the_namespace_keeps_goes_without_a_trace(shelf: Shelf) -> None:
    await shelf.retain(30)
    await shelf.remember("memory")
    await shelf.talk("dialogue")
    await shelf.learn("fact", "dialogue")
    await shelf.learn("fact of no dialogue", "")
    await shelf.let_pass(31 * DAY)
    await shelf.sweep()
    async with shelf.database.transaction(await shelf.tenant()) as tx:
        census = await tx.namespaces.census()
    assert census == dict.fromkeys(census, 0)
    (ran, _) = await shelf.events()
    assert (ran.kind, ran.key_id, ran.namespace) == ("retention_ran", None, "alice")
    assert ran.counts == {"dialogues": 1, "memories": 2}  # the other fact went with its dialogue
    await shelf.remember("memory")  # its id is free


async def test_what_is_younger_stays(shelf: Shelf) -> None:
    await shelf.retain(30)
    await shelf.remember("memory")
    await shelf.talk("dialogue")
    await shelf.learn("fact", "dialogue")
    await shelf.let_pass(30 * DAY - 3_600)
    await shelf.sweep()
    assert await shelf.kept() == {"memory", "dialogue", "fact"}


async def test_whoever_is_used_is_kept(shelf: Shelf) -> None:
    await shelf.retain(30)
    for name in ("spoken-to", "changed", "idle"):
        await shelf.talk(name)
    for name in ("tagged", "untouched"):
        await shelf.remember(name)
    await shelf.let_pass(29 * DAY)
    caller = shelf.caller
    await shelf.messages.create(caller, "alice", "spoken-to", [MessageDraft("user", '"Hm."')], 0)
    await shelf.dialogues.change(caller, "alice", "changed", DialogueChange(label="tea"))
    await shelf.memories.retag(caller, "alice", "tagged", ["tea"])
    await shelf.let_pass(2 * DAY)
    await shelf.sweep()
    assert await shelf.kept() == {"spoken-to", "changed", "tagged"}


async def test_what_a_fact_had_closed_holds_again_when_that_fact_is_too_old(shelf: Shelf) -> None:
    await shelf.retain(30)
    paris, berlin = await shelf.hear("I live in Paris."), await shelf.hear("I live in Berlin.")
    assert await shelf.kept() == {berlin}
    await shelf.let_pass(29 * DAY)
    await shelf.memories.retag(shelf.caller, "alice", paris, ["once"])
    await shelf.let_pass(2 * DAY)
    await shelf.sweep()
    assert await shelf.kept() == {paris}


async def test_a_namespace_says_for_itself_and_the_server_for_the_others(shelf: Shelf) -> None:
    for namespace in ("short", "ever", "default"):
        await shelf.remember(f"of-{namespace}", namespace)
    await shelf.retain(7, "short")
    await shelf.retain(0, "ever")
    await shelf.let_pass(8 * DAY)
    await shelf.sweep(default_days=30)
    names = ("short", "ever", "default")
    assert [await shelf.kept(each) for each in names] == [set(), {"of-ever"}, {"of-default"}]
    await shelf.let_pass(30 * DAY)
    await shelf.sweep(default_days=0)
    assert [await shelf.kept(each) for each in names] == [set(), {"of-ever"}, {"of-default"}]
    await shelf.sweep(default_days=30)
    assert [await shelf.kept(each) for each in names] == [set(), {"of-ever"}, set()]


async def test_a_namespace_that_was_looked_through_waits_for_its_next_turn(shelf: Shelf) -> None:
    await shelf.retain(30)
    assert await shelf.sweep() == 1
    await shelf.let_pass(SWEEP_SECONDS - 60)
    assert await shelf.sweep() == 0
    await shelf.let_pass(60)
    assert await shelf.sweep() == 1
    await shelf.retain(20)
    assert await shelf.sweep() == 1  # a new rule does not wait


async def test_much_goes_batch_by_batch_also_with_many_workers(shelf: Shelf) -> None:
    await shelf.retain(30)
    for number in range(DIALOGUES_AT_ONCE + 3):
        await shelf.talk(f"d{number}")
    await shelf.let_pass(31 * DAY)
    await asyncio.gather(*(shelf.sweep() for _ in range(4)))
    assert await shelf.kept() == set()
    ran = [each.counts["dialogues"] for each in await shelf.events() if "ran" in each.kind]
    assert sorted(ran) == [3, DIALOGUES_AT_ONCE]


async def test_a_batch_that_fails_is_undone_and_holds_nobody_up(shelf: Shelf) -> None:
    await shelf.retain(30)
    await shelf.talk("d")
    await shelf.let_pass(31 * DAY)
    async with await AsyncConnection.connect(shelf.dsn) as outside:
        await outside.execute("alter table audit_events add constraint no check (counts = '{}')")
    with pytest.raises(psycopg.errors.CheckViolation):
        await Retention(shelf.database, default_days=0).sweep_next()
    assert await shelf.kept() == {"d"}
    assert await shelf.sweep() == 0
    async with await AsyncConnection.connect(shelf.dsn) as outside:
        await outside.execute("alter table audit_events drop constraint no")
    await shelf.let_pass(RETRY_SECONDS)
    await shelf.sweep()
    assert await shelf.kept() == set()


async def test_a_dialogue_in_use_is_left_to_the_next_turn(shelf: Shelf) -> None:
    await shelf.retain(30)
    await shelf.talk("d")
    await shelf.let_pass(31 * DAY)
    async with shelf.database.transaction(await shelf.tenant()) as tx:
        dialogue = await tx.dialogues.get("d")
        assert dialogue is not None
        await tx.dialogues.lock(dialogue.dialogue_key)
        await shelf.sweep()
    assert await shelf.kept() == {"d"}


async def test_how_long_is_a_number_of_days_of_a_namespace_that_exists(shelf: Shelf) -> None:
    for days in (-1, 36_501):
        with pytest.raises(InvalidInput):
            await shelf.retain(days)
    with pytest.raises(NamespaceNotFound):
        await shelf.retain(1, "nobody")
    stranger = Caller("key", shelf.caller.project_id, frozenset(Scope), namespace="bob")
    with pytest.raises(NamespaceNotFound):
        await shelf.namespaces.retain(stranger, "alice", 1)
