"""Messages of dialogues as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from eunoe._json import JsonValue, dumps, loads, optional_object
from eunoe._moment import from_timestamp, to_timestamp
from eunoe._uuid7 import uuid7
from eunoe.v1 import dialogue_pb2

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a dialogue."""

    id: str
    dialogue_id: str
    namespace: str | None
    #: system, developer, user, assistant, tool or function
    role: str
    #: Text, an object, a list of content parts, or None; as it was given.
    content: Any
    name: str | None
    #: As OpenAI has them; empty when it calls none.
    tool_calls: tuple[Any, ...]
    tool_call_id: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    created: datetime
    modified: datetime
    #: Why the model stopped. None for what no model said.
    finish_reason: str | None
    #: The answer was cut: the client left, or the upstream broke off.
    is_interrupted: bool
    #: The conversation went on without it.
    is_superseded: bool
    is_committed: bool
    #: Its place in the dialogue, from 0.
    position: int
    #: Fields of an OpenAI message that have no place of their own here.
    extra: dict[str, Any]


class NewMessage(TypedDict, total=False):
    """One message to be added to a dialogue."""

    role: Required[Role]
    #: Text, an object or a list of content parts. Only a message with tool calls may have none.
    content: JsonValue
    id: str
    name: str
    #: As OpenAI has them.
    tool_calls: Sequence[JsonValue]
    tool_call_id: str
    tags: Sequence[str]
    metadata: Mapping[str, JsonValue]
    extra: Mapping[str, JsonValue]
    #: For imports. Left out: now.
    created: datetime


def message(sent: dialogue_pb2.Message) -> Message:
    """As it was received."""
    return Message(
        id=sent.id,
        dialogue_id=sent.dialogue_id,
        namespace=sent.namespace if sent.HasField("namespace") else None,
        role=sent.role,
        content=loads(sent.content_json),
        name=sent.name if sent.HasField("name") else None,
        tool_calls=tuple(loads(sent.tool_calls_json) or ()),
        tool_call_id=sent.tool_call_id if sent.HasField("tool_call_id") else None,
        tags=tuple(sent.tags),
        metadata=loads(sent.metadata_json) or {},
        created=from_timestamp(sent.create_time),
        modified=from_timestamp(sent.update_time),
        finish_reason=sent.finish_reason if sent.HasField("finish_reason") else None,
        is_interrupted=sent.is_interrupted,
        is_superseded=sent.is_superseded,
        is_committed=sent.is_committed,
        position=sent.position,
        extra=loads(sent.extra_json) or {},
    )


def new_messages(given: Sequence[NewMessage]) -> list[dialogue_pb2.NewMessage]:
    """As they are sent, each with an id. Raises NotJson, InvalidRequest."""
    return [_new_message(each, f"messages[{at}]") for at, each in enumerate(given)]


def _new_message(given: NewMessage, path: str) -> dialogue_pb2.NewMessage:
    tool_calls = given.get("tool_calls")
    return dialogue_pb2.NewMessage(
        id=given.get("id", uuid7()),
        role=given.get("role", ""),
        content_json=dumps(given.get("content"), f"{path}.content"),
        name=given.get("name"),
        tool_calls_json=dumps(tool_calls, f"{path}.tool_calls") if tool_calls else "",
        tool_call_id=given.get("tool_call_id"),
        create_time=to_timestamp(given.get("created"), f"{path}.created"),
        tags=given.get("tags", ()),
        metadata_json=optional_object(given.get("metadata"), f"{path}.metadata"),
        extra_json=optional_object(given.get("extra"), f"{path}.extra"),
    )
