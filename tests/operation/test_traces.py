"""Traces: who is asked for what, in one trace from the client to the database, and no contents."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from tests.fixtures.server import METADATA, serving, wait_until
from tests.fixtures.upstream import Upstream

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass
class Collector:
    """What receives spans: OTLP over HTTP."""

    endpoint: str = ""
    received: list[bytes] = field(default_factory=list)

    @property
    def requests(self) -> list[trace_service_pb2.ExportTraceServiceRequest]:
        """Every export, as it came."""
        parse = trace_service_pb2.ExportTraceServiceRequest.FromString
        return [parse(each) for each in self.received]

    @property
    def spans(self) -> list[trace_pb2.Span]:
        """All spans of all exports."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def of_trace(self, trace_id: str) -> list[trace_pb2.Span]:
        """Those of one trace."""
        return [span for span in self.spans if span.trace_id.hex() == trace_id]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    found = Collector()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        found.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def attributes(span: trace_pb2.Span) -> dict[str, str | int]:
    """Texts and numbers, by name."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_chat_is_one_trace_from_the_client_to_the_upstream_without_contents(
    collector: Collector, upstream: Upstream
) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
    }
    with serving(environment) as server:
        client = server.openai("/v1/memory/ns/canary-namespace")
        for stream in (False, True):
            answer = client.chat.completions.with_raw_response.create(
                model="canary-model",
                messages=[{"role": "user", "content": "canary-content: where do I live?"}],
                stream=stream,
                extra_headers={"traceparent": PARENT},
                extra_query={"chat_id": "canary-chat"},
            )
            answer.http_response.read()
        with server.channel() as channel, pytest.raises(grpc.RpcError):
            memory_pb2_grpc.MemoryServiceStub(channel).GetMemory(
                memory_pb2.GetMemoryRequest(id="canary-id", namespace="canary-namespace"),
                metadata=(*METADATA, ("traceparent", PARENT)),
            )
        wait_until(lambda: len(collector.of_trace(TRACE)) >= 10, "the spans")
    by_name: dict[str, list[trace_pb2.Span]] = {}
    for span in collector.of_trace(TRACE):
        by_name.setdefault(span.name, []).append(span)

    route = "/v1/memory/ns/{namespace:path}/chat/completions"
    [whole, streamed] = by_name[next(name for name in by_name if name.startswith("POST /v1/"))]
    assert attributes(whole)["http.route"] in (route, route.replace(":path", ""))
    assert attributes(whole)["http.response.status_code"] == 200
    for http, rpc_name in (
        (whole, "eunoe.v1.ChatService/CompleteChat"),
        (streamed, "eunoe.v1.ChatService/StreamChat"),
    ):
        assert http.parent_span_id.hex() == "b7ad6b7169203331"
        [rpc] = by_name[rpc_name]
        assert rpc.parent_span_id == http.span_id
        assert attributes(rpc)["rpc.grpc.status"] == "OK"
        inside = {
            span.name for span in collector.of_trace(TRACE) if span.parent_span_id == rpc.span_id
        }
        assert inside == {"transaction", "POST /chat/completions"}
    [failed] = by_name["eunoe.v1.MemoryService/GetMemory"]
    assert attributes(failed)["rpc.grpc.status"] == "NOT_FOUND"
    assert failed.status.code == trace_pb2.Status.STATUS_CODE_ERROR

    # The upstream is told which trace it is asked in.
    told = [dict(request.headers).get("traceparent", "") for request in upstream.requests]
    asked = {span.span_id.hex() for span in collector.of_trace(TRACE)}
    assert all(each.split("-")[1] == TRACE and each.split("-")[2] in asked for each in told)

    exported = b"".join(collector.received)
    assert b"canary" not in exported
    # Workers that poll the database make no traces of their own.
    assert {span.name for span in collector.spans if not span.parent_span_id} <= {"GET"}
    [resource, *_] = [each.resource for each in collector.requests[0].resource_spans]
    named = {each.key: each.value.string_value for each in resource.attributes}
    assert named["service.name"] == "eunoe"
    assert named["deployment.environment.name"] == "test"


def test_a_collector_that_is_away_does_no_harm() -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with serving(environment) as server:
        client = server.openai()
        client.chat.completions.create(
            model="eunoe-local", messages=[{"role": "user", "content": "hello"}]
        )
        assert server.stop() == 0


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for() -> None:
    code = "import eunoe_server.app, sys; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout == "False\n"
