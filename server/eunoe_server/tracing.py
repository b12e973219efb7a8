"""Spans: what the rest of the server says about its work to whoever traces it.

Four kinds: an HTTP request, an RPC, a transaction, a call of the upstream. The first two go on with
the trace that their caller names (W3C `traceparent`), the last two are shown only inside one, so
that workers that poll make none. Unless `exporting()` is entered the functions here do next to
nothing, and nothing of OpenTelemetry is imported.

It refuses contents: a span has a name out of our own code, ids, counts, statuses and the type of an
error, never a path, a query, SQL or the text of an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Attributes: TypeAlias = Mapping[str, str | int]


@dataclass(slots=True)
class Span:
    """What is known of a piece of work only when it has been done."""

    attributes: dict[str, str | int] = field(default_factory=dict)
    #: In place of the name that it began with.
    name: str = ""
    #: What it failed with: a word, such as an exception's type; empty: it did not.
    error: str = ""


class Tracer(Protocol):
    """What records spans."""

    def server_span(
        self, name: str, carrier: Mapping[str, str], attributes: Attributes
    ) -> AbstractContextManager[Span]: ...

    def client_span(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]: ...

    def carried(self) -> dict[str, str]: ...


#: One a process, as the OTEL_* variables that configure it.
_tracer: Tracer | None = None


@contextmanager
def exporting() -> Iterator[None]:
    """Exports spans while the context lasts. Raises ImportError without the extra `otel`."""
    global _tracer  # noqa: PLW0603 - see above
    from eunoe_server.opentelemetry_spans import exporter  # noqa: PLC0415 - the extra

    with exporter() as _tracer:
        try:
            yield
        finally:
            _tracer = None


def server_span(
    name: str, carrier: Mapping[str, str], attributes: Attributes
) -> AbstractContextManager[Span]:
    """A span of what we were asked for, in the trace that `carrier` names.

    For the outermost code of a task of its own: it stays the current one until that task ends.
    """
    if _tracer is None:
        return nullcontext(Span())
    return _tracer.server_span(name, carrier, attributes)


def client_span(name: str, attributes: Attributes) -> AbstractContextManager[Span]:
    """A span of what we ask others for, if there is a trace that it belongs to."""
    if _tracer is None:
        return nullcontext(Span())
    return _tracer.client_span(name, attributes)


def carried() -> dict[str, str]:
    """The headers that name the current trace to whoever is asked next; none without one."""
    return {} if _tracer is None else _tracer.carried()
