"""Eunoe, the memory server for applications built on language models: its client.

    from eunoe import Eunoe

    with Eunoe("127.0.0.1:50051", api_key="…") as client:
        client.memories.create("User is allergic to peanuts", namespace="alice")
        print(client.search("What must Alice not eat?", namespace="alice")[0].item.value)

`AsyncEunoe` is the same for asyncio. Failures are drawn in `eunoe.exceptions`. The generated
messages and stubs are in `eunoe.v1`; whoever imports only those, as the server does, loads nothing
of the client: each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eunoe._administration import (
        ApiKey,
        AuditEvent,
        CreatedApiKey,
        ErasureReceipt,
        Namespace,
        Usage,
        UsagePeriod,
    )
    from eunoe._async.chat import AsyncChatStream
    from eunoe._async.client import AsyncEunoe
    from eunoe._async.dialogue import AsyncDialogue
    from eunoe._async.paging import AsyncPaged
    from eunoe._chat import (
        ChatAnswer,
        ChatChunk,
        ChatMessage,
        ChatMessageInput,
        ChatUsage,
        MemoryReport,
        Model,
        RecalledNote,
        Stored,
        ToolCall,
        ToolCallDelta,
    )
    from eunoe._endpoint import Tls
    from eunoe._found import Found, ResolvedSearch, SearchResults, Signal, TimeRange
    from eunoe._json import JsonValue
    from eunoe._memory import (
        ExtractedMemory,
        Extraction,
        ExtractionMessage,
        Fact,
        FactSource,
        Memory,
        NewMemory,
    )
    from eunoe._message import Message, NewMessage
    from eunoe._page import Page
    from eunoe._sync.chat import ChatStream
    from eunoe._sync.client import Eunoe
    from eunoe._sync.dialogue import Dialogue
    from eunoe._sync.paging import Paged
    from eunoe.exceptions import (
        ClientClosed,
        DeadlineExceeded,
        DialogueEnded,
        DuplicateId,
        EunoeError,
        FieldViolation,
        InternalError,
        InvalidRequest,
        LimitReached,
        NotAuthenticated,
        NotFound,
        NotJson,
        NotPermitted,
        NotSupported,
        PreconditionFailed,
        RequestTooLarge,
        ServerNotReached,
        StateVersionMismatch,
        Unavailable,
        UpstreamFailed,
    )

_NAMES = {
    "_administration": (
        "ApiKey AuditEvent CreatedApiKey ErasureReceipt Namespace Usage UsagePeriod"
    ),
    "_async.chat": "AsyncChatStream",
    "_async.client": "AsyncEunoe",
    "_async.dialogue": "AsyncDialogue",
    "_async.paging": "AsyncPaged",
    "_chat": (
        "ChatAnswer ChatChunk ChatMessage ChatMessageInput ChatUsage MemoryReport Model "
        "RecalledNote Stored ToolCall ToolCallDelta"
    ),
    "_endpoint": "Tls",
    "_found": "Found ResolvedSearch SearchResults Signal TimeRange",
    "_json": "JsonValue",
    "_memory": (
        "ExtractedMemory Extraction ExtractionMessage Fact FactSource Memory NewMemory"
    ),
    "_message": "Message NewMessage",
    "_page": "Page",
    "_sync.chat": "ChatStream",
    "_sync.client": "Eunoe",
    "_sync.dialogue": "Dialogue",
    "_sync.paging": "Paged",
    "exceptions": (
        "ClientClosed DeadlineExceeded DialogueEnded DuplicateId EunoeError FieldViolation "
        "InternalError InvalidRequest LimitReached NotAuthenticated NotFound NotJson NotPermitted "
        "NotSupported PreconditionFailed RequestTooLarge ServerNotReached StateVersionMismatch "
        "Unavailable UpstreamFailed"
    ),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [  # noqa: RUF022 - by what they are for
    # the clients
    "Eunoe", "AsyncEunoe", "Tls",
    # what they give
    "Dialogue", "AsyncDialogue", "ChatStream", "AsyncChatStream", "Paged", "AsyncPaged", "Page",
    "Memory", "Fact", "FactSource", "Extraction", "ExtractedMemory", "Message",
    "SearchResults", "Found", "Signal", "ResolvedSearch", "TimeRange",
    "ChatAnswer", "ChatChunk", "ChatMessage", "ChatUsage", "MemoryReport", "Model", "RecalledNote",
    "Stored", "ToolCall", "ToolCallDelta",
    "ApiKey", "AuditEvent", "CreatedApiKey", "ErasureReceipt", "Namespace", "Usage", "UsagePeriod",
    # what they take
    "JsonValue", "NewMemory", "NewMessage", "ExtractionMessage", "ChatMessageInput",
    # what they raise
    "EunoeError", "InvalidRequest", "NotJson", "RequestTooLarge", "NotAuthenticated",
    "NotPermitted", "NotFound", "DuplicateId", "PreconditionFailed", "DialogueEnded",
    "StateVersionMismatch", "LimitReached", "Unavailable", "ServerNotReached", "DeadlineExceeded",
    "UpstreamFailed", "NotSupported", "InternalError", "ClientClosed", "FieldViolation",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imports what is asked for (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
