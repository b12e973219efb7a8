"""What is written into a stream while the model is silent, so that nobody on the way gives up.

A comment is what the standard has for it, and what most clients read over; a few strict ones choke
on it (coder/coder#28185), so an operator may choose an empty chunk instead, or nothing. Never an
event with empty data: current OpenAI packages fail to parse it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import msgspec

from eunoe_server.transport.http import sse


class KeepAliveMode(enum.StrEnum):
    """The words of the setting `http.keep_alive`."""

    OFF = "off"
    COMMENT = "comment"
    CHUNK = "chunk"  # a chat.completion.chunk whose delta is empty


class _Head(msgspec.Struct):
    """What every chunk of one stream repeats, verbatim."""

    id: msgspec.Raw
    object: msgspec.Raw
    created: msgspec.Raw
    model: msgspec.Raw


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How, and after how long a silence."""

    mode: KeepAliveMode = KeepAliveMode.COMMENT
    seconds: float = 15.0

    def piece(self, first_event: bytes) -> bytes | None:
        """What to write into a stream that began with this event; None: nothing."""
        if self.mode is KeepAliveMode.COMMENT:
            return sse.PING
        if self.mode is KeepAliveMode.OFF:
            return None
        try:
            head = msgspec.structs.asdict(msgspec.json.decode(first_event, type=_Head))
        except (ValueError, RecursionError):
            return None  # no chat completion: its protocol has no empty event
        choice = {"index": 0, "delta": {}, "finish_reason": None}
        return sse.event(msgspec.json.encode({**head, "choices": [choice]}))
