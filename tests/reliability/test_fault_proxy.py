"""The faulty network does what it says, and delivers late what it held back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from tests.fixtures.fault_proxy import (
    BlackHole,
    CutAfter,
    Delay,
    Drip,
    FaultProxy,
    Pass,
    Reset,
)
from tests.fixtures.loop_thread import PATIENCE_SECONDS

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """In front of a server that says everything back."""

    answering: list[asyncio.StreamWriter] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(writer)
        with suppress(ConnectionResetError):
            while piece := await reader.read(1024):
                writer.write(piece)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with FaultProxy(f"127.0.0.1:{port}") as proxy:
        yield proxy
    server.close()
    for writer in answering:
        writer.transport.abort()
    await asyncio.sleep(0.01)


@pytest.fixture
async def dial(proxy: FaultProxy) -> AsyncIterator[Dial]:
    """Opens connections to the proxy, which are closed afterwards."""
    opened: list[Streams] = []

    async def open_one() -> Streams:
        opened.append(await asyncio.open_connection("127.0.0.1", proxy.port))
        return opened[-1]

    yield open_one
    for _, writer in opened:
        writer.close()
    await asyncio.sleep(0)


async def say(streams: Streams, text: bytes) -> bytes:
    """What comes back, which must be as much."""
    streams[1].write(text)
    return await asyncio.wait_for(streams[0].readexactly(len(text)), PATIENCE_SECONDS)


async def is_held_back(streams: Streams, text: bytes) -> bool:
    """Whether it does not come back within half a second."""
    streams[1].write(text)
    try:
        await asyncio.wait_for(streams[0].readexactly(len(text)), 0.5)
    except TimeoutError:
        return True
    return False


async def test_without_a_fault_everything_passes(proxy: FaultProxy, dial: Dial) -> None:
    streams = await dial()
    assert await say(streams, b"x" * 100_000) == b"x" * 100_000
    streams[1].write_eof()
    assert await streams[0].read() == b""


async def test_what_a_black_hole_held_back_arrives_afterwards(
    proxy: FaultProxy, dial: Dial
) -> None:
    before = await dial()
    assert await say(before, b"one") == b"one"
    proxy.set(BlackHole())
    meanwhile = await dial()
    assert await is_held_back(before, b"two")
    assert await is_held_back(meanwhile, b"new")
    proxy.set(Pass())
    assert await before[0].readexactly(3) == b"two"
    assert await meanwhile[0].readexactly(3) == b"new"


async def test_a_reset_ends_open_connections_and_new_ones(proxy: FaultProxy, dial: Dial) -> None:
    before = await dial()
    assert await say(before, b"one") == b"one"
    proxy.set(Reset())
    with pytest.raises(ConnectionResetError):
        await before[0].read(1)
    with pytest.raises(ConnectionResetError):  # while it connects, or right after
        await (await dial())[0].read(1)
    proxy.set(Pass())
    assert await say(await dial(), b"well again") == b"well again"


async def test_an_answer_is_cut_where_it_was_said_to_be(proxy: FaultProxy, dial: Dial) -> None:
    reader, writer = await dial()
    proxy.set(CutAfter(5))
    writer.write(b"hello world")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)) as caught:
        await reader.readexactly(11)
    if isinstance(caught.value, asyncio.IncompleteReadError):
        assert caught.value.partial == b"hello"


async def test_delay_and_drip_are_slow(proxy: FaultProxy, dial: Dial) -> None:
    streams = await dial()
    proxy.set(Delay(0.1))
    started = time.monotonic()
    assert await say(streams, b"one") == b"one"
    assert time.monotonic() - started >= 0.2  # there and back
    proxy.set(Drip(50))
    assert await is_held_back(streams, b"a text of more than 25 bytes, which is half a second")
