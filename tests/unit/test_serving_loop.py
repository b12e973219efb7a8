"""The loop of a server: what wakes it up for gRPC is read as fast as it comes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from eunoe_server import serving_loop

#: Calls over grpc.aio in our loop; how many were answered, and whether we read its socket.
_CALL = """
import asyncio, uvloop
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from eunoe_server import serving_loop

rounds = 0
handle_all = serving_loop._handle_all

def counted(*arguments):
    global rounds
    rounds += 1
    handle_all(*arguments)

serving_loop._handle_all = counted

async def main():
    server = aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest()
        answers = await asyncio.gather(*(stub.Check(asked) for _ in range(1_000)))
    await server.stop(0)
    print(len(answers), rounds > 0)

uvloop.run(main(), loop_factory=serving_loop.ServingLoop)
"""


@pytest.fixture
def wakeups() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The end that is read, and the one that is written."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    with reading, writing:
        yield reading, writing


@pytest.mark.parametrize(("written", "left"), [(1, 0), (50, 49), (101, 0), (250, 0)])
def test_the_socket_never_fills_and_what_comes_meanwhile_wakes_the_next_round(
    wakeups: tuple[socket.socket, socket.socket], written: int, left: int
) -> None:
    reading, writing = wakeups
    for _ in range(written):
        writing.send(b"1")
    rounds = []

    def handle(name: str) -> None:
        assert reading.recv(1)  # as the library does, which fails when there is none
        rounds.append(name)
        if len(rounds) == 1:
            writing.send(b"11")

    serving_loop._handle_all(reading, handle, "a")
    assert len(reading.recv(1_000, socket.MSG_PEEK)) == left + 2
    for _ in range(left + 2):
        serving_loop._handle_all(reading, handle, "b")
    with pytest.raises(BlockingIOError):
        reading.recv(1)
    assert len(rounds) == left + 3


def test_the_socket_of_the_installed_library_is_known_and_every_call_is_answered() -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", _CALL], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["1000", "True"]
