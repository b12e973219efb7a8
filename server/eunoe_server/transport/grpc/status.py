"""Exceptions as gRPC statuses: one complete table, and the rich details (AIP-193).

Every error carries exactly one `google.rpc.ErrorInfo` whose reason is a value of
`eunoe.v1.ErrorReason` without its prefix; fields go into `BadRequest`, waiting into `RetryInfo`,
an upstream's own answer into `eunoe.v1.UpstreamError`.
"""

from __future__ import annotations

import string
from typing import cast

from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import error_details_pb2, status_pb2
from grpc import Status, StatusCode
from grpc_status import rpc_status

from eunoe.v1 import chat_pb2
from eunoe_server.errors import EunoeError, Reason, UpstreamAnsweredError

DOMAIN = "eunoe"

STATUS: dict[Reason, StatusCode] = {
    Reason.MISSING_PARAMETER: StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_PARAMETER: StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_INPUT: StatusCode.INVALID_ARGUMENT,
    Reason.CONFLICTING_PARAMETERS: StatusCode.INVALID_ARGUMENT,
    Reason.REQUEST_TOO_LARGE: StatusCode.RESOURCE_EXHAUSTED,
    Reason.INVALID_API_KEY: StatusCode.UNAUTHENTICATED,
    Reason.PERMISSION_DENIED: StatusCode.PERMISSION_DENIED,
    Reason.MEMORY_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.DIALOGUE_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.MESSAGE_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.NAMESPACE_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.API_KEY_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.MODEL_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.DUPLICATE_ID: StatusCode.ALREADY_EXISTS,
    Reason.DIALOGUE_ENDED: StatusCode.FAILED_PRECONDITION,
    Reason.STATE_VERSION_MISMATCH: StatusCode.ABORTED,
    Reason.IDEMPOTENCY_KEY_REUSED: StatusCode.INVALID_ARGUMENT,
    Reason.IDEMPOTENCY_IN_PROGRESS: StatusCode.ABORTED,
    Reason.RATE_LIMIT_EXCEEDED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.QUOTA_EXCEEDED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.OVERLOADED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.STORAGE_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.EMBEDDER_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.EXTRACTOR_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.MEMORY_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.UPSTREAM_ERROR: StatusCode.UNAVAILABLE,
    Reason.UPSTREAM_AUTHENTICATION: StatusCode.FAILED_PRECONDITION,
    Reason.UPSTREAM_UNREACHABLE: StatusCode.UNAVAILABLE,
    Reason.UPSTREAM_TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    Reason.NOT_IMPLEMENTED: StatusCode.UNIMPLEMENTED,
    Reason.INTERNAL_ERROR: StatusCode.INTERNAL,
}

#: What the upstream's own HTTP status means to a gRPC caller; others are UNAVAILABLE when the
#: upstream failed (5xx) and FAILED_PRECONDITION when it refused (4xx).
_UPSTREAM_STATUS: dict[int, StatusCode] = {
    400: StatusCode.INVALID_ARGUMENT,
    404: StatusCode.NOT_FOUND,
    409: StatusCode.ABORTED,
    413: StatusCode.INVALID_ARGUMENT,
    422: StatusCode.INVALID_ARGUMENT,
    429: StatusCode.RESOURCE_EXHAUSTED,
}

#: Trailing metadata is limited to 8 KiB by default on the receiving side, so lists are cut.
_MAX_FIELDS = 20
_MAX_TEXT = 1_000


def code_of(error: EunoeError) -> StatusCode:
    """The status code that stands for an error."""
    if isinstance(error, UpstreamAnsweredError):
        fallback = StatusCode.FAILED_PRECONDITION if error.status < 500 else StatusCode.UNAVAILABLE
        return _UPSTREAM_STATUS.get(error.status, fallback)
    return STATUS[error.reason]


def to_status(error: EunoeError, *, max_upstream_error_bytes: int = 4_096) -> Status:
    """The rich status that `context.abort_with_status` takes."""
    details: list[message.Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason.value, domain=DOMAIN, metadata=error.metadata
        )
    ]
    if error.fields:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field[:_MAX_TEXT],
                        description=violation.description[:_MAX_TEXT],
                    )
                    for violation in error.fields[:_MAX_FIELDS]
                ]
            )
        )
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if isinstance(error, UpstreamAnsweredError):
        details.append(
            chat_pb2.UpstreamError(
                http_status=error.status,
                headers=[
                    chat_pb2.Header(name=name, value=value) for name, value in error.headers.items()
                ],
                body=error.body[:max_upstream_error_bytes],
                is_truncated=len(error.body) > max_upstream_error_bytes,
            )
        )
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return rpc_status.to_status(
        status_pb2.Status(
            code=code_of(error).value[0], message=error.message[:_MAX_TEXT], details=packed
        )
    )


class NamedStatus:
    """The status of an error that is answered often: only the request's name is put in anew."""

    def __init__(self, error: EunoeError) -> None:
        status = to_status(error)
        self.code: int = status.code.value[0]
        self.message = status.details
        ((self._key, encoded),) = status.trailing_metadata
        self._status = status_pb2.Status.FromString(cast("bytes", encoded))
        self._reason = error_details_pb2.ErrorInfo()
        self._status.details[0].Unpack(self._reason)
        #: Written with something in the place of a name, by the length of that.
        self._written: dict[int, tuple[bytes, bytes]] = {}

    def trailing_metadata(self, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
        """The rich status, and the name of the request, in ASCII, beside it."""
        name = request_id.encode("ascii")
        blank, status = self._written.get(len(name)) or self._write(len(name))
        return (self._key, status.replace(blank, name)), ("x-request-id", request_id)

    def _write(self, length: int) -> tuple[bytes, bytes]:
        for character in string.ascii_letters:
            blank = character * length
            self._reason.metadata["request_id"] = blank
            self._status.details[0].value = self._reason.SerializeToString()
            status = self._status.SerializeToString()
            if status.count(blank.encode()) == 1:
                break
        self._written[length] = blank.encode(), status
        return self._written[length]
