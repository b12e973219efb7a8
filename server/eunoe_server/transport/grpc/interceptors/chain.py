"""What an interceptor is here: a context manager about the handler of every call.

grpc.aio gives an interceptor the method's name and the handler, not the call; so each of these
wraps the handler itself, unary and streaming alike, in one context manager (`around`, or `within`
if it waits for nothing), or puts a check in front of it (`before`).
A context variable set there is seen by the handler and by no other call.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf import message

#: Health and reflection answer without a key: they hold no tenant's data.
OPEN_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)

#: What remembers and waits for a model, by method; and all that waits for one, for minutes perhaps.
CHATS = frozenset(
    {
        "/eunoe.v1.ChatService/CompleteChat",
        "/eunoe.v1.ChatService/StreamChat",
        "/eunoe.v1.ChatService/CreateResponse",
        "/eunoe.v1.ChatService/StreamResponse",
    }
)
WAITS_FOR_MODEL = CHATS | {
    "/eunoe.v1.ChatService/CreateEmbeddings",
    "/eunoe.v1.ChatService/ListModels",
    "/eunoe.v1.ChatService/GetModel",
    "/eunoe.v1.MemoryService/ExtractMemories",
}


#: Handlers of grpc.aio: of a request and the call's context.
Unary: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
Streaming: TypeAlias = Callable[[Any, Any], AsyncIterator[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as an interceptor sees it."""

    method: str
    request: message.Message
    context: grpc.aio.ServicerContext[Any, Any]

    def metadata(self, name: str) -> list[str]:
        """Every value sent under one (lower-case) name."""
        return [
            value if isinstance(value, str) else value.decode("latin-1")
            for key, value in self.context.invocation_metadata() or ()
            if key == name
        ]


class Interceptor(grpc.aio.ServerInterceptor):
    """Runs `around` about every handler.

    A method's handler is always the same, so it is wrapped once: with a dozen interceptors the
    wrapping would cost as much as what they do.
    """

    @functools.cached_property
    def _wrapped(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        return {}

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """What happens before and after the handler; an exception of the handler passes through."""
        raise NotImplementedError

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wraps the handler that the rest of the chain found."""
        method = handler_call_details.method
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is not None and not method.startswith(OPEN_SERVICES):
            handler = self._wrapped[method] = self._wrap(method, handler)
        return handler

    def _wrap(
        self, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        if handler.request_streaming:  # the contract has none; refuse rather than serve unguarded
            raise TypeError(f"{method}: client streaming is not supported")
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, cast("Any", handler.unary_stream)),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._single(method, cast("Any", handler.unary_unary)),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _single(self, method: str, unary: Unary) -> Unary:
        async def single(request: Any, context: Any) -> Any:
            async with self.around(Call(method, request, context)):
                return await unary(request, context)

        return single

    def _streaming(self, method: str, stream: Streaming) -> Streaming:
        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self.around(Call(method, request, context)):
                async for response in stream(request, context):
                    yield response

        return streaming


class Frame(Interceptor):
    """Runs `within` about every handler: for what itself waits for nothing."""

    def within(self, call: Call) -> AbstractContextManager[None]:
        """As `around`."""
        raise NotImplementedError

    def _single(self, method: str, unary: Unary) -> Unary:
        async def single(request: Any, context: Any) -> Any:
            with self.within(Call(method, request, context)):
                return await unary(request, context)

        return single

    def _streaming(self, method: str, stream: Streaming) -> Streaming:
        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            with self.within(Call(method, request, context)):
                async for response in stream(request, context):
                    yield response

        return streaming


class Check(Interceptor):
    """Runs `before` ahead of every handler: for what has nothing to do after it."""

    async def before(self, call: Call) -> None:
        """What happens first; an exception keeps the call from its handler."""
        raise NotImplementedError

    def _single(self, method: str, unary: Unary) -> Unary:
        async def single(request: Any, context: Any) -> Any:
            await self.before(Call(method, request, context))
            return await unary(request, context)

        return single

    def _streaming(self, method: str, stream: Streaming) -> Streaming:
        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            await self.before(Call(method, request, context))
            async for response in stream(request, context):
                yield response

        return streaming


def ended_with(error: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """What a call ended with that raised: a status, such as `NOT_FOUND`."""
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return "CANCELLED"
    if not isinstance(error, grpc.aio.AbortError):
        return "UNKNOWN"
    # The aio context gives back the number that abort() was called with.
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((each.name for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")
