"""The gRPC server: its options, its interceptors in order, its services, its two addresses.

It listens on the public address and on a unix socket, where the HTTP shim dials in like any other
client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from eunoe_server.transport.grpc.door import Doorman, server_with_door, turn_away
from eunoe_server.transport.grpc.health import Health

#: What a protobuf message may add to the bytes of the body inside it; more than HTTP's headers can
#: hold, so that what the shim lets in is never too large here.
_ENVELOPE_BYTES = 256 * 1024
#: Calls that the gRPC library may hold until the event loop comes to them; of more it drops some,
#: and from twice as many on all, with CANCELLED and no reason. That costs no time of ours: it is
#: for floods in which even refusing would leave no time for anything else.
_MAX_PENDING_CALLS = 1_000
#: Of a message that a client may send before it hears that we read.
_LOOKAHEAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Servicer:
    """One service: its full name, the generated function that registers it, what implements it."""

    name: str
    register: Callable[[Any, grpc.aio.Server], None]
    implementation: object


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Where and how to serve; see `settings.py`."""

    address: str
    socket: Path
    max_message_bytes: int
    reflection: bool
    drain_seconds: float
    #: Whether other processes of the same server listen there as well.
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs."""

    #: The bound one.
    port: int
    #: Refuses new calls but those of the shim. For the beginning of an end: while requests over
    #: HTTP run, they still make their calls.
    turn_away: Callable[[], None]


class BoundElsewhere(OSError):
    """The address is taken or not ours."""


@asynccontextmanager
async def serve_grpc(
    servicers: Sequence[Servicer],
    doorman: Doorman,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    health: Health,
    options: GrpcOptions,
) -> AsyncIterator[Serving]:
    """Serves while the context lasts.

    What the doorman does not let in is refused at the door (`door.py`).
    On leaving, health's streams end, new calls are refused and running ones get
    `drain_seconds` to finish. Raises BoundElsewhere.
    """
    server = server_with_door(
        doorman,
        interceptors=interceptors,
        options=[
            # A second server on the same port must fail, not silently share it.
            ("grpc.so_reuseport", int(options.is_shared)),
            ("grpc.max_receive_message_length", options.max_message_bytes + _ENVELOPE_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
            ("grpc.server.max_pending_requests_hard_limit", 2 * _MAX_PENDING_CALLS),
            # Upstream error bodies travel in status details; the shim asks for up to 1 MiB of them.
            ("grpc.max_metadata_size", 64 * 1024),
            ("grpc.absolute_max_metadata_size", 128 * 1024),
            # Clients behind balancers ping more often than every five minutes.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", 60_000),
            # No ping with every call to learn how fast the line is. Instead each stream may send
            # this much ahead of us.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", _LOOKAHEAD_BYTES),
        ],
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for servicer in servicers:
        servicer.register(servicer.implementation, server)
    if options.reflection:
        names = [servicer.name for servicer in servicers]
        reflection.enable_server_reflection(
            [*names, "grpc.health.v1.Health", reflection.SERVICE_NAME], server
        )
    try:
        port = server.add_insecure_port(options.address)
    except RuntimeError as error:
        raise BoundElsewhere(f"Cannot listen on {options.address}: is it in use?") from error
    options.socket.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{options.socket}")
    await server.start()
    options.socket.chmod(0o600)
    try:
        yield Serving(port, partial(turn_away, server))
    finally:
        health.close()
        await server.stop(options.drain_seconds)
        options.socket.unlink(missing_ok=True)
