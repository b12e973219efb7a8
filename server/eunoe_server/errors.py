"""What can go wrong, as reasons; never as statuses.

An exception here knows its reason, its sentence and what a caller may be told about it. Which
gRPC code or HTTP status that becomes is decided at the edge, in one table per transport
(`transport/grpc/status.py`, `transport/http/errors.py`). The reasons are the enum of
`proto/eunoe/v1/error_reason.proto`; a test keeps the two equal.

    EunoeError
    ├── InvalidRequest            what was sent cannot be accepted; names the fields
    │   ├── MissingParameter
    │   ├── InvalidParameter      a filter, a paging or a control parameter
    │   ├── InvalidInput          a value to be stored or a body
    │   └── ConflictingParameters the same thing said twice with different values
    ├── RequestTooLarge
    ├── NotAuthenticated
    ├── NotPermitted
    ├── NotFound                  a class each: memory, dialogue, message, namespace, key, model
    ├── DuplicateId
    ├── PreconditionFailed        ended dialogue, state version, idempotency key
    ├── LimitReached              rate, quota, overload; says when to come back
    ├── Unavailable               storage, embedder, extractor, memory
    ├── UpstreamFailed            the model endpoint: its answer, its refusal or its silence
    └── NotImplementedYet
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class Reason(enum.StrEnum):
    """Machine-readable reasons; the words on the wire (`google.rpc.ErrorInfo.reason`)."""

    MISSING_PARAMETER = "MISSING_PARAMETER"
    INVALID_PARAMETER = "INVALID_PARAMETER"
    INVALID_INPUT = "INVALID_INPUT"
    CONFLICTING_PARAMETERS = "CONFLICTING_PARAMETERS"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    INVALID_API_KEY = "INVALID_API_KEY"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    MEMORY_NOT_FOUND = "MEMORY_NOT_FOUND"
    DIALOGUE_NOT_FOUND = "DIALOGUE_NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    NAMESPACE_NOT_FOUND = "NAMESPACE_NOT_FOUND"
    API_KEY_NOT_FOUND = "API_KEY_NOT_FOUND"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    DUPLICATE_ID = "DUPLICATE_ID"
    DIALOGUE_ENDED = "DIALOGUE_ENDED"
    STATE_VERSION_MISMATCH = "STATE_VERSION_MISMATCH"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    OVERLOADED = "OVERLOADED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    EMBEDDER_UNAVAILABLE = "EMBEDDER_UNAVAILABLE"
    EXTRACTOR_UNAVAILABLE = "EXTRACTOR_UNAVAILABLE"
    MEMORY_UNAVAILABLE = "MEMORY_UNAVAILABLE"
    UPSTREAM_ERROR = "UPSTREAM_ERROR"
    UPSTREAM_AUTHENTICATION = "UPSTREAM_AUTHENTICATION"
    UPSTREAM_UNREACHABLE = "UPSTREAM_UNREACHABLE"
    UPSTREAM_TIMEOUT = "UPSTREAM_TIMEOUT"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that was refused: its path in the request (`messages[2].role`) and why."""

    field: str
    description: str


class EunoeError(Exception):
    """Something went wrong."""

    reason: Reason = Reason.INTERNAL_ERROR

    def __init__(
        self,
        message: str = "",
        *,
        fields: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        # The class docstring's first line is the default sentence, so that no raise repeats it.
        self.message = message or (self.__doc__ or "").strip().split("\n", 1)[0]
        self.fields = tuple(fields)
        self.metadata = dict(metadata or {})
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class InvalidRequest(EunoeError):
    """The request is not valid."""

    reason = Reason.INVALID_INPUT

    @classmethod
    def of(cls, field: str, description: str) -> InvalidRequest:
        """One refused field, as message and as detail."""
        return cls(f"{field}: {description}", fields=[FieldViolation(field, description)])


class MissingParameter(InvalidRequest):
    """A required parameter is missing."""

    reason = Reason.MISSING_PARAMETER


class InvalidParameter(InvalidRequest):
    """A parameter has a value that is not allowed."""

    reason = Reason.INVALID_PARAMETER


class InvalidInput(InvalidRequest):
    """The input cannot be accepted."""

    reason = Reason.INVALID_INPUT


class ConflictingParameters(InvalidRequest):
    """The same parameter was given twice with different values."""

    reason = Reason.CONFLICTING_PARAMETERS


class RequestTooLarge(EunoeError):
    """The request is larger than this server accepts."""

    reason = Reason.REQUEST_TOO_LARGE


class NotAuthenticated(EunoeError):
    """Invalid API key. Send one as `Authorization: Bearer <key>`."""

    reason = Reason.INVALID_API_KEY


class NotPermitted(EunoeError):
    """This API key is not allowed to do that."""

    reason = Reason.PERMISSION_DENIED


class NotFound(EunoeError):
    """It does not exist."""


class MemoryNotFound(NotFound):
    """Memory does not exist."""

    reason = Reason.MEMORY_NOT_FOUND


class DialogueNotFound(NotFound):
    """Dialogue does not exist in this namespace."""

    reason = Reason.DIALOGUE_NOT_FOUND


class MessageNotFound(NotFound):
    """Message does not exist in this dialogue."""

    reason = Reason.MESSAGE_NOT_FOUND


class NamespaceNotFound(NotFound):
    """Namespace does not exist."""

    reason = Reason.NAMESPACE_NOT_FOUND


class ApiKeyNotFound(NotFound):
    """API key does not exist."""

    reason = Reason.API_KEY_NOT_FOUND


class ModelNotFound(NotFound):
    """Model does not exist. GET /v1/memory/models lists what there is."""

    reason = Reason.MODEL_NOT_FOUND


class DuplicateId(EunoeError):
    """Something with this id already exists."""

    reason = Reason.DUPLICATE_ID


class PreconditionFailed(EunoeError):
    """The thing is not in the state that this call needs."""

    reason = Reason.DIALOGUE_ENDED


class DialogueEnded(PreconditionFailed):
    """The dialogue has ended and takes no more messages."""

    reason = Reason.DIALOGUE_ENDED


class StateVersionMismatch(PreconditionFailed):
    """The state was changed by someone else since it was read."""

    reason = Reason.STATE_VERSION_MISMATCH


class IdempotencyKeyReused(PreconditionFailed):
    """This idempotency key was used for another request. Take a new key for each request."""

    reason = Reason.IDEMPOTENCY_KEY_REUSED


class IdempotencyInProgress(PreconditionFailed):
    """The first request with this idempotency key is still being worked on. Repeat it."""

    reason = Reason.IDEMPOTENCY_IN_PROGRESS


class LimitReached(EunoeError):
    """Too many requests. Wait and try again."""

    reason = Reason.RATE_LIMIT_EXCEEDED


class QuotaExceeded(LimitReached):
    """This API key's calls of the month are used up."""

    reason = Reason.QUOTA_EXCEEDED


class Overloaded(LimitReached):
    """The server is busy. Wait and try again."""

    reason = Reason.OVERLOADED


class Unavailable(EunoeError):
    """A part of the server is not available. Try again."""

    reason = Reason.STORAGE_UNAVAILABLE


class StorageUnavailable(Unavailable):
    """The database cannot be reached. Try again."""

    reason = Reason.STORAGE_UNAVAILABLE


class EmbedderUnavailable(Unavailable):
    """The embedder cannot be reached. Try again."""

    reason = Reason.EMBEDDER_UNAVAILABLE


class MemoryUnavailable(Unavailable):
    """Memory mode `write` was asked for and the exchange could not be stored."""

    reason = Reason.MEMORY_UNAVAILABLE


class UpstreamFailed(EunoeError):
    """The upstream model endpoint failed."""

    reason = Reason.UPSTREAM_ERROR


class UpstreamAnsweredError(UpstreamFailed):
    """The upstream model endpoint answered with an error.

    `status`, `headers` and `body` are the upstream's own and are passed on as they are.
    """

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(metadata={"http_status": str(status)})
        self.status = status
        self.body = body
        self.headers = dict(headers)


class UpstreamRefusedUs(UpstreamFailed):
    """The upstream refused this server's own key. Its operator must set EUNOE_UPSTREAM_API_KEY."""

    reason = Reason.UPSTREAM_AUTHENTICATION


class UpstreamUnreachable(UpstreamFailed):
    """The upstream model endpoint cannot be reached."""

    reason = Reason.UPSTREAM_UNREACHABLE


class UpstreamTimeout(UpstreamFailed):
    """The upstream model endpoint did not answer in time."""

    reason = Reason.UPSTREAM_TIMEOUT


class NotImplementedYet(EunoeError):
    """This call is part of the contract and is not built yet."""

    reason = Reason.NOT_IMPLEMENTED
