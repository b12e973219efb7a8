# Generated from ../_async by generate_sync.py. Do not edit.
"""The narrow seam to gRPC: one connection, three ways to call, no exception of gRPC's beyond it.

Nothing else here knows channels, metadata, deadlines or repeats. The connection opens with the
first call, so that a client can be made anywhere.

A client that has reached the server once waits for it, within its timeout, when it goes away: a
restart is a pause and no error. One that never has fails at once: the address is probably wrong.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc

from eunoe._endpoint import CHANNEL_OPTIONS, Endpoint
from eunoe._failure import failure, was_answered
from eunoe._repeating import pause_seconds
from eunoe._uuid7 import uuid7
from eunoe.exceptions import ClientClosed, EunoeError
from eunoe.v1 import (
    admin_pb2_grpc,
    chat_pb2_grpc,
    dialogue_pb2_grpc,
    memory_pb2_grpc,
    search_pb2_grpc,
)

if TYPE_CHECKING:  # these exist for type checkers alone
    from eunoe.v1.admin_pb2_grpc import AdminServiceStub
    from eunoe.v1.chat_pb2_grpc import ChatServiceStub
    from eunoe.v1.dialogue_pb2_grpc import DialogueServiceStub
    from eunoe.v1.memory_pb2_grpc import MemoryServiceStub
    from eunoe.v1.search_pb2_grpc import SearchServiceStub


class Write(Protocol):
    """A request that takes an idempotency key."""

    request_id: str


Q = TypeVar("Q")
W = TypeVar("W", bound=Write)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Stubs:
    """The services, bound to one channel."""

    channel: grpc.Channel
    memory: MemoryServiceStub
    dialogue: DialogueServiceStub
    search: SearchServiceStub
    chat: ChatServiceStub
    admin: AdminServiceStub

    @classmethod
    def of(cls, channel: grpc.Channel) -> Stubs:
        """All of them."""
        return cls(
            channel=channel,
            memory=memory_pb2_grpc.MemoryServiceStub(channel),
            dialogue=dialogue_pb2_grpc.DialogueServiceStub(channel),
            search=search_pb2_grpc.SearchServiceStub(channel),
            chat=chat_pb2_grpc.ChatServiceStub(channel),
            admin=admin_pb2_grpc.AdminServiceStub(channel),
        )


class Connection:
    """What clients with different timeouts share."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_closed = False
        self.was_reached = False
        self._stubs: Stubs | None = None

    @property
    def stubs(self) -> Stubs:
        """Opened by the first who asks. Raises ClientClosed."""
        if self.is_closed:
            raise ClientClosed("This client was closed. Make a new one.")
        if self._stubs is None:
            self._stubs = Stubs.of(self._channel())
        return self._stubs

    def _channel(self) -> grpc.Channel:
        tls = self.endpoint.tls
        if tls is None:
            return grpc.insecure_channel(self.endpoint.address, CHANNEL_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            tls.root_certificates, tls.private_key, tls.certificate_chain
        )
        return grpc.secure_channel(self.endpoint.address, credentials, CHANNEL_OPTIONS)

    def close(self) -> None:
        """Ends calls that are under way. Closing again changes nothing."""
        self.is_closed = True
        if self._stubs is not None:
            stubs, self._stubs = self._stubs, None
            stubs.channel.close()


class Wire:
    """Calls over one connection, within one timeout."""

    def __init__(self, connection: Connection, timeout_seconds: float) -> None:
        self.connection = connection
        self.timeout_seconds = timeout_seconds

    def with_timeout(self, seconds: float) -> Wire:
        """Over the same connection, within another timeout."""
        return Wire(self.connection, seconds)

    @property
    def stubs(self) -> Stubs:
        """What can be called. Raises ClientClosed."""
        return self.connection.stubs

    def read(self, method: grpc.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        """Calls; gRPC repeats what the service config lists. Raises EunoeError."""
        return self._attempt(method, request, self.timeout_seconds)

    def once(self, method: grpc.UnaryUnaryMultiCallable[W, A], request: W) -> A:
        """Calls and never again, for an answer that only the first attempt gets. Raises EunoeError.

        The idempotency key is for those who stand between, such as a proxy that repeats.
        """
        request.request_id = request.request_id or uuid7()
        return self._attempt(method, request, self.timeout_seconds)

    def write(self, method: grpc.UnaryUnaryMultiCallable[W, A], request: W) -> A:
        """Calls, and repeats what may never have arrived. Raises EunoeError.

        Each attempt has the same idempotency key: what an attempt has done whose answer was lost,
        the next one is told and does not do again.
        """
        request.request_id = request.request_id or uuid7()
        ends_at = time.monotonic() + self.timeout_seconds
        attempt = 1
        while True:
            try:
                return self._attempt(method, request, max(ends_at - time.monotonic(), 0.001))
            except EunoeError as error:
                pause = pause_seconds(error, attempt)
                if pause is None or time.monotonic() + pause >= ends_at:
                    raise
            time.sleep(pause)
            attempt += 1

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, A],
        request: Q,
        timeout_seconds: float,
    ) -> Generator[A, None]:
        """Yields what arrives; leaving it early cancels the call. Raises EunoeError."""
        call = method(
            request,
            timeout=timeout_seconds,
            metadata=self.connection.endpoint.metadata,
            wait_for_ready=self.connection.was_reached,
        )
        try:
            for event in call:
                self.connection.was_reached = True
                yield event
        except grpc.RpcError as error:
            raise self._failure(error, timeout_seconds) from error
        finally:
            call.cancel()

    def _attempt(
        self,
        method: grpc.UnaryUnaryMultiCallable[Q, A],
        request: Q,
        timeout_seconds: float,
    ) -> A:
        try:
            answer = method(
                request,
                timeout=timeout_seconds,
                metadata=self.connection.endpoint.metadata,
                wait_for_ready=self.connection.was_reached,
            )
        except grpc.RpcError as error:
            raise self._failure(error, timeout_seconds) from error
        self.connection.was_reached = True
        return answer

    def _failure(self, error: grpc.RpcError, timeout_seconds: float) -> EunoeError:
        if self.connection.is_closed:
            return ClientClosed("This client was closed during the call.")
        failed = failure(error, self.connection.endpoint.address, timeout_seconds)
        self.connection.was_reached |= was_answered(failed)
        return failed
