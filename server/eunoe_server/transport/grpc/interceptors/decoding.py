"""Bytes that are no request: refused as such, where grpc.aio would tell of our parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message

from eunoe_server.errors import InvalidInput
from eunoe_server.transport.grpc.interceptors.chain import Call, Check


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """What stands in the place of a request that could not be decoded."""


class Decoding(Check):
    """Everything behind it has a message; what stands before it does not look at the request."""

    def _wrap(
        self, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        handler = super()._wrap(method, handler)
        decode: Callable[[bytes], Any] | None = handler.request_deserializer
        assert decode is not None  # noqa: S101 - generated code always gives one

        def decoded(data: bytes) -> Any:
            try:
                return decode(data)
            except message.DecodeError:
                return _Unreadable()

        wrapped: Any = handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                wrapped.unary_stream, decoded, wrapped.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            wrapped.unary_unary, decoded, wrapped.response_serializer
        )

    async def before(self, call: Call) -> None:
        """Raises InvalidInput."""
        if isinstance(call.request, _Unreadable):
            raise InvalidInput("The request is not what this method takes: it cannot be decoded.")
