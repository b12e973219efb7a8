"""A gRPC proxy that carries calls out and loses answers: the network at its worst moment.

It stands between a client and a real server, on a real socket, and knows no message: bytes go in
and out. The first call of each method reaches the server, and its caller is told UNAVAILABLE, as
when a connection breaks before the answer arrives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, cast

import grpc


class LossyProxy(grpc.GenericRpcHandler):
    """Counts the calls of each method, by its short name, and loses the answer to the first."""

    def __init__(self, target: str) -> None:
        self.calls: Counter[str] = Counter()
        self.address = ""
        self._target = target
        self._channel: grpc.Channel | None = None

    @contextmanager
    def running(self, credentials: grpc.ServerCredentials | None = None) -> Iterator[LossyProxy]:
        """Serves while the context lasts, with TLS if there are credentials."""
        server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self])
        port = (
            server.add_insecure_port("127.0.0.1:0")
            if credentials is None
            else server.add_secure_port("127.0.0.1:0", credentials)
        )
        self.address = f"127.0.0.1:{port}"
        with grpc.insecure_channel(self._target) as self._channel:
            server.start()
            try:
                yield self
            finally:
                server.stop(None).wait()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Every method, as bytes."""
        path = handler_call_details.method
        name = path.rpartition("/")[2]

        def forward(request: bytes, context: grpc.ServicerContext) -> bytes:
            assert self._channel is not None
            self.calls[name] += 1
            is_lost = self.calls[name] == 1
            kept = tuple(
                pair for pair in context.invocation_metadata() if pair[0] == "authorization"
            )
            method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(path)
            try:
                answer = method(request, metadata=kept, timeout=30)
            except grpc.RpcError as error:
                failed = cast("grpc.Call", error)
                context.set_trailing_metadata(failed.trailing_metadata())
                context.abort(failed.code(), failed.details() or "")
            if is_lost:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
            return answer

        return grpc.unary_unary_rpc_method_handler(forward)
