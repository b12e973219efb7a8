"""The most that grpc.aio can do here: a server that answers GetMemory and does nothing else.

    python -m benchmarks.programs.echo ANSWER

`ANSWER` is what it says to everybody: a serialized GetMemoryResponse in base64, so that requests
and answers are as long as a real server's. No key is checked, no database asked, no line logged.
It prints its address and serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import Any

import grpc.aio

from eunoe.v1 import memory_pb2


async def serve(answer: memory_pb2.GetMemoryResponse) -> None:
    """Until the process is stopped."""

    async def echo(request: memory_pb2.GetMemoryRequest, context: Any) -> Any:  # noqa: ARG001
        return answer

    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        memory_pb2.GetMemoryRequest.FromString,
        memory_pb2.GetMemoryResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_registered_method_handlers("eunoe.v1.MemoryService", {"GetMemory": handler})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(memory_pb2.GetMemoryResponse.FromString(base64.b64decode(sys.argv[1]))))
