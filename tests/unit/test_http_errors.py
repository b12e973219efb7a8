"""Failures in three dialects, without a socket: the tables are complete and say what seeds say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from eunoe.v1 import chat_pb2
from eunoe_server.errors import (
    ConflictingParameters,
    DuplicateId,
    EunoeError,
    FieldViolation,
    LimitReached,
    MissingParameter,
    NotAuthenticated,
    Overloaded,
    Reason,
    UpstreamAnsweredError,
)
from eunoe_server.transport.grpc.status import to_status
from eunoe_server.transport.http.dialects import Dialect, dialect_of
from eunoe_server.transport.http.errors import (
    STATUS,
    STATUS_OF_CODE,
    failure_of,
    openai_event,
    respond,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def rpc_error(
    code: StatusCode, text: str = "", details: bytes | None = None
) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata()
    if details is not None:
        trailing.add("grpc-status-details-bin", details)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=text)


def over_the_wire(error: EunoeError, **options: Any) -> grpc.aio.AioRpcError:
    """What a client of the server sees of one of the server's exceptions."""
    status = to_status(error, **options)
    [(_, details)] = status.trailing_metadata
    return rpc_error(status.code, status.details, bytes(details))  # type: ignore[arg-type]


def answer(error: EunoeError | grpc.aio.AioRpcError, dialect: Dialect) -> tuple[int, Any, Any]:
    reply = respond(failure_of(error), dialect, "req_1", NOW)
    return reply.status_code, json.loads(bytes(reply.body)), reply.headers


def test_every_reason_has_a_status() -> None:
    assert STATUS.keys() == set(Reason)


def test_every_grpc_code_has_a_status() -> None:
    assert STATUS_OF_CODE.keys() == set(StatusCode)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/memory/chat/completions", Dialect.OPENAI),
        ("/v1", Dialect.OPENAI),
        ("/v1/admin/keys", Dialect.NATIVE),
        ("/api/publicLLM", Dialect.OPENAI),
        ("/api/publicLLM/models", Dialect.OPENAI),
        ("/api/v1/memories", Dialect.MEMORIES),
        ("/memory/x", Dialect.NATIVE),
        ("/v1x", Dialect.NATIVE),
        ("/", Dialect.NATIVE),
    ],
)
def test_the_path_tells_the_dialect(path: str, dialect: Dialect) -> None:
    assert dialect_of(path) is dialect


# Status and headers


def test_a_duplicate_id_is_400_because_sdks_retry_409_by_themselves() -> None:
    status, body, _ = answer(over_the_wire(DuplicateId()), Dialect.NATIVE)
    assert status == 400
    assert body["error"]["code"] == "DUPLICATE_ID"


def test_overload_is_503_with_a_time_to_come_back_although_its_grpc_code_maps_to_429() -> None:
    status, body, headers = answer(
        over_the_wire(Overloaded(retry_after_seconds=2.2)), Dialect.OPENAI
    )
    assert status == 503
    assert headers["retry-after"] == "3"
    assert body["error"]["code"] == "server_is_overloaded"
    assert body["error"]["type"] == "server_error"


def test_a_retry_after_of_less_than_a_second_is_never_zero() -> None:
    _, _, headers = answer(over_the_wire(LimitReached(retry_after_seconds=0.02)), Dialect.OPENAI)
    assert headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.NOT_IMPLEMENTED, "false"),
        (Reason.QUOTA_EXCEEDED, "false"),
        (Reason.STATE_VERSION_MISMATCH, "false"),
        (Reason.UPSTREAM_AUTHENTICATION, "false"),
        (Reason.IDEMPOTENCY_IN_PROGRESS, "true"),
        (Reason.RATE_LIMIT_EXCEEDED, None),
        (Reason.STORAGE_UNAVAILABLE, None),
    ],
)
def test_sdks_are_told_where_their_own_retry_rule_is_wrong(
    reason: Reason, expected: str | None
) -> None:
    error = EunoeError("x")
    error.reason = reason
    assert answer(error, Dialect.OPENAI)[2].get("x-should-retry") == expected


def test_an_error_of_grpc_itself_shows_nothing_of_its_text() -> None:
    error = rpc_error(StatusCode.UNAVAILABLE, "failed to connect to unix:/secret/place.sock")
    status, body, headers = answer(error, Dialect.OPENAI)
    assert status == 503
    assert "secret" not in json.dumps(body)
    assert headers["retry-after"] == "1"


def test_details_that_cannot_be_read_leave_the_code() -> None:
    status, _, _ = answer(rpc_error(StatusCode.NOT_FOUND, "x", b"\xff\xff"), Dialect.NATIVE)
    assert status == 404


def test_a_reason_from_the_future_falls_back_to_the_code() -> None:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="NEWER_THAN_THIS", domain="eunoe"))
    wire = status_pb2.Status(code=9, details=[detail]).SerializeToString()
    assert answer(rpc_error(StatusCode.FAILED_PRECONDITION, "x", wire), Dialect.NATIVE)[0] == 400


# Bodies


def test_the_openai_body_has_its_four_members_and_the_field_as_param() -> None:
    error = over_the_wire(ConflictingParameters.of("namespace", "Given twice."))
    assert answer(error, Dialect.OPENAI)[:2] == (
        400,
        {
            "error": {
                "message": "namespace: Given twice.",
                "type": "invalid_request_error",
                "param": "namespace",
                "code": "conflicting_parameters",
            }
        },
    )


def test_the_native_body_names_fields_request_and_time() -> None:
    error = MissingParameter("Missing required value", fields=[FieldViolation("value", "Required")])
    assert answer(over_the_wire(error), Dialect.NATIVE)[:2] == (
        400,
        {
            "error": {
                "code": "MISSING_PARAMETER",
                "message": "Missing required value",
                "type": "validation_error",
                "details": [{"field": "value", "message": "Required"}],
                "requestId": "req_1",
                "timestamp": "2026-01-02T03:04:05.678Z",
            }
        },
    )


def test_the_memories_bodies_are_those_of_seed_004() -> None:
    missing = MissingParameter("…", fields=[FieldViolation("messages", "Required")])
    assert answer(over_the_wire(missing), Dialect.MEMORIES)[:2] == (
        400,
        {
            "error": "Invalid request payload",
            "details": {"fieldErrors": {"messages": ["Required"]}},
        },
    )
    status, body, headers = answer(over_the_wire(NotAuthenticated()), Dialect.MEMORIES)
    assert (status, body) == (401, {"error": "Invalid API key"})
    assert headers["www-authenticate"] == "Bearer"
    quota = LimitReached("anything")
    quota.reason = Reason.QUOTA_EXCEEDED
    assert answer(over_the_wire(quota), Dialect.MEMORIES)[:2] == (
        429,
        {"error": "Monthly API limit exceeded"},
    )


def test_the_memories_dialect_calls_fields_by_its_own_names() -> None:
    error = MissingParameter("…", fields=[FieldViolation("namespace", "Too long.")])
    body = answer(error, Dialect.MEMORIES)[1]
    assert body["details"]["fieldErrors"] == {"user_id": ["Too long."]}


# Upstream errors

UPSTREAM_BODY = b'{"error": {"message": "slow down", "n": 9007199254740993, "code": null}}'
UPSTREAM_HEADERS = {
    "retry-after": "7",
    "retry-after-ms": "6500",
    "x-ratelimit-remaining-requests": "0",
    "x-request-id": "req_upstream",
    "content-type": "application/json; charset=utf-8",
    "set-cookie": "secret=1",
    "bad-value": "a\nb",
}


def test_an_upstream_error_keeps_its_status_bytes_and_retry_headers() -> None:
    error = over_the_wire(UpstreamAnsweredError(429, UPSTREAM_BODY, UPSTREAM_HEADERS))
    reply = respond(failure_of(error), Dialect.OPENAI, "req_1", NOW)
    assert reply.status_code == 429
    assert reply.body == UPSTREAM_BODY
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["retry-after-ms"] == "6500"
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-upstream-request-id"] == "req_upstream"
    assert reply.headers["x-request-id"] == "req_1"
    assert "set-cookie" not in reply.headers


def test_a_cut_upstream_body_is_not_passed_on_as_if_it_were_whole() -> None:
    error = over_the_wire(
        UpstreamAnsweredError(500, UPSTREAM_BODY, UPSTREAM_HEADERS), max_upstream_error_bytes=10
    )
    status, body, headers = answer(error, Dialect.OPENAI)
    assert status == 500
    assert body["error"]["code"] == "upstream_error"
    assert headers["content-type"] == "application/json"


def test_an_upstream_status_that_is_no_error_becomes_502() -> None:
    detail = any_pb2.Any()
    detail.Pack(chat_pb2.UpstreamError(http_status=302))
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="UPSTREAM_ERROR", domain="eunoe"))
    wire = status_pb2.Status(code=14, details=[info, detail]).SerializeToString()
    assert answer(rpc_error(StatusCode.UNAVAILABLE, "x", wire), Dialect.OPENAI)[0] == 502


def test_in_a_stream_the_upstreams_own_error_object_goes_out_as_it_is() -> None:
    failure = failure_of(over_the_wire(UpstreamAnsweredError(429, UPSTREAM_BODY, {})))
    assert openai_event(failure) == UPSTREAM_BODY


def test_in_a_stream_an_upstream_error_that_is_a_text_becomes_a_message() -> None:
    failure = failure_of(over_the_wire(UpstreamAnsweredError(500, b'{"error": "too hot"}', {})))
    assert json.loads(openai_event(failure))["error"] == {
        "message": "too hot", "type": "server_error", "param": None, "code": "upstream_error"
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"<html>", b'{"error": 5}', b"[" * 100_000, b""])
def test_in_a_stream_an_upstream_error_of_another_shape_becomes_ours(body: bytes) -> None:
    failure = failure_of(
        over_the_wire(UpstreamAnsweredError(500, body, {}), max_upstream_error_bytes=2**20)
    )
    assert json.loads(openai_event(failure))["error"]["code"] == "upstream_error"
