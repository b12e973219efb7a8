"""Items of the Responses API as messages of a chat, and back.

The two say the same in different words. What is stored is always a chat message, so one store holds
each message once, whichever endpoint it came through, and a conversation may change the endpoint.
Between two user turns the model's items (texts, calls, reasoning) are one assistant message, as
they are in a chat. Reasoning and what the upstream ran by itself (its own web searches) are not
part of what was said, and are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TEXT_TYPES = frozenset({"input_text", "output_text", "text"})


@dataclass(frozen=True, slots=True)
class ItemMessage:
    """One chat message, and the first of the items that it was made from."""

    message: dict[str, Any]
    index: int


def as_messages(items: Sequence[Mapping[str, Any]]) -> Iterator[ItemMessage]:
    """The messages that items stand for, in order."""
    model_side = _ModelSide()
    for index, item in enumerate(items):
        role, kind = item.get("role"), item.get("type") or "message"
        if kind == "message" and role != "assistant":
            yield from model_side.message()
            yield ItemMessage({"role": role, "content": _chat_content(item.get("content"))}, index)
        elif str(kind).endswith("_output"):
            yield from model_side.message()
            yield ItemMessage(_result(item), index)
        elif kind != "item_reference":
            model_side.add(item, index)
    yield from model_side.message()


@dataclass(slots=True)
class _ModelSide:
    """What the model said since the last turn of somebody else."""

    index: int = -1
    parts: list[Any] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)

    def add(self, item: Mapping[str, Any], index: int) -> None:
        if self.index < 0:
            self.index = index
        if item.get("role") == "assistant":
            content = _chat_content(item.get("content"))
            self.parts += [_text_part(content)] if isinstance(content, str) else content or []
            for part in item["content"] if isinstance(item.get("content"), list) else ():
                self.annotations += (isinstance(part, dict) and part.get("annotations")) or ()
        elif isinstance(item.get("call_id"), str):
            self.calls.append(_call(item))

    def message(self) -> Iterator[ItemMessage]:
        """The message that it is, if it is one; afterwards nothing is said."""
        if self.parts or self.calls:
            yield ItemMessage(self._message(), self.index)
        self.index, self.parts, self.calls, self.annotations = -1, [], [], []

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        match self.parts:
            case []:
                pass
            case [{"type": "text", "text": str(text)}]:
                message["content"] = text
            case [{"type": "refusal", "refusal": str(refusal)}]:
                message["refusal"] = refusal
            case parts:
                message["content"] = parts
        if self.annotations:
            message["annotations"] = self.annotations
        if self.calls:
            message["tool_calls"] = self.calls
        return message


def _text_part(text: object) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _chat_content(content: Any) -> Any:
    """Content in a chat's words; what has none stays as it is."""
    if not isinstance(content, list):
        return content
    return [_chat_part(part) if isinstance(part, dict) else part for part in content]


def _chat_part(part: dict[str, Any]) -> dict[str, Any]:
    match part:
        case {"type": str(kind), "text": str(text)} if kind in _TEXT_TYPES:
            return _text_part(text)
        case {"type": "input_image", "image_url": str(url)}:
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case {"type": "input_file"}:
            return {"type": "file", "file": {k: v for k, v in part.items() if k != "type"}}
    return part


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    if item.get("type") == "custom_tool_call":
        custom = {"name": item.get("name"), "input": item.get("input", "")}
        return {"id": item["call_id"], "type": "custom", "custom": custom}
    arguments = item.get("arguments")
    function = {
        "name": item.get("name") or item.get("type"),
        "arguments": arguments if isinstance(arguments, str) else json.dumps(item.get("action")),
    }
    return {"id": item["call_id"], "type": "function", "function": function}


def _result(item: Mapping[str, Any]) -> dict[str, Any]:
    output = item.get("output")
    content = output if isinstance(output, str) else _chat_content(output)
    if not isinstance(content, str | list | None):
        content = json.dumps(content)
    return {"role": "tool", "tool_call_id": item.get("call_id"), "content": content}


def as_items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The items that a chat message stands for."""
    role, content = message.get("role"), _response_content(message)
    if role == "tool":
        call_id = message.get("tool_call_id")
        yield {"type": "function_call_output", "call_id": call_id, "output": content or ""}
        return
    if role != "assistant" or content:
        yield {"role": role, "content": content or ""}
    for call in message.get("tool_calls") or ():
        if custom := call.get("custom"):
            yield {"type": "custom_tool_call", "call_id": call.get("id"), **custom}
        else:
            yield {"type": "function_call", "call_id": call.get("id"), **call.get("function", {})}


def _response_content(message: Mapping[str, Any]) -> Any:
    content = message.get("content") or message.get("refusal")
    if not isinstance(content, list):
        return content
    if message.get("role") == "assistant":
        # As input an assistant's content is text, and nothing else is accepted everywhere.
        return "\n".join(part.get("text") or part.get("refusal") or "" for part in content)
    return [_response_part(part) if isinstance(part, dict) else part for part in content]


def _response_part(part: dict[str, Any]) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": text}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url} as image}:
            more = {"detail": image["detail"]} if image.get("detail") else {}
            return {"type": "input_image", "image_url": url, **more}
        case {"type": "file", "file": dict(file)}:
            return {"type": "input_file", **file}
    return part
