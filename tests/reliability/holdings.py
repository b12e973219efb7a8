"""Reads what a server holds in some namespaces, over its API and to the last page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import grpc

from eunoe.v1 import dialogue_pb2, dialogue_pb2_grpc, memory_pb2, memory_pb2_grpc
from tests.fixtures.server import METADATA
from tests.reliability.history import Holdings

_PAGE = 200
_PATIENCE_SECONDS = 30.0


async def read(address: str, namespaces: Iterable[str]) -> Holdings:
    """Everything but facts, which nobody wrote."""
    counts: Counter[str] = Counter()
    tags: dict[str, frozenset[str]] = {}
    dialogues: dict[str, list[str]] = {}
    async with grpc.aio.insecure_channel(
        address, options=[("grpc.max_receive_message_length", -1)]
    ) as channel:
        for namespace in namespaces:
            for memory in await _memories(channel, namespace):
                if not memory.HasField("fact"):
                    text = json.loads(memory.value_json)
                    counts[text] += 1
                    tags[text] = frozenset(memory.tags)
            for name in await _dialogues(channel, namespace):
                dialogues[name] = await _messages(channel, namespace, name)
                counts.update(dialogues[name])
    return Holdings(counts, tags, dialogues)


async def _memories(channel: grpc.aio.Channel, namespace: str) -> list[memory_pb2.Memory]:
    stub = memory_pb2_grpc.MemoryServiceStub(channel)
    request = memory_pb2.ListMemoriesRequest(namespace=namespace, page_size=_PAGE)
    found: list[memory_pb2.Memory] = []
    while True:
        page = await stub.ListMemories(request, metadata=METADATA, timeout=_PATIENCE_SECONDS)
        found += page.memories
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def _dialogues(channel: grpc.aio.Channel, namespace: str) -> list[str]:
    stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
    request = dialogue_pb2.ListDialoguesRequest(namespace=namespace, page_size=_PAGE)
    found: list[str] = []
    while True:
        page = await stub.ListDialogues(request, metadata=METADATA, timeout=_PATIENCE_SECONDS)
        found += [dialogue.id for dialogue in page.dialogues]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def _messages(channel: grpc.aio.Channel, namespace: str, dialogue: str) -> list[str]:
    stub = dialogue_pb2_grpc.DialogueServiceStub(channel)
    request = dialogue_pb2.ListMessagesRequest(
        # Superseded ones too: a copy that was put aside is a copy.
        dialogue_id=dialogue, namespace=namespace, page_size=_PAGE, order="asc",
        include_superseded=True,
    )  # fmt: skip
    found: list[str] = []
    while True:
        page = await stub.ListMessages(request, metadata=METADATA, timeout=_PATIENCE_SECONDS)
        found += [json.loads(message.content_json) for message in page.messages]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
