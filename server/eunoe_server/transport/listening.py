"""Addresses, bound: by one process alone, or by one for several to share.

Sharing is SO_REUSEPORT: each process has a socket of its own, and the kernel spreads connections
over those that listen. One socket for all would not spread them: whichever process wakes first
takes every connection that waits. Whoever binds for others keeps the sockets open, so that
connections to one whose process has died wait for the next instead of being refused.

It refuses an address that somebody listens on already, which SO_REUSEPORT alone would share
without a word.
"""

from __future__ import annotations

import socket

from eunoe_server.errors import InvalidInput

_BACKLOG = 2_048


def listen(address: str) -> socket.socket:
    """A socket that listens at `host:port`, nobody else's. Raises OSError when it is taken."""
    listener = _new(address)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"Cannot listen on {address}: {error.strerror}.") from error
    return listener


def bind_shared(address: str, count: int) -> list[socket.socket]:
    """As many sockets at one address, none of which listens yet. Raises OSError when it is taken.

    Port 0 is one free port for all of them.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise InvalidInput("Several processes cannot share a port on this system.")
    with listen(address) as alone:
        port: int = alone.getsockname()[1]
    address = f"{address.rpartition(':')[0]}:{port}"
    shared: list[socket.socket] = []
    try:
        for _ in range(count):
            shared.append(_new(address))
            shared[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _bind(shared[-1], address)
    except OSError as error:
        for each in shared:
            each.close()
        raise OSError(f"Cannot share {address}: {error.strerror}.") from error
    return shared


def _new(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.rpartition(":")[0] else socket.AF_INET
    # By its protocol asyncio tells whether to set TCP_NODELAY on what is accepted, and
    # socket.create_server leaves it open: each answer then waited 40 ms for the client's ACK.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)


def _bind(listener: socket.socket, address: str) -> None:
    host, _, port = address.rpartition(":")
    listener.bind((host.strip("[]"), int(port)))
