"""Addresses that a server can come back to."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def fixed_addresses() -> dict[str, str]:
    """Settings with ports that were free a moment ago, instead of new ones at each start."""
    with ExitStack() as stack:
        # All held at once, so that no two are the same.
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [each.getsockname()[1] for each in sockets]
    names = ("EUNOE_HTTP_ADDRESS", "EUNOE_GRPC_ADDRESS", "EUNOE_OPS_ADDRESS")
    return {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
