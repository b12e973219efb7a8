"""A database that can be read and not written, and a disk that is full (R23, R29).

    python -m tests.reliability.full_disk [--seconds 5] [--seed 1]

First an outside Postgres is made read-only. Then the embedded one gets a small file system of its
own, which is filled under writers: Postgres refuses to write, or falls over when its log finds no
room, and is started again in vain until there is room. Neither may take the server with it, and
what was acknowledged has to be there afterwards. The file system needs the right to mount one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx2

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from tests.fixtures.server import METADATA, PATIENCE_SECONDS, ServerProcess, serving
from tests.fixtures.upstream import Upstream
from tests.reliability import holdings
from tests.reliability.addresses import fixed_addresses
from tests.reliability.callers import GrpcCaller, HttpCaller, Said, said_by_status
from tests.reliability.figures import Rows, integrity, main
from tests.reliability.history import Verdict, judge
from tests.reliability.postgres import outside_postgres
from tests.reliability.writers import NAMESPACES, Load, writing

NAMESPACE = "full"
DISK_MIB = 400


@dataclass(slots=True)
class ReadOnly:
    """What a read-only database did to calls."""

    write: Said = field(default_factory=lambda: Said(""))
    read: Said = field(default_factory=lambda: Said(""))
    chat: Said = field(default_factory=lambda: Said(""))
    write_afterwards: Said = field(default_factory=lambda: Said(""))


async def run_read_only() -> ReadOnly:
    """One call of each kind."""
    outcome = ReadOnly()
    with (
        outside_postgres() as postgres,
        Upstream() as upstream,
        serving(
            {
                "EUNOE_DATABASE_URL": postgres.dsn,
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
            }
        ) as server,
    ):
        async with (
            grpc.aio.insecure_channel(server.grpc) as channel,
            httpx2.AsyncClient(base_url=server.http, timeout=20, trust_env=False) as client,
        ):
            caller, over_http = GrpcCaller(channel), HttpCaller(client)
            assert (await caller.keep_memories(NAMESPACE, ["before"], request_id="")).is_done
            postgres.execute("alter system set default_transaction_read_only = on")
            postgres.execute("select pg_reload_conf()")
            deadline = time.monotonic() + PATIENCE_SECONDS
            number = 0
            while not outcome.write.is_improper and outcome.write.status != "UNAVAILABLE":
                # Until every connection has heard of it.
                assert time.monotonic() < deadline, outcome.write
                number += 1
                outcome.write = await caller.keep_memories(
                    NAMESPACE, [f"during-{number}"], request_id=""
                )
            outcome.read = await _get(channel)
            outcome.chat = await over_http.chat(
                NAMESPACE, "chat", [("user", "Hello")], attempt=1, is_stream=False
            )
            postgres.execute("alter system reset default_transaction_read_only")
            postgres.execute("select pg_reload_conf()")
            await asyncio.sleep(0.5)
            outcome.write_afterwards = await caller.keep_memories(
                NAMESPACE, ["afterwards"], request_id=""
            )
    return outcome


async def _get(channel: grpc.aio.Channel) -> Said:
    stub = memory_pb2_grpc.MemoryServiceStub(channel)
    try:
        await stub.GetMemory(
            memory_pb2.GetMemoryRequest(id="before"), metadata=METADATA, timeout=20
        )
    except grpc.aio.AioRpcError as error:
        return said_by_status(error)
    return Said("OK", "OK")


@dataclass(slots=True)
class Full:
    """What a full disk did to a server."""

    load: Load
    verdict: Verdict
    #: Changes that were acknowledged while there was no room. Some find some.
    acknowledged_meanwhile: int
    livez_failures: int
    writing_after_room_seconds: float
    needs_restart: bool


def can_mount() -> bool:
    """Whether a file system of its own can be had here."""
    try:
        with _small_disk():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextlib.contextmanager
def _small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder:
        options = f"size={DISK_MIB}m,mode=0755"
        _system("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
        try:
            yield Path(folder)
        finally:
            _system("umount", folder)


def _system(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (constant words)


async def run_full(seconds: float, seed: int) -> Full:
    """No byte is left for so long."""
    with Upstream() as upstream, _small_disk() as disk:
        settings = fixed_addresses() | {"EUNOE_UPSTREAM_BASE_URL": upstream.base_url}
        server = ServerProcess(disk / "data", settings)
        await asyncio.to_thread(server.start)
        failures = 0
        try:
            async with writing(server.grpc, server.http, seed) as load:
                await asyncio.sleep(1)
                _fill(disk / "filler")
                full_since, acknowledged = time.monotonic(), load.history.acknowledged
                while time.monotonic() - full_since < seconds:
                    failures += not await _is_live(server)
                    # What Postgres gives up, somebody else takes.
                    _fill(disk / "filler")
                    await asyncio.sleep(0.2)
                meanwhile = load.history.acknowledged - acknowledged
                (disk / "filler").unlink()
                served_after = await load.seconds_until_served(time.monotonic())
            held = await holdings.read(server.grpc, NAMESPACES)
            return Full(
                load,
                judge(load.history, held),
                meanwhile,
                failures,
                served_after,
                not server.is_running,
            )
        finally:
            await asyncio.to_thread(server.stop)


def _fill(path: Path) -> None:
    """Takes every byte that is left."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(1024 * 1024))


async def _is_live(server: ServerProcess) -> bool:
    async with httpx2.AsyncClient(base_url=server.ops, timeout=5, trust_env=False) as client:
        with contextlib.suppress(httpx2.TransportError):
            return (await client.get("/livez")).status_code == 200
    return False


async def measure(seconds: float = 5.0, seed: int = 1) -> Rows:
    """For the table."""
    read_only = await run_read_only()
    rows: Rows = [
        ("read-only database: a write", "STORAGE_UNAVAILABLE", read_only.write.reason),
        ("read-only database: a read", "OK", read_only.read.reason),
        (
            "read-only database: a chat, and what it says was left out",
            "OK, store",
            f"{read_only.chat.reason}, {read_only.chat.degraded}",
        ),
        ("read-only database: a write afterwards", "OK", read_only.write_afterwards.reason),
    ]
    if not can_mount():
        return [*rows, ("full disk", "", "not run: this account may not mount a file system")]
    full = await run_full(seconds, seed)
    what = f"full disk for {seconds:.0f} s"
    return [
        *rows,
        *integrity(what, full.load.history.acknowledged, full.verdict, 0),
        (f"{what}: other answers than 'unavailable'", "0", str(len(full.load.improper))),
        (f"{what}: /livez failures", "0", str(full.livez_failures)),
        (f"{what}: writes once there is room", "5 s", f"{full.writing_after_room_seconds:.2f} s"),
        (f"{what}: restarts needed", "0", str(int(full.needs_restart))),
    ]


if __name__ == "__main__":
    main(measure, __doc__, seconds=5.0, seed=1)
