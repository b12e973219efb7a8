"""Moving to another embedder against a real Postgres: nothing is missed, mixed or done twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.dialogue_draft import DialogueDraft
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.search_request import SearchDraft
from eunoe_server.errors import EmbedderUnavailable
from eunoe_server.providers import Embedder
from eunoe_server.providers.openai import OpenAIEmbedder
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services import reindex as reindex_module
from eunoe_server.services import search_upkeep
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.reindex import Progress, Reindex, VectorsInPlace
from eunoe_server.services.search import Search
from eunoe_server.services.search_upkeep import SearchUpkeep
from eunoe_server.stores import search as search_module
from eunoe_server.stores.database import Database
from tests.fixtures.upstream import EMBEDDINGS_PATH, Upstream, error_reply

TEXTS = ("Ana likes green tea.", "Ben plays the cello.", "The boiler was repaired in May.")


class Server:
    """One server's services, with its embedder."""

    def __init__(self, database: Database, embedder: Embedder, caller: Caller) -> None:
        self.caller = caller
        self.embedder = embedder
        self.reindex = Reindex(database, embedder, sleep=no_pause)
        namespaces = Namespaces(database)
        self._memories = Memories(database, namespaces, embedder)
        self._dialogues = Dialogues(database, namespaces, Messages(database, namespaces, embedder))
        self._search = Search(database, namespaces, embedder)

    async def remember(self, namespace: str, texts: Sequence[str]) -> None:
        drafts = [MemoryDraft(value=json.dumps(text)) for text in texts]
        await self._memories.create_batch(self.caller, namespace, drafts)

    async def talk(self, namespace: str, texts: Sequence[str]) -> None:
        await self._dialogues.create(
            self.caller,
            namespace,
            DialogueDraft(id=f"talk in {namespace}"),
            [MessageDraft(role="user", content=json.dumps(text)) for text in texts],
            [f"messages[{at}]" for at in range(len(texts))],
            commit_after_seconds=60,
        )

    async def similarities(self, namespace: str, query: str, kind: str = "memory") -> list[float]:
        """How close in meaning each result is, the best first; 0 without a vector to compare."""
        draft = SearchDraft(query=query, object=kind, mode="vector", limit=200)
        outcome = await self._search.search(self.caller, namespace, draft)
        return [round(each.explanation.meaning, 2) for each in outcome.results]

    async def move(self, *, keep_others: bool = False) -> bool:
        return await self.reindex.run(asyncio.Event(), ignore, keep_others=keep_others)


async def no_pause(seconds: float) -> None:
    del seconds


def ignore(at: Progress) -> None:
    del at


@pytest.fixture
async def remote(upstream: Upstream) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(upstream.base_url, "sk-ours", "small", 8)
    yield embedder
    await embedder.aclose()


async def caller_of(database: Database, project: str) -> Caller:
    project_id = await database.open_project(project, create=True)
    assert project_id is not None
    return Caller("key", project_id, frozenset(Scope))


@pytest.fixture
async def old(database: Database) -> Server:
    return Server(database, WordLlamaEmbedder(), await caller_of(database, "test"))


@pytest.fixture
async def new(database: Database, remote: OpenAIEmbedder) -> Server:
    return Server(database, remote, await caller_of(database, "test"))


def embedded_texts(upstream: Upstream) -> list[str]:
    return [text for request in upstream.requests for text in request.document["input"]]


async def counted(server: Server) -> tuple[int, int, int]:
    found: VectorsInPlace = await server.reindex.look()
    return found.served, found.foreign, found.bare


async def test_another_embedder_finds_by_words_until_the_texts_are_reindexed(
    old: Server, new: Server
) -> None:
    await old.remember("alice", TEXTS)
    assert await counted(new) == (0, 3, 0)
    assert await new.similarities("alice", TEXTS[1]) == [0.0, 0.0, 0.0]
    assert await new.move()
    assert await counted(new) == (3, 0, 0)
    found = await new.similarities("alice", TEXTS[1])
    assert (len(found), found[0]) == (3, 1.0)
    assert await new.reindex.look() == await new.reindex.look()
    assert (await old.reindex.look()).others == ["openai/small/8"]


async def test_all_namespaces_of_all_projects_move_with_memories_and_messages(
    database: Database, old: Server, new: Server, upstream: Upstream
) -> None:
    await old.remember("alice", TEXTS[:2])
    await old.talk("bob", TEXTS[:1])
    other = Server(database, old.embedder, await caller_of(database, "another"))
    await other.remember("alice", TEXTS[2:])
    assert await new.move()
    assert await counted(new) == (4, 0, 0)
    # Each once, each by its own text.
    assert sorted(embedded_texts(upstream)) == sorted([TEXTS[0], *TEXTS])
    assert (await new.similarities("bob", TEXTS[0], "message"))[0] == 1.0


async def test_no_search_of_either_server_misses_a_vector_while_texts_are_prepared(
    old: Server, new: Server
) -> None:
    await old.remember(
        "alice", [f"Note {number}: {text}" for number in range(40) for text in TEXTS]
    )
    moving = asyncio.create_task(new.move(keep_others=True))
    searches = 0
    while not moving.done() or not searches:
        assert 0.0 not in await old.similarities("alice", "green tea")
        searches += 1
    assert await moving
    assert 0.0 not in await new.similarities("alice", "Note 7: Ana likes green tea.")
    assert 0.0 not in await old.similarities("alice", "green tea")
    # The servers run with the new one now; what is left is to let go.
    assert await new.move()
    assert (await new.similarities("alice", "Note 7: Ana likes green tea."))[0] == 1.0
    assert set(await old.similarities("alice", "green tea")) == {0.0}


async def test_what_is_written_meanwhile_with_the_old_embedder_moves_as_well(
    old: Server, new: Server, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex_module, "BATCH_TEXTS", 2)
    await old.remember("alice", TEXTS)
    late: list[asyncio.Task[None]] = []

    def write_once(at: Progress) -> None:
        if at.done and not late:
            late.append(asyncio.create_task(old.remember("carol", ["Too late?"])))

    assert await new.reindex.run(asyncio.Event(), write_once)
    await late[0]
    assert await new.move()
    assert await counted(new) == (4, 0, 0)
    assert sorted(embedded_texts(upstream)) == sorted([*TEXTS, "Too late?"])


async def test_stopped_in_the_middle_it_goes_on_where_it_was(
    old: Server, new: Server, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex_module, "BATCH_TEXTS", 2)
    texts = [f"Note {number}." for number in range(7)]
    await old.remember("alice", texts)
    stop, seen = asyncio.Event(), list[Progress]()

    def stop_after_two_batches(at: Progress) -> None:
        seen.append(at)
        if at.done == 4:
            stop.set()

    assert not await new.reindex.run(stop, stop_after_two_batches)
    assert seen == [Progress(0, 7), Progress(2, 7), Progress(4, 7)]
    assert await counted(new) == (4, 3, 0)
    assert await counted(old) == (7, 0, 0)
    assert await new.move()
    assert await counted(new) == (7, 0, 0)
    assert sorted(embedded_texts(upstream)) == sorted(texts)


async def test_a_remote_embedder_that_fails_for_a_moment_is_asked_again(
    old: Server, new: Server, upstream: Upstream
) -> None:
    await old.remember("alice", TEXTS)
    upstream.script(error_reply(429, "slow down"), error_reply(503, "busy"), path=EMBEDDINGS_PATH)
    assert await new.move()
    assert await counted(new) == (3, 0, 0)


async def test_a_remote_embedder_that_is_gone_ends_it_and_loses_nothing(
    old: Server, new: Server, upstream: Upstream
) -> None:
    await old.remember("alice", TEXTS)
    upstream.script(*[error_reply(500, "gone")] * 10, path=EMBEDDINGS_PATH)
    with pytest.raises(EmbedderUnavailable):
        await new.move()
    assert await counted(old) == (3, 0, 0)
    assert 0.0 not in await old.similarities("alice", "green tea")


async def test_a_text_that_was_kept_without_a_vector_gets_one(
    database: Database, old: Server, new: Server, upstream: Upstream
) -> None:
    upstream.script(error_reply(500, "gone"), path=EMBEDDINGS_PATH)
    await new.remember("alice", TEXTS)
    assert await counted(new) == (0, 0, 3)
    assert await new.move()
    assert await counted(new) == (3, 0, 0)


async def test_a_move_that_another_follows_leaves_the_last_ones_vectors_only(
    database: Database, old: Server, new: Server, upstream: Upstream
) -> None:
    await old.remember("alice", TEXTS)
    assert await new.move(keep_others=True)
    third = OpenAIEmbedder(upstream.base_url, "sk-ours", "small", 8)
    third.name = "openai/third/8"
    last = Server(database, third, old.caller)
    assert await last.move()
    await third.aclose()
    assert await counted(last) == (3, 0, 0)
    assert await counted(new) == (0, 3, 0)
    # Back again, half way: the vectors that were being made are dropped.
    assert await new.move(keep_others=True)
    assert await last.move()
    assert await counted(new) == (0, 3, 0)


async def test_a_large_namespace_is_put_together_and_divided_anew(
    database: Database, old: Server, new: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (search_module, search_upkeep):
        monkeypatch.setattr(module, "MAX_WHOLE_TEXTS", 100)
        monkeypatch.setattr(module, "MAX_CELL_TEXTS", 60)
    monkeypatch.setattr(search_upkeep, "PART_TEXTS", 20)
    monkeypatch.setattr(reindex_module, "BATCH_TEXTS", 50)
    monkeypatch.setattr(reindex_module, "ADOPTED_TEXTS", 60)
    texts = [f"Note {number}: {text}" for number in range(60) for text in TEXTS]
    await old.remember("alice", texts)
    upkeep = SearchUpkeep(database)
    assert await upkeep.split_next()
    assert await new.move()
    assert await counted(new) == (180, 0, 0)
    assert (await new.similarities("alice", texts[100]))[0] == 1.0
    assert await upkeep.split_next()
    assert (await new.similarities("alice", texts[100]))[0] == 1.0
    assert len(await new.similarities("alice", texts[100])) == 180
