"""The assistant message that an answer of the Responses API adds, whole or in pieces.

The counterpart of `answer.py`: `read_response` takes it out of a response object, and
`ResponseAssembler` out of a stream's events. The last event of a whole stream holds the whole
response; only of one that breaks off the pieces are put together. Neither ever raises.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from typing import Any

import msgspec

from eunoe_server.domain.answer import Answer, Usage, token_count
from eunoe_server.domain.response_items import as_messages
from eunoe_server.domain.turn import read_turn
from eunoe_server.errors import InvalidInput

#: Each of them is the last of its stream; the last two say that there is no whole answer.
_COMPLETE = frozenset({"response.completed", "response.incomplete"})
_LAST = _COMPLETE | {"response.failed", "error"}

_FINISH_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def read_response(response: bytes) -> Answer | None:
    """The message of a whole response; None when it has not said anything, or not yet."""
    try:
        return _answer(json.loads(response))
    except (InvalidInput, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _answer(response: dict[str, Any]) -> Answer | None:
    status = response.get("status")
    messages = [each.message for each in as_messages(response.get("output") or ())]
    if not messages or status in ("queued", "in_progress", "cancelled"):
        return None
    message = messages[-1]
    turn = read_turn(json.dumps(message).encode())
    if turn.role != "assistant":
        return None
    reason = _text((response.get("incomplete_details") or {}).get("reason"))
    finish_reason = "tool_calls" if message.get("tool_calls") else "stop"
    response_id = _text(response.get("id"))
    return Answer(
        turn=turn,
        finish_reason=_FINISH_REASONS.get(reason, finish_reason),
        is_interrupted=status == "failed",
        model=_text(response.get("model")),
        completion_id=response_id,
        usage=_usage(response.get("usage")),
        response_id=response_id,
    )


_PARTS = frozenset({"error", "response", "item"})


class _Event(msgspec.Struct, gc=False):
    """What is read of every event; a delta's text only where an answer breaks off."""

    type: str = ""
    error: msgspec.Raw = msgspec.Raw(b"")
    response: msgspec.Raw = msgspec.Raw(b"")
    item: msgspec.Raw = msgspec.Raw(b"")
    output_index: int = 0
    content_index: int = 0
    delta: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode


def _decode(event: bytes) -> _Event:
    try:
        return _decode_event(event)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # msgspec refuses escaped lone surrogates: halves of a character that was cut in two.
        parsed = json.loads(event)
        parts = {
            name: msgspec.Raw(json.dumps(parsed[name]).encode()) for name in _PARTS & set(parsed)
        }
        return msgspec.convert({**parsed, **parts}, _Event)


class ResponseAssembler:
    """Puts a streamed response together, event by event."""

    def __init__(self) -> None:
        self._type = ""
        self._failed = False
        self._whole: bytes | None = None
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._texts: defaultdict[tuple[int, str, int], list[str]] = defaultdict(list)

    @property
    def event_name(self) -> str:
        """Events are named by their type."""
        return self._type

    @property
    def failed(self) -> bool:
        """True once an error came that is no event of this form."""
        return self._failed

    @property
    def is_complete(self) -> bool:
        """True once the model said why it stopped."""
        return self._type in _COMPLETE

    @property
    def has_ended(self) -> bool:
        """True once the last event was fed."""
        return self._type in _LAST

    def feed(self, event: bytes) -> None:
        """Take the data of the next event."""
        self._type = ""
        with suppress(ValueError, TypeError, RecursionError):  # unreadable: not remembered
            self._take(_decode(event))

    def _take(self, event: _Event) -> None:
        self._type = event.type
        error = bytes(event.error)
        if error and error != b"null" and event.type != "error":
            self._failed = True
        match event.type:
            case "response.created":
                self._response = json.loads(bytes(event.response))
            case "response.output_item.added" | "response.output_item.done":
                self._items[event.output_index] = json.loads(bytes(event.item))
            case "response.output_text.delta" | "response.refusal.delta":
                kind = "refusal" if "refusal" in event.type else "text"
                self._texts[event.output_index, kind, event.content_index].append(
                    _text(event.delta)
                )
            case "response.completed" | "response.incomplete":
                self._whole = bytes(event.response)

    def answer(self) -> Answer | None:
        """What arrived so far; None when that is nothing."""
        if self._whole is not None:
            return read_response(self._whole)
        response = {**self._response, "status": "failed", "output": self._output()}
        return read_response(json.dumps(response).encode())

    def _output(self) -> list[dict[str, Any]]:
        """The items that are whole, and of the others the text that came. Half a call is none."""
        output = []
        for index, item in sorted(self._items.items()):
            parts = [
                {"type": "refusal", "refusal": "".join(pieces)}
                if kind == "refusal"
                else {"type": "output_text", "text": "".join(pieces)}
                for (place, kind, _), pieces in sorted(self._texts.items())
                if place == index
            ]
            if item.get("status") == "completed" or item.get("type") != "message":
                if item.get("status") != "in_progress":
                    output.append(item)
            elif parts:
                output.append({**item, "content": parts})
        return output


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    counts = [value.get(f"{name}_tokens") for name in ("input", "output", "total")]
    asked, answered, total = map(token_count, counts)
    return Usage(asked, answered, total or asked + answered)
