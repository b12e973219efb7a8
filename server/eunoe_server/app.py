"""The composition root: the only file that constructs things.

`running()` opens, top to bottom, what a server is made of, each inside the one before; leaving it
closes them bottom to top: readiness turns off first, HTTP stops before the gRPC server it calls,
the workers finish before the pool they use, and the embedded Postgres goes last.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import structlog

from eunoe.v1 import (
    admin_pb2_grpc,
    chat_pb2_grpc,
    dialogue_pb2_grpc,
    memory_pb2_grpc,
    search_pb2_grpc,
)
from eunoe_server.admission import Gate
from eunoe_server.domain.screening import Screen, SecretPolicy
from eunoe_server.domain.token_bucket import TokenBuckets
from eunoe_server.errors import InvalidInput
from eunoe_server.providers import ChatModel, Embedder
from eunoe_server.providers.extractors import FactExtractor
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.services.audit import AuditTrail
from eunoe_server.services.chat import Chats
from eunoe_server.services.commits import Committer
from eunoe_server.services.conversations import Conversations
from eunoe_server.services.dialogue_states import DialogueStates
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.facts import Facts
from eunoe_server.services.idempotency import Idempotency
from eunoe_server.services.keys import Authenticator, Keys
from eunoe_server.services.memories import Memories
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.readiness import Readiness
from eunoe_server.services.recall import Recall
from eunoe_server.services.reindex import Reindex
from eunoe_server.services.retention import Retention
from eunoe_server.services.search import Search
from eunoe_server.services.search_upkeep import SearchUpkeep
from eunoe_server.services.sessions import Sessions
from eunoe_server.services.usage import Meter
from eunoe_server.settings import Settings, split_address, wants_traces
from eunoe_server.stores.database import Database
from eunoe_server.stores.embedded import embedded_postgres
from eunoe_server.stores.migrate import MigrationRefused, migrate, status
from eunoe_server.telemetry import Metrics, QueueGauges, configure_logs, exposition
from eunoe_server.tracing import exporting
from eunoe_server.transport.grpc.admin import AdminServicer
from eunoe_server.transport.grpc.chat import ChatServicer
from eunoe_server.transport.grpc.dialogues import DialogueServicer
from eunoe_server.transport.grpc.health import Health
from eunoe_server.transport.grpc.interceptors import (
    AccessLog,
    Admission,
    Authentication,
    Deadline,
    Decoding,
    Errors,
    Gates,
    IdempotencyKeys,
    InFlight,
    Metering,
    RateLimit,
    RequestId,
    RequiredFields,
    Shedding,
    SheddingOverHttp,
    Spans,
)
from eunoe_server.transport.grpc.memories import MemoryServicer
from eunoe_server.transport.grpc.search import SearchServicer
from eunoe_server.transport.grpc.server import GrpcOptions, Servicer, serve_grpc
from eunoe_server.transport.http.app import build_app, build_door
from eunoe_server.transport.http.channel import open_channel
from eunoe_server.transport.http.door import OPEN_DOOR, Doorman
from eunoe_server.transport.http.keep_alive import KeepAlive, KeepAliveMode
from eunoe_server.transport.http.server import serve_http
from eunoe_server.transport.ops import build_ops_app
from eunoe_server.workers.commit_worker import CommitWorker, WorkerOptions, measure_queue
from eunoe_server.workers.sampler import Sampler
from eunoe_server.workers.upkeep_worker import UpkeepWorker

log = structlog.get_logger()

Announce = Callable[[str], None]

#: Calls at a time if the settings say nothing. More than the database's cores can do makes each
#: slower and keeps the event loop from the door; only waiting for a far embedder is worth more.
CALLS = 8
CALLS_WITH_FAR_EMBEDDER = 64

#: The pool of a parent of several processes: readiness, and the queue's depth at a scrape.
PARENT_CONNECTIONS = 2

#: How long a stopping server waits for calls that were cut to store what had arrived.
CUT_CALLS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that serves: where, and the first key if this start minted one."""

    http_port: int
    grpc_port: int
    ops_port: int
    socket: Path
    first_key: str | None


@asynccontextmanager
async def running(settings: Settings, http: socket.socket | None = None) -> AsyncIterator[Running]:
    """A whole server while the context lasts. Raises EunoeError or OSError when it cannot start.

    With a bound socket for HTTP it is one process of several (`supervisor.py`): it shares the
    addresses, and leaves the schema, the first key, health and metrics to its parent.
    """
    async with AsyncExitStack() as stack:
        is_traced = stack.enter_context(traces_exported())
        metrics = Metrics()
        dsn = await stack.enter_async_context(open_postgres(settings))
        if http is None:
            await bring_schema(settings, dsn)
        database = await stack.enter_async_context(open_database(settings, dsn))
        embedder = await stack.enter_async_context(open_embedder(settings))
        model = await stack.enter_async_context(open_model(settings, embedder))
        extractor = await stack.enter_async_context(open_extractor(settings))

        first_key = None
        if http is None:
            first_key = await ensure_key(settings, database)
            await Reindex(database, embedder).warn()
        namespaces = Namespaces(database)
        meter = Meter(database, namespaces, default_monthly_calls=settings.limits.monthly_calls)
        await stack.enter_async_context(meter.flushing())
        screen = Screen(SecretPolicy(settings.screening.secrets))
        idempotency = Idempotency(database)
        messages = Messages(database, namespaces, embedder, screen=screen)
        facts = Facts(database, namespaces, embedder, extractor, metrics, screen=screen)
        gates = open_gates(settings, embedder)
        chats = Chats(
            Conversations(
                database,
                namespaces,
                embedder,
                session_idle_seconds=settings.chat.session_idle_seconds,
                replay_tokens=settings.chat.replay_tokens,
                screen=screen,
            ),
            Recall(
                database,
                embedder,
                max_notes=settings.recall.max_notes,
                max_tokens=settings.recall.max_tokens,
                min_relevance=settings.recall.min_relevance,
                screen=screen,
            ),
            model,
            idempotency,
            metrics,
            notes_role=settings.recall.role,
            memory_deadline_seconds=settings.chat.memory_deadline_seconds,
            steps=gates.steps,
        )

        worker = CommitWorker(
            database,
            Committer(database, embedder, facts, meter),
            WorkerOptions(
                concurrency=settings.worker.concurrency,
                poll_seconds=settings.worker.poll_seconds,
                lease_seconds=settings.worker.lease_seconds,
                max_attempts=settings.worker.max_attempts,
            ),
            metrics,
        )
        await stack.enter_async_context(worker.running())
        await stack.enter_async_context(Sampler(database, metrics).running())
        if settings.worker.concurrency:
            sessions = Sessions(
                database,
                idle_seconds=settings.chat.session_idle_seconds,
                erases_expired=settings.chat.erase_expired_sessions,
            )
            retention = Retention(database, default_days=settings.retention.default_days)
            for upkeep in (
                UpkeepWorker("search upkeep", SearchUpkeep(database).split_next),
                UpkeepWorker("session expiry", sessions.expire_next),
                UpkeepWorker("idempotency keys", idempotency.forget_next),
                UpkeepWorker("retention", retention.sweep_next),
            ):
                await stack.enter_async_context(upkeep.running())

        servicers = [
            Servicer(
                "eunoe.v1.ChatService",
                chat_pb2_grpc.add_ChatServiceServicer_to_server,
                ChatServicer(chats, settings.chat.commit_after_seconds),
            ),
            Servicer(
                "eunoe.v1.MemoryService",
                memory_pb2_grpc.add_MemoryServiceServicer_to_server,
                MemoryServicer(Memories(database, namespaces, embedder, screen=screen), facts),
            ),
            Servicer(
                "eunoe.v1.DialogueService",
                dialogue_pb2_grpc.add_DialogueServiceServicer_to_server,
                DialogueServicer(
                    Dialogues(database, namespaces, messages, screen=screen),
                    messages,
                    DialogueStates(database, namespaces, screen=screen),
                    settings.chat.commit_after_seconds,
                ),
            ),
            Servicer(
                "eunoe.v1.SearchService",
                search_pb2_grpc.add_SearchServiceServicer_to_server,
                SearchServicer(Search(database, namespaces, embedder)),
            ),
            Servicer(
                "eunoe.v1.AdminService",
                admin_pb2_grpc.add_AdminServiceServicer_to_server,
                AdminServicer(
                    Keys(database), namespaces, meter, AuditTrail(database), now=database.now
                ),
            ),
        ]
        readiness = Readiness(database)
        health = Health(frozenset(servicer.name for servicer in servicers))
        readiness.subscribe(health.set_serving)
        # A folder of its own: replicas may share a data folder, and a socket's path must be short.
        in_flight, shedding = InFlight(), Shedding(gates, metrics)
        # Left after the gRPC server: what cut calls still store needs the pool.
        stack.push_async_callback(in_flight.wait_until_idle, CUT_CALLS_SECONDS)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-"))
        socket = Path(folder) / "grpc.sock"
        over_grpc = await stack.enter_async_context(
            serve_grpc(
                servicers,
                shedding,
                [
                    in_flight,
                    RequestId(),
                    *([Spans()] if is_traced else ()),
                    AccessLog(metrics),
                    Errors(),
                    Deadline(settings.server.call_seconds),
                    Authentication(Authenticator(database)),
                    *rate_limits(settings),
                    Admission(gates),
                    Decoding(),
                    Metering(meter),
                    RequiredFields(),
                    IdempotencyKeys(idempotency),
                ],
                health,
                GrpcOptions(
                    address=settings.grpc_address,
                    socket=socket,
                    max_message_bytes=settings.chat.max_body_bytes,
                    reflection=settings.server.reflection,
                    drain_seconds=settings.server.drain_seconds,
                    is_shared=http is not None,
                ),
            )
        )
        channel = await stack.enter_async_context(open_channel(f"unix:{socket}"))
        http_port = await stack.enter_async_context(
            serve_front(settings, channel, http=http, doorman=SheddingOverHttp(gates, shedding))
        )
        ops_port = 0
        if http is None:
            gauges = QueueGauges(metrics.registry)

            async def collect() -> bytes:
                await measure_queue(database, gauges)
                return exposition(metrics.registry)

            ops = build_ops_app(lambda: readiness.why_not, collect)
            ops_port = await stack.enter_async_context(
                serve_http(ops, settings.ops_address, drain_seconds=1.0)
            )
        await stack.enter_async_context(readiness.watching())
        stack.push_async_callback(
            _drain, readiness, settings.server.drain_delay_seconds, over_grpc.turn_away
        )
        yield Running(http_port, over_grpc.port, ops_port, socket, first_key)


@contextmanager
def traces_exported() -> Iterator[bool]:
    """Whether traces are exported while the context lasts: if it is asked for and can be done."""
    is_traced = False
    with ExitStack() as stack:
        if wants_traces():
            try:
                stack.enter_context(exporting())
                is_traced = True
            except ImportError:
                log.warning("no traces: OTEL_* asks for them, eunoe-server[otel] is not installed")
        yield is_traced


async def bring_schema(settings: Settings, dsn: str) -> None:
    """Applies missing migrations, unless the settings leave that to an operator.

    Then an old schema makes a server that is not ready, and none at all is refused: not even the
    first key could be looked up. Raises MigrationRefused, StorageUnavailable.
    """
    if settings.database.migrate_on_start:
        for name in await migrate(dsn):
            log.info("migrated", file=name)
    elif (found := await status(dsn)).found == 0:
        raise MigrationRefused(found.why_not)


async def ensure_key(settings: Settings, database: Database) -> str | None:
    """Makes the first key if absent; the token, if this minted one."""
    given = settings.bootstrap_api_key
    return await Keys(database).bootstrap(given.get_secret_value() if given else None)


def serve_front(
    settings: Settings,
    channel: grpc.aio.Channel,
    *,
    http: socket.socket | None = None,
    doorman: Doorman = OPEN_DOOR,
) -> AbstractAsyncContextManager[int]:
    """HTTP before the gRPC server behind the channel, as a context manager of the port."""
    describes_itself = settings.server.reflection
    return serve_http(
        build_app(
            channel,
            max_body_bytes=settings.chat.max_body_bytes,
            keep_alive=KeepAlive(
                KeepAliveMode(settings.http.keep_alive), settings.http.keep_alive_seconds
            ),
            describes_itself=describes_itself,
            doorman=doorman,
        ),
        http or settings.http_address,
        door=build_door(doorman, describes_itself=describes_itself),
        drain_seconds=settings.server.drain_seconds,
        write_idle_seconds=settings.http.write_idle_seconds,
    )


def open_gates(settings: Settings, embedder: Embedder) -> Gates:
    """How many of each kind at a time."""
    calls = settings.limits.calls or (CALLS if embedder.is_local else CALLS_WITH_FAR_EMBEDDER)
    return Gates(
        # A hundred callers who each ask again when they are answered stand in line for ever, and
        # not for long.
        calls=Gate(calls, burst_seconds=1.0, standing_seconds=0.25),
        chats=Gate(settings.limits.chats, burst_seconds=0.0, standing_seconds=0.0),
        # Who chats waits for seconds anyway.
        steps=Gate(settings.limits.chat_steps, burst_seconds=4.0, standing_seconds=2.0),
    )


def rate_limits(settings: Settings) -> Sequence[RateLimit]:
    """The limit of calls a minute, if the settings name one."""
    per_minute = settings.limits.calls_per_minute
    if not per_minute:
        return ()
    return (RateLimit(TokenBuckets(per_minute, settings.limits.burst or per_minute)),)


def connections_needed(settings: Settings) -> int:
    """How many connections to the database a whole server opens at most."""
    # Beside its pool, each process has one that asks whether the database is there.
    each = settings.database.pool_max + 1
    if settings.server.workers == 1:
        return each
    return settings.server.workers * each + PARENT_CONNECTIONS + 1


async def _drain(readiness: Readiness, delay_seconds: float, turn_away: Callable[[], None]) -> None:
    readiness.start_draining()
    # Balancers need a moment to see it before calls are refused.
    await asyncio.sleep(delay_seconds)
    turn_away()


async def shim_until(
    settings: Settings, target: str, stop: asyncio.Event, *, announce: Announce
) -> None:
    """Serves only HTTP, as a client of the gRPC server at `target`, until `stop` is set."""
    configure_logs(settings.server.log_format, settings.server.log_level)
    with traces_exported():
        async with (
            open_channel(target) as channel,
            serve_front(settings, channel) as port,
        ):
            host, _ = split_address(settings.http_address)
            announce(f"Eunoe serves HTTP on http://{host}:{port}, for gRPC on {target}")
            await stop.wait()


async def serve_until(settings: Settings, stop: asyncio.Event, *, announce: Announce) -> None:
    """Serves until `stop` is set, telling a person where, with which key and which model."""
    configure_logs(settings.server.log_format, settings.server.log_level)
    async with running(settings) as server:
        introduce(settings, server.http_port, server.grpc_port, server.ops_port, announce)
        if server.first_key:
            announce(f"First API key, shown once: {server.first_key}")
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


def introduce(
    settings: Settings, http_port: int, grpc_port: int, ops_port: int, announce: Announce
) -> None:
    """Tells a person where the server is and what answers."""
    http_host, _ = split_address(settings.http_address)
    grpc_host, _ = split_address(settings.grpc_address)
    ops_host, _ = split_address(settings.ops_address)
    announce(f"Eunoe serves HTTP on http://{http_host}:{http_port}")
    announce(f"             gRPC on {grpc_host}:{grpc_port}")
    announce(f"             health and metrics on http://{ops_host}:{ops_port}")
    if not settings.database_url.get_secret_value():
        announce(f"Data: {settings.data_dir.absolute()} (embedded Postgres)")
    if not settings.upstream_base_url:
        announce(
            "No upstream is set: `eunoe-local` answers. It is no language model; it answers by "
            "rules from the conversation and the recalled notes. Set EUNOE_UPSTREAM_BASE_URL "
            "and EUNOE_UPSTREAM_API_KEY to use a real model."
        )


@asynccontextmanager
async def open_postgres(settings: Settings) -> AsyncIterator[str]:
    """A connection string for the database that the settings name, started if it is embedded."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if dsn := settings.database_url.get_secret_value():
        yield dsn
        return
    async with embedded_postgres(settings.data_dir) as dsn:
        yield dsn


def open_database(settings: Settings, dsn: str) -> Database:
    """The pool, as a context manager."""
    return Database(
        dsn,
        min_connections=settings.database.pool_min,
        max_connections=settings.database.pool_max,
        max_waiting=settings.database.pool_max_waiting,
        acquire_timeout_seconds=settings.database.pool_wait_seconds,
        statement_timeout_seconds=settings.database.statement_seconds,
    )


@asynccontextmanager
async def open_embedder(settings: Settings) -> AsyncIterator[Embedder]:
    """The embedder that the settings name."""
    if settings.embedder.provider == "wordllama":
        from eunoe_server.providers.wordllama import WordLlamaEmbedder  # noqa: PLC0415 - as below

        yield await asyncio.to_thread(WordLlamaEmbedder)
        return
    from eunoe_server.providers.openai import OpenAIEmbedder  # noqa: PLC0415 - imports openai

    if not settings.embedder.base_url:
        raise InvalidInput("Set EUNOE_EMBEDDER__BASE_URL for the `openai` embedder.")
    remote = OpenAIEmbedder(
        settings.embedder.base_url,
        settings.embedder.api_key.get_secret_value(),
        settings.embedder.model,
        settings.embedder.dimension,
    )
    try:
        yield remote
    finally:
        await remote.aclose()


@asynccontextmanager
async def open_model(settings: Settings, embedder: Embedder) -> AsyncIterator[ChatModel]:
    """The upstream that the settings name, else the offline model."""
    if not settings.upstream_base_url:
        from eunoe_server.providers.local import LocalModel  # noqa: PLC0415 - not needed otherwise

        yield LocalModel(embedder)
        return
    from eunoe_server.providers.openai import OpenAIChatModel  # noqa: PLC0415 - imports openai

    remote = OpenAIChatModel(
        settings.upstream_base_url,
        settings.upstream_api_key.get_secret_value(),
        connect_seconds=settings.upstream.connect_seconds,
        first_byte_seconds=settings.upstream.first_byte_seconds,
        idle_seconds=settings.upstream.idle_seconds,
    )
    try:
        yield remote
    finally:
        await remote.aclose()


@asynccontextmanager
async def open_extractor(settings: Settings) -> AsyncIterator[FactExtractor]:
    """The fact extractor that the settings name."""
    if settings.extractor.provider == "rules":
        yield RulesExtractor()
        return
    from eunoe_server.providers.extractors.llm import LlmExtractor  # noqa: PLC0415 - as below
    from eunoe_server.providers.openai import OpenAIChatModel  # noqa: PLC0415 - imports openai

    base_url, api_key = settings.extractor.base_url, settings.extractor.api_key
    if not base_url:
        base_url, api_key = settings.upstream_base_url, settings.upstream_api_key
    if not base_url:
        raise InvalidInput(
            "Set EUNOE_EXTRACTOR__BASE_URL or EUNOE_UPSTREAM_BASE_URL for the `llm` extractor."
        )
    # Of its own: a commit must not wait behind chats, nor they behind it.
    remote = OpenAIChatModel(
        base_url,
        api_key.get_secret_value(),
        connect_seconds=settings.upstream.connect_seconds,
        first_byte_seconds=settings.upstream.first_byte_seconds,
        idle_seconds=settings.upstream.idle_seconds,
    )
    try:
        yield LlmExtractor(remote, settings.extractor.model)
    finally:
        await remote.aclose()
