"""A server that restarts amid 1,000 calls is a pause: no error, no duplicate, no loss."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from eunoe import AsyncEunoe, Memory
from tests.fixtures.server import KEY, ServerProcess

CALLS = 1_000
CALLERS = 8


def free_address() -> str:
    """One that a server can come back to."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize("goes_down", [ServerProcess.stop, ServerProcess.kill])
async def test_callers_see_no_error(
    goes_down: Callable[[ServerProcess], object],
    new_server: Callable[..., ServerProcess],
    namespace: str,
) -> None:
    server = await asyncio.to_thread(new_server, EUNOE_GRPC_ADDRESS=free_address())
    written: list[Memory] = []
    read = 0
    numbers = iter(range(CALLS))
    half_way = asyncio.Event()

    async def work(client: AsyncEunoe) -> None:
        nonlocal read
        for number in numbers:
            if number % 2:
                await client.memories.get(written[-1].id)
                read += 1
            else:
                written.append(await client.memories.create(number, namespace=namespace))
            if number > CALLS / 2:
                half_way.set()

    async def restart() -> None:
        await half_way.wait()
        await asyncio.to_thread(goes_down, server)
        await asyncio.to_thread(server.start)

    async with AsyncEunoe(server.grpc, api_key=KEY, timeout=60) as client:
        written.append(await client.memories.create("the first", namespace=namespace))
        async with asyncio.TaskGroup() as group:
            group.create_task(restart())
            for _ in range(CALLERS):
                group.create_task(work(client))
        stored = [memory async for memory in client.memories.list(namespace=namespace, limit=200)]

    assert read == CALLS / 2
    assert sorted(map(str, (memory.value for memory in stored))) == sorted(
        map(str, ["the first", *range(0, CALLS, 2)])
    )
    assert {memory.id for memory in stored} == {memory.id for memory in written}
