"""Search entries in Postgres: what is found, by whom, and that nothing which exists is missed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from eunoe_server.domain.cells import split_by_meaning
from eunoe_server.domain.dialogue import NewDialogue
from eunoe_server.domain.memory import NewMemory
from eunoe_server.domain.question import Question, asks_nothing, read_question
from eunoe_server.domain.ranking import Candidates, rank, relevance_bar
from eunoe_server.domain.search_entry import NewSearchEntry, SearchObject, SearchScope, Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services import search_upkeep
from eunoe_server.services.search_upkeep import SearchUpkeep
from eunoe_server.stores import search as search_module
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.search import speakers_named
from tests.fixtures.database import NewTenant

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EMBEDDER = "axes/4"
EVERYTHING = SearchScope(include_uncommitted=True, include_superseded=True)


def axis(number: int, dimension: int = 4) -> Vector:
    vector = np.zeros(dimension, np.float32)
    vector[number] = 1.0
    return vector


def memory(key: int, text: str, **more: object) -> NewSearchEntry:
    entry = NewSearchEntry(SearchObject.MEMORY, key, text, NOON)
    return replace(entry, **more)  # type: ignore[arg-type]


def turn(key: int, text: str, dialogue_key: int, position: int, **more: object) -> NewSearchEntry:
    entry = NewSearchEntry(
        SearchObject.MESSAGE, key, text, NOON, dialogue_key, position, role="user"
    )
    return replace(entry, **more)  # type: ignore[arg-type]


def asks(text: str, *speakers: str) -> Question:
    return read_question(text, NOON, speakers)


async def insert(database: Database, tenant: Tenant, *entries: NewSearchEntry) -> None:
    await database.run(tenant, lambda tx: tx.search.insert_entries(entries))


async def new_dialogue(database: Database, tenant: Tenant, dialogue_id: str = "chat") -> int:
    made = await database.run(tenant, lambda tx: tx.dialogues.insert(NewDialogue(id=dialogue_id)))
    return made.dialogue_key


async def find(
    database: Database,
    tenant: Tenant,
    question: Question,
    vector: Vector | None = None,
    scope: SearchScope = EVERYTHING,
    embedder: str = EMBEDDER,
) -> Candidates:
    async with database.transaction(tenant) as tx:
        return await tx.search.candidates(question, vector, embedder, scope)


def wanted(candidates: Candidates) -> set[int]:
    return set(candidates.object_keys[candidates.are_wanted].tolist())


async def found(
    database: Database, tenant: Tenant, scope: SearchScope = EVERYTHING, text: str = "tea"
) -> set[int]:
    return wanted(await find(database, tenant, asks(text), scope=scope))


async def test_a_text_is_read_as_it_was_written(database: Database, tenant: Tenant) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(
        database,
        tenant,
        memory(7, "Ana likes green tea.", vector=axis(0), embedder=EMBEDDER),
        turn(
            8,
            "Teas, teas! Is it black?",
            dialogue_key,
            3,
            role="assistant",
            created_at=NOON + timedelta(hours=1),
            vector=(axis(0) + axis(1)) / np.sqrt(2),
            embedder=EMBEDDER,
        ),
    )
    read = await find(database, tenant, asks("What did you say about black tea?"), axis(1))
    order = np.argsort(read.object_keys)
    assert read.are_messages[order].tolist() == [False, True]
    assert read.dialogue_keys[order].tolist() == [0, dialogue_key]
    assert read.positions[order].tolist() == [0, 3]
    assert read.similarities[order] == pytest.approx([0.0, 0.70710678], abs=1e-3)
    # ana, green, like, tea; black, tea.
    assert read.word_counts[order].tolist() == [4, 2]
    assert read.asking_shares[order] == pytest.approx([0.0, 12 / 23], abs=0.01)
    assert read.are_sought[order].tolist() == [False, True]
    assert read.created_at[order].tolist() == [NOON.timestamp(), NOON.timestamp() + 3600]
    assert read.texts == 2


async def test_words_match_by_their_stems_and_are_counted(
    database: Database, tenant: Tenant
) -> None:
    await insert(
        database,
        tenant,
        memory(1, "She was painting a bridge."),
        memory(2, "He paints bridges and boats."),
        memory(3, "Nothing of the kind."),
    )
    read = await find(database, tenant, asks("Who painted the boat?"))
    held = dict(zip(read.object_keys.tolist(), read.word_bits.tolist(), strict=True))
    # Two words, boat and paint: the second text holds both, the first one of them.
    assert sorted(read.word_frequencies.tolist()) == [1.0, 2.0]
    assert held[2] == 0b11
    assert held[1] in (0b01, 0b10)
    assert held[3] == 0


@pytest.mark.parametrize(
    "text",
    [
        "it's o'clock \\ 'quoted' \\' end",
        "a & b | !c <-> (d:*)",
        "http://example.org/it's?x=1&y='2' me@example.org",
        "'; drop table search_entries; --",
        "🙂 \u200b \U0010ffff",
        "",
        "the of and",
    ],
)
async def test_any_text_can_be_stored_and_asked_for(
    text: str, database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, memory(1, text))
    read = await find(database, tenant, asks(text))
    assert wanted(read) == {1}
    # Whatever words Postgres sees in it, the text holds all of them.
    assert read.word_bits.tolist() == [2 ** len(read.word_frequencies) - 1]


async def test_a_book_can_be_stored_and_asked_for(database: Database, tenant: Tenant) -> None:
    book = " ".join(f"word{number}" for number in range(200_000))
    await insert(database, tenant, memory(1, book))
    read = await find(database, tenant, asks(book))
    assert len(read.word_frequencies) == 24
    assert read.word_bits.tolist() == [2**24 - 1]


async def test_vectors_of_two_embedders_are_never_compared(
    database: Database, tenant: Tenant
) -> None:
    await insert(
        database,
        tenant,
        memory(1, "one", vector=axis(0), embedder=EMBEDDER),
        memory(2, "two", vector=axis(0, 8), embedder="axes/8"),
        memory(3, "three"),
    )
    read = await find(database, tenant, asks("tea"), axis(0))
    assert dict(zip(read.object_keys.tolist(), read.similarities.tolist(), strict=True)) == {
        1: 1.0,
        2: 0.0,
        3: 0.0,
    }
    without = await find(database, tenant, asks("tea"), None)
    assert without.similarities.tolist() == [0.0, 0.0, 0.0]


async def test_a_reindex_fills_new_vectors_while_the_old_ones_serve(
    database: Database, tenant: Tenant
) -> None:
    await database.run(tenant, store_memory)
    await insert(database, tenant, memory(1, "one", vector=axis(0), embedder=EMBEDDER))
    async with database.transaction(tenant) as tx:
        (waiting,) = await tx.search.without_vector(None, "axes/8")
        assert await tx.search.without_vector(None, EMBEDDER) == []

    async def similarity(vector: Vector, embedder: str) -> float:
        read = await find(database, tenant, asks("tea"), vector, embedder=embedder)
        return float(read.similarities[0])

    new = {waiting.entry_key: axis(3, 8)}
    assert await database.run(tenant, lambda tx: tx.search.set_vectors(new, "axes/8")) == 1
    assert await similarity(axis(0), EMBEDDER) == 1.0
    assert await similarity(axis(3, 8), "axes/8") == 1.0
    assert await database.run(tenant, lambda tx: tx.search.adopt_vectors("axes/8")) == 1
    assert await similarity(axis(0), EMBEDDER) == 0.0
    assert await similarity(axis(3, 8), "axes/8") == 1.0


async def store_memory(tx: Transaction) -> None:
    await tx.memories.insert(NewMemory(id="m", value='"one"', text="one"))


async def test_the_same_object_again_replaces_its_text(database: Database, tenant: Tenant) -> None:
    await insert(database, tenant, memory(1, "tea", tags=("old",)))
    await insert(database, tenant, memory(1, "coffee", tags=("new",)))
    read = await find(database, tenant, asks("coffee"))
    assert (read.object_keys.tolist(), read.word_bits.tolist()) == ([1], [1])
    assert await found(database, tenant, replace(EVERYTHING, tags_any=["new"])) == {1}


async def test_what_is_deleted_is_found_no_more(database: Database, tenant: Tenant) -> None:
    one, other = [await new_dialogue(database, tenant, name) for name in ("one", "other")]
    await insert(
        database,
        tenant,
        memory(1, "a"),
        memory(2, "b"),
        *(turn(10 + place, "c", one, place) for place in range(3)),
        turn(20, "d", other, 0),
        turn(21, "e", other, 1),
    )

    async def delete(tx: Transaction) -> None:
        assert await tx.search.delete_entries(SearchObject.MEMORY, [2, 3]) == 1
        assert await tx.search.delete_positions(one, [1, 2, 9]) == 2
        assert await tx.search.delete_entries(SearchObject.MESSAGE, [21]) == 1

    await database.run(tenant, delete)
    assert await found(database, tenant) == {1, 10, 20}
    assert await database.run(tenant, lambda tx: tx.search.delete_dialogue(one)) == 1
    await database.run(tenant, lambda tx: tx.dialogues.delete(other))
    assert await found(database, tenant) == {1}


async def test_other_dialogues_find_a_turn_once_it_is_committed(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    turns = [turn(place, "tea", dialogue_key, place, is_committed=False) for place in range(3)]
    await insert(database, tenant, *turns)
    assert await found(database, tenant, SearchScope()) == set()
    assert await database.run(tenant, lambda tx: tx.search.commit_entries(dialogue_key, 1)) == 2
    assert await found(database, tenant, SearchScope()) == {0, 1}
    # Their neighbour is read as well, for what it says about them.
    assert len(await find(database, tenant, asks("tea"), scope=SearchScope())) == 3


async def test_a_chat_finds_only_those_of_its_own_turns_that_it_lacks(
    database: Database, tenant: Tenant
) -> None:
    own, other = [await new_dialogue(database, tenant, name) for name in ("own", "other")]
    await insert(
        database,
        tenant,
        *(turn(place, "tea", own, place, is_committed=place < 2) for place in range(4)),
        turn(10, "tea", other, 0),
        turn(11, "tea", other, 1, is_committed=False),
        memory(20, "tea"),
    )
    chat = SearchScope(other_than_dialogue=own, own_positions=[0, 3])
    assert await found(database, tenant, chat) == {0, 3, 10, 20}


async def test_a_fact_that_no_longer_holds_is_found_only_when_asked_for(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, memory(1, "old"), memory(2, "new"))
    await database.run(
        tenant, lambda tx: tx.search.set_current(SearchObject.MEMORY, [1], is_current=False)
    )
    assert await found(database, tenant, SearchScope()) == {2}
    assert await found(database, tenant, SearchScope(include_superseded=True)) == {1, 2}


@pytest.mark.parametrize(
    ("scope", "keys"),
    [
        (SearchScope(objects=frozenset({SearchObject.MEMORY})), {1, 2, 3}),
        (SearchScope(objects=frozenset({SearchObject.MESSAGE})), {4}),
        (SearchScope(tags_any=["a", "c"]), {1, 2}),
        (SearchScope(tags_all=["a", "b"]), {1}),
        (SearchScope(tags_none=["b"]), {2, 3, 4}),
        (SearchScope(created_from=NOON + timedelta(days=1)), {2, 3}),
        (SearchScope(created_before=NOON + timedelta(days=2)), {1, 2, 4}),
        (SearchScope(metadata_condition="$.price >= 5"), {2}),
        (SearchScope(metadata_condition='$.color == "red"'), {1}),
        (SearchScope(metadata_condition='!($.color == "red")'), {2, 3, 4}),
        (SearchScope(tags_any=["a"], tags_none=["b"]), {2}),
    ],
)
async def test_a_scope_holds_exactly_what_it_says(
    scope: SearchScope, keys: set[int], database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(
        database,
        tenant,
        memory(1, "tea", tags=("a", "b"), metadata='{"price": 3, "color": "red"}'),
        memory(2, "tea", tags=("a",), metadata='{"price": 7}', created_at=NOON + timedelta(1)),
        memory(3, "tea", created_at=NOON + timedelta(2)),
        turn(4, "tea", dialogue_key, 0),
    )
    assert await found(database, tenant, scope) == keys


async def test_a_retagged_entry_is_found_by_its_new_tags(
    database: Database, tenant: Tenant
) -> None:
    await insert(database, tenant, memory(1, "tea", tags=("old",)))
    await database.run(tenant, lambda tx: tx.search.retag(SearchObject.MEMORY, 1, ["new"]))
    assert await found(database, tenant, SearchScope(tags_any=["old"])) == set()
    assert await found(database, tenant, SearchScope(tags_any=["new"])) == {1}


async def test_speakers_are_known_by_each_word_of_their_names(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(
        database,
        tenant,
        turn(1, "hi", dialogue_key, 0, speaker="Ana Silva"),
        turn(2, "hi", dialogue_key, 1, speaker="Ben"),
    )
    for words, found in (
        (["silva", "carl"], {"ana silva"}),
        (["ana", "ben"], {"ana silva", "ben"}),
        ([], set()),
        (["o'neill", "a\\", '"', "{x}", "%", "%(namespace_key)s", "'; --"], set()),
    ):
        assert set(await database.ask(tenant, speakers_named(tenant, words))) == found
        async with database.searching(tenant, speakers_named(tenant, words)) as (_, read):
            assert set(read) == found
    other = await new_tenant("bob")
    assert await database.ask(other, speakers_named(other, ["ana"])) == []
    candidates = await find(database, tenant, asks("What did Silva say?", "ana silva"))
    assert candidates.object_keys[candidates.are_sought].tolist() == [1]


async def test_recall_finds_what_fits_and_nothing_where_nothing_fits(
    database: Database, tenant: Tenant
) -> None:
    embedder = WordLlamaEmbedder()
    dialogue_key = await new_dialogue(database, tenant)
    said = [
        "My name is Alice and I am allergic to peanuts.",
        "Nice to meet you, Alice! I will remember your allergy.",
        "I also have a sister in Lisbon, her birthday is on 3 May.",
        "How lovely! Lisbon is beautiful in spring.",
    ]
    vectors = await embedder.embed(said)
    await insert(
        database,
        tenant,
        *(
            turn(
                place,
                text,
                dialogue_key,
                place,
                role="user" if place % 2 == 0 else "assistant",
                vector=vectors[place],
                embedder=embedder.name,
            )
            for place, text in enumerate(said)
        ),
    )

    async def recalled(text: str) -> list[int]:
        if asks_nothing(text):
            return []
        question = asks(text)
        vector = (await embedder.embed([question.topic]))[0]
        read = await find(database, tenant, question, vector, SearchScope(), embedder.name)
        bar = relevance_bar(read.texts)
        return [each.object_key for each in rank(read, question, 4) if each.relevance >= bar]

    for question, answer in {
        "What is my name?": 0,
        "What's my name?": 0,
        "What must I not eat?": 0,
        "Which foods do I have to avoid?": 0,
        "When is my sister's birthday?": 2,
        "Where does my sister live?": 2,
    }.items():
        assert answer in (await recalled(question))[:2], question
    for question in (
        "What is 2+2?",
        "What is the capital of Mongolia?",
        "Translate this into French, please.",
        "Fix this bug: TypeError: undefined is not a function",
        "Thanks!",
    ):
        assert await recalled(question) == [], question


# A large namespace, made small enough for a test.

WORDS = [
    *("anchor", "bakery", "candle", "dragon", "engine", "feather", "garden", "hammer", "island"),
    *("jacket", "kettle", "ladder", "mirror", "needle", "orchard", "pepper", "quilt", "rocket"),
    *("saddle", "teapot", "umbrella", "violin", "walnut", "yellow", "zebra"),
]
DIMENSION = 16


@pytest.fixture
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search_module, search_upkeep):
        monkeypatch.setattr(module, "MAX_WHOLE_TEXTS", 100)
        monkeypatch.setattr(module, "MAX_CELL_TEXTS", 60)
    monkeypatch.setattr(search_upkeep, "PART_TEXTS", 20)
    monkeypatch.setattr(search_module, "TEXTS_TO_READ", 80)
    monkeypatch.setattr(search_module, "TEXTS_WITH_WORDS", 120)
    monkeypatch.setattr(search_module, "MOST_NEAR", 20)
    monkeypatch.setattr(search_module, "MOST_SPOKEN", 40)


def vector_of(words: Iterable[str]) -> Vector:
    """Texts that share words point in similar directions."""
    vector = np.zeros(DIMENSION, np.float32)
    for word in words:
        vector += np.random.default_rng(WORDS.index(word)).normal(size=DIMENSION)
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32)


def invented(count: int, dialogue_key: int, first: int = 0) -> list[NewSearchEntry]:
    choose = random.Random(first)  # noqa: S311 (no secret)
    entries = []
    for key in range(first, first + count):
        words = [choose.choice(WORDS) for _ in range(3)]
        entries.append(
            turn(
                key,
                f"The {words[0]} and the {words[1]} beside the {words[2]}, number n{key}.",
                dialogue_key,
                key,
                vector=vector_of(words),
                embedder=EMBEDDER,
                tags=("rare",) if key % 97 == 0 else (),
                created_at=NOON + timedelta(minutes=key),
            )
        )
    return entries


async def split_all(database: Database) -> int:
    splits = 0
    while await SearchUpkeep(database).split_next():
        splits += 1
    return splits


async def best(database: Database, tenant: Tenant, words: Sequence[str]) -> list[int]:
    question = asks(f"Where is the {' and the '.join(words)}?")
    read = await find(database, tenant, question, vector_of(words))
    return [each.object_key for each in rank(read, question, 10)]


@pytest.mark.usefixtures("small_cells")
async def test_a_large_namespace_answers_as_if_it_were_read_whole(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(database, tenant, *invented(600, dialogue_key))
    choose = random.Random(1)  # noqa: S311 (no secret)
    questions = [choose.sample(WORDS, 2) for _ in range(20)]
    whole = [await best(database, tenant, words) for words in questions]
    assert await split_all(database) >= 1
    read = await find(database, tenant, asks("teapot"), vector_of(["teapot"]))
    assert len(read) < 600
    parts = [await best(database, tenant, words) for words in questions]
    same = [len(set(a) & set(b)) / 10 for a, b in zip(whole, parts, strict=True)]
    assert np.mean(same) >= 0.95


@pytest.mark.usefixtures("small_cells")
async def test_a_narrow_scope_in_a_large_namespace_misses_nothing(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(database, tenant, *invented(600, dialogue_key))
    await split_all(database)
    rare = SearchScope(tags_any=["rare"])
    for word in WORDS[:5]:
        read = await find(database, tenant, asks(word), vector_of([word]), rare)
        assert wanted(read) == {0, 97, 194, 291, 388, 485, 582}
    without_vector = await find(database, tenant, asks("teapot"), None, rare)
    assert wanted(without_vector) == {0, 97, 194, 291, 388, 485, 582}


@pytest.mark.usefixtures("small_cells")
async def test_what_is_written_after_or_during_a_split_is_found_in_the_next_call(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(database, tenant, *invented(300, dialogue_key))
    async with database.transaction(tenant) as tx:
        texts = await tx.search.cells.texts(0, 1000)
    assert texts is not None
    # Somebody writes while the parts are made up.
    await insert(database, tenant, *invented(5, dialogue_key, first=1000))
    centroids = np.stack([vector_of([word]) for word in WORDS[:8]])
    part_of = np.argmax(texts.vectors @ centroids.T, axis=1)
    assert await database.run(
        tenant, lambda tx: tx.search.cells.split(0, texts, centroids, part_of)
    )
    await insert(database, tenant, *invented(5, dialogue_key, first=2000))
    await insert(database, tenant, memory(3000, "a text number n3000 that has no vector yet"))
    for key in [*range(300), *range(1000, 1005), *range(2000, 2005), 3000]:
        question = asks(f"number n{key}")
        read = await find(database, tenant, question, vector_of([WORDS[key % 25]]))
        assert key in wanted(read)


async def test_what_was_written_while_a_cell_was_split_follows_and_is_counted(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    await insert(database, tenant, *invented(250, dialogue_key))
    async with database.transaction(tenant) as tx:
        texts = await tx.search.cells.texts(0, 1000)
    assert texts is not None
    await insert(database, tenant, *invented(50, dialogue_key, first=250))
    centroids, part_of = split_by_meaning(texts.vectors, 5)

    async def split(tx: Transaction) -> bool:
        return await tx.search.cells.split(0, texts, centroids, part_of)

    async def move(tx: Transaction) -> int:
        return await tx.search.cells.move_left_behind(40)

    assert await database.run(tenant, split)
    assert [await database.run(tenant, move) for _ in range(3)] == [40, 10, 0]
    async with database.transaction(tenant) as tx:
        whole = await tx.search._connection.execute(
            "select count(*) from search_entries where cell = 0"
        )
        counted = await tx.search._connection.execute(
            "select sum(texts) from search_cells where not is_split"
        )
        # Of all texts there were at the split, each has the word: no more than all of them.
        share = await tx.search._connection.execute(
            "select share from search_words where word = 'number'"
        )
        assert await whole.fetchall() == [(0,)]
        assert await counted.fetchall() == [(300,)]
        assert await share.fetchall() == [(1.0,)]


@pytest.mark.usefixtures("small_cells")
async def test_no_search_leads_into_another_namespace(
    database: Database, tenant: Tenant, new_tenant: NewTenant
) -> None:
    other = await new_tenant("bob")
    for one in (tenant, other):
        dialogue_key = await new_dialogue(database, one)
        first = 0 if one is tenant else 5000
        await insert(database, one, *invented(200, dialogue_key, first=first))
    assert await split_all(database) >= 2
    for one, keys in ((tenant, range(200)), (other, range(5000, 5200))):
        for word in WORDS[:6]:
            read = await find(database, one, asks(word), vector_of([word]))
            assert set(read.object_keys.tolist()) <= set(keys)
    async with database.transaction(await new_tenant("carl")) as tx:
        cursor = await tx.search._connection.execute(
            "select * from entries_with_words(array['teapot', 'anchor'], array[null, 'bakeri'],"
            " 'axes/4', null, 100)"
        )
        assert await cursor.fetchall() == []


@pytest.mark.usefixtures("small_cells")
async def test_another_embedder_puts_a_large_namespace_together_and_splits_it_anew(
    database: Database, tenant: Tenant
) -> None:
    dialogue_key = await new_dialogue(database, tenant)
    entries = invented(200, dialogue_key)
    await insert(database, tenant, *entries)
    await split_all(database)
    async with database.transaction(tenant) as tx:
        waiting = await tx.search.without_vector(None, "axes/8")
    first, *others = [entry.entry_key for entry in waiting]
    assert len(others) == 199

    async def nearest(number: int) -> set[int]:
        read = await find(
            database, tenant, asks("nothing here"), axis(number, 8), embedder="axes/8"
        )
        return set(read.entry_keys[read.similarities == 1.0].tolist())

    await database.run(tenant, lambda tx: tx.search.set_vectors({first: axis(0, 8)}, "axes/8"))
    assert await nearest(0) == {first}
    new = dict.fromkeys(others, axis(1, 8))
    await database.run(tenant, lambda tx: tx.search.set_vectors(new, "axes/8"))
    await database.run(tenant, lambda tx: tx.search.adopt_vectors("axes/8"))
    assert await nearest(1) == set(others)
    assert await split_all(database) == 1
    assert await nearest(0) == {first}
