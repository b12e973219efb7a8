"""Logs, the request id and counters: what an operator sees.

Contents never pass through here: no message text, no memory, no key, no query string. A log line
names ids, counts, durations and reasons.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any, Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: The id of the request being served; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(_logger: Any, _method: str, event: structlog.typing.EventDict) -> Any:
    if current := request_id.get():
        event.setdefault("request_id", current)
    return event


def configure_logs(log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Our own lines and those of grpc, uvicorn and psycopg in one format, on standard error."""
    as_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if as_console
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if as_console else [structlog.processors.format_exc_info]),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These repeat what our own lines say.
    for chatty in ("uvicorn.access", "uvicorn.error", "httpx", "httpx2", "openai", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class Metrics:
    """The counters of one server, in a registry of their own so that two servers never mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rpcs = Counter(
            "eunoe_rpcs_total", "RPCs answered.", ["method", "code"], registry=self.registry
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
        self.commits = Counter(
            "eunoe_commits_total",
            "Commits of conversations by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.commit_queue = Gauge(
            "eunoe_commit_queue",
            "Conversations that wait to be committed, by state.",
            ["state"],
            registry=self.registry,
        )
        self.commit_lag_seconds = Gauge(
            "eunoe_commit_lag_seconds",
            "How long the oldest due conversation has waited.",
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
