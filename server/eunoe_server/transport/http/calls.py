"""An HTTP request on its way to becoming an RPC: its body, its metadata, its client's patience.

The shim refuses only what cannot travel: a body over the limit, a header that gRPC metadata
cannot carry. Whether a key is good, and what a request may do, the server decides.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import grpc.aio
import uuid_utils
from grpc.aio import _call
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from eunoe_server.errors import InvalidInput, NotAuthenticated, RequestTooLarge
from eunoe_server.tracing import carried
from eunoe_server.transport.http.errors import Failure, Refused, told_headers

Metadata = tuple[tuple[str, str], ...]

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

#: The headers that may hold a key, as the server reads them.
_CREDENTIALS = ("authorization", "x-api-key", "api-key")
#: gRPC refuses metadata from 8 KiB on; no key of ours is longer than a few hundred bytes.
_MAX_CREDENTIAL_CHARACTERS = 4_096

#: The same rule as the server's: what a client may call its own request.
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

#: A body gets this long, and a second more for each so many bytes that have come.
_BODY_SECONDS = 15.0
_BODY_BYTES_PER_SECOND = 64 * 1024


#: Turning JSON into a message takes up to 1 us a byte.
_INLINE_BYTES = 16_384


class ClientLeft(Exception):
    """The client closed the connection before its answer was ready; nobody is there to answer."""


def offered_request_id(headers: Mapping[str, str]) -> str | None:
    """The name that a client gives its request, if it is a plain short word."""
    for name in ("x-request-id", "x-client-request-id"):
        offered = headers.get(name, "")
        if _CLIENT_REQUEST_ID.fullmatch(offered):
            return offered
    return None


def fresh_request_id() -> str:
    """The name of a request whose client gives it none."""
    return f"req_{uuid_utils.uuid7().hex}"


def metadata_of(request: Request) -> Metadata:
    """The gRPC metadata of every call that this request leads to.

    Raises NotAuthenticated when there is no key, or one that metadata cannot carry: so a request
    without a key is refused before its body is read.
    """
    pairs = [
        (name, value.strip()) for name in _CREDENTIALS for value in request.headers.getlist(name)
    ]
    if not pairs:
        raise NotAuthenticated("Missing API key. Send one as `Authorization: Bearer <key>`.")
    for _, value in pairs:
        if len(value) > _MAX_CREDENTIAL_CHARACTERS or not _is_sendable(value):
            raise NotAuthenticated
    if request.headers.get("x-memory-timing") == "1":
        pairs.append(("x-memory-timing", "1"))
    return (*pairs, *carried().items(), ("x-request-id", request.state.request_id))


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def text_header(headers: Headers, name: str) -> list[str]:
    """Every value of a header as text. Raises InvalidInput when one is not UTF-8."""
    values = []
    for raw in headers.getlist(name):
        try:
            values.append(raw.encode("latin-1").decode("utf-8").strip())
        except UnicodeDecodeError:
            raise InvalidInput.of(name, "The header is not valid UTF-8.") from None
    return values


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body. Raises RequestTooLarge, ClientLeft, InvalidInput, or 408 when it drips."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidInput("A compressed body is not supported. Send it without Content-Encoding.")
    too_large = RequestTooLarge(f"The body is larger than {max_bytes} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    loop = asyncio.get_running_loop()
    started = loop.time()
    received = 0
    chunks = []
    try:
        async with asyncio.timeout_at(started + _BODY_SECONDS) as deadline:
            async for chunk in request.stream():
                received += len(chunk)
                if received > max_bytes:
                    raise too_large
                chunks.append(chunk)
                deadline.reschedule(started + _BODY_SECONDS + received / _BODY_BYTES_PER_SECOND)
    except ClientDisconnect:
        raise ClientLeft from None
    except TimeoutError:
        raise Refused(
            Failure(
                408,
                "REQUEST_TIMEOUT",
                "The body did not arrive in time.",
                headers={"connection": "close"},
            )
        ) from None
    return b"".join(chunks)


async def read_apart(length: int, read: Callable[[], T]) -> T:
    """What `read` makes of so many bytes; of many in a thread, so that no other request waits."""
    return read() if length <= _INLINE_BYTES else await asyncio.to_thread(read)


async def answered(call: grpc.aio.UnaryUnaryCall[Q, A]) -> tuple[A, dict[str, str]]:
    """The answer of a call, and what is to be said with it."""
    answer: A = await call
    return answer, await told_with(call)


async def told_with(call: grpc.aio.Call) -> dict[str, str]:
    """Headers of ours that a call has told at its beginning: its times, the key's limits."""
    return told_headers(await call.initial_metadata())


async def until_client_leaves(
    receive: Receive, call: grpc.aio.Call, work: Coroutine[Any, Any, T]
) -> T:
    """What `work` makes of `call`; if the client leaves first, it is cancelled. Raises ClientLeft.

    Only for requests whose body was read: the next thing to receive is the disconnect.
    """
    worker = asyncio.create_task(work)
    watcher = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait((worker, watcher), return_when=asyncio.FIRST_COMPLETED)
        if worker.done():
            return worker.result()
        raise ClientLeft
    finally:
        watcher.cancel()
        _cancel(call)
        await asyncio.gather(worker, watcher, return_exceptions=True)


def _cancel(call: Any) -> None:
    """Ends a call, unless it has ended; whoever awaits it is told so.

    Neither the one who awaits it nor, as `call.cancel()` would, the library's own tasks are
    cancelled: what a batch of gRPC's core has received is never freed when nobody awaits the batch
    any more, 1 to 9 KiB for each client that leaves (grpc/grpc#43360).
    """
    _call.Call.cancel(call)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
