"""Logs, the request id and counters: what an operator sees.

Contents never pass through here: no message text, no memory, no key, no query string. A log line
names ids, counts, durations and reasons; a metric's labels are words of ours, never of a user.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from eunoe_server.tracebacks import without_messages, write_without_messages

#: The id of the request being served; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(_logger: Any, _method: str, event: structlog.typing.EventDict) -> Any:
    if current := request_id.get():
        event.setdefault("request_id", current)
    return event


class _Lines:
    """Where log lines go. If there is no room for them, they are lost, and not the calls."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


def _as_json(event: structlog.typing.EventDict, **options: Any) -> str:
    try:  # the quicker one
        return msgspec.json.encode(event, enc_hook=options["default"]).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(event, **options)


def configure_logs(log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Our own lines and those of grpc, uvicorn and psycopg in one format, on standard error."""
    as_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    is_whole = level == "debug"
    render_exception = (
        structlog.processors.format_exc_info
        if is_whole
        else structlog.processors.ExceptionRenderer(without_messages)
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=(
                structlog.dev.plain_traceback if is_whole else write_without_messages
            ),
        )
        if as_console
        else structlog.processors.JSONRenderer(_as_json)
    )
    last: list[structlog.typing.Processor] = [
        *([] if as_console else [render_exception]),
        renderer,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These repeat what our own lines say.
    for chatty in ("uvicorn.access", "uvicorn.error", "httpx", "httpx2", "openai", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not through `logging`: it costs more than all else that a line takes.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lines(sys.stderr))),
        cache_logger_on_first_use=True,
    )


#: From a look-up that hit a cache to a model that thinks for minutes.
STAGE_BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
)


class Stages:
    """How long each stage of one chat took. Filled as they end, so read it when you need it.

    A stage inside another counts for itself only, so that they add up.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._histogram = metrics.chat_stage_seconds
        self._seconds: dict[str, float] = {}
        self._counted = 0.0

    @property
    def seconds(self) -> Mapping[str, float]:
        """The stages that have ended, in their order."""
        return self._seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside, also when it fails: a stage that ran into its deadline counts."""
        counted_before, started = self._counted, time.perf_counter()
        try:
            yield
        finally:
            whole = time.perf_counter() - started
            own = whole - (self._counted - counted_before)
            self._counted = counted_before + whole
            self._add(name, own)

    def start(self, name: str) -> Callable[[], None]:
        """Times from now until the function that it gives is first called."""
        started = time.perf_counter()

        def end() -> None:
            if name not in self._seconds:
                self._add(name, time.perf_counter() - started)

        return end

    def _add(self, name: str, seconds: float) -> None:
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        self._histogram.labels(name).observe(seconds)


class QueueGauges:
    """What is asked of the database, once for all processes of a server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commit_queue = Gauge(
            "eunoe_commit_queue",
            "Conversations that wait to be committed, by state.",
            ["state"],
            registry=registry,
        )
        self.commit_lag_seconds = Gauge(
            "eunoe_commit_lag_seconds",
            "How long the oldest due conversation has waited.",
            registry=registry,
        )


class Metrics:
    """What one process counts, in a registry of its own so that two servers never mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rpcs = Counter(
            "eunoe_rpcs_total", "RPCs answered.", ["method", "code"], registry=self.registry
        )
        self.calls_refused = Counter(
            "eunoe_calls_refused_total",
            "Calls refused at the door, because the server had more than it can serve.",
            registry=self.registry,
        )
        self.rpc_seconds = Histogram(
            "eunoe_rpc_seconds", "Time to answer an RPC.", ["method"], registry=self.registry
        )
        self.chats_degraded = Counter(
            "eunoe_chats_degraded_total",
            "Chats answered with a memory step left out.",
            ["step"],
            registry=self.registry,
        )
        self.chat_stage_seconds = Histogram(
            "eunoe_chat_stage_seconds",
            "Time of the stages of a chat. `upstream` (a whole answer) and `first_token` (a "
            "stream) are the model's, the others memory's.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        self.chats = Counter(
            "eunoe_chats_total",
            "Chats answered, by how their conversation was found.",
            ["matched_by"],
            registry=self.registry,
        )
        self.recall_notes = Histogram(
            "eunoe_recall_notes",
            "Notes put into a chat that recalls.",
            buckets=(0, 1, 2, 4, 8, 16),
            registry=self.registry,
        )
        self.chat_tokens = Counter(
            "eunoe_chat_tokens_total",
            "Tokens of chats: `prompt` and `completion` as the upstream counted them, `injected` "
            "as we estimate the share of memory in the prompt.",
            ["kind"],
            registry=self.registry,
        )
        self.pool_connections = Gauge(
            "eunoe_pool_connections",
            "Connections to the database, by state.",
            ["state"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.pool_waiting = Gauge(
            "eunoe_pool_waiting",
            "Callers that wait for a connection to the database.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.tasks = Gauge(
            "eunoe_tasks",
            "Tasks of the event loop that have not ended.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.loop_lag_seconds = Histogram(
            "eunoe_event_loop_lag_seconds",
            "How late the event loop came to a timer of a second.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
            registry=self.registry,
        )
        self.commits = Counter(
            "eunoe_commits_total",
            "Commits of conversations by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.facts = Counter(
            "eunoe_facts_total",
            "Facts found, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self.incomplete_extractions = Counter(
            "eunoe_incomplete_extractions_total",
            "Extractions whose model answered something that could not be read.",
            registry=self.registry,
        )
        self.extraction_tokens = Counter(
            "eunoe_extraction_tokens_total",
            "Tokens that the fact extractor's model charged.",
            registry=self.registry,
        )


def exposition(*registries: CollectorRegistry) -> bytes:
    """What the registries hold, in the text format that Prometheus reads."""
    return b"".join(generate_latest(registry) for registry in registries)
