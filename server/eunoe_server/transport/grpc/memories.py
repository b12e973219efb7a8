"""MemoryServicer: read, do, answer."""

from __future__ import annotations

from typing import Any

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.domain.created_filter import created_range
from eunoe_server.domain.listing import is_newest_first, page_limit
from eunoe_server.domain.memory import FactRecord, Memory, MemoryFilter
from eunoe_server.domain.memory_draft import MemoryDraft
from eunoe_server.domain.memory_filter import memory_filter
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.errors import InvalidInput, InvalidParameter
from eunoe_server.services.facts import Facts
from eunoe_server.services.memories import Memories
from eunoe_server.transport.grpc.convert import moment_of, namespace_of, optional, to_timestamp
from eunoe_server.transport.grpc.interceptors import caller


class MemoryServicer(memory_pb2_grpc.MemoryServiceServicer):
    """Memories over gRPC."""

    def __init__(self, memories: Memories, facts: Facts) -> None:
        self._memories = memories
        self._facts = facts

    async def CreateMemory(
        self, request: memory_pb2.CreateMemoryRequest, context: Any
    ) -> memory_pb2.CreateMemoryResponse:
        """One memory."""
        del context
        memory = await self._memories.create(caller(), namespace_of(request), _draft(request))
        return memory_pb2.CreateMemoryResponse(memory=memory_to_proto(memory))

    async def BatchCreateMemories(
        self, request: memory_pb2.BatchCreateMemoriesRequest, context: Any
    ) -> memory_pb2.BatchCreateMemoriesResponse:
        """All of them or none."""
        del context
        drafts = [_draft(new, f"memories[{index}].") for index, new in enumerate(request.memories)]
        memories = await self._memories.create_batch(caller(), namespace_of(request), drafts)
        return memory_pb2.BatchCreateMemoriesResponse(memories=map(memory_to_proto, memories))

    async def GetMemory(
        self, request: memory_pb2.GetMemoryRequest, context: Any
    ) -> memory_pb2.GetMemoryResponse:
        """One memory by its id."""
        del context
        memory = await self._memories.get(caller(), namespace_of(request), request.id)
        return memory_pb2.GetMemoryResponse(memory=memory_to_proto(memory))

    async def ListMemories(
        self, request: memory_pb2.ListMemoriesRequest, context: Any
    ) -> memory_pb2.ListMemoriesResponse:
        """One page of a list."""
        del context
        page = await self._memories.list_page(
            caller(),
            namespace_of(request),
            _filter(request),
            limit=page_limit(request.page_size),
            token=request.page_token,
            newest_first=is_newest_first(request.order),
        )
        return memory_pb2.ListMemoriesResponse(
            memories=map(memory_to_proto, page.items), next_page_token=page.next_token
        )

    async def UpdateMemory(
        self, request: memory_pb2.UpdateMemoryRequest, context: Any
    ) -> memory_pb2.UpdateMemoryResponse:
        """Other tags."""
        del context
        memory = await self._memories.retag(
            caller(), namespace_of(request), request.id, request.tags
        )
        return memory_pb2.UpdateMemoryResponse(memory=memory_to_proto(memory))

    async def DeleteMemory(
        self, request: memory_pb2.DeleteMemoryRequest, context: Any
    ) -> memory_pb2.DeleteMemoryResponse:
        """Gone for good."""
        del context
        await self._memories.delete(caller(), namespace_of(request), request.id)
        return memory_pb2.DeleteMemoryResponse(success=True, id=request.id)

    async def ExtractMemories(
        self, request: memory_pb2.ExtractMemoriesRequest, context: Any
    ) -> memory_pb2.ExtractMemoriesResponse:
        """Facts out of messages."""
        del context
        extraction = await self._facts.extract(
            caller(),
            namespace_of(request),
            [_heard(message, index) for index, message in enumerate(request.messages)],
            tags=request.tags,
            metadata=request.metadata_json,
            dry_run=request.dry_run,
        )
        return memory_pb2.ExtractMemoriesResponse(
            memories=[
                memory_pb2.ExtractedMemory(
                    memory=memory_to_proto(each.memory),
                    outcome=each.outcome,
                    superseded_ids=each.superseded_ids,
                )
                for each in extraction.learnt
            ],
            usage=memory_pb2.ExtractionUsage(
                extractor=extraction.extractor, prompt_tokens=extraction.tokens_used
            ),
        )


def _draft(
    request: memory_pb2.CreateMemoryRequest | memory_pb2.NewMemory, path: str = ""
) -> MemoryDraft:
    return MemoryDraft(
        value=request.value_json,
        id=optional(request, "id"),
        label=optional(request, "label"),
        description=optional(request, "description"),
        tags=request.tags,
        metadata=request.metadata_json,
        created_at=moment_of(request, "create_time", f"{path}created", InvalidInput)
        if isinstance(request, memory_pb2.NewMemory)
        else None,
    )


def _heard(message: memory_pb2.ExtractionMessage, index: int) -> MessageDraft:
    return MessageDraft(
        role=message.role,
        content=message.content_json,
        name=optional(message, "name"),
        created_at=moment_of(message, "create_time", f"messages[{index}].created", InvalidInput),
    )


def _filter(request: memory_pb2.ListMemoriesRequest) -> MemoryFilter:
    created_from, created_before = created_range(
        request.created,
        moment_of(request, "start_time", "startDate", InvalidParameter),
        moment_of(request, "end_time", "endDate", InvalidParameter),
    )
    return memory_filter(
        created_from=created_from,
        created_before=created_before,
        facts_only=request.facts_only,
        fact_type=request.memory_type,
        min_confidence=optional(request, "min_confidence"),
        as_of=moment_of(request, "as_of_time", "asOf", InvalidParameter),
        include_superseded=request.include_superseded,
    )


def memory_to_proto(memory: Memory) -> memory_pb2.Memory:
    """A memory as the contract shows it."""
    return memory_pb2.Memory(
        id=memory.id,
        namespace=memory.namespace or None,
        label=memory.label,
        description=memory.description,
        value_json=memory.value,
        tags=memory.tags,
        metadata_json=memory.metadata,
        create_time=to_timestamp(memory.created_at),
        update_time=to_timestamp(memory.modified_at),
        fact=_fact_to_proto(memory.fact) if memory.fact else None,
    )


def _fact_to_proto(fact: FactRecord) -> memory_pb2.Fact:
    return memory_pb2.Fact(
        type=fact.type,
        confidence=fact.confidence,
        valid_from_time=to_timestamp(fact.valid_from),
        valid_to_time=to_timestamp(fact.valid_to) if fact.valid_to else None,
        superseded_by=fact.superseded_by,
        observation_count=fact.observations,
        source=memory_pb2.FactSource(
            dialogue_id=fact.source_dialogue_id,
            message_id=fact.source_message_id,
            role=fact.source_role or "",
            start_character=fact.source_start or 0,
            end_character=fact.source_end or 0,
            extractor=fact.extractor,
        ),
    )
