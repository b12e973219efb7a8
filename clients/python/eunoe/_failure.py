"""A failed gRPC call as an exception of ours: one table by reason, one by status.

The server says what happened in `google.rpc` details (ErrorInfo, BadRequest, RetryInfo, and an
UpstreamError of its own). Where there are none, nobody of ours answered: the network did, or a
proxy, and only the status code is known.
"""

from __future__ import annotations

from typing import Protocol, cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from eunoe import exceptions
from eunoe.exceptions import EunoeError, FieldViolation, UpstreamFailed
from eunoe.v1 import chat_pb2

DOMAIN = "eunoe"

BY_REASON: dict[str, type[EunoeError]] = {
    "MISSING_PARAMETER": exceptions.InvalidRequest,
    "INVALID_PARAMETER": exceptions.InvalidRequest,
    "INVALID_INPUT": exceptions.InvalidRequest,
    "CONFLICTING_PARAMETERS": exceptions.InvalidRequest,
    "REQUEST_TOO_LARGE": exceptions.RequestTooLarge,
    "INVALID_API_KEY": exceptions.NotAuthenticated,
    "PERMISSION_DENIED": exceptions.NotPermitted,
    "MEMORY_NOT_FOUND": exceptions.NotFound,
    "DIALOGUE_NOT_FOUND": exceptions.NotFound,
    "MESSAGE_NOT_FOUND": exceptions.NotFound,
    "NAMESPACE_NOT_FOUND": exceptions.NotFound,
    "API_KEY_NOT_FOUND": exceptions.NotFound,
    "MODEL_NOT_FOUND": exceptions.NotFound,
    "DUPLICATE_ID": exceptions.DuplicateId,
    "DIALOGUE_ENDED": exceptions.DialogueEnded,
    "STATE_VERSION_MISMATCH": exceptions.StateVersionMismatch,
    "IDEMPOTENCY_KEY_REUSED": exceptions.InvalidRequest,
    "IDEMPOTENCY_IN_PROGRESS": exceptions.Unavailable,
    "RATE_LIMIT_EXCEEDED": exceptions.LimitReached,
    "QUOTA_EXCEEDED": exceptions.LimitReached,
    "OVERLOADED": exceptions.LimitReached,
    "STORAGE_UNAVAILABLE": exceptions.Unavailable,
    "EMBEDDER_UNAVAILABLE": exceptions.Unavailable,
    "EXTRACTOR_UNAVAILABLE": exceptions.Unavailable,
    "MEMORY_UNAVAILABLE": exceptions.Unavailable,
    "UPSTREAM_ERROR": exceptions.UpstreamFailed,
    "UPSTREAM_AUTHENTICATION": exceptions.UpstreamFailed,
    "UPSTREAM_UNREACHABLE": exceptions.UpstreamFailed,
    "UPSTREAM_TIMEOUT": exceptions.UpstreamFailed,
    "NOT_IMPLEMENTED": exceptions.NotSupported,
    "INTERNAL_ERROR": exceptions.InternalError,
}

BY_STATUS: dict[StatusCode, type[EunoeError]] = {
    StatusCode.CANCELLED: exceptions.Unavailable,
    StatusCode.UNKNOWN: exceptions.InternalError,
    StatusCode.INVALID_ARGUMENT: exceptions.InvalidRequest,
    StatusCode.DEADLINE_EXCEEDED: exceptions.DeadlineExceeded,
    StatusCode.NOT_FOUND: exceptions.NotFound,
    StatusCode.ALREADY_EXISTS: exceptions.DuplicateId,
    StatusCode.PERMISSION_DENIED: exceptions.NotPermitted,
    StatusCode.RESOURCE_EXHAUSTED: exceptions.LimitReached,
    StatusCode.FAILED_PRECONDITION: exceptions.PreconditionFailed,
    StatusCode.ABORTED: exceptions.PreconditionFailed,
    StatusCode.OUT_OF_RANGE: exceptions.InvalidRequest,
    StatusCode.UNIMPLEMENTED: exceptions.NotSupported,
    StatusCode.INTERNAL: exceptions.InternalError,
    StatusCode.UNAVAILABLE: exceptions.ServerNotReached,
    StatusCode.DATA_LOSS: exceptions.InternalError,
    StatusCode.UNAUTHENTICATED: exceptions.NotAuthenticated,
}

#: What to do, where the server's sentence is not there to say it.
_ADVICE: dict[StatusCode, str] = {
    StatusCode.UNAVAILABLE: (
        "No Eunoe server answers at {address} ({details}). Is it running? Is this its gRPC address "
        "(EUNOE_GRPC_ADDRESS, port 50051 unless changed) and not the HTTP one? Does it want TLS?"
    ),
    StatusCode.CANCELLED: "{address} stopped in the middle of the call ({details}). Try again.",
    StatusCode.DEADLINE_EXCEEDED: (
        "{address} gave no answer within {timeout:g} s. Allow more time with `timeout=` or "
        "`with_timeout()`, or see whether the server is well."
    ),
    StatusCode.UNIMPLEMENTED: (
        "What answers at {address} does not know this call ({details}). Is it an Eunoe server, "
        "and as new as this client?"
    ),
    StatusCode.UNAUTHENTICATED: "{address} refused the caller ({details}). Check `api_key`.",
}


class _FailedCall(Protocol):
    """What `grpc` and `grpc.aio` say of a call that failed."""

    def code(self) -> StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> grpc.aio.Metadata | None: ...


def failure(error: grpc.RpcError, address: str, timeout_seconds: float) -> EunoeError:
    """The exception that tells a caller what happened."""
    call = cast("_FailedCall", error)
    code, details = call.code(), call.details() or ""
    status = _status_of(call)
    info, fields, retry_after_seconds, upstream = None, [], None, None
    for packed in status.details:
        if _is(packed, error_details_pb2.ErrorInfo):
            packed.Unpack(info := error_details_pb2.ErrorInfo())
        elif _is(packed, error_details_pb2.BadRequest):
            packed.Unpack(bad := error_details_pb2.BadRequest())
            fields = [FieldViolation(each.field, each.description) for each in bad.field_violations]
        elif _is(packed, error_details_pb2.RetryInfo):
            packed.Unpack(retry := error_details_pb2.RetryInfo())
            retry_after_seconds = retry.retry_delay.ToNanoseconds() / 1e9
        elif _is(packed, chat_pb2.UpstreamError):
            packed.Unpack(upstream := chat_pb2.UpstreamError())
    if info is None or info.domain != DOMAIN:
        advice = _ADVICE.get(code, "{details}")
        return BY_STATUS.get(code, exceptions.InternalError)(
            advice.format(address=address, details=details, timeout=timeout_seconds)
        )
    kind = BY_REASON.get(info.reason) or BY_STATUS.get(code, exceptions.InternalError)
    failed = kind(
        details,
        reason=info.reason,
        fields=fields,
        retry_after_seconds=retry_after_seconds,
        request_id=info.metadata.get("request_id", ""),
    )
    if isinstance(failed, UpstreamFailed) and upstream is not None:
        failed.http_status, failed.body = upstream.http_status, upstream.body
    return failed


def was_answered(error: EunoeError) -> bool:
    """Whether the server itself said so, and not the way to it."""
    return bool(error.reason)


def _is(packed: any_pb2.Any, kind: type[Message]) -> bool:
    return packed.TypeName() == kind.DESCRIPTOR.full_name


def _status_of(call: _FailedCall) -> status_pb2.Status:
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:  # a proxy's own
                break
    return status_pb2.Status()
