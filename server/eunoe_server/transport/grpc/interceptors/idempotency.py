"""Requests with an idempotency key: found again before anything is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from google.protobuf import message

from eunoe_server.domain.caller import Scope
from eunoe_server.domain.idempotency import RequestKey
from eunoe_server.errors import Overloaded, StorageUnavailable
from eunoe_server.services.idempotency import Idempotency
from eunoe_server.transport.grpc.interceptors.authentication import SCOPES, caller
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor

log = structlog.get_logger()

_KEY = "request_id"
#: What differs between two attempts at the same thing, or says nothing of what is to be done.
_NOT_COMPARED = (_KEY, "retry_count", "forward_headers", "max_upstream_error_bytes")
_CHATS = "ChatService/"


class IdempotencyKeys(Interceptor):
    """Lets a call that changes something, and has a key, work under its claim."""

    def __init__(self, idempotency: Idempotency) -> None:
        self._idempotency = idempotency

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises IdempotencyKeyReused, IdempotencyInProgress, InvalidParameter.

        Without its database a server refuses what it would have to store. A chat goes on without
        memory, so it goes on without its key too.
        """
        method = call.method.removeprefix("/eunoe.v1.")
        key = _request_key(call.request, method)
        if key is None:
            yield
            return
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._idempotency.claimed(key))
            except (StorageUnavailable, Overloaded):
                if not method.startswith(_CHATS):
                    raise
                log.warning("chat goes on without its idempotency key")
            yield


def _request_key(request: message.Message, method: str) -> RequestKey | None:
    key = getattr(request, _KEY, "")
    if not key or SCOPES.get(method) == Scope.READ:
        return None
    who = caller()
    compared = type(request)()
    compared.CopyFrom(request)
    for field in _NOT_COMPARED:
        if field in compared.DESCRIPTOR.fields_by_name:
            compared.ClearField(field)
    body = compared.SerializeToString(deterministic=True)
    return RequestKey.of(who.project_id, who.key_id, method, key, body)
