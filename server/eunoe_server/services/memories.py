"""Memories: keeping them, reading them, tagging them, forgetting them.

A memory and what it is searched by are written in one transaction, so the next call finds it; its
vector is made before, with no connection held. If the embedder cannot be reached, the memory is
kept all the same and found by its words. This module knows no facts: those are extracted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from eunoe_server.domain.audit import AuditKind, digest_of
from eunoe_server.domain.caller import Caller
from eunoe_server.domain.filterable import filterable
from eunoe_server.domain.idempotency import current_repeat, new_id
from eunoe_server.domain.limit_table import MAX_MEMORIES
from eunoe_server.domain.limits import can_be_id, checked_tags
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.memory import Memory, MemoryFilter, NewMemory
from eunoe_server.domain.memory_draft import MemoryDraft, search_text
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.search_entry import Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import (
    DuplicateId,
    FieldViolation,
    InvalidInput,
    MemoryNotFound,
)
from eunoe_server.providers import Embedder
from eunoe_server.services.audit import record
from eunoe_server.services.indexing import memory_entry, vectors_of
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.services.usage import count
from eunoe_server.services.withdrawal import delete_memories
from eunoe_server.stores.database import Database, Transaction, nothing_more
from eunoe_server.stores.memories import memory_of, namespace_of


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A memory to store, and what it is to be searched and filtered by."""

    new: NewMemory
    text: str
    metadata: str


class Memories:
    """The memories of all namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        embedder: Embedder,
        *,
        screen: Screen = NO_SCREEN,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._embedder = embedder
        self._screen = screen
        self._new_id = new_id

    async def create(self, caller: Caller, namespace: str | None, draft: MemoryDraft) -> Memory:
        """Keeps one memory. Raises InvalidInput, DuplicateId."""
        name = caller.namespace_for(namespace)
        prepared = await self._prepared([draft], [""])
        (memory,) = await self._keep(caller.project_id, name, prepared)
        return memory

    async def create_batch(
        self, caller: Caller, namespace: str | None, drafts: Sequence[MemoryDraft]
    ) -> Sequence[Memory]:
        """Keeps all of them, in order, or none. Raises InvalidInput, DuplicateId."""
        name = caller.namespace_for(namespace)
        if len(drafts) > MAX_MEMORIES:
            raise InvalidInput.of("memories", f"must be at most {MAX_MEMORIES:,}")
        paths = [f"memories[{index}]." for index in range(len(drafts))]
        prepared = await self._prepared(drafts, paths)
        ids = [each.new.id for each in prepared]
        if len(set(ids)) < len(ids):
            raise _duplicate(next(n for n, each in enumerate(ids) if each in ids[:n]))
        try:
            return await self._keep(caller.project_id, name, prepared)
        except DuplicateId:
            index = await self._first_taken(caller.project_id, ids)
            raise (DuplicateId() if index is None else _duplicate(index)) from None

    async def _first_taken(self, project_id: int, ids: Sequence[str]) -> int | None:
        """Which id is taken, anywhere in the project. None: it has been freed meanwhile."""
        async with self._database.transaction(Tenant(project_id)) as tx:
            taken = await tx.memories.taken_ids(ids)
        return next((index for index, each in enumerate(ids) if each in taken), None)

    async def get(self, caller: Caller, namespace: str | None, memory_id: str) -> Memory:
        """The memory of this id, in that namespace or anywhere. Raises MemoryNotFound."""
        tenant = await self._namespaces.scope(caller, namespace)
        if tenant is None or not can_be_id(memory_id):
            raise MemoryNotFound
        home = tenant.namespace_key
        if home is None:
            # A look-up of its own: ids and memories may lie on different machines.
            homes = await self._database.ask(tenant, namespace_of(tenant, memory_id))
            home = homes[0] if homes else None
        if home is not None:
            for memory in await self._database.ask(tenant, memory_of(tenant, memory_id, home)):
                return memory
        raise MemoryNotFound

    async def list_page(
        self,
        caller: Caller,
        namespace: str | None,
        wanted: MemoryFilter,
        *,
        limit: int,
        token: str,
        newest_first: bool,
    ) -> TokenPage[Memory]:
        """Memories of that namespace, or of all that the key may see. Raises InvalidParameter."""
        tenant = await self._namespaces.scope(caller, namespace)
        listing = Listing("memories", caller.project_id, (tenant, wanted), newest_first)
        after = read_token(token, listing) if token else None
        if tenant is None:
            return TokenPage((), None)
        async with self._database.transaction(tenant) as tx:
            page = await tx.memories.list_page(wanted, limit, after, newest_first=newest_first)
        return TokenPage(page.items, write_token(page.next, listing) if page.next else None)

    async def retag(
        self, caller: Caller, namespace: str | None, memory_id: str, tags: Sequence[str]
    ) -> Memory:
        """Replaces all tags, also in what the memory is searched by. Raises MemoryNotFound."""
        checked = self._screen.tags(checked_tags(tags))
        memory = await self.get(caller, namespace, memory_id)
        text = search_text(replace(memory, tags=checked))
        metadata = filterable(memory.metadata)
        (vector,) = await self._vectors([text])

        async def work(tx: Transaction) -> Memory:
            retagged = await tx.memories.retag(memory_id, checked)
            if retagged is None:
                raise MemoryNotFound
            await tx.search.insert_entries(
                [memory_entry(retagged, text, metadata, vector, self._embedder.name)]
            )
            return retagged

        async def again(tx: Transaction) -> Memory:
            return (await _stored(tx, [memory_id]))[0]

        tenant = Tenant(caller.project_id, memory.namespace_key)
        return await self._database.run(tenant, work, again)

    async def delete(self, caller: Caller, namespace: str | None, memory_id: str) -> None:
        """Deletes a memory, out of search as well; what a fact had closed holds again.

        Raises MemoryNotFound.
        """
        if current_repeat():
            return
        memory = await self.get(caller, namespace, memory_id)

        async def work(tx: Transaction) -> None:
            if not await delete_memories(tx, [memory_id]):
                raise MemoryNotFound
            await record(tx, AuditKind.MEMORY_DELETED, caller.key_id, subject=digest_of(memory_id))

        tenant = Tenant(caller.project_id, memory.namespace_key)
        await self._database.run(tenant, work, again=nothing_more)

    async def _prepared(
        self, drafts: Sequence[MemoryDraft], paths: Sequence[str]
    ) -> Sequence[_Prepared]:
        def prepare() -> Sequence[_Prepared]:
            return [
                _prepare(self._screen.memory(draft, self._new_id(), path))
                for draft, path in zip(drafts, paths, strict=True)
            ]

        characters = sum(len(draft.value) + len(draft.metadata) for draft in drafts)
        return await read_apart(characters, prepare)

    async def _keep(
        self, project_id: int, namespace: str, prepared: Sequence[_Prepared]
    ) -> Sequence[Memory]:
        vectors = await self._vectors([each.text for each in prepared])

        async def work(tx: Transaction) -> Sequence[Memory]:
            memories = await tx.memories.insert_many([each.new for each in prepared])
            await tx.search.insert_entries(
                [
                    memory_entry(memory, each.text, each.metadata, vector, self._embedder.name)
                    for memory, each, vector in zip(memories, prepared, vectors, strict=True)
                ]
            )
            return memories

        async def again(tx: Transaction) -> Sequence[Memory]:
            return await _stored(tx, [each.new.id for each in prepared])

        kept = await self._namespaces.write(project_id, namespace, work, again)
        count(namespace, Usage(writes=len(kept)))
        return kept

    async def _vectors(self, texts: Sequence[str]) -> Sequence[Vector | None]:
        # A repeat reads what the first call has stored.
        made = None if current_repeat() else await vectors_of(self._embedder, texts)
        return [None] * len(texts) if made is None else made


async def _stored(tx: Transaction, ids: Sequence[str]) -> Sequence[Memory]:
    """What a repeat is about, as it is now. Raises MemoryNotFound when some of it is gone."""
    found = {memory.id: memory for memory in await tx.memories.get_named(ids)}
    if len(found) < len(set(ids)):
        raise MemoryNotFound("What this request was about has been deleted since.")
    return [found[memory_id] for memory_id in ids]


def _prepare(new: NewMemory) -> _Prepared:
    return _Prepared(new, search_text(new), filterable(new.metadata))


def _duplicate(index: int) -> DuplicateId:
    field = f"memories[{index}].id"
    return DuplicateId(
        f"{field}: a memory with this id already exists.",
        fields=[FieldViolation(field, "already exists")],
    )
