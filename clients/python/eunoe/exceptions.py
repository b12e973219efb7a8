"""What a call can fail with. Nothing else leaves the client: no exception of gRPC's ever does.

    EunoeError
    ├── InvalidRequest            what was sent cannot be accepted; `fields` names what and why
    │   ├── NotJson               a value that JSON cannot hold; noticed before anything is sent
    │   └── RequestTooLarge
    ├── NotAuthenticated          the API key is missing, wrong, expired or revoked
    ├── NotPermitted              the API key may not do that, or not there
    ├── NotFound                  a memory, dialogue, message, namespace, key or model
    ├── DuplicateId               something with this id exists
    ├── PreconditionFailed        the thing is not in the state that the call needs
    │   ├── DialogueEnded
    │   └── StateVersionMismatch  someone else has changed the state since it was read
    ├── LimitReached              rate, quota or overload; `retry_after_seconds` says when
    ├── Unavailable               a part of the server is; try again
    │   └── ServerNotReached      no server answers at the address
    ├── DeadlineExceeded          no answer within the client's timeout
    ├── UpstreamFailed            the model behind the server: its error, refusal or silence
    ├── NotSupported              this server does not have that call (yet)
    ├── InternalError             a fault of the server's; quote `request_id`
    └── ClientClosed              the client was closed before, or during, the call

Which reason of the server's becomes which of them is one table, in `_failure.py`. A reason that
this client does not know yet becomes the exception that fits its gRPC status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that was refused: its path in the request (`messages[2].role`) and why."""

    field: str
    description: str


class EunoeError(Exception):
    """Something went wrong."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        fields: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        #: What happened and what to do, for people.
        self.message = message
        #: What happened, for programs: a word of `eunoe.v1.ErrorReason`. Empty when the server
        #: was not reached.
        self.reason = reason
        #: What was refused and why.
        self.fields = tuple(fields)
        #: When to come back. None: the server does not say.
        self.retry_after_seconds = retry_after_seconds
        #: Leads to the call in the server's log. Empty when it did not get there.
        self.request_id = request_id

    def __str__(self) -> str:
        """The message, and where to look further."""
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class InvalidRequest(EunoeError):
    """The request is not valid."""


class NotJson(InvalidRequest):
    """The value is not JSON."""


class RequestTooLarge(InvalidRequest):
    """The request is larger than the server accepts."""


class NotAuthenticated(EunoeError):
    """The API key is missing, wrong, expired or revoked."""


class NotPermitted(EunoeError):
    """The API key may not do that."""


class NotFound(EunoeError):
    """It does not exist; `reason` says what."""


class DuplicateId(EunoeError):
    """Something with this id exists."""


class PreconditionFailed(EunoeError):
    """The thing is not in the state that this call needs."""


class DialogueEnded(PreconditionFailed):
    """The dialogue has ended and takes no more messages."""


class StateVersionMismatch(PreconditionFailed):
    """Someone else has changed the state since it was read."""


class LimitReached(EunoeError):
    """Too many requests, or a server that is too busy."""


class Unavailable(EunoeError):
    """A part of the server is not available. Try again."""


class ServerNotReached(Unavailable):
    """No server answers at the address."""


class DeadlineExceeded(EunoeError):
    """No answer came within the timeout."""


class UpstreamFailed(EunoeError):
    """The model behind the server failed.

    `http_status` is its own answer's, 0 when there was none; `body` is what it said, cut at a
    length that fits a status.
    """

    http_status: int = 0
    body: bytes = b""


class NotSupported(EunoeError):
    """This server does not have that call."""


class InternalError(EunoeError):
    """A fault of the server's."""


class ClientClosed(EunoeError):
    """The client was closed."""
