"""Search against a real Postgres and the real embedder: all that is there, at once, and only that.

What a caller sees of it is in `tests/contract/cases/search*.yaml`; here is what takes many texts,
many callers, or a part that is away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import ge, gt, le, lt
from random import Random
from typing import Any

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.dialogue import FoundMessage
from eunoe_server.domain.dialogue_draft import DialogueDraft
from eunoe_server.domain.memory import FactRecord, MemoryFilter, NewMemory
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.open_transaction import assert_no_transaction
from eunoe_server.domain.question import read_question
from eunoe_server.domain.search_entry import NewSearchEntry, SearchObject, SearchScope
from eunoe_server.domain.search_request import Mode, SearchDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import EmbedderUnavailable
from eunoe_server.providers import Embedder, Vectors
from eunoe_server.providers.openai import OpenAIEmbedder
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services import search_upkeep
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.search import Search, SearchOutcome
from eunoe_server.services.search_upkeep import SearchUpkeep
from eunoe_server.stores import search as search_store
from eunoe_server.stores.database import Database, Transaction

SPACE = "alice"


class Watching(WordLlamaEmbedder):
    """The real embedder as if it were far away: no database connection may be held meanwhile."""

    is_local = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        assert_no_transaction()
        return await super().embed(texts)


class Server:
    """The services over one database, and what tests ask of them."""

    def __init__(self, database: Database, embedder: Embedder, caller: Caller) -> None:
        self.database = database
        self.caller = caller
        self.namespaces = Namespaces(database)
        self.memories = Memories(database, self.namespaces, embedder)
        messages = Messages(database, self.namespaces, embedder)
        self.dialogues = Dialogues(database, self.namespaces, messages)
        self.search = Search(database, self.namespaces, embedder)

    async def find(self, namespace: str = SPACE, **asked: Any) -> SearchOutcome:
        return await self.search.search(self.caller, namespace, SearchDraft(**asked))

    async def talk(self, name: str, texts: Sequence[str], namespace: str = SPACE) -> None:
        """A dialogue of the user alone."""
        await self.dialogues.create(
            self.caller,
            namespace,
            DialogueDraft(id=name),
            [MessageDraft(role="user", content=json.dumps(text)) for text in texts],
            [f"messages[{at}]" for at in range(len(texts))],
            commit_after_seconds=60,
        )

    async def tenant(self, namespace: str = SPACE) -> Tenant:
        tenant = await self.namespaces.find(self.caller.project_id, namespace)
        assert tenant is not None
        return tenant


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Watching()


@pytest.fixture
async def caller(database: Database) -> Caller:
    project_id = await database.open_project("test", create=True)
    assert project_id is not None
    return Caller("key", project_id, frozenset(Scope))


@pytest.fixture
def server(database: Database, embedder: Embedder, caller: Caller) -> Server:
    return Server(database, embedder, caller)


@pytest.fixture
async def unreachable() -> AsyncIterator[Embedder]:
    """A remote embedder at an address where nobody listens."""
    remote = OpenAIEmbedder("http://127.0.0.1:9/v1", "key", "any", 256)
    yield remote
    await remote.aclose()


def texts_of(outcome: SearchOutcome) -> list[str]:
    return [
        each.item.message.text if isinstance(each.item, FoundMessage) else each.item.value
        for each in outcome.results
        if not hasattr(each.item, "dialogue") or isinstance(each.item, FoundMessage)
    ]


def dialogues_of(outcome: SearchOutcome) -> list[str]:
    return [each.item.dialogue.id for each in outcome.results if hasattr(each.item, "dialogue")]


# -- read your writes ------------------------------------------------------------------------------

WRITERS = 8
WRITES = 1_000


async def test_a_thousand_writes_in_a_row_are_each_found_by_the_next_call_under_load(
    server: Server,
) -> None:
    async def write_and_find(writer: int) -> None:
        for number in range(WRITES // WRITERS):
            word = f"w{writer}x{number}"
            namespace = f"space-{writer % 2}"
            if number % 2:
                draft = MemoryDraft(value=json.dumps(f"The code word is {word}"))
                await server.memories.create(server.caller, namespace, draft)
                outcome = await server.find(namespace, query=word, object="memory", limit=1)
            else:
                await server.talk(f"d-{word}", [f"The code word is {word}"], namespace)
                outcome = await server.find(namespace, query=word, object="message", limit=1)
            assert [word in text for text in texts_of(outcome)] == [True]

    await asyncio.gather(*map(write_and_find, range(WRITERS)))


# -- all that is there -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", [3, 10, 50, 200, 500])
async def test_as_many_results_come_back_as_there_are(
    server: Server, size: int, mode: Mode
) -> None:
    drafts = [
        MemoryDraft(value=json.dumps(f"Note {n} about {'tea' * (n % 2)}")) for n in range(size)
    ]
    await server.memories.create_batch(server.caller, SPACE, drafts)
    for limit in (1, 10, 200):
        outcome = await server.find(query="green tea", object="memory", limit=limit, mode=mode)
        found = texts_of(outcome)
        assert len(found) == len(set(found)) == min(limit, size)


async def test_an_answer_holds_the_best_that_it_has_room_for_and_says_how_many_more_there_are(
    server: Server,
) -> None:
    padding = "x" * 700 * 1024
    texts = [f"Green tea number {number} {padding}" for number in range(5)]
    await server.memories.create_batch(
        server.caller, SPACE, [MemoryDraft(value=json.dumps(text)) for text in texts]
    )
    for number, text in enumerate(texts):
        await server.talk(f"d{number}", [text])
    query = "green tea number 3"
    for kind in ("memory", "message", "dialogue"):
        outcome = await server.find(object=kind, query=query, limit=10)
        assert (len(outcome.results), outcome.left_out) == (2, 3)
        if kind == "dialogue":
            assert dialogues_of(outcome)[0] == "d3"
        else:
            assert texts_of(outcome)[0].strip('"') == texts[3]
    one = await server.find(object="memory", query="green tea", limit=1)
    assert (len(one.results), one.left_out) == (1, 0)


async def test_dialogues_come_as_many_as_an_answer_holds_each_with_its_best_message(
    server: Server,
) -> None:
    padding = "x" * 600 * 1024
    metadata = json.dumps({"about": "y" * 16_000})
    for number in range(3):
        await server.talk(f"d{number}", [f"Green tea {number} {padding}", f"Green tea, {number}"])
    outcome = await server.find(query="green tea", object="dialogue", limit=10)
    assert (len(outcome.results), outcome.left_out) == (3, 0)
    assert all(each.matches for each in outcome.results)
    for number in range(150):
        await server.dialogues.create(
            server.caller,
            "wide",
            DialogueDraft(id=f"w{number}", metadata=metadata),
            [MessageDraft(role="user", content='"Green tea"')],
            ["messages[0]"],
            commit_after_seconds=60,
        )
    outcome = await server.find("wide", query="green tea", object="dialogue", limit=150)
    assert len(outcome.results) == 2 * 1024 * 1024 // len(metadata)
    assert outcome.left_out == 150 - len(outcome.results)


@pytest.fixture
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespaces are large from a hundred texts on."""
    monkeypatch.setattr(search_store, "MAX_CELL_TEXTS", 100)
    monkeypatch.setattr(search_store, "MAX_WHOLE_TEXTS", 100)
    monkeypatch.setattr(search_upkeep, "MAX_CELL_TEXTS", 100)
    monkeypatch.setattr(search_upkeep, "MAX_WHOLE_TEXTS", 100)
    monkeypatch.setattr(search_upkeep, "PART_TEXTS", 20)


async def test_all_dialogues_of_a_large_namespace_are_found_though_a_few_hold_the_best_messages(
    server: Server, small_cells: None
) -> None:
    for number in range(3):
        texts = [f"Green tea number {number} {line}, with lemon" for line in range(400)]
        await server.talk(f"tea-{number}", texts)
    for number in range(9):
        await server.talk(f"other-{number}", [f"The stock market fell by {number} percent"])
    upkeep = SearchUpkeep(server.database)
    while await upkeep.split_next():
        pass
    async with server.database.transaction(await server.tenant()) as tx:
        question = read_question("green tea", datetime.now(UTC))
        candidates = await tx.search.candidates(question, None, "none", SearchScope())
    assert len(candidates) < candidates.texts, "the namespace is not large"
    outcome = await server.find(query="green tea", object="dialogue", limit=12)
    found = dialogues_of(outcome)
    assert set(found[:3]) == {"tea-0", "tea-1", "tea-2"}
    assert set(found[3:]) == {f"other-{number}" for number in range(9)}
    assert all(1 <= len(each.matches) <= 5 for each in outcome.results)
    narrow = await server.find(query="green tea", object="dialogue", dialogue_id="other-4")
    assert dialogues_of(narrow) == ["other-4"]
    relevances = [each.relevance for each in outcome.results]
    assert relevances == sorted(relevances, reverse=True)


# -- filters, against a filter of its own in Python ------------------------------------------------

START = datetime(2024, 1, 1, tzinfo=UTC)

NUMBERS = [0, 1, -1, 2**53, 2**53 + 1] + [
    Decimal(digits) for digits in ("0.1", "0.10000000000000000001", "1E300", "-0.0")
]
TEXTS = ["", "a", "b", "ab", "A", "\u00e9", "\U0001f600", "1"]
SCALARS = [*NUMBERS, *TEXTS, True, False, None]
NAMES = ["price", "x y", 'q"', "$v0"]
TAGS = "abcd"


def some(random: Random, values: Sequence[Any], most: int = 3) -> list[Any]:
    return random.choices(values, k=random.randint(0, most))


def a_thing(random: Random) -> dict[str, Any]:
    """Tags, metadata and a day of its making. Each field is there three times of four."""
    values = [*SCALARS, some(random, SCALARS), some(random, SCALARS)]
    return {
        "tags": list(dict.fromkeys(some(random, TAGS))),
        "metadata": {name: random.choice(values) for name in NAMES if random.random() < 0.75},
        "day": random.randrange(30),
    }


def a_filter(random: Random) -> dict[str, Any]:
    """One condition, mostly; sometimes several, which leave little."""
    asked: dict[str, Any] = {"tags": {}, "metadata": {}, "from": None, "before": None}
    for kind in random.choices(["tags", "metadata", "metadata", "day"], k=random.choice([1, 1, 2])):
        match kind:
            case "tags":
                asked["tags"][random.choice(["$in", "$all", "$nin"])] = some(random, TAGS, 2)
            case "day":
                asked[random.choice(["from", "before"])] = random.randrange(31)
            case _:
                asked["metadata"][random.choice(NAMES)] = an_operand(random)
    return asked


def an_operand(random: Random) -> Any:
    operator = random.choice(["", "[]", "$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte"])
    match operator:
        case "":
            return random.choice(SCALARS)
        case "[]":
            return some(random, SCALARS)
        case "$eq" | "$ne":
            return {operator: random.choice(SCALARS)}
        case "$in" | "$nin":
            return {operator: some(random, SCALARS)}
        case _:
            other = random.choice(["$gt", "$gte", "$lt", "$lte"])
            return {operator: random.choice([*NUMBERS, *TEXTS]), other: random.choice(NUMBERS)}


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}


def document(value: Any) -> str:
    """JSON, with every digit of a Decimal."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name)}:{document(item)}" for name, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(document, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def is_same(one: Any, other: Any) -> bool:
    kinds = [type(each) if isinstance(each, bool | str) else each is None for each in (one, other)]
    return kinds[0] == kinds[1] and one == other


def compares(operator: str, one: Any, other: Any) -> bool:
    if isinstance(one, bool) or one is None or isinstance(one, str) != isinstance(other, str):
        return False
    return _ORDER[operator](one, other)


def holds(metadata: dict[str, Any], name: str, wanted: Any) -> bool:
    """Whether a thing's field is as wanted, as `search.proto` says it."""
    there = metadata.get(name, [])
    values = there if isinstance(there, list) else [there]
    if isinstance(wanted, list):
        wanted = {"$in": wanted}
    elif not isinstance(wanted, dict):
        wanted = {"$eq": wanted}
    for operator, operand in wanted.items():
        operands = operand if operator in {"$in", "$nin"} else [operand]
        if operator in _ORDER:
            is_so = any(compares(operator, value, operand) for value in values)
        else:
            is_so = any(is_same(value, each) for value in values for each in operands)
        if is_so == (operator in {"$ne", "$nin"}):
            return False
    return True


def is_wanted(thing: dict[str, Any], asked: dict[str, Any]) -> bool:
    tags, of_tags = set(thing["tags"]), asked["tags"]
    return (
        (not of_tags.get("$in") or bool(tags & set(of_tags["$in"])))
        and tags >= set(of_tags.get("$all", ()))
        and not tags & set(of_tags.get("$nin", ()))
        and (asked["from"] is None or thing["day"] >= asked["from"])
        and (asked["before"] is None or thing["day"] < asked["before"])
        and all(holds(thing["metadata"], *each) for each in asked["metadata"].items())
    )


def moment(day: int) -> str:
    return (START + timedelta(days=day)).isoformat()


@pytest.mark.parametrize("seed", range(3))
async def test_filters_leave_what_they_say(server: Server, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    space = f"space-{seed}"
    things = [a_thing(random) for _ in range(60)]
    drafts = [
        MemoryDraft(
            value=str(number),
            tags=thing["tags"],
            metadata=document(thing["metadata"]),
            created_at=START + timedelta(days=thing["day"]),
        )
        for number, thing in enumerate(things)
    ]
    await server.memories.create_batch(server.caller, space, drafts)
    for number, thing in enumerate(things):
        await server.dialogues.create(
            server.caller,
            space,
            DialogueDraft(
                id=str(number),
                tags=thing["tags"],
                metadata=document(thing["metadata"]),
                created_at=START + timedelta(days=thing["day"]),
            ),
            [MessageDraft(role="user", content='"hello"')],
            ["message"],
            commit_after_seconds=60,
        )
    sizes = set()
    for asked in [a_filter(random) for _ in range(150)]:
        created = {
            name: moment(asked[bound])
            for name, bound in (("gte", "from"), ("lt", "before"))
            if asked[bound] is not None
        }
        narrowing = {
            "tags": document(asked["tags"]),
            "metadata": document(asked["metadata"]),
            "filter": document({"created": created}),
        }
        wanted = {str(number) for number, thing in enumerate(things) if is_wanted(thing, asked)}
        sizes.add(len(wanted))
        found = await server.find(space, query="x", object="memory", limit=200, **narrowing)
        assert set(texts_of(found)) == wanted, narrowing
        found = await server.find(space, query="x", object="dialogue", limit=200, **narrowing)
        assert set(dialogues_of(found)) == wanted, narrowing
    assert len(sizes) > 20, "the filters all leave the same"


# -- facts -----------------------------------------------------------------------------------------


async def test_a_search_finds_facts_as_they_hold_now_or_as_they_held_then(
    server: Server, embedder: Embedder
) -> None:
    await server.memories.create(server.caller, SPACE, MemoryDraft(value='"explicit"'))
    moved = START + timedelta(days=100)

    def home(name: str, since: datetime, until: datetime | None) -> NewMemory:
        return NewMemory(
            id=name,
            value=f'"{name}"',
            text=f"The user lives in {name}.",
            created_at=since,
            fact=FactRecord(
                type="fact",
                confidence=0.9 if until else 0.5,
                subject="user",
                slot="user.home",
                extractor="test/1",
                valid_from=since,
                valid_to=until,
                superseded_at=until,
            ),
        )

    async def learn(tx: Transaction) -> None:
        memories = await tx.memories.insert_many(
            [home("Paris", START, moved), home("Berlin", moved, None)]
        )
        await tx.search.insert_entries(
            [
                NewSearchEntry(SearchObject.MEMORY, each.memory_key, each.text, each.created_at)
                for each in memories
            ]
        )
        paris = [each.memory_key for each in memories if each.id == "Paris"]
        await tx.search.set_current(SearchObject.MEMORY, paris, is_current=False)

    await server.database.run(await server.tenant(), learn)

    async def found(**asked: Any) -> set[str]:
        outcome = await server.find(
            query="Where do I live?", object="memory", facts=MemoryFilter(**asked)
        )
        return set(texts_of(outcome))

    assert await found() == {'"Berlin"', '"explicit"'}
    assert await found(fact_type="fact") == {'"Berlin"'}
    assert await found(as_of=START + timedelta(days=1)) == {'"Paris"'}
    assert await found(as_of=START - timedelta(days=1)) == set()
    assert await found(include_superseded=True) == {'"Paris"', '"Berlin"', '"explicit"'}
    assert await found(min_confidence=0.8) == {'"explicit"'}
    assert await found(min_confidence=0.8, include_superseded=True) == {'"Paris"', '"explicit"'}


# -- parts that are away, and other people's -------------------------------------------------------


async def test_an_embedder_here_finds_what_one_far_away_finds(server: Server) -> None:
    await server.talk("chat", ["I like tea", "Ana likes coffee"])
    here = Search(server.database, server.namespaces, WordLlamaEmbedder())
    for query in ("What does Ana like?", "what do i like?", "Tea", "?"):
        draft = SearchDraft(query, "message")
        near, far = [
            await each.search(server.caller, SPACE, draft) for each in (here, server.search)
        ]
        assert [(each.item, each.explanation) for each in near.results] == [
            (each.item, each.explanation) for each in far.results
        ]
        assert len(near.results) == 2


async def test_without_its_embedder_a_hybrid_search_goes_on_with_words_and_says_so(
    server: Server, unreachable: Embedder
) -> None:
    await server.memories.create(server.caller, SPACE, MemoryDraft(value='"green tea"'))
    blind = Search(server.database, server.namespaces, unreachable)
    outcome = await blind.search(server.caller, SPACE, SearchDraft("tea", "memory"))
    assert (texts_of(outcome), outcome.request.mode) == (['"green tea"'], Mode.WORDS)
    with pytest.raises(EmbedderUnavailable):
        await blind.search(server.caller, SPACE, SearchDraft("tea", "memory", mode="vector"))


async def test_keys_of_another_namespace_open_nothing(server: Server, embedder: Embedder) -> None:
    for space in ("alice", "bob"):
        await server.talk("chat", [f"The secret of {space}"], space)
        draft = MemoryDraft(value=f'"The secret of {space}"')
        await server.memories.create(server.caller, space, draft)
    rival = Caller("other", await rival_project(server), frozenset(Scope))
    theirs = await server.search.search(rival, "bob", SearchDraft("secret", "memory"))
    assert theirs.results == ()
    bob = await server.tenant("bob")
    question = read_question("secret", datetime.now(UTC))
    async with server.database.transaction(bob) as tx:
        everything = SearchScope(include_uncommitted=True)
        of_bob = await tx.search.candidates(question, None, "none", everything)
        dialogue = await tx.dialogues.get("chat")
    assert dialogue is not None
    named = [
        SearchScope(include_uncommitted=True, object_keys=of_bob.object_keys.tolist()),
        SearchScope(include_uncommitted=True, dialogue_keys=[dialogue.dialogue_key]),
    ]
    async with server.database.transaction(await server.tenant("alice")) as tx:
        for scope in named:
            candidates = await tx.search.candidates(question, None, "none", scope)
            assert not set(candidates.entry_keys.tolist()) & set(of_bob.entry_keys.tolist())
            assert not candidates.are_wanted.any()


async def rival_project(server: Server) -> int:
    project_id = await server.database.open_project("rival", create=True)
    assert project_id is not None
    return project_id
