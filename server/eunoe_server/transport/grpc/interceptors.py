"""What every call passes through before its servicer, in this order and for these reasons:

1. `InFlight`        first, so that a call counts until the last of it is done
2. `RequestId`       so that every later line and error can name the request
3. `AccessLog`       outside of errors, so that it sees the status that really went out
4. `Errors`          outside of auth, so that a refused key is answered like any other error
5. `Authentication`  before anything reads the request's contents
6. `RequiredFields`  last, so that nobody without a key learns what a request needs

grpc.aio gives an interceptor the method's name and the handler, not the call; so each of these
wraps the handler itself, unary and streaming alike, in one async context manager (`around`).
A context variable set there is seen by the handler and by no other call.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import grpc
import structlog
import uuid_utils
from google.api import field_behavior_pb2
from google.protobuf import message

from eunoe.v1 import options_pb2
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.errors import (
    EunoeError,
    FieldViolation,
    MissingParameter,
    NotAuthenticated,
    NotImplementedYet,
    NotPermitted,
    Unavailable,
)
from eunoe_server.services.keys import Authenticator
from eunoe_server.telemetry import Metrics, request_id
from eunoe_server.transport.grpc.status import to_status

log = structlog.get_logger()

_caller: ContextVar[Caller] = ContextVar("caller")

#: Health and reflection answer without a key: they hold no tenant's data.
OPEN_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)

_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def caller() -> Caller:
    """Who makes the current call. Raises LookupError outside of an authenticated one."""
    return _caller.get()


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
    """Runs `around` about every handler."""

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
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(OPEN_SERVICES):
            return handler
        if handler.request_streaming:  # the contract has none; refuse rather than serve unguarded
            raise TypeError(f"{method}: client streaming is not supported")
        around = self.around

        if handler.response_streaming:
            stream: Callable[[Any, Any], AsyncIterator[Any]] = cast("Any", handler.unary_stream)

            async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
                async with around(Call(method, request, context)):
                    async for response in stream(request, context):
                        yield response

            return grpc.unary_stream_rpc_method_handler(
                streaming, handler.request_deserializer, handler.response_serializer
            )
        unary: Callable[[Any, Any], Awaitable[Any]] = cast("Any", handler.unary_unary)

        async def single(request: Any, context: Any) -> Any:
            async with around(Call(method, request, context)):
                return await unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            single, handler.request_deserializer, handler.response_serializer
        )


class RequestId(Interceptor):
    """Takes the caller's `x-request-id` if it is a plain short word, else makes one."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """The id is in every log line of the call and in its trailing metadata."""
        offered = call.metadata("x-request-id")
        current = (
            offered[0]
            if offered and _CLIENT_REQUEST_ID.fullmatch(offered[0])
            else f"req_{uuid_utils.uuid7().hex}"
        )
        request_id.set(current)
        call.context.set_trailing_metadata((("x-request-id", current),))
        yield


class InFlight(Interceptor):
    """Counts running calls, so that a stopping server can wait for what they still have to store.

    `grpc.aio.Server.stop` returns once calls are answered or cancelled, not once their handlers
    have ended.
    """

    def __init__(self) -> None:
        self._count = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Nothing but counting."""
        del call
        self._count += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._is_idle.set()

    async def wait_until_idle(self, seconds: float) -> None:
        """Returns once no handler runs, or after `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_idle.wait(), seconds)


class AccessLog(Interceptor):
    """One line and one count a call: method, code, milliseconds. No contents, no parameters."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """The code is the one that went out; a cancelled call is CANCELLED."""
        started = time.perf_counter()
        name = "UNKNOWN"
        try:
            yield
            name = "OK"
        except (asyncio.CancelledError, GeneratorExit):
            name = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            name = _code_name(call.context)
            raise
        finally:
            seconds = time.perf_counter() - started
            method = call.method.removeprefix("/eunoe.v1.")
            self._metrics.rpcs.labels(method, name).inc()
            self._metrics.rpc_seconds.labels(method).observe(seconds)
            log.info("rpc", method=method, code=name, milliseconds=round(seconds * 1000, 2))


def _code_name(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    # The aio context gives back the number that abort() was called with.
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((each.name for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")


class Errors(Interceptor):
    """Turns every exception into a status. The unexpected is logged whole and answered short."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Uncaught, grpc.aio would send the exception's text to the client."""
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError:
            if call.context.cancelled():
                raise
            # Our own cancellation (shutdown, an inner timeout): without a status the client hangs.
            try:
                await self._abort(call, Unavailable("The server is stopping. Try again."))
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                # There is no call left to answer: it was the client who cancelled it.
                raise asyncio.CancelledError from error
        except EunoeError as error:
            await self._abort(call, error)
        except NotImplementedError:
            await self._abort(call, NotImplementedYet())
        except Exception:
            log.exception("unhandled", method=call.method)
            await self._abort(
                call, EunoeError(f"Internal error. Quote request id {request_id.get()}.")
            )

    async def _abort(self, call: Call, error: EunoeError) -> None:
        error.metadata.setdefault("request_id", request_id.get())
        limit = min(getattr(call.request, "max_upstream_error_bytes", 0) or 4_096, 1024 * 1024)
        await call.context.abort_with_status(to_status(error, max_upstream_error_bytes=limit))


class Authentication(Interceptor):
    """No key, no call. What a method needs is in `SCOPES`; a method not listed needs `admin`."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Sets `caller()` for the handler. Raises NotAuthenticated, NotPermitted."""
        who = await self._authenticator.authenticate(_token(call))
        needed = SCOPES.get(call.method.removeprefix("/eunoe.v1."), Scope.ADMIN)
        if needed not in who.scopes:
            raise NotPermitted(f"This API key has no `{needed}` scope.")
        _caller.set(who)
        # Whom the memories belong to, for the dialect that shows it (seed 004, `owner_id`).
        call.context.set_trailing_metadata(
            (("x-request-id", request_id.get()), ("x-eunoe-project", str(who.project_id)))
        )
        yield


SCOPES: dict[str, Scope] = {
    "MemoryService/CreateMemory": Scope.WRITE,
    "MemoryService/BatchCreateMemories": Scope.WRITE,
    "MemoryService/GetMemory": Scope.READ,
    "MemoryService/ListMemories": Scope.READ,
    "MemoryService/UpdateMemory": Scope.WRITE,
    "MemoryService/DeleteMemory": Scope.WRITE,
    "MemoryService/ExtractMemories": Scope.WRITE,
    "DialogueService/CreateDialogue": Scope.WRITE,
    "DialogueService/GetDialogue": Scope.READ,
    "DialogueService/ListDialogues": Scope.READ,
    "DialogueService/UpdateDialogue": Scope.WRITE,
    "DialogueService/EndDialogue": Scope.WRITE,
    "DialogueService/DeleteDialogue": Scope.WRITE,
    "DialogueService/CreateMessages": Scope.WRITE,
    "DialogueService/GetMessage": Scope.READ,
    "DialogueService/ListMessages": Scope.READ,
    "DialogueService/UpdateMessage": Scope.WRITE,
    "DialogueService/DeleteMessage": Scope.WRITE,
    "DialogueService/GetDialogueState": Scope.READ,
    "DialogueService/PutDialogueState": Scope.WRITE,
    "DialogueService/PatchDialogueState": Scope.WRITE,
    "SearchService/Search": Scope.READ,
    "ChatService/CompleteChat": Scope.WRITE,
    "ChatService/StreamChat": Scope.WRITE,
    "ChatService/CreateResponse": Scope.WRITE,
    "ChatService/StreamResponse": Scope.WRITE,
    "ChatService/CreateEmbeddings": Scope.READ,
    "ChatService/ListModels": Scope.READ,
    "ChatService/GetModel": Scope.READ,
    "AdminService/GetUsage": Scope.READ,
}


def _token(call: Call) -> str:
    """The key as `Authorization: Bearer …`, or as `x-api-key` / `api-key` (Azure's habit)."""
    values = call.metadata("authorization")
    if len(values) > 1:
        raise NotAuthenticated("Send exactly one Authorization header.")
    if values:
        scheme, _, token = values[0].partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        return token.strip()
    for name in ("x-api-key", "api-key"):
        if values := call.metadata(name):
            return values[0].strip()
    raise NotAuthenticated("Missing API key. Send one as `Authorization: Bearer <key>`.")


class RequiredFields(Interceptor):
    """Refuses a request that lacks a field marked `REQUIRED` (AIP-203), naming its path."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises MissingParameter with the JSON names of all missing fields."""
        if missing := list(missing_fields(call.request)):
            raise MissingParameter(
                f"Missing required {missing[0]}",
                fields=[FieldViolation(path, "Required") for path in missing],
            )
        yield


def missing_fields(request: message.Message, prefix: str = "") -> list[str]:
    """JSON paths of the required fields that are not set, in declaration order."""
    missing = []
    for field in request.DESCRIPTOR.fields:
        path = prefix + field.json_name
        if _is_required(field) and not _is_set(request, field):
            missing.append(path)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            value = getattr(request, field.name)
            if field.is_repeated:
                for index, item in enumerate(value):
                    missing += missing_fields(item, f"{path}[{index}].")
            elif request.HasField(field.name):
                missing += missing_fields(value, f"{path}.")
    return missing


def _is_required(field: Any) -> bool:
    options = field.GetOptions()
    return field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]


def _is_set(request: message.Message, field: Any) -> bool:
    if field.has_presence:
        return request.HasField(field.name)
    if field.GetOptions().Extensions[options_pb2.may_be_empty]:
        return True  # a list has no presence in gRPC; the shim checks that its key was sent
    return bool(getattr(request, field.name))
