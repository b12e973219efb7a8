"""`eunoe serve --workers 2`: several processes are one server, and stay one when one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import grpc
import pytest

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.errors import InvalidInput
from eunoe_server.settings import DatabaseSettings, ServerSettings, Settings
from eunoe_server.supervisor import (
    MAX_DEATHS,
    Deaths,
    ProcessesKeepDying,
    ProcessMetrics,
    _refuse_too_many,
)
from eunoe_server.transport.listening import bind_shared, listen
from tests.fixtures.server import METADATA, ServerProcess, call, serving, wait_until


@pytest.fixture(scope="module")
def pair() -> Iterator[ServerProcess]:
    """A server of two processes."""
    with serving({"EUNOE_SERVER__WORKERS": "2"}) as process:
        wait_until(lambda: len(pids(process)) == 2, "both processes to serve")
        yield process
        assert process.stop() == 0
        assert not [pid for pid in ever_started(process) if is_running(pid)]


def log_lines(server: ServerProcess) -> list[dict[str, object]]:
    """What the server and its processes have logged."""
    lines = []
    for line in server.announced.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            lines.append(json.loads(line))
    return [line for line in lines if isinstance(line, dict)]


def ever_started(server: ServerProcess) -> list[int]:
    """The process ids of all that ever served, the latest last."""
    started = [line["pid"] for line in log_lines(server) if line["event"] == "process serves"]
    return [pid for pid in started if isinstance(pid, int)]


def pids(server: ServerProcess) -> list[int]:
    """Those that run."""
    return [pid for pid in ever_started(server) if is_running(pid)]


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_free(port: int) -> bool:
    """Whether a server can listen there."""
    try:
        listen(f"127.0.0.1:{port}").close()
    except OSError:
        return False
    return True


def metric(server: ServerProcess, pattern: str) -> float:
    """The sum of the samples whose line begins so."""
    with urllib.request.urlopen(f"{server.ops}/metrics", timeout=5) as answer:  # noqa: S310 - loopback
        text = answer.read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(pattern, line))


def is_created(server: ServerProcess, namespace: str, memory_id: str) -> bool:
    """Whether one memory is acknowledged, over HTTP, on a connection of its own."""
    answer = call(
        server, "POST", "/memory", {"id": memory_id, "value": "kept", "namespace": namespace}
    )
    return answer.status == 200


def ids_kept(server: ServerProcess, namespace: str) -> set[str]:
    """What the namespace holds, over gRPC."""
    found: set[str] = set()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.grpc, options) as channel:
        stub = memory_pb2_grpc.MemoryServiceStub(channel)
        page = ""
        while True:
            answer = stub.ListMemories(
                memory_pb2.ListMemoriesRequest(namespace=namespace, page_size=200, page_token=page),
                metadata=METADATA,
                wait_for_ready=True,
            )
            found |= {item.id for item in answer.memories}
            page = answer.next_page_token
            if not page:
                return found


def test_both_processes_serve_and_are_counted_together(pair: ServerProcess, namespace: str) -> None:
    for number in range(40):
        assert is_created(pair, namespace, f"{namespace}-{number}")
    for _ in range(24):  # a connection each
        assert len(ids_kept(pair, namespace)) == 40
    for method in ("CreateMemory", "ListMemories"):  # over HTTP, and over gRPC
        name = f"MemoryService/{method}"
        assert {line["process"] for line in log_lines(pair) if line.get("method") == name} == {1, 2}
    created = r'eunoe_rpcs_total\{code="OK",method="MemoryService/CreateMemory"\}'
    assert metric(pair, created) == 40
    assert metric(pair, "eunoe_processes ") == 2
    assert metric(pair, "eunoe_commit_queue") == 0


def test_a_killed_process_loses_nothing_acknowledged_and_is_replaced(
    pair: ServerProcess, namespace: str
) -> None:
    victim, survivor = pids(pair)
    acknowledged: set[str] = set()
    refused: list[Exception] = []
    enough = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not enough.is_set():
            memory_id = f"{namespace}-{writer}-{number}"
            number += 1
            try:
                if is_created(pair, namespace, memory_id):
                    acknowledged.add(memory_id)
            except ConnectionRefusedError as error:
                refused.append(error)
            except (OSError, HTTPException):  # cut with the process that was answering it
                pass

    writers = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: len(acknowledged) >= 40, "the writers to be at work")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(pids(pair)) == 2, "the process to be replaced")
    at_replacement = len(acknowledged)
    wait_until(lambda: len(acknowledged) >= at_replacement + 40, "writes after it")
    enough.set()
    for writer in writers:
        writer.join()

    assert survivor in pids(pair)
    assert not refused
    assert acknowledged <= ids_kept(pair, namespace)
    assert metric(pair, "eunoe_process_deaths_total") == 1
    # Counters of a process that is gone still count.
    created = r'eunoe_rpcs_total\{code="OK",method="MemoryService/CreateMemory"\}'
    assert metric(pair, created) >= len(acknowledged)


@pytest.mark.timeout(300)  # two starts of three processes, on a machine that may be busy
def test_a_killed_parent_takes_its_processes_along_and_a_stopped_one_lets_them_drain() -> None:
    environment = {"EUNOE_SERVER__WORKERS": "2", "EUNOE_SERVER__DRAIN_DELAY_SECONDS": "2"}
    with serving(environment) as process:
        wait_until(lambda: len(pids(process)) == 2, "both processes to serve")
        assert is_created(process, "ns", "before")
        children = pids(process)
        process.kill()
        wait_until(lambda: not any(map(is_running, children)), "the children to end")
        port = int(process.http.rpartition(":")[2])
        wait_until(lambda: is_free(port), "the port to be free")
        process.start()
        assert ids_kept(process, "ns") == {"before"}

        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: why_not_ready(process) == "draining\n", "it to say that it drains")
        assert is_created(process, "ns", "while balancers do not know yet")
        assert process._process is not None
        assert process._process.wait(60) == 0
        assert not [pid for pid in ever_started(process) if is_running(pid)]


def why_not_ready(server: ServerProcess) -> str:
    """What /readyz says with its 503; empty when it is ready."""
    try:
        urllib.request.urlopen(f"{server.ops}/readyz", timeout=5).close()  # noqa: S310 - loopback
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
    return ""


async def test_processes_that_keep_dying_end_the_server(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path)
    deaths = Deaths(metrics)
    for _ in range(MAX_DEATHS):
        deaths.add()
    with pytest.raises(ProcessesKeepDying):
        deaths.add()


async def test_deaths_of_long_ago_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = Deaths(ProcessMetrics(tmp_path))
    loop = asyncio.get_running_loop()
    now = loop.time()
    for number in range(3 * MAX_DEATHS):
        monkeypatch.setattr(loop, "time", lambda number=number: now + 20 * number)
        deaths.add()


def test_more_connections_than_the_embedded_postgres_has_are_refused() -> None:
    pool = DatabaseSettings(pool_max=20)
    settings = Settings.load(server=ServerSettings(workers=2), database=pool)
    _refuse_too_many(settings)
    settings = Settings.load(server=ServerSettings(workers=3), database=pool)
    with pytest.raises(InvalidInput, match="POOL_MAX"):
        _refuse_too_many(settings)


def test_an_address_that_somebody_listens_on_is_not_shared() -> None:
    with listen("127.0.0.1:0") as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"Cannot listen on 127.0.0.1:{port}"):
            bind_shared(f"127.0.0.1:{port}", 2)


def test_an_address_that_another_server_shares_is_not_shared_with_it() -> None:
    [theirs] = bind_shared("127.0.0.1:0", 1)
    with theirs:
        theirs.listen()
        with pytest.raises(OSError, match="Cannot listen"):
            bind_shared(f"127.0.0.1:{theirs.getsockname()[1]}", 2)


def test_connections_are_spread_over_those_that_share_an_address() -> None:
    first, second = bind_shared("127.0.0.1:0", 2)
    with first, second, contextlib.ExitStack() as stack:
        assert first.getsockname() == second.getsockname()
        for each in (first, second):
            each.listen(64)
            each.setblocking(False)
        for _ in range(48):
            stack.enter_context(socket.create_connection(first.getsockname()))
        accepted = [0, 0]
        for index, each in enumerate((first, second)):
            with contextlib.suppress(BlockingIOError):
                while True:
                    stack.enter_context(each.accept()[0])
                    accepted[index] += 1
        assert sum(accepted) == 48
        assert min(accepted) > 0
