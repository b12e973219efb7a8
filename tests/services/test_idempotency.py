"""Idempotency keys against a real Postgres: two servers, old keys, lost leases, what is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.dialogue import NewDialogue
from eunoe_server.domain.dialogue_draft import DialogueDraft
from eunoe_server.domain.idempotency import (
    KEPT_SECONDS,
    Claim,
    KeptAnswer,
    RequestKey,
    current_claim,
    enter_claim,
    new_seed,
)
from eunoe_server.domain.memory import Memory, MemoryFilter
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidInput,
    MemoryNotFound,
    MessageNotFound,
)
from eunoe_server.providers import Embedder
from eunoe_server.providers.openai import OpenAIEmbedder
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.idempotency import LEASE_SECONDS, Idempotency
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.database import NewTenant
from tests.fixtures.upstream import Upstream
from tests.stores.test_isolation import message

CANARY = "canary-4711"


class Server:
    """What two servers have each of their own, over one database."""

    def __init__(self, database: Database, tenant: Tenant, embedder: Embedder) -> None:
        self.caller = Caller("key", tenant.project_id, frozenset(Scope))
        self.idempotency = Idempotency(database)
        self.memories = Memories(database, Namespaces(database), embedder)

    def key(self, key: str, value: str, method: str = "CreateMemory") -> RequestKey:
        return RequestKey.of(
            self.caller.project_id, self.caller.key_id, method, key, value.encode()
        )

    async def create(self, key: str, value: str = '"tea"', *, tags: Sequence[str] = ()) -> Memory:
        """One call; each has a context of its own, as over gRPC."""
        return await asyncio.create_task(self._create(key, value, tags))

    async def _create(self, key: str, value: str, tags: Sequence[str]) -> Memory:
        async with self.idempotency.claimed(self.key(key, value)):
            draft = MemoryDraft(value=value, tags=tags)
            return await self.memories.create(self.caller, "alice", draft)

    async def stored(self) -> list[str]:
        page = await self.memories.list_page(
            self.caller, "alice", MemoryFilter(), limit=200, token="", newest_first=False
        )
        return [memory.id for memory in page.items]


@pytest.fixture
def server(database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> Server:
    return Server(database, tenant, embedder)


@pytest.fixture
async def other(dsn: str, tenant: Tenant, embedder: WordLlamaEmbedder) -> AsyncIterator[Server]:
    """Another server."""
    async with Database(dsn) as database:
        yield Server(database, tenant, embedder)


def let_pass(dsn: str, seconds: float) -> None:
    """Makes every claim, and every lease, so much older."""
    with psycopg.connect(dsn, autocommit=True) as outside:
        outside.execute(
            "update request_claims set claimed_at = claimed_at - make_interval(secs => %(s)s),"
            " lease_until = lease_until - make_interval(secs => %(s)s)",
            {"s": seconds},
        )


def counts(dsn: str) -> tuple[int, int]:
    """How many claims and answers there are."""
    with psycopg.connect(dsn, autocommit=True) as outside:
        row = outside.execute(
            "select (select count(*) from request_claims), (select count(*) from kept_answers)"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def test_of_fifty_calls_at_once_one_is_done_and_all_get_its_answer(server: Server) -> None:
    memories = await asyncio.gather(*(server.create("k") for _ in range(50)))
    assert len({memory.id for memory in memories}) == 1
    assert await server.stored() == [memories[0].id]


async def test_a_repeat_asks_no_embedder_again(
    database: Database, tenant: Tenant, upstream: Upstream
) -> None:
    embedder = OpenAIEmbedder(upstream.base_url, "sk-ours", "small", 8)
    server = Server(database, tenant, embedder)
    messages = Messages(database, Namespaces(database), embedder)
    dialogues = Dialogues(database, Namespaces(database), messages)
    caller, said = server.caller, [MessageDraft("user", '"I drink tea."')]

    async def every_write() -> list[str]:
        async with server.idempotency.claimed(server.key("m", "")):
            memory = await server.memories.create(caller, "alice", MemoryDraft('"tea"'))
        async with server.idempotency.claimed(server.key("t", "")):
            await server.memories.retag(caller, "alice", memory.id, ["drinks"])
        async with server.idempotency.claimed(server.key("d", "")):
            draft = DialogueDraft(id="d")
            view = await dialogues.create(caller, "alice", draft, said, ["messages[0]"], 0)
        async with server.idempotency.claimed(server.key("a", "")):
            added = await messages.create(caller, "alice", "d", said, 0)
        return [memory.id, *(each.id for each in (*view.messages, *added))]

    first = await asyncio.create_task(every_write())
    assert len(upstream.requests) == 4
    assert await asyncio.create_task(every_write()) == first
    assert len(upstream.requests) == 4
    await embedder.aclose()


async def test_of_two_servers_one_does_it_and_the_other_says_when_to_come_again(
    server: Server, other: Server
) -> None:
    for number in range(20):
        found = await asyncio.gather(
            *(each.create(f"k{number}") for each in (server, other)), return_exceptions=True
        )
        done = {each.id for each in found if isinstance(each, Memory)}
        refused = [each for each in found if isinstance(each, BaseException)]
        assert len(done) == 1
        for each in refused:
            assert isinstance(each, IdempotencyInProgress)
            assert each.retry_after_seconds
        assert {(await each.create(f"k{number}")).id for each in (server, other)} == done
    assert len(await server.stored()) == 20


async def test_a_repeat_at_another_server_finds_what_the_first_one_did(
    server: Server, other: Server
) -> None:
    first = await server.create("k")
    assert await other.create("k") == first
    with pytest.raises(IdempotencyKeyReused):
        await other.create("k", '"coffee"')


async def test_what_fails_leaves_no_claim(server: Server, dsn: str) -> None:
    with pytest.raises(InvalidInput):
        await server.create("k", tags=[""])
    assert counts(dsn) == (0, 0)
    assert (await server.create("k", tags=["a"])).tags == ("a",)


async def test_a_key_is_known_for_a_day_and_free_afterwards(server: Server, dsn: str) -> None:
    first = await server.create("k")
    let_pass(dsn, KEPT_SECONDS - 60)
    assert (await server.create("k")).id == first.id
    let_pass(dsn, 120)
    second = await server.create("k", '"another request"')
    assert await server.stored() == [first.id, second.id]


async def test_old_claims_are_forgotten_and_young_ones_are_not(server: Server, dsn: str) -> None:
    await server.create("old")
    let_pass(dsn, KEPT_SECONDS + 1)
    await server.create("young")
    assert await server.idempotency.forget_next() is False
    assert counts(dsn) == (1, 0)
    assert await server.create("young")
    assert len(await server.stored()) == 2


async def test_a_claim_holds_no_word_of_the_request(server: Server, dsn: str) -> None:
    await server.create(CANARY, f'"{CANARY}"')
    with psycopg.connect(dsn, autocommit=True) as outside:
        rows = outside.execute("select r::text from request_claims as r").fetchall()
    assert len(rows) == 1
    hexed = CANARY.encode().hex()
    assert not any(CANARY in text or hexed in text for (text,) in rows)


async def test_a_repeat_after_the_deletion_says_so_and_makes_nothing(server: Server) -> None:
    memory = await server.create("k")
    await server.memories.delete(server.caller, None, memory.id)
    with pytest.raises(MemoryNotFound, match="deleted since"):
        await server.create("k")
    assert await server.stored() == []


async def keep_answer(
    database: Database, tenant: Tenant, server: Server, key: str
) -> tuple[RequestKey, Claim]:
    """A chat's claim that is done, with its answer."""
    request = replace(server.key(key, "question", "CompleteChat"), project_id=tenant.project_id)

    async def chat() -> Claim:
        async with server.idempotency.claimed(request), server.idempotency.leased():
            held = current_claim()
            assert held is not None

            async def store(tx: Transaction) -> bool:
                dialogue = await tx.dialogues.insert(NewDialogue(id=f"chat-{key}"))
                (said,) = await tx.messages.append(dialogue, [message(CANARY)])
                return await tx.idempotency.finish(
                    held, said.message_key, "new", [CANARY.encode(), b"\x00\xff"]
                )

            assert await database.run(tenant, store)
            return held

    return request, await asyncio.create_task(chat())


async def repeat(server: Server, request: RequestKey) -> KeptAnswer:
    async def call() -> KeptAnswer:
        async with server.idempotency.claimed(request) as claim:
            assert claim.is_done
            return await server.idempotency.kept_answer(claim)

    return await asyncio.create_task(call())


async def test_an_answer_is_kept_word_for_word_and_goes_with_its_message(
    server: Server, database: Database, tenant: Tenant, dsn: str
) -> None:
    request, _ = await keep_answer(database, tenant, server, "k")
    kept = await repeat(server, request)
    assert kept == KeptAnswer("chat-k", "new", (CANARY.encode(), b"\x00\xff"))

    async def erase(tx: Transaction) -> None:
        dialogue = await tx.dialogues.get("chat-k")
        assert dialogue is not None
        await tx.messages.delete(dialogue.dialogue_key, CANARY)

    await database.run(tenant, erase)
    assert counts(dsn) == (1, 0)
    with pytest.raises(MessageNotFound):
        await repeat(server, request)


async def test_an_answer_of_an_erased_namespace_is_gone(
    server: Server, database: Database, tenant: Tenant, dsn: str
) -> None:
    request, _ = await keep_answer(database, tenant, server, "k")
    await Namespaces(database).erase(server.caller, "alice", dry_run=False)
    assert counts(dsn) == (1, 0)
    with pytest.raises(MessageNotFound):
        await repeat(server, request)


async def test_answers_are_erased_after_a_day_in_every_namespace(
    server: Server, database: Database, tenant: Tenant, new_tenant: NewTenant, dsn: str
) -> None:
    await keep_answer(database, tenant, server, "a")
    await keep_answer(database, await new_tenant("bob"), server, "b")
    await keep_answer(database, await new_tenant("eve", "rival"), server, "c")
    let_pass(dsn, KEPT_SECONDS + 1)
    await keep_answer(database, tenant, server, "d")
    assert [await server.idempotency.forget_next() for _ in range(4)] == [True, True, True, False]
    assert counts(dsn) == (1, 1)


async def test_a_chat_may_use_its_key_again_after_a_day(
    server: Server, database: Database, tenant: Tenant, dsn: str
) -> None:
    request, _ = await keep_answer(database, tenant, server, "k")
    let_pass(dsn, KEPT_SECONDS + 1)

    async def call() -> bool:
        async with server.idempotency.claimed(request) as claim:
            return claim.is_done

    assert await asyncio.create_task(call()) is False
    assert counts(dsn) == (0, 0)


async def lease_forever(server: Server, request: RequestKey, begun: asyncio.Event) -> None:
    async with server.idempotency.claimed(request), server.idempotency.leased():
        begun.set()
        await asyncio.Event().wait()


async def test_while_one_server_asks_its_model_another_says_when_to_come_again(
    server: Server, other: Server, dsn: str
) -> None:
    request, begun = server.key("k", "question"), asyncio.Event()
    asking = asyncio.create_task(lease_forever(server, request, begun))
    await begun.wait()

    async def call() -> None:
        async with other.idempotency.claimed(request):
            raise AssertionError("claimed twice")

    with pytest.raises(IdempotencyInProgress) as refused:
        await asyncio.create_task(call())
    assert refused.value.retry_after_seconds
    different = replace(request, request_digest=bytes(32))
    with pytest.raises(IdempotencyKeyReused):
        async with other.idempotency.claimed(different):
            pass
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert counts(dsn) == (0, 0)  # given back, not left to expire


async def test_a_lease_is_renewed_while_its_chat_lasts(
    database: Database, server: Server, dsn: str
) -> None:
    server.idempotency = Idempotency(database, lease_seconds=0.3)
    request, begun = server.key("k", "question"), asyncio.Event()
    asking = asyncio.create_task(lease_forever(server, request, begun))
    await begun.wait()

    def until() -> object:
        with psycopg.connect(dsn, autocommit=True) as outside:
            return outside.execute("select lease_until from request_claims").fetchone()

    first = until()
    for _ in range(1_000):
        await asyncio.sleep(0.02)
        if until() != first:
            break
    assert until() != first
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_what_a_killed_server_began_is_taken_over_and_stored_once(
    server: Server, other: Server, database: Database, tenant: Tenant, dsn: str
) -> None:
    request = server.key("k", "question", "CompleteChat")
    # The first server claims, and is frozen: it neither renews nor gives back.
    frozen = Claim(request, new_seed()).leased(uuid4())
    assert await database.run(None, lambda tx: tx.idempotency.lease(frozen, LEASE_SECONDS))
    let_pass(dsn, LEASE_SECONDS + 1)
    _, taken = await keep_answer(database, tenant, other, "k")
    assert taken.lease_token != frozen.lease_token
    # It wakes up: whatever it does now comes too late.
    assert not await database.run(tenant, lambda tx: tx.idempotency.finish(frozen, 1, "new", []))
    assert not await database.run(None, lambda tx: tx.idempotency.renew(frozen, 60))
    await database.run(None, lambda tx: tx.idempotency.release(frozen))
    assert counts(dsn) == (1, 1)
    assert (await repeat(server, request)).chat_id == "chat-k"


async def test_without_a_key_nothing_is_claimed(server: Server, dsn: str) -> None:
    draft = MemoryDraft(value="1")
    for _ in range(2):
        await server.memories.create(server.caller, "alice", draft)
    assert counts(dsn) == (0, 0)
    assert len(await server.stored()) == 2


async def drawn(claim: Claim, count: int) -> list[str]:
    async def call() -> list[str]:
        enter_claim(claim)
        current = current_claim()
        assert current is not None
        return [current.new_id() for _ in range(count)]

    return await asyncio.create_task(call())


async def test_a_repeat_draws_the_same_ids_in_the_same_order() -> None:
    key, seed = RequestKey.of(1, "key", "method", "k", b""), new_seed()
    first = await drawn(Claim(key, seed), 100)
    assert await drawn(Claim(key, seed, is_done=True), 100) == first
    assert len(set(first)) == 100
    assert not set(await drawn(Claim(key, new_seed()), 100)) & set(first)
    for text in first:
        # RFC 9562: version 7, variant 10, and the first 48 bits are the time.
        number = UUID(text).int
        assert (number >> 76 & 0xF, number >> 62 & 0x3) == (7, 2)
        assert number >> 80 == seed.int >> 80
