"""A stored message's body, and the fields that DialogueService shows of it.

The body is one OpenAI message object, whoever stored it: a chat keeps the client's bytes, and a
message that is created by itself is written in the same shape, so that a chat continues a dialogue
that was created and the other way round. What may be in a message is said in `message_draft`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from eunoe_server.domain.json_text import members, object_of, string_of
from eunoe_server.domain.turn import storable_text

#: Members of an OpenAI message that have a field of their own.
OWN_MEMBERS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id"})

_NOTHING = "null"


@dataclass(frozen=True, slots=True)
class MessageFields:
    """What a body holds beside role and name, which have columns. Documents are verbatim."""

    #: `null` when the message has none.
    content: str
    #: Empty when it calls none.
    tool_calls: str
    tool_call_id: str | None
    #: The other members, as one object; empty when there are none.
    extra: str


def write_body(
    *,
    role: str,
    content: str,
    name: str | None,
    tool_calls: str,
    tool_call_id: str | None,
    extra: Mapping[str, str],
) -> str:
    """The body of a message. What is empty or None is left out."""
    own = {
        "role": string_of(role),
        "content": content,
        "name": "" if name is None else string_of(name),
        "tool_calls": tool_calls,
        "tool_call_id": "" if tool_call_id is None else string_of(tool_call_id),
    }
    return object_of({**{key: value for key, value in own.items() if value}, **extra})


def read_body(body: str) -> MessageFields:
    """The fields of a body, by whomever it was written."""
    found = members(body)
    calls = found.get("tool_calls", _NOTHING)
    call_id = json.loads(found["tool_call_id"]) if "tool_call_id" in found else None
    extra = {key: value for key, value in found.items() if key not in OWN_MEMBERS}
    return MessageFields(
        content=found.get("content", _NOTHING),
        tool_calls="" if calls == _NOTHING else calls,
        tool_call_id=None if call_id is None else storable_text(call_id),
        extra=object_of(extra) if extra else "",
    )
