"""What went wrong, as HTTP: one status for every reason, and three bodies.

A failure reaches the shim as a gRPC status or, when a request cannot even be turned into an RPC,
as one of our own exceptions. Both become a `Failure`: by reason where there is one
(`google.rpc.ErrorInfo`), by the canonical map of gRPC codes otherwise. A status without a reason
comes from gRPC itself, so its text, which names sockets and files, is never shown.

An upstream's own answer is passed on as it is: status, body, and the headers that tell a client
when to come back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import grpc.aio
import msgspec
from google.protobuf import message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from starlette.responses import Response

from eunoe.v1 import chat_pb2
from eunoe_server.errors import (
    EunoeError,
    FieldViolation,
    Overloaded,
    Reason,
    RequestTooLarge,
)
from eunoe_server.transport.http.dialects import Dialect

M = TypeVar("M", bound=message.Message)

#: Complete over `Reason`, kept so by a test. 409 is avoided where a client can do nothing by
#: repeating itself: the OpenAI packages retry 408, 409, 429 and 5xx on their own.
STATUS: dict[Reason, int] = {
    Reason.MISSING_PARAMETER: 400,
    Reason.INVALID_PARAMETER: 400,
    Reason.INVALID_INPUT: 400,
    Reason.CONFLICTING_PARAMETERS: 400,
    Reason.REQUEST_TOO_LARGE: 413,
    Reason.INVALID_API_KEY: 401,
    Reason.PERMISSION_DENIED: 403,
    Reason.MEMORY_NOT_FOUND: 404,
    Reason.DIALOGUE_NOT_FOUND: 404,
    Reason.MESSAGE_NOT_FOUND: 404,
    Reason.NAMESPACE_NOT_FOUND: 404,
    Reason.API_KEY_NOT_FOUND: 404,
    Reason.MODEL_NOT_FOUND: 404,
    Reason.DUPLICATE_ID: 400,  # seed 002
    Reason.DIALOGUE_ENDED: 400,
    Reason.STATE_VERSION_MISMATCH: 409,
    Reason.IDEMPOTENCY_KEY_REUSED: 400,
    Reason.IDEMPOTENCY_IN_PROGRESS: 409,
    Reason.RATE_LIMIT_EXCEEDED: 429,
    Reason.QUOTA_EXCEEDED: 429,
    Reason.OVERLOADED: 503,
    Reason.STORAGE_UNAVAILABLE: 503,
    Reason.EMBEDDER_UNAVAILABLE: 503,
    Reason.EXTRACTOR_UNAVAILABLE: 503,
    Reason.MEMORY_UNAVAILABLE: 503,
    Reason.UPSTREAM_ERROR: 502,  # without the upstream's own answer to pass on
    Reason.UPSTREAM_AUTHENTICATION: 502,  # a 401 would blame the caller's key
    Reason.UPSTREAM_UNREACHABLE: 502,
    Reason.UPSTREAM_TIMEOUT: 504,
    Reason.NOT_IMPLEMENTED: 501,
    Reason.INTERNAL_ERROR: 500,
}

#: The canonical map (google.rpc.Code), for statuses that carry no reason of ours.
STATUS_OF_CODE: dict[StatusCode, int] = {
    StatusCode.OK: 200,
    StatusCode.CANCELLED: 499,
    StatusCode.UNKNOWN: 500,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.DEADLINE_EXCEEDED: 504,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.ABORTED: 409,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.INTERNAL: 500,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DATA_LOSS: 500,
    StatusCode.UNAUTHENTICATED: 401,
}

#: What the OpenAI packages are told where their own rule for the status would be wrong.
_SHOULD_RETRY: dict[str, bool] = {
    Reason.STATE_VERSION_MISMATCH: False,
    Reason.IDEMPOTENCY_IN_PROGRESS: True,
    Reason.QUOTA_EXCEEDED: False,
    Reason.NOT_IMPLEMENTED: False,
    Reason.UPSTREAM_AUTHENTICATION: False,
    StatusCode.UNIMPLEMENTED.name: False,
}

#: When to come back if the server did not say. These pass by themselves, in about this time.
_RETRY_SECONDS: dict[str, float] = {
    Reason.IDEMPOTENCY_IN_PROGRESS: 1.0,
    Reason.OVERLOADED: 1.0,
    Reason.STORAGE_UNAVAILABLE: 1.0,
    Reason.EMBEDDER_UNAVAILABLE: 1.0,
    Reason.EXTRACTOR_UNAVAILABLE: 1.0,
    Reason.MEMORY_UNAVAILABLE: 1.0,
    StatusCode.UNAVAILABLE.name: 1.0,
}

#: Codes that OpenAI has a word of its own for; the others are the reason in lower case.
_OPENAI_CODE: dict[str, str] = {
    Reason.OVERLOADED: "server_is_overloaded",
    Reason.QUOTA_EXCEEDED: "insufficient_quota",
    "UNKNOWN_ROUTE": "unknown_url",
}

_OPENAI_TYPE: dict[int, str] = {
    403: "permission_error",
    409: "conflict_error",
    429: "rate_limit_error",
    502: "upstream_error",
    504: "upstream_error",
}

_NATIVE_TYPE: dict[int, str] = {
    401: "authentication_error",
    403: "authorization_error",
    404: "not_found",
    409: "conflict",
    429: "rate_limit_exceeded",
    500: "server_error",
}

#: Seed 004 prints these sentences, whatever our own say.
_MEMORIES_SENTENCE: dict[str, str] = {
    Reason.INVALID_API_KEY: "Invalid API key",
    Reason.QUOTA_EXCEEDED: "Monthly API limit exceeded",
}

#: What the contract calls a field, and what seed 004 calls it.
_MEMORIES_FIELD: dict[str, str] = {
    "namespace": "user_id",
    "next": "cursor",
    "memoryType": "memory_type",
    "minConfidence": "min_confidence",
}

#: The only headers of an upstream that we repeat: how much is left, what it calls itself; and
#: with an error what it is and when to come back.
_PASSED_PREFIXES = ("x-ratelimit-", "openai-")
#: What the server says with an answer, whatever it answers.
_TOLD_PREFIXES = ("x-ratelimit-", "server-timing")
_PASSED_WITH_ERRORS = ("retry-after", "retry-after-ms", "x-should-retry", "content-type")


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong, ready to be said in any dialect."""

    status: int
    #: The reason, or a gRPC code's name, or a word of the shim's own (`UNKNOWN_ROUTE`).
    code: str
    message: str
    fields: tuple[FieldViolation, ...] = ()
    retry_after_seconds: float | None = None
    upstream: chat_pb2.UpstreamError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The shim itself refuses a request, for a reason that only HTTP has."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


def failure_of(error: EunoeError | grpc.aio.AioRpcError) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, EunoeError):
        return _by_reason(
            error.reason,
            error.message,
            fields=error.fields,
            retry_after_seconds=error.retry_after_seconds,
        )
    details = _details(error)
    info = _find(details, error_details_pb2.ErrorInfo())
    if info is None or info.reason not in Reason.__members__:
        return _by_code(error.code())
    bad_request = _find(details, error_details_pb2.BadRequest())
    retry = _find(details, error_details_pb2.RetryInfo())
    return _by_reason(
        Reason(info.reason),
        error.details() or "",
        fields=tuple(
            FieldViolation(violation.field, violation.description)
            for violation in (bad_request.field_violations if bad_request else ())
        ),
        retry_after_seconds=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
        upstream=_find(details, chat_pb2.UpstreamError()),
        headers=told_headers(error.initial_metadata()),
    )


def internal_error(request_id: str) -> Failure:
    """What is said when the shim itself broke; what happened is in the log."""
    return _by_reason(Reason.INTERNAL_ERROR, f"Internal error. Quote request id {request_id}.")


def _by_reason(
    reason: Reason,
    text: str,
    *,
    fields: tuple[FieldViolation, ...] = (),
    retry_after_seconds: float | None = None,
    upstream: chat_pb2.UpstreamError | None = None,
    headers: Mapping[str, str] | None = None,
) -> Failure:
    if retry_after_seconds is None:
        retry_after_seconds = _RETRY_SECONDS.get(reason)
    status = STATUS[reason]
    if upstream is not None and 400 <= upstream.http_status <= 599:
        status = upstream.http_status
    return Failure(status, reason.value, text, fields, retry_after_seconds, upstream, headers or {})


def _by_code(code: StatusCode) -> Failure:
    # gRPC itself refuses what is too large, and drops calls in a flood (`grpc/server.py`); a call
    # that we cancel is never answered.
    if code is StatusCode.RESOURCE_EXHAUSTED:
        return failure_of(RequestTooLarge())
    if code is StatusCode.CANCELLED:
        return failure_of(Overloaded())
    sentence = (
        "The server cannot be reached. Try again."
        if code is StatusCode.UNAVAILABLE
        else "The server could not answer this request."
    )
    return Failure(
        STATUS_OF_CODE[code], code.name, sentence, retry_after_seconds=_RETRY_SECONDS.get(code.name)
    )


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The rich status of a call; empty when there is none or when it cannot be read."""
    status = status_pb2.Status()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except message.DecodeError:
                return status_pb2.Status()
    return status


def _find(status: status_pb2.Status, wanted: M) -> M | None:
    for detail in status.details:
        if detail.Unpack(wanted):
            return wanted
    return None


# Answers


def respond(failure: Failure, dialect: Dialect, request_id: str, now: datetime) -> Response:
    """The whole HTTP answer: status, body of the dialect, headers."""
    headers = dict(failure.headers)
    if failure.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(failure.retry_after_seconds)))
    should_retry = _SHOULD_RETRY.get(failure.code)
    if should_retry is not None:
        headers["x-should-retry"] = "true" if should_retry else "false"
    if failure.status == 401:
        headers["www-authenticate"] = "Bearer"
    headers["content-type"] = "application/json"
    headers["x-request-id"] = request_id
    upstream = failure.upstream
    if upstream is not None:
        passed = {each.name: each.value for each in upstream.headers}
        headers = passable_headers(passed) | headers
        headers |= printable({"x-upstream-request-id": passed.get("x-request-id", "")})
        if upstream.body and not upstream.is_truncated:
            headers |= printable({name: passed.get(name, "") for name in _PASSED_WITH_ERRORS})
            return Response(upstream.body, failure.status, headers)
    body = _BODIES[dialect](failure, request_id, now)
    return Response(msgspec.json.encode(body), failure.status, headers)


def told_headers(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Those of a call's initial metadata that are ours and meant for the client."""
    return {
        name: value
        for name, value in metadata or ()
        if isinstance(value, str) and name.startswith(_TOLD_PREFIXES)
    }


def passable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those headers of an upstream that reach our client with any answer."""
    return printable(
        {name: value for name, value in headers.items() if name.startswith(_PASSED_PREFIXES)}
    )


def printable(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that HTTP/1.1 can carry, in UTF-8.

    An empty one, and one with a control character in it, is left out.
    """
    return {
        # Starlette writes latin-1; so written, these are the bytes of UTF-8.
        name: value.strip().encode().decode("latin-1")
        for name, value in headers.items()
        if value.strip() and value.isprintable()
    }


def openai_body(failure: Failure) -> dict[str, Any]:
    """`{"error": {"message", "type", "param", "code"}}`, in a stream as in an answer."""
    fallback = "invalid_request_error" if failure.status < 500 else "server_error"
    code = _OPENAI_CODE.get(failure.code, failure.code.lower())
    return {
        "error": {
            "message": failure.message,
            "type": (
                code
                if code == "insufficient_quota"  # OpenAI's type and code for it are one word
                else _OPENAI_TYPE.get(failure.status, fallback)
            ),
            "param": failure.fields[0].field if failure.fields else None,
            "code": code,
        }
    }


def openai_event(failure: Failure) -> bytes:
    """The same as the last event of a stream; an upstream's own error goes out as it is.

    One that is only a text is put where the OpenAI packages look for it, which read nothing else.
    """
    if failure.upstream is not None and not failure.upstream.is_truncated:
        try:
            error = msgspec.json.decode(failure.upstream.body, type=_UpstreamBody).error
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(error, dict):
                return failure.upstream.body
            failure = replace(failure, message=error)
    return msgspec.json.encode(openai_body(failure))


def response_event(failure: Failure, sequence_number: int) -> bytes:
    """The same as an event of the Responses API, for all of its readers.

    OpenAI's own has the members at its top; the Python package raises only for an `error` object,
    and the AI SDK reads nothing else.
    """
    error = msgspec.json.decode(openai_event(failure))["error"]
    members = {name: error.get(name) for name in ("code", "message", "param")}
    event = {"type": "error", "sequence_number": sequence_number, **members, "error": error}
    return msgspec.json.encode(event)


class _UpstreamBody(msgspec.Struct):
    error: dict[str, msgspec.Raw] | str


def _openai(failure: Failure, request_id: str, now: datetime) -> dict[str, Any]:
    del request_id, now
    return openai_body(failure)


def timestamp(now: datetime) -> str:
    """As the native dialect's errors show it: `2026-01-02T03:04:05.678Z`."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _native(failure: Failure, request_id: str, now: datetime) -> dict[str, Any]:
    fallback = "validation_error" if failure.status < 500 else "service_unavailable"
    return {
        "error": {
            "code": failure.code,
            "message": failure.message,
            "type": _NATIVE_TYPE.get(failure.status, fallback),
            "details": [
                {"field": each.field, "message": each.description} for each in failure.fields
            ],
            "requestId": request_id,
            "timestamp": timestamp(now),
        }
    }


def _memories(failure: Failure, request_id: str, now: datetime) -> dict[str, Any]:
    del request_id, now
    if not failure.fields:
        return {"error": _MEMORIES_SENTENCE.get(failure.code, failure.message)}
    by_field: dict[str, list[str]] = {}
    for each in failure.fields:
        by_field.setdefault(_MEMORIES_FIELD.get(each.field, each.field), []).append(
            each.description
        )
    return {"error": "Invalid request payload", "details": {"fieldErrors": by_field}}


_BODIES = {Dialect.OPENAI: _openai, Dialect.NATIVE: _native, Dialect.MEMORIES: _memories}
