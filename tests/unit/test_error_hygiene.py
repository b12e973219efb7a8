"""Every kind of error, raised behind both transports: a code, a request id, and safe words."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from eunoe_server.errors import EunoeError, Reason, UpstreamAnsweredError
from eunoe_server.stores.driver_errors import LostRace
from eunoe_server.transport.grpc.interceptors import Errors, RequestId
from eunoe_server.transport.http.app import build_app
from eunoe_server.transport.http.channel import open_channel
from eunoe_server.transport.http.server import serve_http

CANARY = "canary-4471"


def kinds(base: type[EunoeError] = EunoeError) -> list[type[EunoeError]]:
    """Every class of ours."""
    return [base, *(each for child in base.__subclasses__() for each in kinds(child))]


def example(kind: type[EunoeError]) -> EunoeError:
    if issubclass(kind, UpstreamAnsweredError):
        return kind(418, b'{"error":{"message":"no","type":"t","param":null,"code":"c"}}', {})
    return kind()


#: By the id of the memory that is asked for: what is raised, and whether we foresaw it.
RAISED: dict[str, tuple[BaseException, bool]] = {
    **{kind.__name__: (example(kind), True) for kind in kinds()},
    "value": (ValueError(f"password={CANARY}"), False),
    "key": (KeyError(CANARY), False),
    "system": (OSError(2, CANARY, f"/secret/{CANARY}"), False),
    "group": (ExceptionGroup(CANARY, [RuntimeError(CANARY)]), False),
    "driver": (LostRace("again"), True),
    "cancelled": (asyncio.CancelledError(CANARY), True),
    "unwritten": (NotImplementedError(CANARY), True),
    "timeout": (TimeoutError(CANARY), False),
    "unicode": (UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY), False),
}


class Failing(memory_pb2_grpc.MemoryServiceServicer):
    async def GetMemory(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - as generated
        raise RAISED[request.id][0]


@dataclass(frozen=True)
class Ports:
    grpc: int
    http: int


@asynccontextmanager
async def failing() -> AsyncIterator[Ports]:
    """A server of both transports whose one method raises what it is asked to."""
    server = grpc.aio.server(interceptors=[RequestId(), Errors()])
    memory_pb2_grpc.add_MemoryServiceServicer_to_server(Failing(), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with (
        open_channel(f"127.0.0.1:{port}") as channel,
        serve_http(build_app(channel), "127.0.0.1:0", drain_seconds=0.1) as http_port,
    ):
        yield Ports(port, http_port)
    await server.stop(0)


def get(url: str) -> tuple[int, str, str]:
    """Status, body and request id of a request that fails."""
    request = urllib.request.Request(url, headers={"Authorization": "Bearer x"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310 - loopback
    with refused.value as answer:
        return answer.code, answer.read().decode(), answer.headers["x-request-id"]


async def test_every_error_is_told_by_code_request_id_and_safe_words() -> None:
    async with (
        failing() as ports,
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        stub = memory_pb2_grpc.MemoryServiceStub(channel)
        for name, (error, is_foreseen) in RAISED.items():
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stub.GetMemory(memory_pb2.GetMemoryRequest(id=name), timeout=10)
            status = rpc_status.from_call(failed.value)  # type: ignore[arg-type]
            info = error_details_pb2.ErrorInfo()
            assert status.details[0].Unpack(info), name
            assert Reason(info.reason), name
            assert info.metadata["request_id"].startswith("req_"), name
            assert failed.value.code() is not grpc.StatusCode.UNKNOWN
            if not is_foreseen:
                assert re.fullmatch(
                    r"Internal error\. Quote request id req_[0-9a-f]{32}\.", status.message
                )
            assert CANARY not in repr(failed.value)
            assert type(error).__module__ not in status.message

            code, body, request_id = await asyncio.to_thread(
                get, f"http://127.0.0.1:{ports.http}/memory/{name}"
            )
            assert code >= 400, name
            assert request_id.startswith("req_")
            told = json.loads(body)["error"]
            assert told["code"], name
            assert told["message"], name
            assert CANARY not in body
            assert "Traceback" not in body
