"""A running server, called over its public gRPC API with one key.

What waiting can heal is tried again; everything else is said in the server's own words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from eunoe.v1 import (
    admin_pb2_grpc,
    dialogue_pb2_grpc,
    memory_pb2_grpc,
)

T = TypeVar("T")

#: Pages of long messages may be larger than gRPC's clients take by default.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
_CALL_SECONDS = 120.0
_ATTEMPTS = 6
_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}

_TOO_LARGE = "REQUEST_TOO_LARGE"
#: Reasons that no waiting heals, whatever their status.
_LASTING = {_TOO_LARGE, "QUOTA_EXCEEDED"}


class CallFailed(Exception):
    """The server refused a call, or could not be reached."""

    def __init__(self, message: str, *, reason: str = "", fields: tuple[str, ...] = ()) -> None:
        self.message = message
        self.reason = reason
        self.fields = fields
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: CallFailed
    retry_after_seconds: float | None


class Connection:
    """A context manager: open inside, closed outside."""

    def __init__(
        self,
        target: str,
        api_key: str,
        *,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._channel = grpc.insecure_channel(
            target, options=[("grpc.max_receive_message_length", max_answer_bytes)]
        )
        self._target = target
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._sleep = sleep
        self.dialogues = dialogue_pb2_grpc.DialogueServiceStub(self._channel)
        self.memories = memory_pb2_grpc.MemoryServiceStub(self._channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()

    def call(self, method: Callable[..., T], request: object) -> T:
        """The answer. Raises CallFailed."""
        pause_seconds = 0.25
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return method(request, metadata=self._metadata, timeout=_CALL_SECONDS)
            except grpc.RpcError as error:
                failure = self._read(error)
                if attempt == _ATTEMPTS or not _may_pass(error, failure.error.reason):
                    raise failure.error from error
                self._sleep(failure.retry_after_seconds or pause_seconds)
                pause_seconds *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pages(self, method: Callable[..., Any], request: Any) -> Iterator[Any]:
        """Every page of a list, `request` being that of the first. Raises CallFailed.

        What a page weighs nobody knows before, so one that is too large is asked for in parts.
        """
        while True:
            try:
                page = self.call(method, request)
            except CallFailed as error:
                if error.reason != _TOO_LARGE or request.page_size == 1:
                    raise
                request.page_size //= 2
                continue
            yield page
            if not page.HasField("next_page_token"):
                return
            request.page_token = page.next_page_token

    def _read(self, error: Any) -> _Failure:
        message = error.details()
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            message = f"No server answers on {self._target}. Is `eunoe serve` running?"
        info = error_details_pb2.ErrorInfo()
        refused = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            for wanted in (info, refused, retry):
                if detail.Is(wanted.DESCRIPTOR):
                    detail.Unpack(wanted)
        reason = info.reason
        if reason:
            message = error.details()
        elif error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # gRPC itself says so little; the server's own refusals have a reason.
            reason, message = _TOO_LARGE, "is larger than one call can carry"
        return _Failure(
            CallFailed(
                message,
                reason=reason,
                fields=tuple(violation.field for violation in refused.field_violations),
            ),
            retry.retry_delay.ToTimedelta().total_seconds() or None,
        )


def _may_pass(error: Any, reason: str) -> bool:
    return error.code() in _PASSING and reason not in _LASTING
