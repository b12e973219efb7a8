"""`client.memories`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from eunoe._async.paging import AsyncPaged
from eunoe._json import JsonValue, dumps, optional_object
from eunoe._memory import (
    Extraction,
    ExtractionMessage,
    FactType,
    Memory,
    NewMemory,
    extraction,
    extraction_message,
    memory,
    new_memory,
)
from eunoe._moment import to_text, to_timestamp
from eunoe._page import Page
from eunoe._uuid7 import uuid7
from eunoe.v1 import memory_pb2

if TYPE_CHECKING:
    from eunoe._async.wire import Wire


class AsyncMemories:
    """What is remembered for as long as nobody deletes it. A value never changes; tags do."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create(
        self,
        value: JsonValue,
        *,
        id: str | None = None,  # noqa: A002 - the API's name
        namespace: str | None = None,
        label: str | None = None,
        description: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> Memory:
        """Creates one memory, found by the next search. Raises DuplicateId, InvalidRequest."""
        request = memory_pb2.CreateMemoryRequest(
            value_json=dumps(value),
            id=uuid7() if id is None else id,
            namespace=namespace,
            label=label,
            description=description,
            tags=tags,
            metadata_json=optional_object(metadata, "metadata"),
        )

        answer = await self._wire.write(self._wire.stubs.memory.CreateMemory, request)
        return memory(answer.memory)

    async def batch_create(
        self, memories: Sequence[NewMemory], *, namespace: str | None = None
    ) -> list[Memory]:
        """Creates up to 1,000 memories, all or none. Raises as `create` does."""
        request = memory_pb2.BatchCreateMemoriesRequest(
            namespace=namespace,
            memories=[new_memory(each, f"memories[{at}]") for at, each in enumerate(memories)],
        )

        answer = await self._wire.write(self._wire.stubs.memory.BatchCreateMemories, request)
        return [memory(each) for each in answer.memories]

    async def get(self, id: str, *, namespace: str | None = None) -> Memory:  # noqa: A002
        """One memory by its id. Raises NotFound."""
        answer = await self._wire.read(
            self._wire.stubs.memory.GetMemory,
            memory_pb2.GetMemoryRequest(id=id, namespace=namespace),
        )
        return memory(answer.memory)

    def list(
        self,
        *,
        namespace: str | None = None,
        order: Literal["asc", "desc"] = "desc",
        created: str | date | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        facts_only: bool = False,
        memory_type: FactType | None = None,
        min_confidence: float | None = None,
        as_of: datetime | None = None,
        include_superseded: bool = False,
        limit: int = 0,
        next: str | None = None,  # noqa: A002 - the API's name
    ) -> AsyncPaged[Memory]:
        """Memories by the time of their creation; of facts, those that hold.

        `limit` is the size of a page, and `next` where an earlier one ended. `created` is an
        instant or a whole day in UTC. Raises InvalidRequest, when it is read.
        """
        request = memory_pb2.ListMemoriesRequest(
            namespace=namespace,
            page_size=limit,
            order=order,
            created=to_text(created),
            start_time=to_timestamp(start, "start"),
            end_time=to_timestamp(end, "end"),
            facts_only=facts_only,
            memory_type=memory_type or "",
            min_confidence=min_confidence,
            as_of_time=to_timestamp(as_of, "as_of"),
            include_superseded=include_superseded,
        )

        async def fetch(token: str) -> Page[Memory]:
            request.page_token = token
            answer = await self._wire.read(self._wire.stubs.memory.ListMemories, request)
            return Page(tuple(map(memory, answer.memories)), answer.next_page_token or None)

        return AsyncPaged(fetch, next)

    async def save_tags(
        self,
        id: str,  # noqa: A002 - the API's name
        tags: Sequence[str],
        *,
        namespace: str | None = None,
    ) -> Memory:
        """Gives a memory these tags in place of all it has. Raises NotFound, InvalidRequest."""
        answer = await self._wire.write(
            self._wire.stubs.memory.UpdateMemory,
            memory_pb2.UpdateMemoryRequest(id=id, namespace=namespace, tags=tags),
        )
        return memory(answer.memory)

    async def delete(self, id: str, *, namespace: str | None = None) -> None:  # noqa: A002
        """Deletes a memory for good. Raises NotFound."""

        await self._wire.write(
            self._wire.stubs.memory.DeleteMemory,
            memory_pb2.DeleteMemoryRequest(id=id, namespace=namespace),
        )

    async def extract(
        self,
        messages: Sequence[ExtractionMessage],
        *,
        namespace: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, JsonValue] | None = None,
        dry_run: bool = False,
    ) -> Extraction:
        """Finds facts in messages and keeps them."""
        request = memory_pb2.ExtractMemoriesRequest(
            messages=[
                extraction_message(each, f"messages[{at}]") for at, each in enumerate(messages)
            ],
            namespace=namespace,
            metadata_json=optional_object(metadata, "metadata"),
            tags=tags,
            dry_run=dry_run,
        )
        answer = await self._wire.write(self._wire.stubs.memory.ExtractMemories, request)
        return extraction(answer)
