"""The spans of `tracing.py` as OpenTelemetry's, exported by OTLP over HTTP.

The OTEL_* variables say where to, how many and as whom; the SDK reads them itself. Imported only
where the extra `otel` is installed and an endpoint is set.

A few lines of our own rather than the instrumentation packages: those record the query string, SQL
and the text of exceptions, which name users and hold what they said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from eunoe_server.tracing import Attributes, Span

_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def exporter() -> Iterator[OpenTelemetryTracer]:
    """Exports while the context lasts; what is left is sent on leaving."""
    ours = Resource({"service.name": "eunoe"})
    provider = TracerProvider(
        resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield OpenTelemetryTracer(provider.get_tracer("eunoe_server"))
    finally:
        provider.shutdown()


class OpenTelemetryTracer:
    """See `tracing.Tracer`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def server_span(
        self, name: str, carrier: Mapping[str, str], attributes: Attributes
    ) -> Iterator[Span]:
        """Current until the task ends; see `tracing.server_span`."""
        parent = _PROPAGATOR.extract(carrier)
        recorded = self._tracer.start_span(name, parent, trace.SpanKind.SERVER, attributes)
        # Not detached: a generator may be closed in another context than it began in.
        context.attach(trace.set_span_in_context(recorded, parent))
        with _ended(recorded) as span:
            yield span

    @contextmanager
    def client_span(self, name: str, attributes: Attributes) -> Iterator[Span]:
        """Never current, so it may cross the steps of a generator."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield Span()
            return
        recorded = self._tracer.start_span(name, None, trace.SpanKind.CLIENT, attributes)
        with _ended(recorded) as span:
            yield span

    def carried(self) -> dict[str, str]:
        """`traceparent`, and `tracestate` if there is one."""
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers)
        return headers


@contextmanager
def _ended(recorded: trace.Span) -> Iterator[Span]:
    span = Span()
    try:
        yield span
    except BaseException as error:
        span.error = span.error or type(error).__name__
        raise
    finally:
        recorded.set_attributes(span.attributes)
        if span.name:
            recorded.update_name(span.name)
        if span.error:
            recorded.set_attribute("error.type", span.error)
            recorded.set_status(trace.StatusCode.ERROR)
        recorded.end()
