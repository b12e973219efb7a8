"""The gRPC channel that the shim dials: our own server, over a unix socket or an address."""

from __future__ import annotations

import grpc.aio

#: The server takes bodies of 16 MiB; an answer may hold one such document and what surrounds it.
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
#: An upstream's error body of up to 1 MiB travels in the status details, in base64.
_MAX_METADATA_BYTES = 4 * 1024 * 1024
#: gRPC's own back-off grows to two minutes, in which a restarted server would look dead.
_MAX_RECONNECT_MILLISECONDS = 1_000

_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_MILLISECONDS),
    # A proxy from the environment has no business between the shim and its server.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(target: str) -> grpc.aio.Channel:
    """A channel to `unix:/path/of.sock` or `host:port`. It connects by itself; close it."""
    return grpc.aio.insecure_channel(target, options=_OPTIONS)
