"""The name of a call, by which logs, errors and its caller speak of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import uuid_utils

from eunoe_server.telemetry import request_id
from eunoe_server.transport.grpc.interceptors.chain import Call, Check

_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def name_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The name that a caller gives its call, if it is a plain short word; else a new one."""
    for key, value in metadata or ():
        if key == "x-request-id" and isinstance(value, str) and _CLIENT_REQUEST_ID.fullmatch(value):
            return value
    return f"req_{uuid_utils.uuid7().hex}"


class RequestId(Check):
    """Takes the caller's `x-request-id` if it is a plain short word, else makes one."""

    async def before(self, call: Call) -> None:
        """The id is in every log line of the call and in its trailing metadata."""
        current = name_of(call.context.invocation_metadata())
        request_id.set(current)
        call.context.set_trailing_metadata((("x-request-id", current),))
