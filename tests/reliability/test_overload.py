"""The short form of `overload.py`: what happens under overload, not how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eunoe.v1 import chat_pb2, chat_pb2_grpc, memory_pb2, memory_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess
from tests.reliability.callers import said_by_status
from tests.reliability.load import Order, fill, opened
from tests.reliability.overload import server_with_slow_model

CHATS = 5


@pytest.fixture(scope="module")
def crowded() -> Iterator[ServerProcess]:
    """A server that serves few at a time."""
    settings = {"EUNOE_LIMITS__CALLS": "1", "EUNOE_LIMITS__CHATS": str(CHATS)}
    with server_with_slow_model(settings) as server:
        yield server


async def test_what_cannot_be_served_is_refused_and_said_so_and_nothing_else_suffers(
    crowded: ServerProcess,
) -> None:
    await fill(crowded.grpc)
    async with grpc.aio.insecure_channel(crowded.grpc) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for address in (crowded.grpc, crowded.http):
            async with opened(Order(address, 1.5, 1, "memories", callers=200)) as load:
                running = asyncio.create_task(load.run())
                while not running.done():
                    answer = await health.Check(health_pb2.HealthCheckRequest())
                    assert answer.status == health_pb2.HealthCheckResponse.SERVING
                    await asyncio.sleep(0.1)
                await running
            assert load.report.wrong == {}
            assert load.report.refused
            assert load.report.answered
            await read(channel)


async def test_chats_over_the_limit_are_refused_and_those_within_it_remember(
    crowded: ServerProcess,
) -> None:
    async with grpc.aio.insecure_channel(crowded.grpc) as channel:
        chats = [asyncio.create_task(chat(channel, number)) for number in range(6 * CHATS)]
        await read(channel)  # however many chats there are
        outcomes = await asyncio.gather(*chats)
        assert outcomes.count("remembered") >= CHATS
        assert outcomes.count("refused") > 0
        assert outcomes.count("remembered") + outcomes.count("refused") == len(outcomes)
        assert await chat(channel, -1) == "remembered"


async def read(channel: grpc.aio.Channel) -> None:
    """A read, which must be answered."""
    request = memory_pb2.ListMemoriesRequest(namespace="ns-1")
    await memory_pb2_grpc.MemoryServiceStub(channel).ListMemories(request, metadata=METADATA)


async def chat(channel: grpc.aio.Channel, number: int) -> str:
    """What became of one chat."""
    request = chat_pb2.CompleteChatRequest(
        namespace=f"chat-{number}",
        model="stand-in-1",
        messages=[chat_pb2.ChatMessage(role="user", content=f"This is number {number}.")],
    )
    try:
        answer = await chat_pb2_grpc.ChatServiceStub(channel).CompleteChat(
            request, metadata=METADATA
        )
    except grpc.aio.AioRpcError as error:
        said = said_by_status(error)
        is_proper = said.reason == "OVERLOADED" and said.says_when_to_return
        return "refused" if is_proper else f"{error.code()} {error.details()}"
    return answer.memory.degraded or "remembered"
