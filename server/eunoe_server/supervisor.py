"""Several processes that serve on the same ports, and the one that keeps them alive.

The parent owns what there is one of: the embedded Postgres, the schema, the first key, the sockets,
health and metrics. It serves no request. A child is a whole server on the parent's database
(`supervised.py`); work is shared by the kernel, which spreads connections, and by leases in the
database, which any number of commit workers may claim.

A child that dies is replaced. Connections that it had not accepted yet wait for the next one
(HTTP) or are made to the others (gRPC); calls it was answering break, and what it had acknowledged
is in the database. When children die again and again, the server ends, so that whoever watches it
hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from pydantic import SecretStr

from eunoe_server.app import (
    CUT_CALLS_SECONDS,
    PARENT_CONNECTIONS,
    Announce,
    bring_schema,
    connections_needed,
    ensure_key,
    introduce,
    open_embedder,
    open_postgres,
)
from eunoe_server.errors import EunoeError, InvalidInput
from eunoe_server.services.readiness import Readiness
from eunoe_server.services.reindex import Reindex
from eunoe_server.settings import Settings
from eunoe_server.stores.cluster import SETTINGS as EMBEDDED_SETTINGS
from eunoe_server.stores.database import Database
from eunoe_server.supervised import READY, Assignment
from eunoe_server.telemetry import QueueGauges, configure_logs, exposition
from eunoe_server.transport.http.server import serve_http
from eunoe_server.transport.listening import bind_shared
from eunoe_server.transport.ops import build_ops_app
from eunoe_server.workers.commit_worker import measure_queue

log = structlog.get_logger()

S = TypeVar("S")

#: More deaths than this within a minute end the server.
MAX_DEATHS = 5
DEATHS_WITHIN_SECONDS = 60.0
#: Before a child is tried again that died before it served.
PAUSE_SECONDS = 1.0


class ProcessesKeepDying(EunoeError):
    """Replacing them does not help."""


class Child:
    """One of the processes, and those that replace it."""

    def __init__(
        self,
        number: int,
        settings: Settings,
        http: socket.socket,
        environment: Mapping[str, str],
        metrics: ProcessMetrics,
    ) -> None:
        self._number = number
        self._settings = settings
        self._http = http
        self._environment = environment
        self._metrics = metrics
        self._process: Process | None = None
        self._is_stopping = False
        self.is_ready = asyncio.Event()

    async def keep_running(self, deaths: Deaths) -> None:
        """Returns when it was told to stop. Raises ProcessesKeepDying.

        A first process that never serves is not replaced: the next would fail like it.
        """
        has_served = False
        while not self._is_stopping:
            self._process = process = await self._start()
            if await self._reads_ready(process):
                self.is_ready.set()
                log.info("process serves", number=self._number, pid=process.pid)
            status = await process.wait()
            was_ready = self.is_ready.is_set()
            has_served = has_served or was_ready
            self.is_ready.clear()
            self._metrics.forget(process.pid)
            if self._is_stopping:
                return
            log.error("process died", number=self._number, status=status)
            if not has_served:
                raise ProcessesKeepDying("A process ended before it served; the log says why.")
            deaths.add()
            if not was_ready:
                await asyncio.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Asks it to finish what it is at, and to be replaced by none."""
        self._is_stopping = True
        # Else connections that come while it drains would wait for a process that never comes.
        self._http.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _start(self) -> Process:
        with self._http.dup() as http:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "eunoe_server.supervised",
                stdin=PIPE,
                stdout=PIPE,
                env=dict(self._environment),
                pass_fds=[http.fileno()],
                # A terminal's Ctrl-C is for the parent, which lets the children finish.
                start_new_session=True,
            )
            assignment = Assignment(self._number, self._settings, http.fileno())
        _piped(process.stdin).write(pickle.dumps(assignment))
        if self._is_stopping:
            process.terminate()
        return process

    @staticmethod
    async def _reads_ready(process: Process) -> bool:
        return await _piped(process.stdout).readline() == READY


class Deaths:
    """How often children died lately."""

    def __init__(self, metrics: ProcessMetrics) -> None:
        self._at: deque[float] = deque()
        self._metrics = metrics

    def add(self) -> None:
        """Raises ProcessesKeepDying when it was too often."""
        now = asyncio.get_running_loop().time()
        self._metrics.deaths.inc()
        self._at.append(now)
        while self._at[0] < now - DEATHS_WITHIN_SECONDS:
            self._at.popleft()
        if len(self._at) > MAX_DEATHS:
            raise ProcessesKeepDying(
                f"The server's processes died {len(self._at)} times within "
                f"{DEATHS_WITHIN_SECONDS:.0f} seconds."
            )


class ProcessMetrics:
    """The metrics of all processes together, in a folder that they share.

    Counters go on when a process is replaced; gauges of a dead one are forgotten.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children = CollectorRegistry()
        MultiProcessCollector(self._children, path=str(folder))  # type: ignore[no-untyped-call]
        #: What the parent itself knows.
        self.own = own = CollectorRegistry()
        self.queue = QueueGauges(own)
        self.deaths = Counter(
            "eunoe_process_deaths_total", "Processes that ended unasked.", registry=own
        )
        self.serving = Gauge("eunoe_processes", "Processes that serve.", registry=own)

    @property
    def environment(self) -> dict[str, str]:
        """By which a process finds the folder."""
        return {"PROMETHEUS_MULTIPROC_DIR": str(self._folder)}

    def forget(self, pid: int) -> None:
        """Drops the gauges of a process that has ended."""
        mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]

    def exposition(self) -> bytes:
        """In the text format."""
        return exposition(self._children, self.own)


async def supervise_until(
    settings: Settings,
    stop: asyncio.Event,
    *,
    announce: Announce,
    environment: Mapping[str, str],
) -> None:
    """Serves with as many processes as the settings say, until `stop` is set.

    `environment` is what the children get. Raises EunoeError and OSError when it cannot start, and
    ProcessesKeepDying.
    """
    configure_logs(settings.server.log_format, settings.server.log_level)
    _refuse_too_many(settings)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(open_postgres(settings))
        await bring_schema(settings, dsn)
        database = await stack.enter_async_context(
            Database(dsn, min_connections=1, max_connections=PARENT_CONNECTIONS)
        )
        first_key = await ensure_key(settings, database)
        async with open_embedder(settings) as embedder:
            await Reindex(database, embedder).warn()
        metrics = ProcessMetrics(
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-metrics-")))
        )
        http = bind_shared(settings.http_address, settings.server.workers)
        for each in http:
            stack.enter_context(each)
        # Only kept: gRPC binds sockets of its own at the same port.
        [grpc] = bind_shared(settings.grpc_address, 1)
        stack.enter_context(grpc)
        http_port, grpc_port = (each.getsockname()[1] for each in (http[0], grpc))
        grpc_host = settings.grpc_address.rpartition(":")[0]
        of_child = settings.model_copy(
            update={"database_url": SecretStr(dsn), "grpc_address": f"{grpc_host}:{grpc_port}"}
        )
        children = [
            Child(number, of_child, each, {**environment, **metrics.environment}, metrics)
            for number, each in enumerate(http, 1)
        ]
        readiness = Readiness(database)

        async def collect() -> bytes:
            metrics.serving.set(sum(child.is_ready.is_set() for child in children))
            await measure_queue(database, metrics.queue)
            return metrics.exposition()

        def why_not() -> str:
            serves = any(child.is_ready.is_set() for child in children)
            return readiness.why_not or ("" if serves else "no process serves")

        ops_port = await stack.enter_async_context(
            serve_http(build_ops_app(why_not, collect), settings.ops_address, drain_seconds=1.0)
        )
        await stack.enter_async_context(readiness.watching())

        def say_so() -> None:
            introduce(settings, http_port, grpc_port, ops_port, announce)
            announce(f"{len(children)} processes serve.")
            if first_key:
                announce(f"First API key, shown once: {first_key}")

        def say_goodbye() -> None:
            readiness.start_draining()
            log.info("stopping")

        await _keep_running(
            children, Deaths(metrics), stop, say_so, say_goodbye, _longest_drain(settings)
        )
    log.info("stopped")


def _piped(stream: S | None) -> S:
    if stream is None:  # asyncio gives one for each pipe that was asked for
        raise TypeError
    return stream


async def _keep_running(
    children: Sequence[Child],
    deaths: Deaths,
    stop: asyncio.Event,
    when_all_serve: Callable[[], None],
    when_stopping: Callable[[], None],
    longest_drain_seconds: float,
) -> None:
    keeping = [asyncio.create_task(child.keep_running(deaths)) for child in children]
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(_start_all(children, when_all_serve))
    try:
        await asyncio.wait((stopping, *keeping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        starting.cancel()
        stopping.cancel()
        when_stopping()
        for child in children:
            child.stop()
        _, late = await asyncio.wait(keeping, timeout=longest_drain_seconds)
        for child in children if late else ():
            child.kill()
        await asyncio.gather(*keeping)


async def _start_all(children: Sequence[Child], when_all_serve: Callable[[], None]) -> None:
    for child in children:
        await child.is_ready.wait()
    when_all_serve()


def _longest_drain(settings: Settings) -> float:
    # HTTP has its time, then gRPC, then what was cut stores what had arrived.
    server = settings.server
    return server.drain_delay_seconds + 2 * server.drain_seconds + CUT_CALLS_SECONDS + 5.0


def _refuse_too_many(settings: Settings) -> None:
    """The embedded Postgres has only so many connections; another one's operator knows its own."""
    if settings.database_url.get_secret_value():
        return
    most = int(EMBEDDED_SETTINGS["max_connections"])
    if connections_needed(settings) > most:
        raise InvalidInput(
            f"{settings.server.workers} processes with {settings.database.pool_max} connections "
            f"each are more than the embedded Postgres takes ({most}). Set "
            "EUNOE_DATABASE__POOL_MAX lower."
        )
