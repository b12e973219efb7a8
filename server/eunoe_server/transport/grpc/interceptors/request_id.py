"""The name of a call, by which logs, errors and its caller speak of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uuid_utils

from eunoe_server.telemetry import request_id
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor

_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


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
