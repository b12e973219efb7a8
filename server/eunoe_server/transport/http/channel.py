"""The gRPC channel that the shim dials: our own server, over a unix socket or an address."""

from __future__ import annotations

import grpc.aio

#: An upstream's error body of up to 1 MiB travels in the status details, in base64.
_MAX_METADATA_BYTES = 4 * 1024 * 1024
#: gRPC's own back-off grows to two minutes, in which a restarted server would look dead.
_MAX_RECONNECT_MILLISECONDS = 1_000

_OPTIONS = (
    # An answer may hold any number of documents, each of the largest size: a page of a list. It is
    # our own server's, which sends no more than was stored.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_MILLISECONDS),
    # A proxy from the environment has no business between the shim and its server.
    ("grpc.enable_http_proxy", 0),
    # What a slow reader leaves unread waits in the model, not in windows between us and ourselves.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
)


def open_channel(target: str) -> grpc.aio.Channel:
    """A channel to `unix:/path/of.sock` or `host:port`. It connects by itself; close it."""
    return grpc.aio.insecure_channel(target, options=_OPTIONS)
