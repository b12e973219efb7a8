"""Clients that read slowly, not at all, or send a byte a second: they cost little and go away.

    python -m tests.reliability.rude_peers [--readers 20] [--drippers 200] [--seconds 90]

The readers ask for streams of 20 MiB and take 1 KiB/s of them (R11): what the model says further on
has to wait in the model, not in the server's memory, where only what was taken is kept, to be
stored with the answer. A quarter of them read nothing and have to be
disconnected when `EUNOE_HTTP__WRITE_IDLE_SECONDS` are over. The drippers send heads and bodies of
requests that never become whole (R12). Beside each of them a polite client asks for what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import psutil  # type: ignore[import-untyped]

from tests.fixtures.server import KEY, ServerProcess, serving
from tests.fixtures.upstream import DONE, ReceivedRequest, Reply, Upstream, sse_reply
from tests.fixtures.upstream import event as sse
from tests.reliability.figures import Rows, main, percentile

PIECES = 320
PIECE = "x" * 65_536
POLITE_SECONDS = 0.05
#: Longer than the server is patient with a head or a body.
DRIPPING_SECONDS = 40.0


def long_stream(_request: ReceivedRequest) -> Reply:
    """20 MiB in pieces."""
    choice = {"index": 0, "delta": {"content": PIECE}, "finish_reason": None}
    piece = {"id": "s", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return sse_reply(*[sse({**piece, "choices": [choice]})] * PIECES, DONE)


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    idle_rss_mib: float = 0.0
    worst_rss_mib: float = 0.0
    #: Until the server closed the connection; inf when it did not.
    silent_readers: list[float] = field(default_factory=list)
    heads: list[float] = field(default_factory=list)
    bodies: list[float] = field(default_factory=list)
    polite_alone: list[float] = field(default_factory=list)
    polite_beside_readers: list[float] = field(default_factory=list)
    polite_beside_drippers: list[float] = field(default_factory=list)
    refused: int = 0


async def connect(server: ServerProcess) -> socket.socket:
    """With a small receive buffer, so that the kernel takes little for us."""
    address = urlsplit(server.http)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, (address.hostname, address.port))
    return client


def head(length: int) -> bytes:
    """Of a chat, with a body of so many bytes to come."""
    return (
        "POST /v1/memory/chat/completions?memory=off HTTP/1.1\r\nhost: s\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


async def read_slowly(server: ServerProcess, until: float, *, at_all: bool) -> float:
    """A stream at 1 KiB/s. Seconds until the server gave up; inf when it never did."""
    loop = asyncio.get_running_loop()
    body = json.dumps(
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    ).encode()
    with contextlib.closing(await connect(server)) as client:
        began = loop.time()
        await loop.sock_sendall(client, head(len(body)) + body)
        while loop.time() < until:
            await asyncio.sleep(1)
            if at_all:
                with contextlib.suppress(OSError):
                    await asyncio.wait_for(loop.sock_recv(client, 1_024), 1)
            elif not is_open(server, client):
                return loop.time() - began
    return math.inf


def is_open(server: ServerProcess, client: socket.socket) -> bool:
    """Whether the server still has the other end; ours cannot tell while it reads nothing."""
    ours = client.getsockname()[1]
    theirs = psutil.Process(server.pid).net_connections("tcp")
    return any(each.raddr and each.raddr.port == ours for each in theirs)


async def drip(server: ServerProcess, first: bytes, until: float) -> float:
    """A byte a second after `first`. Seconds until the server gave up; inf when it never did."""
    loop = asyncio.get_running_loop()
    with contextlib.closing(await connect(server)) as client:
        began = loop.time()
        try:
            await loop.sock_sendall(client, first)
            while loop.time() < until:
                with contextlib.suppress(TimeoutError):
                    if not await asyncio.wait_for(loop.sock_recv(client, 65_536), 1):
                        return loop.time() - began
                await loop.sock_sendall(client, b"a")
        except OSError:
            return loop.time() - began
    return math.inf


async def be_polite(server: ServerProcess, outcome: Outcome, until: float) -> list[float]:
    """Milliseconds that ordinary requests take."""
    times = []
    async with httpx2.AsyncClient(
        base_url=server.http, trust_env=False, headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = await client.get("/memory")
            times.append((time.perf_counter() - began) * 1000)
            outcome.refused += answer.status_code != 200
            await asyncio.sleep(POLITE_SECONDS)
    return times


async def run(readers: int, drippers: int, seconds: float, write_idle_seconds: float) -> Outcome:
    """First the readers, then the drippers."""
    outcome = Outcome()
    with (
        Upstream(long_stream) as upstream,
        serving(
            {
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
                "EUNOE_HTTP__WRITE_IDLE_SECONDS": str(write_idle_seconds),
            }
        ) as server,
    ):
        loop = asyncio.get_running_loop()
        process = psutil.Process(server.pid)
        outcome.polite_alone = await be_polite(server, outcome, time.monotonic() + seconds / 10)
        # What the first chat ever costs is none of the readers' doing.
        await read_slowly(server, loop.time() + 2, at_all=True)
        outcome.idle_rss_mib = process.memory_info().rss / 2**20

        silent = max(1, readers // 4)
        until = loop.time() + seconds
        reading = [
            asyncio.create_task(read_slowly(server, until, at_all=number >= silent))
            for number in range(readers)
        ]
        politely = asyncio.create_task(be_polite(server, outcome, time.monotonic() + seconds))
        while not politely.done():
            await asyncio.wait({politely}, timeout=1)
            rss = process.memory_info().rss / 2**20
            outcome.worst_rss_mib = max(outcome.worst_rss_mib, rss)
        outcome.polite_beside_readers = await politely
        outcome.silent_readers = (await asyncio.gather(*reading))[:silent]

        until = loop.time() + DRIPPING_SECONDS
        dripping = [
            asyncio.create_task(drip(server, b"GET /memory HTTP/1.1\r\nhost: s\r\nx: ", until))
            for _ in range(drippers // 2)
        ]
        dripping += [
            asyncio.create_task(drip(server, head(100_000), until))
            for _ in range(drippers - drippers // 2)
        ]
        politely = asyncio.create_task(be_polite(server, outcome, time.monotonic() + 15))
        gave_up = await asyncio.gather(*dripping)
        outcome.heads, outcome.bodies = gave_up[: drippers // 2], gave_up[drippers // 2 :]
        outcome.polite_beside_drippers = await politely
    return outcome


async def measure(readers: int = 20, drippers: int = 200, seconds: float = 90) -> Rows:
    """What a run showed."""
    write_idle_seconds = min(60.0, seconds / 2)
    outcome = await run(readers, drippers, seconds, write_idle_seconds)
    grown = outcome.worst_rss_mib - outcome.idle_rss_mib
    alone = percentile(outcome.polite_alone, 0.99)
    return [
        (
            f"{readers} readers of 20 MiB at 1 KiB/s: memory",
            "below 3 MiB each",
            f"{grown / readers:.1f} MiB each, on {outcome.idle_rss_mib:.0f} MiB",
        ),
        (
            f"{len(outcome.silent_readers)} of them read nothing: disconnected after",
            f"{write_idle_seconds:.0f} s",
            f"{min(outcome.silent_readers):.0f} to {max(outcome.silent_readers):.0f} s",
        ),
        (
            f"{len(outcome.heads)} heads at 1 byte/s: closed after",
            "at most 15 s",
            f"{min(outcome.heads):.1f} to {max(outcome.heads):.1f} s",
        ),
        (
            f"{len(outcome.bodies)} bodies at 1 byte/s: closed after",
            "at most 30 s",
            f"{min(outcome.bodies):.1f} to {max(outcome.bodies):.1f} s",
        ),
        (
            "others meanwhile: p99",
            f"at most twice {alone:.1f} ms",
            (
                f"{percentile(outcome.polite_beside_readers, 0.99):.1f} ms beside readers, "
                f"{percentile(outcome.polite_beside_drippers, 0.99):.1f} ms beside drippers, "
                f"{outcome.refused} refused"
            ),
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, readers=20, drippers=200, seconds=90.0)
