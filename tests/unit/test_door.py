"""The gRPC server's door: who is let in, who is refused, and how it closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from eunoe.v1 import chat_pb2, chat_pb2_grpc, memory_pb2, memory_pb2_grpc
from eunoe_server.errors import Overloaded
from eunoe_server.transport.grpc import door
from eunoe_server.transport.grpc.status import NamedStatus
from tests.reliability.callers import said_by_status

PATIENCE_SECONDS = 10.0
REQUEST = memory_pb2.GetMemoryRequest(id="a")


class Behind(
    memory_pb2_grpc.MemoryServiceServicer,
    chat_pb2_grpc.ChatServiceServicer,
):
    """What is behind the door. It lets `places` in at a time, and serves once it may."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.may_serve = asyncio.Event()
        self.inside = 0
        self.begun = 0
        self.refused = 0

    def is_refusing(self, method: str) -> bool:
        """Refuses who has no place."""
        del method
        return self.inside == self.places

    def expect(self, method: str) -> Callable[[], None]:
        """Whoever comes."""
        del method
        self.inside += 1
        return self._leave

    def _leave(self) -> None:
        self.inside -= 1

    def has_refused(self) -> None:
        self.refused += 1

    async def GetMemory(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self.begun += 1
        await self.may_serve.wait()
        return memory_pb2.GetMemoryResponse(memory=memory_pb2.Memory(id=request.id))

    async def StreamChat(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802, ARG002
        await self.may_serve.wait()
        yield chat_pb2.StreamChatResponse()


class Served(NamedTuple):
    """A server, and a channel to it."""

    server: grpc.aio.Server
    port: int
    channel: grpc.aio.Channel


def open_channel(port: int) -> grpc.aio.Channel:
    """A channel with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)


@asynccontextmanager
async def serving(behind: Behind, *addresses: str) -> AsyncIterator[Served]:
    server = door.server_with_door(behind, (), ())
    memory_pb2_grpc.add_MemoryServiceServicer_to_server(behind, server)
    chat_pb2_grpc.add_ChatServiceServicer_to_server(behind, server)
    port = server.add_insecure_port("127.0.0.1:0")
    for address in addresses:
        server.add_insecure_port(address)
    await server.start()
    async with open_channel(port) as channel, asyncio.timeout(30):
        yield Served(server, port, channel)
    await server.stop(0)


async def until(is_so: Callable[[], bool]) -> None:
    """Returns as soon as it is; whoever waits has a time limit."""
    while not is_so():  # noqa: ASYNC110 - what is waited for is inside a library
        await asyncio.sleep(0)


def behind_with(places: int) -> Behind:
    return Behind(places)  # type: ignore[abstract]  # the rest is UNIMPLEMENTED


async def outcome(call: Any) -> str:
    """`OK`, or the code of what came instead."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def test_the_installed_library_is_one_that_the_door_was_tried_with() -> None:
    assert grpc.__version__.startswith(door._KNOWN_VERSIONS)


async def test_what_is_let_in_is_answered_however_much_comes_at_once() -> None:
    behind = behind_with(1_000)
    behind.may_serve.set()
    async with serving(behind) as (*_, channel):
        get = memory_pb2_grpc.MemoryServiceStub(channel).GetMemory
        answers = await asyncio.gather(
            *(get(memory_pb2.GetMemoryRequest(id=str(number))) for number in range(500))
        )
        assert [answer.memory.id for answer in answers] == [str(number) for number in range(500)]
        stream = chat_pb2_grpc.ChatServiceStub(channel).StreamChat(chat_pb2.StreamChatRequest())
        assert len([piece async for piece in stream]) == 1
        assert (
            await outcome(
                chat_pb2_grpc.ChatServiceStub(channel).ListModels(chat_pb2.ListModelsRequest())
            )
            == "UNIMPLEMENTED"
        )
        nowhere: Any = channel.unary_unary("/nowhere/Nothing")
        assert await outcome(nowhere(b"")) == "UNIMPLEMENTED"
    assert behind.inside == 0


async def test_what_is_refused_is_told_why_and_when_to_come_back_by_its_own_name() -> None:
    async with serving(behind_with(0)) as (*_, channel):
        call = memory_pb2_grpc.MemoryServiceStub(channel).GetMemory(
            REQUEST, metadata=(("x-request-id", "mine-1"),)
        )
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call
        said = said_by_status(refusal.value)
        assert (said.status, said.reason, said.says_when_to_return) == (
            *("RESOURCE_EXHAUSTED", "OVERLOADED"),
            True,
        )
        trailing = dict(refusal.value.trailing_metadata() or ())
        assert trailing["x-request-id"] == "mine-1"
        assert b"mine-1" in trailing["grpc-status-details-bin"]
        stream = chat_pb2_grpc.ChatServiceStub(channel).StreamChat(chat_pb2.StreamChatRequest())
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stream.read()
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_our_own_shim_is_let_in_as_it_has_a_door_itself(tmp_path: Path) -> None:
    behind = behind_with(0)
    behind.may_serve.set()
    async with serving(behind, f"unix:{tmp_path}/s") as (*_, channel):
        assert await outcome(memory_pb2_grpc.MemoryServiceStub(channel).GetMemory(REQUEST)) != "OK"
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as own:
            assert await outcome(memory_pb2_grpc.MemoryServiceStub(own).GetMemory(REQUEST)) == "OK"
    assert (behind.begun, behind.refused, behind.inside) == (1, 1, 0)


@pytest.mark.parametrize("name", ["a", "e", "req_1", "x" * 128])
def test_a_status_that_is_written_once_bears_each_name(name: str) -> None:
    status = NamedStatus(Overloaded(retry_after_seconds=1.0))
    for each in (name, name[::-1]):
        (_, encoded), named = status.trailing_metadata(each)
        assert named == ("x-request-id", each)
        reason = error_details_pb2.ErrorInfo()
        assert isinstance(encoded, bytes)
        written = status_pb2.Status.FromString(encoded)
        written.details[0].Unpack(reason)
        assert (reason.reason, reason.metadata["request_id"]) == ("OVERLOADED", each)
        assert written.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


async def test_refusing_does_not_wait_for_what_was_let_in() -> None:
    behind = behind_with(3)
    async with serving(behind) as (*_, channel):
        get = memory_pb2_grpc.MemoryServiceStub(channel).GetMemory
        calls = [asyncio.create_task(outcome(get(REQUEST))) for _ in range(300)]
        await until(lambda: sum(call.done() for call in calls) >= 297)
        assert [call.result() for call in calls if call.done()] == ["RESOURCE_EXHAUSTED"] * 297
        assert behind.refused == 297
        behind.may_serve.set()
        assert sorted(await asyncio.gather(*calls))[:3] == ["OK"] * 3


async def test_callers_that_leave_before_they_are_refused_or_served_leave_nothing_behind() -> None:
    behind = behind_with(50)
    async with serving(behind) as (*_, channel):
        get = memory_pb2_grpc.MemoryServiceStub(channel).GetMemory
        for seconds in (0, 0.001, 0.005):
            calls = [get(REQUEST) for _ in range(200)]
            await asyncio.sleep(seconds)
            for call in calls:
                call.cancel()
        behind.may_serve.set()
        while await outcome(get(REQUEST)) != "OK":
            pass  # those who have left may come before it
        await until(lambda: behind.inside == 0)


async def test_a_door_that_closes_leaves_nobody_hanging() -> None:
    behind = behind_with(1_000)
    async with serving(behind) as (server, port, channel), open_channel(port) as later:
        get = memory_pb2_grpc.MemoryServiceStub(channel).GetMemory
        calls = [asyncio.create_task(outcome(get(REQUEST))) for _ in range(100)]
        await until(lambda: behind.begun == 100)
        stopping = asyncio.create_task(server.stop(PATIENCE_SECONDS))
        # On a connection of their own: one that is closed while calls arrive loses its answers.
        late = memory_pb2_grpc.MemoryServiceStub(later).GetMemory
        calls += [asyncio.create_task(outcome(late(REQUEST))) for _ in range(100)]
        await asyncio.sleep(0.1)
        behind.may_serve.set()
        await stopping
        found = await asyncio.gather(*calls)
        assert {each: found[:100].count(each) for each in found[:100]} == {"OK": 100}
        # Of what the core still holds the library says CANCELLED.
        assert set(found[100:]) <= {"OK", "UNAVAILABLE", "CANCELLED"}


async def test_a_library_that_the_door_was_not_tried_with_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "_KNOWN_VERSIONS", ("0.",))
    behind = behind_with(1)
    behind.may_serve.set()
    async with serving(behind) as (*_, channel):
        assert await outcome(memory_pb2_grpc.MemoryServiceStub(channel).GetMemory(REQUEST)) == "OK"
