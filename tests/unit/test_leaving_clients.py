"""What a client that leaves costs, for good: nothing.

grpc.aio never frees what a batch of its core holds when nobody awaits the batch any more, or when
it fails (grpc/grpc#43360). Python sees none of that memory, so the allocator is asked.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from eunoe.v1 import chat_pb2_grpc
from eunoe_server.transport.grpc.interceptors import Errors, RequestId
from eunoe_server.transport.http.app import build_app
from eunoe_server.transport.http.channel import open_channel
from eunoe_server.transport.http.server import serve_http
from tests.fixtures.shim import PATIENCE_SECONDS, chunk, started

LEAVERS = 120
#: A batch is 80 bytes for each of its one to six operations, beside what they hold.
BYTES_A_LEAVER = 150


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def allocated_bytes() -> int:
    """What the C library has given out and not got back."""
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd)


class Patient(chat_pb2_grpc.ChatServiceServicer):
    """Answers for longer than anybody listens."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[None] = asyncio.Queue()
        self.left: asyncio.Queue[None] = asyncio.Queue()

    async def CompleteChat(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - as generated
        self.arrived.put_nowait(None)
        try:
            await asyncio.Event().wait()
        finally:
            self.left.put_nowait(None)

    async def StreamChat(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802, ARG002
        try:
            yield started()
            self.arrived.put_nowait(None)
            while True:
                yield chunk(b"{}" + b" " * 2_000)
                await asyncio.sleep(0.001)
        finally:
            self.left.put_nowait(None)


@asynccontextmanager
async def patient() -> AsyncIterator[tuple[Patient, int]]:
    """A server of both transports, and the port of its HTTP."""
    servicer = Patient()  # type: ignore[abstract]
    server = grpc.aio.server(interceptors=[RequestId(), Errors()])
    chat_pb2_grpc.add_ChatServiceServicer_to_server(servicer, server)
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with (
        open_channel(f"127.0.0.1:{grpc_port}") as channel,
        serve_http(build_app(channel), "127.0.0.1:0", drain_seconds=0.1) as port,
    ):
        yield servicer, port
    await server.stop(0)


async def come_and_leave(servicer: Patient, port: int, body: bytes) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\nauthorization: Bearer x\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await servicer.arrived.get()
        await asyncio.sleep(0.003)
        writer.transport.abort()
        await servicer.left.get()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="asks the GNU C library")
@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_client_that_leaves_takes_no_memory_along(stream: str) -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":%b}' % stream.encode()
    )
    async with patient() as (servicer, port):
        for _ in range(30):
            await come_and_leave(servicer, port, body)
        await asyncio.sleep(0.1)
        before = allocated_bytes()
        for _ in range(LEAVERS):
            await come_and_leave(servicer, port, body)
        await asyncio.sleep(0.1)
        assert allocated_bytes() - before < BYTES_A_LEAVER * LEAVERS
