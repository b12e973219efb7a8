"""Deleting a fact for itself: what it had closed holds again, as when its message is deleted."""

from __future__ import annotations

import json

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.memory import ALL_MEMORIES, Memory, MemoryFilter
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.facts import Facts
from eunoe_server.services.memories import Memories
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database
from eunoe_server.stores.search import speakers_named
from eunoe_server.telemetry import Metrics


class Learner:
    """Somebody who says where they live, and takes facts back."""

    def __init__(self, database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> None:
        namespaces = Namespaces(database)
        self._database = database
        self._tenant = tenant
        self._caller = Caller("key", tenant.project_id, frozenset(Scope))
        self._facts = Facts(database, namespaces, embedder, RulesExtractor(), Metrics())
        self._memories = Memories(database, namespaces, embedder)

    async def says(self, text: str, *, name: str | None = None) -> None:
        draft = MessageDraft("user", json.dumps(text), name=name)
        await self._facts.extract(self._caller, "alice", [draft])

    async def deletes(self, word: str) -> None:
        (fact,) = [each for each in await self._listed(history=True) if word in each.text]
        await self._memories.delete(self._caller, "alice", fact.id)

    async def holds(self) -> list[str]:
        """What holds now, in a list and in search alike."""
        listed = await self._listed(history=False)
        async with self._database.transaction(self._tenant) as tx:
            cursor = await tx.keys._connection.execute(
                "select object_key from search_entries where is_current"
            )
            found = {key for (key,) in await cursor.fetchall()}
        assert found == {each.memory_key for each in listed}
        return [each.text for each in listed]

    async def known(self, *names: str) -> set[str]:
        """Those of these names that a question can be about."""
        return set(await self._database.ask(self._tenant, speakers_named(self._tenant, names)))

    async def _listed(self, *, history: bool) -> list[Memory]:
        wanted = MemoryFilter(include_superseded=True) if history else ALL_MEMORIES
        async with self._database.transaction(self._tenant) as tx:
            return list((await tx.memories.list_page(wanted, 50)).items)


@pytest.fixture
async def learner(database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> Learner:
    learner = Learner(database, tenant, embedder)
    for city in ("Paris", "Berlin", "Rome"):
        await learner.says(f"I live in {city}.")
        (held,) = await learner.holds()
        assert city in held
    return learner


@pytest.mark.parametrize(
    ("deleted", "holding"),
    [
        (["Rome"], "Berlin"),
        (["Rome", "Berlin"], "Paris"),
        (["Berlin", "Rome"], "Paris"),
        (["Berlin"], "Rome"),
        (["Paris"], "Rome"),
        (["Paris", "Berlin", "Rome"], None),
    ],
)
async def test_what_a_deleted_fact_had_closed_holds_until_the_next(
    learner: Learner, deleted: list[str], holding: str | None
) -> None:
    for city in deleted:
        await learner.deletes(city)
    assert [text.rstrip(".").split()[-1] for text in await learner.holds()] == (
        [holding] if holding else []
    )


async def test_the_name_that_a_deleted_fact_bore_goes_with_the_last_that_bears_it(
    learner: Learner,
) -> None:
    await learner.says("I live in Lisbon.", name="Ana")
    await learner.says("I am allergic to peanuts.", name="Ana")
    await learner.says("I live in Oslo.", name="Ben")
    await learner.deletes("Lisbon")
    assert await learner.known("ana", "ben") == {"ana", "ben"}
    await learner.deletes("peanuts")
    assert await learner.known("ana", "ben") == {"ben"}
