"""Where the server is and how to speak to it: address, key, TLS, keepalive, retries of reads.

Reads are repeated by gRPC itself, by this service config: they change nothing, so nothing can go
wrong twice. Writes are not in it. A repeated write needs to know that it is one, so those are
repeated in `_async/wire.py` with their idempotency key, and whole chats as well; streams are not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from eunoe.exceptions import InvalidRequest

READS = {
    "eunoe.v1.MemoryService": ["GetMemory", "ListMemories"],
    "eunoe.v1.DialogueService": [
        "GetDialogue",
        "ListDialogues",
        "GetMessage",
        "ListMessages",
        "GetDialogueState",
    ],
    "eunoe.v1.SearchService": ["Search"],
    "eunoe.v1.ChatService": ["ListModels", "GetModel"],
    "eunoe.v1.AdminService": ["ListApiKeys", "ListNamespaces", "ListAuditEvents", "GetUsage"],
}

MAX_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
PAUSE_FACTOR = 2.0

_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": service, "method": method}
                for service, methods in READS.items()
                for method in methods
            ],
            "retryPolicy": {
                "maxAttempts": MAX_ATTEMPTS,
                "initialBackoff": f"{FIRST_PAUSE_SECONDS}s",
                "maxBackoff": f"{LONGEST_PAUSE_SECONDS}s",
                "backoffMultiplier": PAUSE_FACTOR,
                # CANCELLED is what a server that stops tells those whom it still owes an answer.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ]
}

#: For `grpc` and `grpc.aio` alike.
CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Answers hold up to 200 values of 1 MiB; the server bounds them, not we.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # An upstream's own error travels in the details of a status.
    ("grpc.max_metadata_size", 64 * 1024),
    # A connection that died silently is noticed within 50 s. The server allows a ping every 10 s.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that restarts is found again soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

_URL = re.compile(r"^(https?|grpcs?)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tls:
    """How to check the server and, where it asks, how to prove who we are. All in PEM."""

    #: The certificates to trust. None: those of the system.
    root_certificates: bytes | None = None
    #: Ours, with its key, for servers that ask for one.
    certificate_chain: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server as one caller sees it."""

    address: str
    api_key: str = field(repr=False)
    tls: Tls | None

    @classmethod
    def of(cls, address: str, api_key: str, tls: Tls | bool) -> Endpoint:
        """Checks what can be checked before a connection. Raises InvalidRequest."""
        if _URL.match(address):
            raise InvalidRequest(
                f"The address is {address!r}, a URL. Say where the server's gRPC is, as host:port, "
                "such as '127.0.0.1:50051', and `tls=True` if it wants TLS."
            )
        if not api_key or not api_key.isascii() or not api_key.isprintable():
            raise InvalidRequest(
                "`api_key` is empty or no key. `eunoe keys create` makes one on the server."
            )
        return cls(address, api_key, Tls() if tls is True else tls or None)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return (("authorization", f"Bearer {self.api_key}"),)
